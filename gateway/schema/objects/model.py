"""The Model type: a model as its environment knows it now."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import strawberry
from strawberry.scalars import JSON

from gateway.hierarchy.history import runtime_series as series_facts
from gateway.hierarchy.lists.timed_models import TimedModel
from gateway.hierarchy.objects import job as job_facts
from gateway.hierarchy.objects import model as model_facts
from gateway.hierarchy.objects import project as project_facts
from gateway.hierarchy.objects import source as source_facts
from gateway.hierarchy.resources.resource import ALWAYS_SHOWN, LineageDirection, Walk, ensure_walk
from gateway.queries import projects
from gateway.queries.changes import runtime_series
from gateway.queries.jobs import jobs, run_models
from gateway.queries.models import models, removed_models
from gateway.queries.resources import freshness, lineage, resources
from gateway.schema.analysis.runtime_series import (
    MOST_CHANGES,
    ChangePoint,
    FirstChanges,
    LastRunsOfSeries,
    LeastCertainty,
    OfJob,
    RuntimeSeries,
    ensure_series,
    number_of_job,
)
from gateway.schema.context import Info, field_context
from gateway.schema.inputs.arguments import RunsOfModelFilter
from gateway.schema.inputs.filters import search_filter
from gateway.schema.inputs.orders import NEWEST_MODEL_RUN, OrderJobsBy, order_of_jobs
from gateway.schema.lazy import LazyFreshness, LazyModel, LazyProject, LazyRun
from gateway.schema.lists.connections import (
    JOBS_OF_A_MODEL,
    RUNS_PAGE,
    After,
    Before,
    Connection,
    FirstJobsOfModel,
    FirstRunsOfModel,
    Last,
    PartlyKnownConnection,
    page_arguments,
)
from gateway.schema.lists.paging import Page, cut, ensure_count
from gateway.schema.objects.job import Job
from gateway.schema.resources.column import columns_field
from gateway.schema.resources.owner import Owner
from gateway.schema.resources.resource import Depth, FirstResources, ListedTypes, ModelLineage, Resource
from gateway.schema.resources.resource import Direction as LineageWay
from gateway.schema.resources.test import Test
from gateway.schema.results.model_code import ModelCode
from gateway.schema.results.model_run import ModelRun
from gateway.schema.vocabulary.contracts import CODE, PEOPLE
from gateway.schema.vocabulary.costs import about, dear, holding, paged, sliced_by
from gateway.schema.vocabulary.enums import ResourceType, RunStatus
from gateway.schema.vocabulary.nullability import NON_NULL
from gateway.schema.vocabulary.words import ModelAccess, ModelLanguage, word_of

OfRun = Annotated[strawberry.ID, strawberry.argument(name="runId", description="The run.")]

Parent = strawberry.Parent[model_facts.Model]


@strawberry.federation.type(
    keys=["id"],
    description="A dbt model in one deployment environment: its latest state, its last runs, and what builds it.",
)
class Model(Resource):
    @classmethod
    def is_type_of(cls, value: object, _info: object) -> bool:
        return isinstance(value, model_facts.Model | TimedModel)

    id: strawberry.ID = strawberry.field(
        description="project.model, with the project's id; project.package.model where two packages of the project "
        "share the name."
    )
    unique_id: str = strawberry.field(
        description="dbt's unique id, model.package.name; packages repeat across projects."
    )
    name: str = strawberry.field(description="The model's name.")
    package_name: str = strawberry.field(description="The dbt package that defines the model.")
    tags: list[str] = strawberry.field(description="Tags, in the order dbt lists them.")
    materialization: str | None = strawberry.field(
        description="table, view, incremental, ephemeral or a custom one; null where dbt does not say."
    )
    runtime: float | None = strawberry.field(
        description="Seconds its last successful run spent on the model; null when it never succeeded."
    )
    start_time: datetime | None = strawberry.field(
        description="When its last successful run began to build it (UTC); null when it never succeeded.",
        deprecation_reason="Use lastSuccess { startTime }. Removed in 1.2.",
    )
    end_time: datetime | None = strawberry.field(
        description="When its last successful run had built it (UTC); null when it never succeeded.",
        deprecation_reason="Use lastSuccess { endTime }. Removed in 1.2.",
    )
    last_run_status: RunStatus | None = strawberry.field(
        description="How the last attempt ended, whatever its outcome; null when there was none."
    )
    last_run_error: str | None = strawberry.field(description="The error of the last attempt; null unless it failed.")
    description: str | None = strawberry.field(
        description="The description from the project's YAML; null when there is none."
    )
    database: str | None = strawberry.field(description="Database of the relation; null when it has none.")
    schema: str | None = strawberry.field(description="Schema of the relation; null when it has none.")
    alias: str | None = strawberry.field(description="Name of the relation; null when it has none.")
    relation_name: str | None = strawberry.field(
        description="The relation's full name, quoted as dbt writes it; null for ephemeral models."
    )
    group: str | None = strawberry.field(description="The dbt group that owns the model; null when it is in none.")
    version: str | None = strawberry.field(description="The version of a versioned model; null for others.")
    file_path: str | None = strawberry.field(
        description="Path of the model's file in its project; null where dbt does not say."
    )
    contract_enforced: bool | None = strawberry.field(
        description="Whether dbt enforces the model's contract; null where dbt does not say."
    )
    meta: JSON | None = strawberry.field(description="The model's meta, verbatim; null when it has none.")
    removed: bool = strawberry.field(
        description="True when the project no longer defines the model. Only `model(id:)`, `removedModels` and "
        "entity references return such models; their state comes from their newest ten runs."
    )

    columns = columns_field()

    @strawberry.field(description="Who may refer to the model; null where dbt does not say.")
    def access(self, parent: Parent) -> ModelAccess | None:
        return word_of(ModelAccess, parent.access)

    @strawberry.field(description="What the model is written in; null where dbt does not say.")
    def language(self, parent: Parent) -> ModelLanguage | None:
        return word_of(ModelLanguage, parent.language)

    @strawberry.field(description="Always MODEL.")
    def resource_type(self, parent: Parent) -> ResourceType:
        return ResourceType.MODEL

    @strawberry.field(
        description="The resources around the model, any number of levels at once. Costs one request to dbt for each "
        "project, whatever the depth.",
        graphql_type=ModelLineage | None,
        directives=[NON_NULL, *dear(5), *holding("resources", "first", 100)],
    )
    async def lineage(
        self,
        parent: Parent,
        info: Info,
        direction: LineageWay = LineageDirection.BOTH,
        depth: Depth = 1,
        resource_types: ListedTypes = list(ALWAYS_SHOWN),  # noqa: B006  # Strawberry reads it once
        first: FirstResources = 500,
    ) -> resources.ModelLineage:
        ensure_walk(depth, first)
        walk = Walk(direction, depth, frozenset(resource_types), first)
        return await resources.lineage_of_model(field_context(info), parent, walk)

    @strawberry.field(
        description="The project the model belongs to.",
        graphql_type=LazyProject,
    )
    async def project(
        self, parent: strawberry.Parent[model_facts.Model | TimedModel], info: Info
    ) -> project_facts.Project | None:
        return await projects.project_of_environment(field_context(info), parent.environment_id)

    @strawberry.field(
        description="The model's runs, newest first, by any job of its environment; at most 100.",
        graphql_type=PartlyKnownConnection[ModelRun] | None,
        directives=[NON_NULL, *paged(RUNS_PAGE)],
    )
    async def runs(
        self,
        parent: Parent,
        info: Info,
        filter: RunsOfModelFilter = strawberry.UNSET,
        first: FirstRunsOfModel = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
    ) -> Page[model_facts.ModelRun]:
        page = page_arguments(first, after, last, before, models.MOST_HISTORY, default=RUNS_PAGE)
        ask, where, newest = field_context(info), search_filter(filter), page.from_the_start
        count = min(models.MOST_HISTORY, newest + 1) if newest is not None else models.MOST_HISTORY
        runs = await run_models.runs_of_model(ask, parent, count, where)

        async def total() -> int | None:
            everything = await models.model_history(ask, parent, models.MOST_HISTORY)
            known = await ask.loaders.is_whole(parent, everything, models.MOST_HISTORY)
            return sum(where is None or where.matches(run) for run in everything) if known else None

        return cut(runs, NEWEST_MODEL_RUN, page, total)

    @strawberry.field(
        description="The jobs that build the model, ordered by id: those whose newest completed run, among their last "
        "five, had a result for it.",
        graphql_type=Connection[Job] | None,
        directives=[NON_NULL, *paged(JOBS_OF_A_MODEL)],
    )
    async def jobs(
        self,
        parent: Parent,
        info: Info,
        order_by: OrderJobsBy = strawberry.UNSET,
        first: FirstJobsOfModel = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
    ) -> Page[job_facts.Job]:
        page = page_arguments(first, after, last, before, default=JOBS_OF_A_MODEL)
        building = await jobs.jobs_of_model(field_context(info), parent)
        return cut(building, order_of_jobs(order_by), page, place=info.path.as_list)

    @strawberry.field(
        description="The model's code as written; null where dbt does not have it.", directives=[CODE, *dear(1)]
    )
    async def raw_code(self, parent: Parent, info: Info) -> str | None:
        return (await info.context.loaders.details(parent)).raw_code

    @strawberry.field(
        description="The model's code as last compiled; null when no run compiled it.", directives=[CODE, *dear(1)]
    )
    async def compiled_code(self, parent: Parent, info: Info) -> str | None:
        return (await info.context.loaders.details(parent)).compiled_code

    @strawberry.field(
        description="The code it had in one run, to compare two of them; of several steps that built it, that of the "
        "last.",
        graphql_type=ModelCode | None,
        directives=[NON_NULL, CODE, *dear(2)],
    )
    async def code_in_run(self, parent: Parent, info: Info, run_id: OfRun) -> model_facts.CodeInRun:
        return await run_models.code_in_run(field_context(info), parent, jobs.number_of(run_id, "run", "runId"))

    @strawberry.field(
        description="The model's tests with their last status, ordered by unique id.",
        graphql_type=list[Test] | None,
        directives=[NON_NULL, *about(10)],
    )
    async def tests(self, parent: Parent, info: Info) -> tuple[model_facts.ModelTest, ...]:
        return await models.tests_of_model(field_context(info), parent)

    @strawberry.field(
        description="The last attempt to build the model, whatever its outcome; null when there was none.",
        graphql_type=ModelRun | None,
    )
    async def last_run(self, parent: Parent, info: Info) -> model_facts.ModelRun | None:
        return await models.last_model_run(field_context(info), parent)

    @strawberry.field(
        description="The run of the last attempt, with any outcome; for a removed model the last run that had it. "
        "Null when the model never ran, or dbt no longer lists the run.",
        graphql_type=LazyRun | None,
    )
    async def last_seen_run(self, parent: Parent, info: Info) -> job_facts.Run | None:
        return await removed_models.last_seen_run(field_context(info), parent)

    @strawberry.field(
        description="The last successful run of the model: its runtime, start and end belong together; null when it "
        "never succeeded.",
        graphql_type=ModelRun | None,
    )
    async def last_success(self, parent: Parent, info: Info) -> model_facts.ModelRun | None:
        return await models.last_successful_run(field_context(info), parent)

    @strawberry.field(
        description="The models it is built from directly, ordered by unique id.",
        graphql_type=list[LazyModel] | None,
        directives=[NON_NULL, *about(5)],
    )
    async def upstream(self, parent: Parent, info: Info) -> list[model_facts.Model]:
        return await lineage.upstream_models(field_context(info), parent)

    @strawberry.field(
        description="The models that are built from it directly, ordered by unique id.",
        graphql_type=list[LazyModel] | None,
        directives=[NON_NULL, *about(5)],
    )
    async def downstream(self, parent: Parent, info: Info) -> list[model_facts.Model]:
        return await lineage.downstream_models(field_context(info), parent)

    @strawberry.field(
        description="The owner of the model's group, else what its meta names as owner; null when neither does.",
        graphql_type=Owner | None,
        directives=[PEOPLE],
    )
    async def owner(self, parent: Parent, info: Info) -> model_facts.Owner | None:
        return await models.owner_of_model(field_context(info), parent)

    @strawberry.field(
        description="Freshness of the sources upstream of the model, directly or through others.",
        graphql_type=LazyFreshness | None,
        directives=[NON_NULL, *dear(5)],
    )
    async def freshness(self, parent: Parent, info: Info) -> source_facts.Freshness:
        return await freshness.model_freshness(field_context(info), parent)

    @strawberry.field(
        description="Its runtimes in the runs of one job with segments, change points and trend: what a chart needs, "
        "in one answer.",
        graphql_type=RuntimeSeries | None,
        directives=[NON_NULL, *dear(5), *holding("points", "lastRuns", 100)],
    )
    async def runtime_series(
        self, parent: Parent, info: Info, job_id: OfJob = strawberry.UNSET, last_runs: LastRunsOfSeries = 100
    ) -> series_facts.RuntimeSeries:
        ensure_series(last_runs)
        return await runtime_series.series_of_model(field_context(info), parent, number_of_job(job_id), last_runs)

    @strawberry.field(
        description="Lasting changes of its runtime within the last 100 runs of one job, newest first: the points "
        "that `runtimeSeries` marks.",
        graphql_type=list[ChangePoint] | None,
        directives=[NON_NULL, *dear(5), *sliced_by("first", 2)],
    )
    async def change_points(
        self,
        parent: Parent,
        info: Info,
        job_id: OfJob = strawberry.UNSET,
        certainty: LeastCertainty = series_facts.Certainty.SUSPECTED,
        first: FirstChanges = 10,
    ) -> list[series_facts.ChangePoint]:
        ensure_count("first", first, MOST_CHANGES)
        return await runtime_series.changes_of_model(
            field_context(info), parent, number_of_job(job_id), certainty, first
        )
