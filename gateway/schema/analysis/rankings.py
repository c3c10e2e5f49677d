"""What a ranking's answer holds: the place, the figure, the runs behind it, and what was ranked."""

from __future__ import annotations

import strawberry

from gateway.hierarchy.objects import job as job_facts
from gateway.hierarchy.objects import model as model_facts
from gateway.hierarchy.rankings.ranking import Ranked
from gateway.queries.rankings.rankings import ShownModel
from gateway.schema.inputs.arguments import MOST_LAST_RUNS, MOST_OFFSET, MOST_RANKED
from gateway.schema.lazy import LazyJob, LazyModel
from gateway.schema.lists.paging import ensure_count
from gateway.schema.measures.statistics import RuntimeSummary
from gateway.schema.results.model_run import ModelRun


@strawberry.type(description="A model with its place among the slowest.")
class RankedModel:
    rank: int = strawberry.field(description="Place from 1; ties are ordered by model id.")
    runtime: float = strawberry.field(description="Mean runtime in seconds, by which it is ranked.")
    runtimes: RuntimeSummary = strawberry.field(description="Statistics of the runtimes, in seconds.")

    @strawberry.field(description="Number of runs that the mean is taken over.")
    def run_count(self, parent: strawberry.Parent[Ranked[ShownModel]]) -> int:
        return parent.runtimes.count

    @strawberry.field(description="The model.", graphql_type=LazyModel)
    def model(self, parent: strawberry.Parent[Ranked[ShownModel]]) -> ShownModel:
        return parent.item


@strawberry.type(description="A job with its place among the longest.")
class RankedJob:
    rank: int = strawberry.field(description="Place from 1; ties are ordered by job id.")
    runtime: float = strawberry.field(description="Mean duration in seconds, by which it is ranked.")
    runtimes: RuntimeSummary = strawberry.field(description="Statistics of the durations, in seconds.")

    @strawberry.field(description="Number of completed runs that the mean is taken over.")
    def run_count(self, parent: strawberry.Parent[Ranked[job_facts.Job]]) -> int:
        return parent.runtimes.count

    @strawberry.field(description="The job.", graphql_type=LazyJob)
    def job(self, parent: strawberry.Parent[Ranked[job_facts.Job]]) -> job_facts.Job:
        return parent.item


@strawberry.type(description="A model with its place among the slowest of one run.")
class RankedModelRun:
    rank: int = strawberry.field(description="Place from 1; ties are ordered by unique id.")
    runtime: float = strawberry.field(description="Seconds it took in that run.")

    @strawberry.field(description="The model in that run.", graphql_type=ModelRun)
    def model_run(self, parent: strawberry.Parent[Ranked[model_facts.ModelRun]]) -> model_facts.ModelRun:
        return parent.item


def ensure_ranking(first: int, last_runs: int = 1, offset: int = 0) -> None:
    """Raises BadUserInput for a ranking of nothing, or of more than is reasonable."""
    ensure_count("first", first, MOST_RANKED)
    ensure_count("offset", offset, MOST_OFFSET, least=0)
    ensure_last_runs(last_runs)


def ensure_last_runs(last_runs: int) -> None:
    """Raises BadUserInput unless it is a number of runs that can be read."""
    ensure_count("lastRuns", last_runs, MOST_LAST_RUNS)
