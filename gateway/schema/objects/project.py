"""The Project type: one dbt project in one deployment environment."""

from __future__ import annotations

import strawberry

from gateway.hierarchy.objects import job as job_facts
from gateway.hierarchy.objects import model as model_facts
from gateway.hierarchy.objects import project as project_facts
from gateway.hierarchy.objects import source as source_facts
from gateway.hierarchy.rankings.ranking import Ranked
from gateway.queries.jobs import jobs
from gateway.queries.models import removed_models
from gateway.queries.rankings import rankings
from gateway.queries.rankings.rankings import RankingArguments, ShownModel
from gateway.queries.resources import resources, sources
from gateway.queries.resources.resources import Resource as AnyResource
from gateway.schema.analysis.rankings import RankedJob, RankedModel, ensure_ranking
from gateway.schema.context import Info, field_context
from gateway.schema.inputs.arguments import (
    IncludeFullRefresh,
    JobsFilter,
    LastRuns,
    ModelsFilter,
    Offset,
    ResourcesFilter,
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
    resource_filter,
    run_filter,
    source_filter,
)
from gateway.schema.inputs.orders import (
    BY_RESOURCE,
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
    REMOVED_PAGE,
    RUNS_PAGE,
    After,
    Before,
    Connection,
    First,
    FirstRemoved,
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
from gateway.schema.objects.run import Run
from gateway.schema.resources.resource import Resource
from gateway.schema.resources.source import Source
from gateway.schema.vocabulary.costs import dear, paged, sliced_by
from gateway.schema.vocabulary.nullability import NON_NULL
from gateway.schema.vocabulary.words import ProjectEnvironment, project_environment

Parent = strawberry.Parent[project_facts.Project]


@strawberry.federation.type(keys=["id"], description="One dbt project in one deployment environment.")
class Project:
    @classmethod
    def is_type_of(cls, value: object, _info: object) -> bool:
        return isinstance(value, project_facts.Project)

    id: strawberry.ID = strawberry.field(
        description="The dbt project name; name@environment id through another environment than production, and where "
        "two environments share the name."
    )
    name: str = strawberry.field(description="The project's display name in dbt.")
    adapter_type: str | None = strawberry.field(
        description="The warehouse adapter: snowflake, bigquery, duckdb and so on; null where dbt does not say."
    )
    environment_id: strawberry.ID = strawberry.field(description="dbt's id of the deployment environment.")

    @strawberry.field(description="Which deployment environment this is.")
    def environment(self, parent: Parent) -> ProjectEnvironment:
        return project_environment(parent.environment.deployment)

    @strawberry.field(
        description="The project's models, ordered by id.",
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
        return await page_of_models(context, [parent], where, order_by or None, page)

    @strawberry.field(
        description="Models that the project no longer has, last seen first. An archive reaches back to its first "
        "run, dbt's API to the environment's newest 20 completed runs. Models that only CI built are excluded.",
        graphql_type=Connection[Model] | None,
        directives=[NON_NULL, *dear(5), *paged(REMOVED_PAGE)],
    )
    async def removed_models(
        self,
        parent: Parent,
        info: Info,
        first: FirstRemoved = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
    ) -> Page[model_facts.Model]:
        page = page_arguments(first, after, last, before, default=REMOVED_PAGE)
        removed = await removed_models.removed_models(field_context(info), parent)
        return cut(
            removed, removed_models.LAST_SEEN, page, arrived_in=removed_models.LAST_SEEN, place=info.path.as_list
        )

    @strawberry.field(
        description="Everything the project defines, ordered by unique id, and so by type: models, seeds, snapshots, "
        "sources, exposures, metrics, semantic models, saved queries, tests and macros. Types that the filter leaves "
        "out are not read.",
        graphql_type=Connection[Resource] | None,
        directives=[NON_NULL, *dear(5), *paged(DEFAULT_PAGE)],
    )
    async def resources(
        self,
        parent: Parent,
        info: Info,
        filter: ResourcesFilter = strawberry.UNSET,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
    ) -> Page[AnyResource]:
        page = page_arguments(first, after, last, before)
        chosen = await resources.select_resources(field_context(info), parent, resource_filter(filter))
        return cut(chosen, BY_RESOURCE, page, arrived_in=BY_RESOURCE)

    @strawberry.field(
        description="The project's jobs, ordered by id.",
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
        built = where.models if where else None
        chosen = await jobs.select_jobs(field_context(info), [parent], models=built, where=where)
        return cut(chosen, order_of_jobs(order_by), page, place=info.path.as_list)

    @strawberry.field(
        description="The newest runs of the project, newest first. With models in its filter: those in which a model "
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
        return await page_of_runs(field_context(info), [parent], run_filter(filter), order_by, page)

    @strawberry.field(
        description="The project's sources with their last freshness check, ordered by unique id.",
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
        chosen = await sources.select_sources(field_context(info), [parent], source_filter(filter))
        return cut(chosen, order_of_sources(order_by), page, arrived_in=BY_SOURCE_ID, place=info.path.as_list)

    @strawberry.field(description="How many models the project has.", directives=[NON_NULL])
    async def model_count(self, parent: Parent, info: Info) -> int | None:
        return await info.context.loaders.model_count(parent)

    @strawberry.field(description="How many jobs run in the project's environment.", directives=[NON_NULL])
    async def job_count(self, parent: Parent, info: Info) -> int | None:
        return len(await jobs.jobs_of_project(field_context(info), parent))

    @strawberry.field(
        description="The project's slowest models by the runtime of the last successful run, or by the mean over the "
        "last N. Models without a runtime are left out and counted in extensions.gateway.",
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
        ranking = await rankings.slowest_models_shown(field_context(info), [parent], asked, model_filter(filter))
        return ranking.entries[offset:]

    @strawberry.field(
        description="The project's longest jobs, by mean duration over the last N completed runs (succeeded or failed, "
        "not cancelled).",
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
            [parent],
            first + offset,
            last_runs,
            models=where.models if where else None,
            where=where,
            leave_out=variants_left_out(include_full_refresh),
        )
        return ranking.entries[offset:]
