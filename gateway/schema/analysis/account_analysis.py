"""What the runs of an account show together."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import strawberry

from gateway.analysis.waste import WasteCertainty
from gateway.hierarchy.analysis import account_analysis as facts
from gateway.hierarchy.measures.statistics import Summary
from gateway.hierarchy.objects import job as job_facts
from gateway.hierarchy.objects import model as model_facts
from gateway.queries import projects
from gateway.queries.analysis.concurrency import shared_models_of
from gateway.queries.models import models
from gateway.queries.runs.executions import usual_window
from gateway.schema.analysis.runtime_series import job_or_none
from gateway.schema.context import Info, field_context
from gateway.schema.lazy import LazyJob, LazyModel
from gateway.schema.lists.paging import ensure_count
from gateway.schema.measures.basis import Basis
from gateway.schema.measures.cost_estimate import CostEstimate
from gateway.schema.measures.statistics import RuntimeSummary
from gateway.schema.vocabulary.contracts import COSTS
from gateway.schema.vocabulary.costs import about, dear, sliced_by
from gateway.schema.vocabulary.enums import describe
from gateway.schema.vocabulary.nullability import NON_NULL

describe(
    WasteCertainty,
    "How sure it is that a build changed nothing.",
    {
        "CERTAIN": "All sources upstream were checked before both builds and had not changed.",
        "LIKELY": "Nothing upstream was built; some source was not checked before both builds.",
        "CONCURRENT": "Two runs built it at the same time.",
    },
)

MOST_WASTED = 1000
MOST_MINUTES = 1440

Since = Annotated[
    datetime | None,
    strawberry.argument(
        name="since", description="Start of the window. Defaults to midnight (UTC) 7 days before its end."
    ),
]
SinceThen = Annotated[datetime, strawberry.argument(name="since", description="Start of the window.")]
BucketMinutes = Annotated[
    int, strawberry.argument(name="bucketMinutes", description="Length of a stretch in minutes, 1 to 1440.")
]
Until = Annotated[
    datetime | None, strawberry.argument(name="until", description="End of the window, exclusive. Defaults to now.")
]


FirstWasted = Annotated[
    int, strawberry.argument(name="first", description="Return at most this many models, 1 to 1000.")
]


def window_of(since: datetime | None, until: datetime | None) -> facts.TimeWindow:
    """The window of times that a caller may have left out; one without an offset is UTC. Raises BadUserInput."""
    return usual_window(_in_utc(since), _in_utc(until))


def _in_utc(moment: datetime | None) -> datetime | None:
    if not moment:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def ensure_first(first: int) -> None:
    """Raises BadUserInput unless so many models or groups may be asked for."""
    ensure_count("first", first, MOST_WASTED)


def stretch_of(minutes: int) -> timedelta:
    """The length of a stretch. Raises BadUserInput for one that is none."""
    ensure_count("bucketMinutes", minutes, MOST_MINUTES)
    return timedelta(minutes=minutes)


@strawberry.type(description="Builds of one model that changed nothing.")
class WastedBuild:
    unique_id: str = strawberry.field(description="dbt's unique id of the model.")
    certainty: WasteCertainty = strawberry.field(description="How sure it is that nothing could have changed.")
    build_count: int = strawberry.field(description="How many such builds there were.")
    weighted_seconds: float = strawberry.field(
        description="Seconds of its runs that they took, each instant shared among what ran in it: what reuse would "
        "have saved."
    )

    @strawberry.field(
        description="The model. Null when the project no longer defines it.", graphql_type=LazyModel | None
    )
    async def model(self, parent: strawberry.Parent[facts.WastedBuild], info: Info) -> model_facts.Model | None:
        context = field_context(info)
        project = await projects.project_of_environment(context, parent.environment_id)
        return await models.applied_model_alone(context, project, parent.unique_id)


@strawberry.type(description="What dbt reused instead of building it.")
class ReuseReport:
    result_count: int = strawberry.field(description="How many results were reused.")
    saved_seconds: float = strawberry.field(
        description="Seconds that the last builds of the same resources took, as far as they are known."
    )


@strawberry.type(description="Builds that changed nothing, in a window of time.")
class WastedBuilds:
    builds_per_day: float | None = strawberry.field(
        description="Such builds a day, over all models. Null without an archive: dbt's API has no checksums of code."
    )
    weighted_seconds_per_day: float | None = strawberry.field(
        description="Weighted seconds a day, over all models. Null without an archive."
    )
    cost_per_day: CostEstimate | None = strawberry.field(
        description="The same at the configured rate: an estimate. Null without an archive, and when no rate is set.",
        directives=[COSTS],
    )
    reuse: ReuseReport = strawberry.field(description="What dbt reused in the window.")
    basis: Basis = strawberry.field(description="What the figures are based on.")
    models: list[WastedBuild] = strawberry.field(description="By model and certainty, most weighted seconds first.")


@strawberry.type(description="A stretch of time.")
class ConcurrencyBucket:
    start_time: datetime = strawberry.field(description="When it begins (UTC).")
    peak_runs: int = strawberry.field(description="Most runs at once in it.")
    queue_seconds: float = strawberry.field(
        description="Sum of the time in which runs waited in the queue, in seconds."
    )


@strawberry.type(description="A job among the others.")
class JobConcurrency:
    overlap_seconds: float = strawberry.field(description="Seconds in which it ran together with other jobs.")
    over_scheduled_share: float = strawberry.field(
        description="Share of its runs that had not ended when the next one was created, or were cancelled for it, 0 "
        "to 1. 0 for CI jobs, whose runs may overlap."
    )
    is_over_scheduled: bool = strawberry.field(description="True when that share is at least 0.2.")

    @strawberry.field(description="dbt's id of the job.")
    def job_id(self, parent: strawberry.Parent[facts.JobConcurrency]) -> strawberry.ID:
        return strawberry.ID(str(parent.job_id))

    @strawberry.field(description="The job. Null when it has been deleted since.", graphql_type=LazyJob | None)
    async def job(self, parent: strawberry.Parent[facts.JobConcurrency], info: Info) -> job_facts.Job | None:
        return await job_or_none(info, parent.job_id)

    @strawberry.field(
        description="Time from creation to start, summarised in seconds. Null when no run has both.",
        graphql_type=RuntimeSummary | None,
    )
    def queue(self, parent: strawberry.Parent[facts.JobConcurrency]) -> Summary | None:
        return parent.queue_summary if parent.queue_summary.count else None

    @strawberry.field(
        description="The part of it after a worker took the run from the queue, in seconds. Null when no run has it, "
        "and without an archive.",
        graphql_type=RuntimeSummary | None,
    )
    def preparation(self, parent: strawberry.Parent[facts.JobConcurrency]) -> Summary | None:
        return parent.preparation_summary if parent.preparation_summary.count else None


@strawberry.type(description="A model that runs of different jobs built at once.")
class SharedModel:
    unique_id: str = strawberry.field(description="dbt's unique id of the model.")
    run_pairs: int = strawberry.field(
        description="How many pairs of runs of different jobs executed it while both ran, writing the same table."
    )

    @strawberry.field(description="dbt's ids of the jobs, ascending.")
    def job_ids(self, parent: strawberry.Parent[facts.SharedModel]) -> list[strawberry.ID]:
        return [strawberry.ID(str(job_id)) for job_id in parent.job_ids]

    @strawberry.field(description="The jobs, by id, without those deleted since.", graphql_type=list[LazyJob])
    async def jobs(self, parent: strawberry.Parent[facts.SharedModel], info: Info) -> list[job_facts.Job]:
        jobs = [await job_or_none(info, job_id) for job_id in parent.job_ids]
        return [job for job in jobs if job is not None]

    @strawberry.field(
        description="The model. Null when the project no longer defines it.", graphql_type=LazyModel | None
    )
    async def model(self, parent: strawberry.Parent[facts.SharedModel], info: Info) -> model_facts.Model | None:
        context = field_context(info)
        project = await projects.project_of_environment(context, parent.environment_id)
        return await models.applied_model_alone(context, project, parent.unique_id)


@strawberry.type(description="Which runs wait for and overlap which others.")
class Concurrency:
    peak_runs: int = strawberry.field(description="Most runs at once.")
    peak_time: datetime | None = strawberry.field(description="When that was first (UTC). Null when nothing ran.")
    buckets: list[ConcurrencyBucket] = strawberry.field(
        description="Runs and queue by stretch of time, oldest first.", directives=about(170)
    )
    jobs: list[JobConcurrency] = strawberry.field(
        description="Each job's queue and overlap; those whose runs waited longest together come first.",
        directives=about(10),
    )
    basis: Basis = strawberry.field(description="What the figures are based on.")

    @strawberry.field(
        description="Models that runs of different jobs built at once, those of most pairs of runs first. CI jobs do "
        "not count. Without an archive only the newest 40 runs are considered.",
        graphql_type=list[SharedModel] | None,
        directives=[NON_NULL, *dear(10), *sliced_by("first", 10)],
    )
    async def shared_models(
        self, parent: strawberry.Parent[facts.Concurrency], info: Info, first: FirstWasted = 10
    ) -> list[facts.SharedModel]:
        ensure_first(first)
        return await shared_models_of(field_context(info), parent, first)
