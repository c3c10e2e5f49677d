"""The Account type: every project of the account in one deployment environment."""

from __future__ import annotations

import strawberry

from gateway.hierarchy.analysis import account_analysis as analysis_facts
from gateway.hierarchy.analysis import run_analysis as run_analysis_facts
from gateway.hierarchy.objects import job as job_facts
from gateway.hierarchy.objects import model as model_facts
from gateway.hierarchy.objects import project as project_facts
from gateway.hierarchy.objects import source as source_facts
from gateway.hierarchy.rankings.ranking import Ranked
from gateway.queries.analysis import concurrency, wasted_builds
from gateway.queries.analysis.account_seconds import weighted_seconds_of_account
from gateway.queries.jobs import jobs
from gateway.queries.projects import select_projects
from gateway.queries.rankings import rankings
from gateway.queries.rankings.rankings import RankingArguments, ShownModel
from gateway.queries.resources import sources
from gateway.schema.analysis.account_analysis import (
    BucketMinutes,
    Concurrency,
    FirstWasted,
    Since,
    SinceThen,
    Until,
    WastedBuilds,
    ensure_first,
    stretch_of,
    window_of,
)
from gateway.schema.analysis.account_history import AccountHistory
from gateway.schema.analysis.rankings import RankedJob, RankedModel, ensure_ranking
from gateway.schema.analysis.run_analysis import FirstGroups, GroupedBy, WeightedSeconds
from gateway.schema.context import Info, field_context
from gateway.schema.inputs.arguments import (
    IncludeFullRefresh,
    JobsFilter,
    LastRuns,
    ModelsFilter,
    Offset,
    ProjectsFilter,
    RunsFilter,
    Scope,
    SourcesFilter,
    TopN,
    variants_left_out,
)
from gateway.schema.inputs.filters import (
    history_scope,
    job_filter,
    model_filter,
    project_filter,
    run_filter,
    source_filter,
)
from gateway.schema.inputs.orders import (
    BY_PROJECT_ID,
    BY_SOURCE_ID,
    OrderJobsBy,
    OrderModelsBy,
    OrderRunsBy,
    OrderSourcesBy,
    order_of_jobs,
    order_of_sources,
)
from gateway.schema.lists.connections import (
    DEFAULT_PAGE,
    PROJECTS_PAGE,
    RUNS_PAGE,
    After,
    Before,
    Connection,
    First,
    FirstProjects,
    FirstRuns,
    Last,
    PartlyKnownConnection,
    page_arguments,
)
from gateway.schema.lists.model_pages import page_of_models
from gateway.schema.lists.paging import Page, cut
from gateway.schema.lists.runs import page_of_runs
from gateway.schema.objects.job import Job
from gateway.schema.objects.model import Model
from gateway.schema.objects.project import Project
from gateway.schema.objects.run import Run
from gateway.schema.resources.source import Source
from gateway.schema.vocabulary.costs import dear, holding, paged, sliced_by
from gateway.schema.vocabulary.enums import DeploymentEnvironment
from gateway.schema.vocabulary.nullability import NON_NULL

Parent = strawberry.Parent[project_facts.Account]


@strawberry.federation.type(
    keys=["id"], description="A dbt account, seen through one deployment environment of each of its projects."
)
class Account(AccountHistory):
    @classmethod
    def is_type_of(cls, value: object, _info: object) -> bool:
        return isinstance(value, project_facts.Account)

    id: strawberry.ID = strawberry.field(
        description="dbt's id of the account; through staging `…@staging`, narrowed by a filter `…?` and the filter."
    )

    @strawberry.field(description="The account's name; null where dbt does not say.")
    async def name(self, info: Info) -> str | None:
        return await info.context.loaders.account_name()

    @strawberry.field(description="Which deployment environment is looked at.")
    def environment(self, parent: Parent) -> DeploymentEnvironment:
        return parent.deployment

    @strawberry.field(
        description="The account's projects, ordered by id.",
        graphql_type=Connection[Project] | None,
        directives=[NON_NULL, *paged(PROJECTS_PAGE)],
    )
    async def projects(
        self,
        parent: Parent,
        info: Info,
        filter: ProjectsFilter = strawberry.UNSET,
        first: FirstProjects = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
    ) -> Page[project_facts.Project]:
        page = page_arguments(first, after, last, before, default=PROJECTS_PAGE)
        chosen = await select_projects(field_context(info), parent.projects, project_filter(filter))
        return cut(chosen, BY_PROJECT_ID, page)

    @strawberry.field(
        description="The models of all projects, ordered by id.",
        graphql_type=Connection[Model] | None,
        directives=[NON_NULL, *paged(DEFAULT_PAGE)],
    )
    async def models(
        self,
        parent: Parent,
        info: Info,
        filter: ModelsFilter = strawberry.UNSET,
        order_by: OrderModelsBy = strawberry.UNSET,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
    ) -> Page[model_facts.Model]:
        page = page_arguments(first, after, last, before)
        context, where = field_context(info), model_filter(filter)
        return await page_of_models(context, parent.projects, where, order_by or None, page)

    @strawberry.field(
        description="The jobs of all projects, ordered by id.",
        graphql_type=Connection[Job] | None,
        directives=[NON_NULL, *paged(DEFAULT_PAGE)],
    )
    async def jobs(
        self,
        parent: Parent,
        info: Info,
        filter: JobsFilter = strawberry.UNSET,
        order_by: OrderJobsBy = strawberry.UNSET,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
    ) -> Page[job_facts.Job]:
        page = page_arguments(first, after, last, before)
        where = job_filter(filter)
        chosen = await jobs.select_jobs(
            field_context(info), parent.projects, models=where.models if where else None, where=where
        )
        return cut(chosen, order_of_jobs(order_by), page, place=info.path.as_list)

    @strawberry.field(
        description="The newest runs of all projects, newest first. With models in its filter: those in which a model "
        "matched, as it was in that run. The account's newest 500 runs are looked at, or the newest 500 of "
        "the statuses, jobs and times in the filter; totalCount is null unless those are all.",
        graphql_type=PartlyKnownConnection[Run] | None,
        directives=paged(RUNS_PAGE),
    )
    async def runs(
        self,
        parent: Parent,
        info: Info,
        filter: RunsFilter = strawberry.UNSET,
        order_by: OrderRunsBy = strawberry.UNSET,
        first: FirstRuns = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
    ) -> Page[job_facts.Run]:
        page = page_arguments(first, after, last, before, jobs.MOST_RUNS, default=RUNS_PAGE)
        return await page_of_runs(field_context(info), parent.projects, run_filter(filter), order_by, page)

    @strawberry.field(
        description="The sources of all projects with their last freshness check, ordered by project and unique id.",
        graphql_type=Connection[Source] | None,
        directives=[NON_NULL, *paged(DEFAULT_PAGE)],
    )
    async def sources(
        self,
        parent: Parent,
        info: Info,
        filter: SourcesFilter = strawberry.UNSET,
        order_by: OrderSourcesBy = strawberry.UNSET,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
    ) -> Page[source_facts.Source]:
        page = page_arguments(first, after, last, before)
        chosen = await sources.select_sources(field_context(info), parent.projects, source_filter(filter))
        return cut(chosen, order_of_sources(order_by), page, arrived_in=BY_SOURCE_ID, place=info.path.as_list)

    @strawberry.field(
        description="The slowest models over all projects, by the runtime of the last successful run or by the mean "
        "over the last N. Models without a runtime are left out and counted in extensions.gateway.",
        graphql_type=list[RankedModel] | None,
        directives=[NON_NULL, *sliced_by("first", 5)],
    )
    async def slowest_models(
        self,
        parent: Parent,
        info: Info,
        first: TopN = 5,
        last_runs: LastRuns = 1,
        filter: ModelsFilter = strawberry.UNSET,
        history: Scope = strawberry.UNSET,
        offset: Offset = 0,
    ) -> tuple[Ranked[ShownModel], ...]:
        ensure_ranking(first, last_runs, offset)
        asked = RankingArguments(first + offset, last_runs, history_scope(history))
        ranking = await rankings.slowest_models_shown(field_context(info), parent.projects, asked, model_filter(filter))
        return ranking.entries[offset:]

    @strawberry.field(
        description="The longest jobs over all projects, by mean duration over the last N completed runs "
        "(succeeded or failed, not cancelled).",
        graphql_type=list[RankedJob] | None,
        directives=[NON_NULL, *sliced_by("first", 5)],
    )
    async def longest_running_jobs(
        self,
        parent: Parent,
        info: Info,
        first: TopN = 5,
        last_runs: LastRuns = 1,
        filter: JobsFilter = strawberry.UNSET,
        offset: Offset = 0,
        include_full_refresh: IncludeFullRefresh = False,
    ) -> tuple[Ranked[job_facts.Job], ...]:
        ensure_ranking(first, last_runs, offset)
        where = job_filter(filter)
        ranking = await rankings.longest_running_jobs(
            field_context(info),
            parent.projects,
            first + offset,
            last_runs,
            models=where.models if where else None,
            where=where,
            leave_out=variants_left_out(include_full_refresh),
        )
        return ranking.entries[offset:]

    @strawberry.field(
        description="Builds of models that changed nothing, and what reuse would save: the same code as at the last "
        "success, with inputs that have not changed since.",
        graphql_type=WastedBuilds | None,
        directives=[NON_NULL, *dear(50), *holding("models", "first", 10)],
    )
    async def wasted_builds(
        self,
        parent: Parent,
        info: Info,
        since: Since = strawberry.UNSET,
        until: Until = strawberry.UNSET,
        first: FirstWasted = 10,
    ) -> analysis_facts.WastedBuilds:
        ensure_first(first)
        window = window_of(since, until)
        return await wasted_builds.wasted_builds_of(field_context(info), parent.projects, window, first)

    @strawberry.field(
        description="How many runs overlap and wait, per stretch of time (at most 5,000 stretches). Runs created up to "
        "7 days before the window count while they reach into it. Without an archive only the account's newest 500 "
        "runs are considered.",
        graphql_type=Concurrency | None,
        directives=[NON_NULL, *dear(10)],
    )
    async def concurrency(
        self,
        parent: Parent,
        info: Info,
        since: SinceThen,
        until: Until = strawberry.UNSET,
        bucket_minutes: BucketMinutes = 60,
    ) -> analysis_facts.Concurrency:
        stretch = stretch_of(bucket_minutes)
        window = window_of(since, until)
        return await concurrency.concurrency_of(field_context(info), parent.projects, window, stretch)

    @strawberry.field(
        description="Where the busy time of the runs that started in a window went, and an estimate of its cost; "
        "greatest first. The resources that run at the same time share that time. Idle time has its own row. Without "
        "an archive only the newest 40 runs are considered; extensions.gateway.notes says what is missing.",
        graphql_type=list[WeightedSeconds] | None,
        directives=[NON_NULL, *dear(2), *sliced_by("first", 50)],
    )
    async def weighted_seconds(
        self,
        parent: Parent,
        info: Info,
        by: GroupedBy,
        since: SinceThen,
        until: Until = strawberry.UNSET,
        first: FirstGroups = 50,
    ) -> list[run_analysis_facts.WeightedSeconds]:
        ensure_first(first)
        window = window_of(since, until)
        return await weighted_seconds_of_account(field_context(info), parent.projects, window, by, first)
