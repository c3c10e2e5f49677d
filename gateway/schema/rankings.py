"""What a ranking's answer holds: the place, the figure, the runs behind it, and what was ranked."""

from __future__ import annotations

import strawberry

from gateway.errors import BadUserInput
from gateway.hierarchy import job as job_facts
from gateway.hierarchy import model as model_facts
from gateway.hierarchy.ranking import Ranked
from gateway.schema.arguments import MOST_LAST_RUNS, MOST_RANKED
from gateway.schema.job import Job
from gateway.schema.model import Model
from gateway.schema.paging import ensure_count


@strawberry.type(
    description="What several runtimes come to, in seconds. Percentiles interpolate between the two closest ranks."
)
class RuntimeSummary:
    count: int = strawberry.field(description="How many runs were taken in.")
    mean: float | None = strawberry.field(description="Arithmetic mean; null when there were none.")
    minimum: float | None = strawberry.field(description="The shortest.")
    p50: float | None = strawberry.field(description="The median.")
    p95: float | None = strawberry.field(description="The 95th percentile.")
    maximum: float | None = strawberry.field(description="The longest.")


@strawberry.type(description="A model with its place among the slowest.")
class RankedModel:
    rank: int = strawberry.field(description="Place from 1; ties are ordered by model id.")
    runtime: float = strawberry.field(description="The figure it is ranked by: mean seconds over the runs behind it.")
    runtimes: RuntimeSummary = strawberry.field(description="Spread of the runtimes behind the figure.")

    @strawberry.field(description="How many runs stand behind the figure.")
    def runs(self, parent: strawberry.Parent[Ranked[model_facts.Model]]) -> int:
        return parent.runtimes.count

    @strawberry.field(description="The model.", graphql_type=Model)
    def model(self, parent: strawberry.Parent[Ranked[model_facts.Model]]) -> model_facts.Model:
        return parent.item


@strawberry.type(description="A job with its place among the longest.")
class RankedJob:
    rank: int = strawberry.field(description="Place from 1; ties are ordered by job id.")
    runtime: float = strawberry.field(description="The figure it is ranked by: mean wall clock in seconds.")
    runtimes: RuntimeSummary = strawberry.field(description="Spread of the wall clocks behind the figure.")

    @strawberry.field(description="How many runs that ended by themselves stand behind the figure.")
    def runs(self, parent: strawberry.Parent[Ranked[job_facts.Job]]) -> int:
        return parent.runtimes.count

    @strawberry.field(description="The job.", graphql_type=Job)
    def job(self, parent: strawberry.Parent[Ranked[job_facts.Job]]) -> job_facts.Job:
        return parent.item


def ensure_ranking(first: int, last_runs: int) -> None:
    """Raises BadUserInput for a ranking of nothing, or of more than is reasonable."""
    ensure_count("first", first, MOST_RANKED)
    if not 1 <= last_runs <= MOST_LAST_RUNS:
        raise BadUserInput(f"lastRuns must be from 1 to {MOST_LAST_RUNS}; it is {last_runs}.", argument="lastRuns")
