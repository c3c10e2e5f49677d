"""The Model type: a model as its environment knows it now."""

from __future__ import annotations

from datetime import datetime

import strawberry
from strawberry.scalars import JSON

from gateway.hierarchy import job as job_facts
from gateway.hierarchy import model as model_facts
from gateway.hierarchy import project as project_facts
from gateway.hierarchy import source as source_facts
from gateway.loading import freshness, jobs, lineage, models, projects, run_models
from gateway.schema.arguments import RunsOfModelFilter
from gateway.schema.connections import DEFAULT_PAGE, After, Before, Connection, First, Last, page_arguments
from gateway.schema.context import Info, asking
from gateway.schema.costs import about, dear, paged
from gateway.schema.enums import RunStatus
from gateway.schema.freshness import ModelFreshness
from gateway.schema.inputs import search_filter
from gateway.schema.job import Job
from gateway.schema.lazy import LazyModel, LazyProject
from gateway.schema.model_run import ModelRun
from gateway.schema.model_test import ModelTest
from gateway.schema.orders import NEWEST_MODEL_RUN, OrderJobsBy, order_of_jobs
from gateway.schema.paging import Page, cut

Parent = strawberry.Parent[model_facts.Model]


@strawberry.type(description="Who owns a model.")
class Owner:
    name: str | None = strawberry.field(description="The owner's name.")
    email: str | None = strawberry.field(description="The owner's address.")


@strawberry.federation.type(
    keys=["id"],
    description="A dbt model in one deployment environment: its latest state, its last runs, and what builds it.",
)
class Model:
    @classmethod
    def is_type_of(cls, value: object, _info: object) -> bool:
        return isinstance(value, model_facts.Model)

    id: strawberry.ID = strawberry.field(
        description="project.model; project.package.model where two packages of the project share the name."
    )
    unique_id: str = strawberry.field(
        description="dbt's unique id, model.package.name; packages repeat across projects."
    )
    name: str = strawberry.field(description="The model's name.")
    package_name: str = strawberry.field(description="The dbt package that defines the model.")
    tags: list[str] = strawberry.field(description="Tags, in the order dbt lists them.")
    materialization: str | None = strawberry.field(description="table, view, incremental, ephemeral or a custom one.")
    runtime: float | None = strawberry.field(
        description="Seconds its last successful run spent on the model; null when it never succeeded."
    )
    start_time: datetime | None = strawberry.field(description="When its last successful execution began (UTC).")
    end_time: datetime | None = strawberry.field(description="When its last successful execution ended (UTC).")
    last_run_status: RunStatus | None = strawberry.field(
        description="How the last attempt ended, whatever its outcome; null when there was none."
    )
    last_run_error: str | None = strawberry.field(description="The error of the last attempt, when it failed.")
    description: str | None = strawberry.field(description="The description from the project's YAML.")
    database: str | None = strawberry.field(description="Database of the relation.")
    schema: str | None = strawberry.field(description="Schema of the relation.")
    alias: str | None = strawberry.field(description="Name of the relation.")
    relation_name: str | None = strawberry.field(description="The relation's full name, quoted as dbt writes it.")
    access: str | None = strawberry.field(description="private, protected or public.")
    group: str | None = strawberry.field(description="The dbt group that owns the model.")
    language: str | None = strawberry.field(description="sql or python.")
    version: str | None = strawberry.field(description="The version of a versioned model.")
    file_path: str | None = strawberry.field(description="Path of the model's file in its project.")
    contract_enforced: bool | None = strawberry.field(description="Whether dbt enforces the model's contract.")
    meta: JSON | None = strawberry.field(description="The model's meta, verbatim.")

    @strawberry.field(
        description="The project the model belongs to.",
        graphql_type=LazyProject | None,
    )
    async def project(self, parent: Parent, info: Info) -> project_facts.Project | None:
        return await projects.project_of_environment(asking(info), parent.environment_id)

    @strawberry.field(
        description="The model's runs, newest first, by any job of its environment; at most 100.",
        graphql_type=Connection[ModelRun] | None,
        directives=paged(DEFAULT_PAGE),
    )
    async def runs(
        self,
        parent: Parent,
        info: Info,
        filter: RunsOfModelFilter = strawberry.UNSET,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
    ) -> Page[model_facts.ModelRun]:
        page = page_arguments(first, after, last, before, models.MOST_HISTORY)
        ask, criteria, newest = asking(info), search_filter(filter), page.from_the_start
        count = min(models.MOST_HISTORY, newest + 1) if newest else models.MOST_HISTORY
        runs = await run_models.runs_of_model(ask, parent, count, criteria)

        async def total() -> int | None:
            everything = await models.model_history(ask, parent, models.MOST_HISTORY)
            known = len(everything) < models.MOST_HISTORY
            return sum(criteria is None or criteria.matches(run) for run in everything) if known else None

        return cut(runs, NEWEST_MODEL_RUN, page, total)

    @strawberry.field(
        description="The jobs that build the model: those whose last run that ended by itself (of their last five) "
        "had a result for it. Ordered by id.",
        graphql_type=Connection[Job] | None,
        directives=paged(10),
    )
    async def jobs(
        self,
        parent: Parent,
        info: Info,
        order_by: OrderJobsBy = strawberry.UNSET,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
    ) -> Page[job_facts.Job]:
        page = page_arguments(first, after, last, before)
        found = await jobs.jobs_of_model(asking(info), parent)
        return cut(found, order_of_jobs(order_by), page)

    @strawberry.field(description="The model's code as written.", directives=dear(1))
    async def raw_code(self, parent: Parent, info: Info) -> str | None:
        return (await info.context.loaders.details(parent)).raw_code

    @strawberry.field(
        description="The model's code as last compiled; null when no run compiled it.", directives=dear(1)
    )
    async def compiled_code(self, parent: Parent, info: Info) -> str | None:
        return (await info.context.loaders.details(parent)).compiled_code

    @strawberry.field(
        description="The model's tests with their last status, ordered by unique id.",
        graphql_type=list[ModelTest] | None,
        directives=about(10),
    )
    async def tests(self, parent: Parent, info: Info) -> tuple[model_facts.ModelTest, ...]:
        return (await info.context.loaders.details(parent)).tests

    @strawberry.field(
        description="The last attempt to build the model, whatever its outcome; null when there was none.",
        graphql_type=ModelRun | None,
    )
    async def last_run(self, parent: Parent, info: Info) -> model_facts.ModelRun | None:
        return await models.last_model_run(asking(info), parent)

    @strawberry.field(
        description="The models it is built from directly, ordered by unique id.",
        graphql_type=list[LazyModel] | None,
        directives=about(5),
    )
    async def upstream(self, parent: Parent, info: Info) -> list[model_facts.Model]:
        return await lineage.upstream_models(asking(info), parent)

    @strawberry.field(
        description="The models that are built from it directly, ordered by unique id.",
        graphql_type=list[LazyModel] | None,
        directives=about(5),
    )
    async def downstream(self, parent: Parent, info: Info) -> list[model_facts.Model]:
        return await lineage.downstream_models(asking(info), parent)

    @strawberry.field(
        description="The owner of the model's group, else what its meta names as owner; null when neither does.",
        graphql_type=Owner | None,
    )
    async def owner(self, parent: Parent, info: Info) -> model_facts.Owner | None:
        return await models.owner_of_model(asking(info), parent)

    @strawberry.field(
        description="How fresh the sources are that the model stands on, directly or through others.",
        graphql_type=ModelFreshness | None,
        directives=dear(5),
    )
    async def freshness(self, parent: Parent, info: Info) -> source_facts.Freshness:
        return await freshness.model_freshness(asking(info), parent)
