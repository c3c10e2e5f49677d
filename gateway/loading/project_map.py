"""Which projects there are: the Admin API's lists joined with what each environment says its dbt project is called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from gateway.errors import GatewayError
from gateway.hierarchy.ids.project_ids import AccountView, IdScope, project_name, through_environment
from gateway.hierarchy.objects.project import Account, DeploymentEnvironment, Environment, Project
from gateway.services.admin.admin_facts import Topology
from gateway.services.admin.deployments import NOT_CHOSEN
from gateway.services.environments.environment_service import EnvironmentHeader
from gateway.telemetry.upstream_note import UpstreamNote
from gateway.telemetry.usage import current_usage

NAME_UNREAD = "PROJECT_NAME_UNREAD"


@dataclass(frozen=True, slots=True)
class ProjectMap:
    """Every project in every deployment environment, with the account as each of these shows it. `unread` are
    environments that could not be asked their name: their projects carry the display name as id. `deployments` says
    where a project's id belongs. `packages` are those with models in each environment that could be asked. `undecided`
    says by name why a project is left out (see deployments)."""

    accounts: Mapping[DeploymentEnvironment, Account]
    by_environment: Mapping[int, Project]
    unread: Mapping[int, GatewayError]
    deployments: Mapping[str, DeploymentEnvironment]
    packages: Mapping[int, frozenset[str]]
    undecided: Mapping[str, UpstreamNote]

    def may_hold(self, project: Project, package: str) -> bool:
        """Whether the project has models of this package, as far as is known."""
        packages = self.packages.get(project.environment_id)
        return packages is None or package in packages or package in project.spellings

    def packages_of(self, project: Project) -> frozenset[str]:
        """The packages of a project as far as they are known, its own among them."""
        return self.packages.get(project.environment_id, frozenset()).union(project.spellings)


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
            if isinstance(header, EnvironmentHeader) and header.packages is not None
        },
        undecided=_undecided(topology, headers),
    )


def note_unread(topology: Topology, headers: Mapping[int, EnvironmentHeader | GatewayError]) -> None:
    """Notes the projects whose environment cannot be asked for its name: they go by the one of dbt Cloud."""
    for environment in topology.environments:
        header = headers.get(environment.id)
        if environment.deployment is None or not isinstance(header, GatewayError):
            continue
        message = (
            f"Environment {environment.id} cannot be asked for its project's name ({header.code}): the project has the "
            f"id {_project(environment, topology, header).id!r} until it can. {header.message}"
        )
        current_usage().upstream_notes.add(UpstreamNote(NAME_UNREAD, message, (environment.id,)))


def _undecided(
    topology: Topology, headers: Mapping[int, EnvironmentHeader | GatewayError]
) -> Mapping[str, UpstreamNote]:
    """The notes of projects whose production nobody names, by each name that one of their environments has."""
    by_environment = {
        environment_id: note
        for note in topology.notes
        if note.code == NOT_CHOSEN
        for environment_id in note.environment_ids
    }
    if not by_environment:
        return {}
    return {
        _project(environment, topology, headers.get(environment.id)).id: by_environment[environment.id]
        for environment in topology.environments
        if environment.id in by_environment
    }


def environments_of(topology: Topology, deployment: DeploymentEnvironment) -> list[int]:
    """The environments of a deployment, by their numbers."""
    return [environment.id for environment in topology.environments if environment.deployment is deployment]


def _projects(
    topology: Topology,
    headers: Mapping[int, EnvironmentHeader | GatewayError],
    deployment: DeploymentEnvironment,
    scope: IdScope,
) -> list[Project]:
    environments = [environment for environment in topology.environments if environment.deployment is deployment]
    projects = [_project(environment, topology, headers.get(environment.id)) for environment in environments]
    names = Counter(project.id for project in projects)
    elsewhere = scope is IdScope.ACCOUNT and deployment is not DeploymentEnvironment.PRODUCTION
    return [
        replace(project, id=through_environment(project.id, project.environment_id))
        if elsewhere or names[project.id] > 1
        else project
        for project in projects
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
