"""Which projects there are: the Admin API's lists joined with what each environment says its dbt project is called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from gateway.errors import GatewayError
from gateway.hierarchy.ids import AccountView, IdScope, project_name, through_environment
from gateway.hierarchy.project import Account, DeploymentEnvironment, Environment, Project
from gateway.services.admin.admin_facts import Topology
from gateway.services.environment_service import EnvironmentHeader


@dataclass(frozen=True, slots=True)
class ProjectMap:
    """Every project in every deployment environment, with the account as each of these shows it. `unread` are
    environments that could not be asked their name: their projects carry the display name as id. `deployments` says
    where a project's id belongs. `packages` are those with models in each environment that could be asked."""

    accounts: Mapping[DeploymentEnvironment, Account]
    by_environment: Mapping[int, Project]
    unread: Mapping[int, GatewayError]
    deployments: Mapping[str, DeploymentEnvironment]
    packages: Mapping[int, frozenset[str]]

    def may_hold(self, project: Project, package: str) -> bool:
        """Whether the project has models of this package, as far as is known."""
        packages = self.packages.get(project.environment_id)
        return packages is None or package in packages or package in project.spellings


def map_projects(
    account_id: int,
    topology: Topology,
    headers: Mapping[int, EnvironmentHeader | GatewayError],
    scope: IdScope = IdScope.ACCOUNT,
) -> ProjectMap:
    """The projects of an account, ordered by id within each deployment; `scope` is where their ids are unique."""
    by_deployment = {
        deployment: tuple(sorted(_projects(topology, headers, deployment, scope), key=lambda project: project.id))
        for deployment in DeploymentEnvironment
    }
    return ProjectMap(
        accounts={
            deployment: Account(AccountView(account_id, deployment).id, deployment, some)
            for deployment, some in by_deployment.items()
        },
        by_environment={project.environment_id: project for some in by_deployment.values() for project in some},
        deployments={
            project.id: deployment for deployment, some in reversed(by_deployment.items()) for project in some
        },
        unread={
            environment_id: header for environment_id, header in headers.items() if isinstance(header, GatewayError)
        },
        packages={
            environment_id: header.packages
            for environment_id, header in headers.items()
            if isinstance(header, EnvironmentHeader)
        },
    )


def environments_of(topology: Topology, deployment: DeploymentEnvironment) -> list[int]:
    """The environments of a deployment, by their numbers."""
    return [environment.id for environment in _marked(topology.environments) if environment.deployment is deployment]


def _projects(
    topology: Topology,
    headers: Mapping[int, EnvironmentHeader | GatewayError],
    deployment: DeploymentEnvironment,
    scope: IdScope,
) -> list[Project]:
    environments = [
        environment for environment in _marked(topology.environments) if environment.deployment is deployment
    ]
    projects = [_project(environment, topology, headers.get(environment.id)) for environment in environments]
    names = Counter(project.id for project in projects)
    elsewhere = scope is IdScope.ACCOUNT and deployment is not DeploymentEnvironment.PRODUCTION
    return [
        replace(project, id=through_environment(project.id, project.environment_id))
        if elsewhere or names[project.id] > 1
        else project
        for project in projects
    ]


def _marked(environments: Iterable[Environment]) -> list[Environment]:
    """A project's only deployment environment is its production when dbt does not mark it."""
    all_of_them = list(environments)
    alone = Counter(environment.dbt_cloud_project_id for environment in all_of_them)
    return [
        replace(environment, deployment=DeploymentEnvironment.PRODUCTION)
        if environment.deployment is None and alone[environment.dbt_cloud_project_id] == 1
        else environment
        for environment in all_of_them
    ]


def _project(environment: Environment, topology: Topology, header: EnvironmentHeader | GatewayError | None) -> Project:
    display = topology.project_names.get(environment.dbt_cloud_project_id, str(environment.dbt_cloud_project_id))
    if not isinstance(header, EnvironmentHeader):
        return Project(id=project_name(display), name=display, environment=environment, adapter_type=None)
    return Project(
        id=project_name(header.dbt_project_name or display),
        name=display,
        environment=environment,
        adapter_type=header.adapter_type,
    )
