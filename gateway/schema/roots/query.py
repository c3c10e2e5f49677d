"""The roots of every question."""

from __future__ import annotations

from typing import Annotated

import strawberry

from gateway.errors import BadUserInput
from gateway.hierarchy.objects import job as job_facts
from gateway.hierarchy.objects import model as model_facts
from gateway.hierarchy.objects import project as project_facts
from gateway.queries import projects
from gateway.queries.jobs import job_names, jobs
from gateway.queries.models import models
from gateway.queries.resources import resource_names, resources
from gateway.schema.context import Info, field_context
from gateway.schema.inputs.arguments import ProjectsFilter
from gateway.schema.inputs.filters import project_filter
from gateway.schema.objects.account import Account
from gateway.schema.objects.job import Job
from gateway.schema.objects.model import Model
from gateway.schema.objects.project import Project
from gateway.schema.objects.run import Run
from gateway.schema.resources.resource import Resource
from gateway.schema.roots.subjects import note_subject
from gateway.schema.vocabulary.costs import dear
from gateway.schema.vocabulary.enums import DeploymentEnvironment
from gateway.schema.vocabulary.nullability import NON_NULL

AccountId = Annotated[
    strawberry.ID | None,
    strawberry.argument(description="An id of the account, which contains environment and filter too."),
]
ProjectId = Annotated[
    strawberry.ID,
    strawberry.argument(description="The project's id, or in the environment named its dbt project name."),
]
ModelId = Annotated[
    strawberry.ID,
    strawberry.argument(
        description="The model's id, or in the environment named project.model, project.package.model or dbt's unique "
        "id. Case counts."
    ),
]
WantedEnvironment = Annotated[
    DeploymentEnvironment | None,
    strawberry.argument(
        description="Which deployment environment to look at; what the id says, else production, if left out. A "
        "contradiction is refused."
    ),
]
ResourceId = Annotated[
    strawberry.ID,
    strawberry.argument(
        description="The resource's id: project.model or project/unique_id; or dbt's unique id where one project in "
        "production has it. Case counts."
    ),
]
JobId = Annotated[strawberry.ID | None, strawberry.argument(description="dbt's id of the job.")]
JobName = Annotated[
    str | None,
    strawberry.argument(
        description="The job's name in place of its id: as it is written, else compared without case. Several jobs of "
        "one name are refused with their ids."
    ),
]
ProjectOfJob = Annotated[
    strawberry.ID | None,
    strawberry.argument(description="With a name: the project whose job it is, by id."),
]
RunId = Annotated[strawberry.ID, strawberry.argument(description="dbt's id of the run.")]


@strawberry.type(description="Where every question starts.")
class Query:
    @strawberry.field(
        description="The account, with all its projects or those that a filter keeps.",
        graphql_type=Account | None,
        directives=[NON_NULL],
    )
    async def account(
        self,
        info: Info,
        id: AccountId = strawberry.UNSET,
        environment: WantedEnvironment = strawberry.UNSET,
        filter: ProjectsFilter = strawberry.UNSET,
    ) -> project_facts.Account:
        ask, where = field_context(info), project_filter(filter)
        if not id:
            viewed = await projects.view_account(ask, environment or DeploymentEnvironment.PRODUCTION, where)
            return note_subject(viewed)
        account = await projects.account_with_id(ask, id)
        if environment and environment is not account.deployment:
            raise BadUserInput(
                f"The id is of {account.deployment.name}, but environment is {environment.name}. Leave environment "
                "out: the id contains it.",
                argument="environment",
            )
        if where and (await projects.view_account(ask, account.deployment, where)).id != account.id:
            raise BadUserInput(
                "The id and filter contradict each other. Leave filter out: the id contains it.", argument="filter"
            )
        return note_subject(account)

    @strawberry.field(description="One project.", graphql_type=Project | None, directives=[NON_NULL])
    async def project(
        self, info: Info, id: ProjectId, environment: WantedEnvironment = strawberry.UNSET
    ) -> project_facts.Project:
        return note_subject(await projects.find_project(field_context(info), id, environment or None))

    @strawberry.field(
        description="One model. Models that were renamed or removed are found too (see Model.removed).",
        graphql_type=Model | None,
        directives=[NON_NULL],
    )
    async def model(
        self, info: Info, id: ModelId, environment: WantedEnvironment = strawberry.UNSET
    ) -> model_facts.Model:
        return note_subject(await models.find_model(field_context(info), id, environment or None))

    @strawberry.field(
        description="One resource of any type: model, seed, snapshot, source, exposure, metric, test, macro and so on.",
        graphql_type=Resource | None,
        directives=[NON_NULL, *dear(5)],
    )
    async def resource(self, info: Info, id: ResourceId) -> resources.Resource:
        return await resource_names.find_resource(field_context(info), id)

    @strawberry.field(
        description="One job, of any environment, by its id or by its name.",
        graphql_type=Job | None,
        directives=[NON_NULL],
    )
    async def job(
        self,
        info: Info,
        id: JobId = strawberry.UNSET,
        name: JobName = strawberry.UNSET,
        project: ProjectOfJob = strawberry.UNSET,
    ) -> job_facts.Job:
        ask = field_context(info)
        if bool(id) is bool(name) or (project and not name):
            raise BadUserInput("Give a job's id, or its name with an optional project.", argument="id")
        if id:
            return note_subject(await job_names.find_job(ask, jobs.number_of(id, "job")))
        return note_subject(await job_names.find_job_named(ask, name or "", project or None))

    @strawberry.field(description="One run, of any job.", graphql_type=Run | None, directives=[NON_NULL])
    async def run(self, info: Info, id: RunId) -> job_facts.Run:
        return note_subject(await jobs.find_run(field_context(info), jobs.number_of(id, "run")))
