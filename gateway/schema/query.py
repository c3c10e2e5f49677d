"""The roots of every question."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import strawberry

from gateway.hierarchy import job as job_facts
from gateway.hierarchy import model as model_facts
from gateway.hierarchy import project as project_facts
from gateway.loading import jobs, models, projects
from gateway.schema.account import Account
from gateway.schema.arguments import Environment, ProjectsFilter
from gateway.schema.context import Info, asking
from gateway.schema.enums import DeploymentEnvironment
from gateway.schema.inputs import project_filter
from gateway.schema.job import Job
from gateway.schema.model import Model
from gateway.schema.project import Project
from gateway.schema.run import Run

ProjectId = Annotated[strawberry.ID, strawberry.argument(description="The dbt project name.")]
ModelId = Annotated[
    strawberry.ID,
    strawberry.argument(description="project.model, project.package.model or dbt's unique id. Case counts."),
]
JobId = Annotated[strawberry.ID, strawberry.argument(description="dbt's id of the job.")]
RunId = Annotated[strawberry.ID, strawberry.argument(description="dbt's id of the run.")]


@strawberry.type(description="Where every question starts.")
class Query:
    @strawberry.field(
        description="The account, with all its projects or those that a filter keeps.", graphql_type=Account | None
    )
    async def account(
        self,
        info: Info,
        environment: Environment = DeploymentEnvironment.PRODUCTION,
        filter: ProjectsFilter = strawberry.UNSET,
    ) -> project_facts.Account:
        ask = asking(info)
        account = await projects.find_account(ask, environment)
        kept = await projects.select_projects(ask, account.projects, project_filter(filter))
        return account if kept is account.projects else replace(account, projects=kept)

    @strawberry.field(description="One project.", graphql_type=Project | None)
    async def project(
        self, info: Info, id: ProjectId, environment: Environment = DeploymentEnvironment.PRODUCTION
    ) -> project_facts.Project:
        return await projects.find_project(asking(info), id, environment)

    @strawberry.field(description="One model.", graphql_type=Model | None)
    async def model(
        self, info: Info, id: ModelId, environment: Environment = DeploymentEnvironment.PRODUCTION
    ) -> model_facts.Model:
        return await models.find_model(asking(info), id, environment)

    @strawberry.field(description="One job, of any environment.", graphql_type=Job | None)
    async def job(self, info: Info, id: JobId) -> job_facts.Job:
        return await jobs.find_job(asking(info), jobs.number_of(id, "job"))

    @strawberry.field(description="One run, of any job.", graphql_type=Run | None)
    async def run(self, info: Info, id: RunId) -> job_facts.Run:
        return await jobs.find_run(asking(info), jobs.number_of(id, "run"))
