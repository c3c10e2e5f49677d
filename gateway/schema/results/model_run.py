"""The ModelRun type: one model in one run."""

from __future__ import annotations

import strawberry

from gateway.hierarchy.objects import job as job_facts
from gateway.hierarchy.objects import model as model_facts
from gateway.queries import projects
from gateway.queries.jobs import jobs
from gateway.queries.models import models
from gateway.schema.context import Info, field_context
from gateway.schema.lazy import LazyModel, LazyRun
from gateway.schema.results.node_result import NodeResult
from gateway.schema.vocabulary.nullability import NON_NULL

Parent = strawberry.Parent[model_facts.ModelRun]


@strawberry.type(description="The result of one model in one run, with its runtime.")
class ModelRun(NodeResult):
    @classmethod
    def is_type_of(cls, value: object, _info: object) -> bool:
        return isinstance(value, model_facts.ModelRun)

    id: strawberry.ID = strawberry.field(
        description="run/unique_id; results of earlier steps of the same run end in /invocation_id."
    )
    error: str | None = strawberry.field(description="The same as `message`; null where `message` is null.")
    tags: list[str] = strawberry.field(description="The model's tags at that run.")
    materialization: str | None = strawberry.field(
        description="The model's materialization at that run; null where dbt does not say."
    )

    @strawberry.field(
        description="The model as it is now; null when its environment no longer has it.",
        graphql_type=LazyModel | None,
    )
    async def model(self, parent: Parent, info: Info) -> model_facts.Model | None:
        ask = field_context(info)
        project = await projects.project_of_environment(ask, parent.environment_id)
        return await models.applied_model(ask, project, parent.unique_id)

    @strawberry.field(
        description="The run; null, with an error, when dbt does not list it any more.",
        graphql_type=LazyRun | None,
        directives=[NON_NULL],
    )
    async def run(self, parent: Parent, info: Info) -> job_facts.Run | None:
        return await jobs.find_run(field_context(info), parent.run_id)
