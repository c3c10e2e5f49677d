"""Runtimes over time, and their lasting changes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import strawberry

from gateway.errors import NotFound
from gateway.hierarchy.history import runtime_series as facts
from gateway.hierarchy.history.counted_runs import LeftOutReason
from gateway.hierarchy.history.runtime_series import Certainty, ChangeCause
from gateway.hierarchy.objects import job as job_facts
from gateway.hierarchy.objects import model as model_facts
from gateway.queries import projects
from gateway.queries.changes import change_causes, runtime_series
from gateway.queries.jobs import job_names, jobs
from gateway.queries.models import models
from gateway.schema.context import Info, field_context
from gateway.schema.lazy import LazyJob, LazyModel, LazyRun
from gateway.schema.lists.paging import ensure_count
from gateway.schema.measures.basis import Basis
from gateway.schema.measures.statistics import RuntimeSummary
from gateway.schema.vocabulary.costs import about, dear
from gateway.schema.vocabulary.enums import RunStatus, describe
from gateway.schema.vocabulary.nullability import NON_NULL

describe(
    Certainty,
    "How certain a finding is.",
    {
        "SUSPECTED": "Likely: at most one series in a hundred shows it by chance, each time it is looked at.",
        "CONFIRMED": "Certain enough to alert on: at most one in a thousand.",
    },
)

describe(
    ChangeCause,
    "What most likely caused a lasting change.",
    {
        "CODE": "The model's own code, configuration or materialization.",
        "UPSTREAM_CODE": "Code of a model upstream, or a macro.",
        "ENGINE": "dbt, threads or a full refresh; or what most models of the job share that changed in the same runs: "
        "the warehouse.",
        "DATA_VOLUME": "The number of rows.",
        "UNKNOWN": "Not to be seen in the artifacts.",
    },
)

LEAST_LAST_RUNS = 10
MOST_LAST_RUNS = 1000
MOST_CHANGES = 100

LastRunsOfSeries = Annotated[
    int,
    strawberry.argument(name="lastRuns", description="How many of the newest runs to take, 10 to 1000."),
]
OfJob = Annotated[
    strawberry.ID | None,
    strawberry.argument(
        name="jobId", description="Only runs of this job. Defaults to the job that builds the model most often."
    ),
]
LeastCertainty = Annotated[
    Certainty, strawberry.argument(name="certainty", description="Only points that are at least this certain.")
]
FirstChanges = Annotated[
    int, strawberry.argument(name="first", description="Return at most this many, newest first, 1 to 100.")
]

Point = strawberry.Parent[facts.RuntimePoint]
Change = strawberry.Parent[facts.ChangePoint]


@strawberry.type(description="One run in a series.")
class RuntimePoint:
    run_id: strawberry.ID = strawberry.field(description="Id of the run.")
    start_time: datetime | None = strawberry.field(
        description="When it began (UTC): the model in the run, or the run. Null where that is not known; such points "
        "keep their place."
    )
    runtime: float | None = strawberry.field(description="Seconds. Null when nothing was executed.")
    status: RunStatus = strawberry.field(description="How it ended.")
    left_out: LeftOutReason | None = strawberry.field(description="Why it does not count. Null when it does.")
    rows_affected: float | None = strawberry.field(
        description="Rows written. Null where the adapter reports none, for a job, and in dbt's API."
    )

    @strawberry.field(description="Commit of the run. Null where it has none.")
    async def git_sha(self, parent: Point, info: Info) -> str | None:
        return await runtime_series.sha_of_run(field_context(info), parent.job_id, parent.run_id)


@strawberry.type(description="A stretch of a series without a lasting change.")
class RuntimeSegment:
    first_point: int = strawberry.field(description="Place of its first point among the points, from 0.")
    last_point: int = strawberry.field(description="Place of its last point among the points.")
    runtimes: RuntimeSummary = strawberry.field(
        description="Statistics of those of its runtimes that count, in seconds."
    )


@strawberry.type(description="A steady growth or decline.")
class RuntimeTrend:
    percent_per_30_days: float = strawberry.field(
        name="percentPer30Days", description="Per cent in 30 days; negative when it gets faster."
    )
    p_value: float = strawberry.field(description="Chance that a series without slope shows it, 0 to 1.")


@strawberry.type(description="A lasting change of a runtime.")
class ChangePoint:
    id: strawberry.ID = strawberry.field(
        description="Names the series and the first run after the change, as it was found first. In an archive a "
        "change keeps its id while it moves by up to three runs."
    )
    certainty: Certainty = strawberry.field(description="How certain it is.")
    before_seconds: float = strawberry.field(description="Median runtime before, in seconds.")
    after_seconds: float = strawberry.field(description="Median runtime since, in seconds, up to the next change.")
    seconds_per_day: float = strawberry.field(
        description="Seconds a day that the change costs at the usual number of runs; negative when it saves them."
    )
    since: datetime = strawberry.field(description="When the first run after the change began (UTC).")
    withdrawn_at: datetime | None = strawberry.field(
        description="Since when newer runs no longer show it (UTC): only `regressionFound` sends such changes. Null "
        "while they do."
    )

    @strawberry.field(
        description="The model. Null for a job as a whole, and when the project no longer defines it.",
        graphql_type=LazyModel | None,
    )
    async def model(self, parent: Change, info: Info) -> model_facts.Model | None:
        if parent.owner.unique_id is None:
            return None
        context = field_context(info)
        project = await projects.project_of_environment(context, parent.owner.environment_id)
        return await models.applied_model_alone(context, project, parent.owner.unique_id)

    @strawberry.field(
        description="The job in whose runs it shows. Null when the job has been deleted since.",
        graphql_type=LazyJob | None,
    )
    async def job(self, parent: Change, info: Info) -> job_facts.Job | None:
        return await job_or_none(info, parent.owner.job_id)

    @strawberry.field(
        description="The first run after the change. Null when it is no longer known.", graphql_type=LazyRun | None
    )
    async def first_run(self, parent: Change, info: Info) -> job_facts.Run | None:
        return await runtime_series.run_or_none(field_context(info), parent.first_run_id)

    @strawberry.field(
        description="The earliest and the latest run that may be the first one; one run where there is no doubt.",
        graphql_type=list[LazyRun] | None,
        directives=[NON_NULL, *about(2)],
    )
    async def first_run_range(self, parent: Change, info: Info) -> list[job_facts.Run]:
        return await runtime_series.runs_of_range(field_context(info), parent)

    @strawberry.field(description="Commit of the last run before it. Null where runs have no commit.")
    async def last_good_sha(self, parent: Change, info: Info) -> str | None:
        return await runtime_series.sha_of_run(field_context(info), parent.owner.job_id, parent.last_run_id)

    @strawberry.field(description="Commit of the first run after it. Null where runs have no commit.")
    async def first_bad_sha(self, parent: Change, info: Info) -> str | None:
        return await runtime_series.sha_of_run(field_context(info), parent.owner.job_id, parent.first_run_id)

    @strawberry.field(
        description="The most likely cause: what differs between the runs before and after the change, and is "
        "constant on each side.",
        graphql_type=ChangeCause | None,
        directives=[NON_NULL, *dear(2)],
    )
    async def cause(self, parent: Change, info: Info) -> ChangeCause:
        return (await change_causes.cause_of_change(field_context(info), parent))[0]

    @strawberry.field(
        description="Differences between the runs before and after the change, the strongest evidence first; last "
        "what is not known.",
        graphql_type=list[str] | None,
        directives=[NON_NULL, *dear(2)],
    )
    async def evidence(self, parent: Change, info: Info) -> Sequence[str]:
        return (await change_causes.cause_of_change(field_context(info), parent))[1]


@strawberry.type(description="The runtimes of a model or job over time.")
class RuntimeSeries:
    points: list[RuntimePoint] = strawberry.field(description="The runs, oldest first.")
    segments: list[RuntimeSegment] = strawberry.field(
        description="Stretches between change points, oldest first. Empty when no run counts.", directives=about(2)
    )
    change_points: list[ChangePoint] = strawberry.field(
        description="The change points between them, oldest first.", directives=about(2)
    )
    trend: RuntimeTrend | None = strawberry.field(
        description="Slope within the newest segment. Null with fewer than 20 runs in it, or without a significant "
        "slope."
    )
    is_elevated: bool = strawberry.field(
        description="True when the last three runs are all unusually slow; a hint, not a finding."
    )
    basis: Basis = strawberry.field(description="What the series is based on.")

    @strawberry.field(
        description="The job whose runs these are. Null when it has been deleted since, or the model never ran.",
        graphql_type=LazyJob | None,
    )
    async def job(self, parent: strawberry.Parent[facts.RuntimeSeries], info: Info) -> job_facts.Job | None:
        return await job_or_none(info, parent.owner.job_id)


def ensure_series(last_runs: int) -> None:
    """Raises BadUserInput unless it is a number of runs that a series can have."""
    ensure_count("lastRuns", last_runs, MOST_LAST_RUNS, least=LEAST_LAST_RUNS)


def number_of_job(job_id: strawberry.ID | None) -> int | None:
    """A job's id as dbt's number; None where it was left out. Raises BadUserInput."""
    return jobs.number_of(job_id, "job", "jobId") if job_id else None


async def job_or_none(info: Info, job_id: int) -> job_facts.Job | None:
    """The job with this id; None when it has been deleted."""
    try:
        return await job_names.find_job(field_context(info), job_id)
    except NotFound:
        return None
