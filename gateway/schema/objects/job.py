"""The Job type: a job definition with its runs."""

from __future__ import annotations

import strawberry

from gateway.hierarchy.analysis import account_analysis as account_facts
from gateway.hierarchy.analysis import run_analysis as analysis_facts
from gateway.hierarchy.analysis import run_matrix as matrix_facts
from gateway.hierarchy.history import runtime_series as series_facts
from gateway.hierarchy.history import runtimes as runtime_facts
from gateway.hierarchy.objects import job as job_facts
from gateway.hierarchy.objects import model as model_facts
from gateway.hierarchy.objects import project as project_facts
from gateway.hierarchy.rankings import averages as average_facts
from gateway.hierarchy.rankings.ranking import Ranked
from gateway.queries import projects
from gateway.queries.analysis import concurrency, run_matrix, run_what_if, times_of_day
from gateway.queries.changes import runtime_series
from gateway.queries.jobs import jobs, run_models
from gateway.queries.rankings import averages, runtimes
from gateway.schema.analysis.deadline import DeadlineReport, FinishedBy, InZone, LastDays, ensure_days
from gateway.schema.analysis.rankings import RankedModelRun, ensure_last_runs, ensure_ranking
from gateway.schema.analysis.run_analysis import LastRunsOfWhatIf, TheChange, WhatIf, change_of
from gateway.schema.analysis.runtime_series import (
    MOST_CHANGES,
    ChangePoint,
    FirstChanges,
    LastRunsOfSeries,
    LeastCertainty,
    RuntimeSeries,
    ensure_series,
)
from gateway.schema.context import Info, field_context
from gateway.schema.inputs.arguments import (
    MOST_RANKED,
    ByModel,
    IncludeFullRefresh,
    LastRuns,
    ModelsOfJobFilter,
    Offset,
    OfSuchJobs,
    Slowest,
    TopN,
    variants_left_out,
)
from gateway.schema.inputs.filters import job_filter, model_filter
from gateway.schema.inputs.orders import OrderModelsBy, OrderRunsBy, order_of_models, order_of_runs
from gateway.schema.lazy import LazyModel, LazyProject
from gateway.schema.lists.connections import (
    DEFAULT_PAGE,
    RUNS_PAGE,
    After,
    Before,
    Connection,
    First,
    FirstRuns,
    Last,
    PartlyKnownConnection,
    page_arguments,
)
from gateway.schema.lists.paging import Page, cut, cut_in_order, ensure_count
from gateway.schema.measures.statistics import JobAverage, ModelAverage, RuntimeReport
from gateway.schema.objects.run import Run
from gateway.schema.results.run_matrix import (
    MOST_CRITICAL,
    MOST_MATRIX_ROWS,
    MOST_MATRIX_RUNS,
    FirstCritical,
    MatrixRows,
    MatrixRuns,
    OftenCritical,
    RunMatrix,
)
from gateway.schema.vocabulary.costs import dear, holding, paged, sliced_by
from gateway.schema.vocabulary.nullability import NON_NULL
from gateway.schema.vocabulary.words import JobKind, word_of

Parent = strawberry.Parent[job_facts.Job]


@strawberry.federation.type(
    keys=["id"], description="A job: dbt commands that run on a schedule, on an event or on demand."
)
class Job:
    @classmethod
    def is_type_of(cls, value: object, _info: object) -> bool:
        return isinstance(value, job_facts.Job)

    id: strawberry.ID = strawberry.field(description="dbt's id of the job.")
    name: str | None = strawberry.field(description="The job's name; null without the Admin API.")
    description: str | None = strawberry.field(description="The job's description; null when it has none.")
    schedule: str | None = strawberry.field(description="The cron expression of a scheduled job; null for other jobs.")
    steps: list[str] = strawberry.field(description="The dbt commands it runs, in order.")
    last_run: Run | None = strawberry.field(description="Its newest run, whatever its status; null when it never ran.")

    inferred: bool = strawberry.field(
        description="True without the Admin API: the job is known by its traces in Discovery only, without a name."
    )

    @strawberry.field(description="dbt's type of the job; null where dbt does not say.")
    def kind(self, parent: Parent) -> JobKind | None:
        return word_of(JobKind, parent.kind)

    @strawberry.field(
        description="The project the job belongs to; null when the job's environment has no project.",
        graphql_type=LazyProject | None,
    )
    async def project(self, parent: Parent, info: Info) -> project_facts.Project | None:
        return await projects.project_of_environment(field_context(info), parent.environment_id)

    @strawberry.field(
        description="The job's runs, newest first; the newest 500 can be paged through.",
        graphql_type=PartlyKnownConnection[Run] | None,
        directives=[NON_NULL, *paged(RUNS_PAGE)],
    )
    async def runs(
        self,
        parent: Parent,
        info: Info,
        order_by: OrderRunsBy = strawberry.UNSET,
        first: FirstRuns = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
    ) -> Page[job_facts.Run]:
        page = page_arguments(first, after, last, before, jobs.MOST_RUNS, default=RUNS_PAGE)
        newest = None if order_by else page.from_the_start
        count = min(jobs.MOST_RUNS, newest + 1) if newest is not None else jobs.MOST_RUNS
        loaders = info.context.loaders
        runs = await loaders.recent_runs(parent.id, count)
        return cut(runs, order_of_runs(order_by), page, lambda: loaders.run_count(parent.id), place=info.path.as_list)

    @strawberry.field(
        description="The models the job builds, in their current state, ordered by id: every model with a result in "
        "the newest completed run among the job's last five.",
        graphql_type=Connection[LazyModel] | None,
        directives=[NON_NULL, *paged(DEFAULT_PAGE)],
    )
    async def models(
        self,
        parent: Parent,
        info: Info,
        filter: ModelsOfJobFilter = strawberry.UNSET,
        order_by: OrderModelsBy = strawberry.UNSET,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
    ) -> Page[model_facts.Model]:
        page = page_arguments(first, after, last, before)
        built = await jobs.models_of_job(field_context(info), parent, model_filter(filter))
        return await cut_in_order(built, order_of_models(order_by), page, place=info.path.as_list)

    @strawberry.field(
        description="The models that took longest in the job's newest completed run that executed a model. Models "
        "that failed or did not run are left out.",
        graphql_type=list[RankedModelRun] | None,
        directives=[NON_NULL, *sliced_by("first", 5)],
    )
    async def slowest_models(
        self,
        parent: Parent,
        info: Info,
        first: TopN = 5,
        filter: ModelsOfJobFilter = strawberry.UNSET,
        offset: Offset = 0,
    ) -> tuple[Ranked[model_facts.ModelRun], ...]:
        ensure_ranking(first, offset=offset)
        ranking = await run_models.slowest_models_of_job(
            field_context(info), parent, first + offset, model_filter(filter)
        )
        return ranking.entries[offset:]

    @strawberry.field(
        description="Single runtimes from the job's most recent completed runs, newest first: of the runs, or with "
        "byModel of each model in them.",
        graphql_type=list[RuntimeReport] | None,
        deprecation_reason="Use runtimeSeries; of its models runMatrix. Removed in 1.2.",
        directives=[NON_NULL, *sliced_by("lastRuns", 5)],
    )
    async def runtimes(
        self, parent: Parent, info: Info, last_runs: LastRuns = 5, by_model: ByModel = False
    ) -> list[runtime_facts.Runtime]:
        ensure_last_runs(last_runs)
        ask = runtimes.model_runtimes if by_model else runtimes.job_runtimes
        return await ask(field_context(info), parent, last_runs)

    @strawberry.field(
        description="Mean duration, in seconds, of the job's most recent completed runs (succeeded or failed, not "
        "cancelled). Filters do not select runs: there is no average unless the job builds a matching model.",
        graphql_type=JobAverage | None,
        directives=[NON_NULL, *dear(5)],
    )
    async def average_runtime(
        self,
        parent: Parent,
        info: Info,
        last_runs: LastRuns = 5,
        filter: OfSuchJobs = strawberry.UNSET,
        include_full_refresh: IncludeFullRefresh = False,
    ) -> average_facts.JobAverage:
        ensure_last_runs(last_runs)
        where = job_filter(filter)
        return await averages.average_job_runtime(
            field_context(info),
            parent,
            last_runs,
            models=where.models if where else None,
            where=where,
            leave_out=variants_left_out(include_full_refresh),
        )

    @strawberry.field(
        description="The average runtime of the slowest models the job builds: the mean of each model's own mean over "
        "the job's most recent completed runs.",
        graphql_type=ModelAverage | None,
        directives=[NON_NULL, *dear(10)],
    )
    async def average_model_runtime(
        self,
        parent: Parent,
        info: Info,
        first: Slowest = 5,
        last_runs: LastRuns = 5,
        filter: ModelsOfJobFilter = strawberry.UNSET,
        include_full_refresh: IncludeFullRefresh = False,
    ) -> average_facts.ModelAverage[model_facts.Model]:
        ensure_last_runs(last_runs)
        ensure_count("first", first, MOST_RANKED)
        return await averages.average_historical_model_runtime(
            field_context(info),
            parent,
            first,
            last_runs,
            models=model_filter(filter),
            leave_out=variants_left_out(include_full_refresh),
        )

    @strawberry.field(
        description="The durations of its runs with segments, change points and trend; of the newest 500 at most.",
        graphql_type=RuntimeSeries | None,
        directives=[NON_NULL, *dear(5), *holding("points", "lastRuns", 100)],
    )
    async def runtime_series(
        self, parent: Parent, info: Info, last_runs: LastRunsOfSeries = 100
    ) -> series_facts.RuntimeSeries:
        ensure_series(last_runs)
        return await runtime_series.series_of_job(field_context(info), parent, last_runs)

    @strawberry.field(
        description="Lasting changes of its duration within its last 100 runs, newest first: the points that "
        "`runtimeSeries` marks.",
        graphql_type=list[ChangePoint] | None,
        directives=[NON_NULL, *dear(5), *sliced_by("first", 2)],
    )
    async def change_points(
        self,
        parent: Parent,
        info: Info,
        certainty: LeastCertainty = series_facts.Certainty.SUSPECTED,
        first: FirstChanges = 10,
    ) -> list[series_facts.ChangePoint]:
        ensure_count("first", first, MOST_CHANGES)
        return await runtime_series.changes_of_job(field_context(info), parent, certainty, first)

    @strawberry.field(
        description="Its models by its last completed runs: what a heat map needs.",
        graphql_type=RunMatrix | None,
        directives=[NON_NULL, *dear(20), *holding("rows", "first", 200)],
    )
    async def run_matrix(
        self, parent: Parent, info: Info, last_runs: MatrixRuns = 50, first: MatrixRows = 200
    ) -> matrix_facts.RunMatrix:
        ensure_count("lastRuns", last_runs, MOST_MATRIX_RUNS)
        ensure_count("first", first, MOST_MATRIX_ROWS)
        return await run_matrix.matrix_of_job(field_context(info), parent, last_runs, first)

    @strawberry.field(
        description="Models that most often lie on the critical path of its last completed runs. Empty where none has "
        "a manifest and times.",
        graphql_type=list[OftenCritical] | None,
        directives=[NON_NULL, *dear(50), *sliced_by("first", 10)],
    )
    async def often_critical(
        self, parent: Parent, info: Info, last_runs: MatrixRuns = 20, first: FirstCritical = 10
    ) -> list[matrix_facts.OftenCritical]:
        ensure_count("lastRuns", last_runs, MOST_MATRIX_RUNS)
        ensure_count("first", first, MOST_CRITICAL)
        return await run_matrix.often_critical(field_context(info), parent, last_runs, first)

    @strawberry.field(
        description="How long it would take if something were different, by the median over its newest successful runs "
        "among the last 20. Null when none of them has times.",
        graphql_type=WhatIf | None,
        directives=dear(50),
    )
    async def what_if(
        self, parent: Parent, info: Info, change: TheChange, last_runs: LastRunsOfWhatIf = 5
    ) -> analysis_facts.WhatIf | None:
        ensure_count("lastRuns", last_runs, run_what_if.LAST_RUNS)
        return await run_what_if.what_if_of_job(field_context(info), parent, change_of(change), last_runs)

    @strawberry.field(
        description="How often the job ends by a time of day: the first success of each day, over the days that have a "
        "run and whose deadline has passed. Its newest 500 runs are looked at.",
        graphql_type=DeadlineReport | None,
        directives=[NON_NULL, *dear(5)],
    )
    async def deadline(
        self, parent: Parent, info: Info, finished_by: FinishedBy, time_zone: InZone, last_days: LastDays = 30
    ) -> account_facts.DeadlineReport:
        ensure_days(last_days)
        by, zone = times_of_day.time_of_day(finished_by, "finishedBy"), times_of_day.time_zone(time_zone, "timeZone")
        return await concurrency.deadline_of(field_context(info), parent, by, zone, last_days)
