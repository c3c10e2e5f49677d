"""Questions about accounts and projects."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.at_hand import together
from gateway.errors import BadUserInput
from gateway.hierarchy.filters import ProjectFilter, contains_match
from gateway.hierarchy.identity import unknown
from gateway.hierarchy.project import Account, DeploymentEnvironment, Project
from gateway.loading.asking import Asking


async def find_account(asking: Asking, deployment: DeploymentEnvironment) -> Account:
    """The account with all its projects in one deployment environment."""
    return (await asking.loaders.projects()).accounts[deployment]


async def find_project(asking: Asking, project_id: str, deployment: DeploymentEnvironment) -> Project:
    """The project with this id. Raises NotFound, or the upstream's error while a project's name cannot be read."""
    projects = await asking.loaders.projects()
    here = projects.accounts[deployment].projects
    for project in here:
        if project.id == project_id:
            return project
    for project in here:
        if project.environment_id in projects.unread:
            raise projects.unread[project.environment_id]
    raise unknown("project", project_id, [project.id for project in here])


async def project_of_environment(asking: Asking, environment_id: int) -> Project | None:
    """The project that an environment holds; None for an environment that is not one of the deployments."""
    projects = await asking.loaders.projects()
    return projects.by_environment.get(environment_id)


async def select_projects(
    asking: Asking, projects: Sequence[Project], criteria: ProjectFilter | None
) -> tuple[Project, ...]:
    """The projects a filter keeps: by id first, then those that contain a model meeting every criterion.

    Raises BadUserInput for a project id that does not exist.
    """
    if criteria is None:
        return tuple(projects)
    _ensure_known(criteria, projects)
    admitted = [project for project in projects if criteria.admits(project.id)]
    if criteria.criteria.is_empty:
        return tuple(admitted)

    async def contains(project: Project) -> tuple[Project, bool]:
        environment = await asking.loaders.models(project)
        return project, contains_match(criteria.criteria, environment.models)

    verdicts = await asking.of_each(admitted, contains)
    return tuple(project for project, kept in verdicts if kept)


def _ensure_known(criteria: ProjectFilter, projects: Sequence[Project]) -> None:
    known = [project.id for project in projects]
    for project_id in criteria.project_ids or ():
        if project_id not in known:
            missing = unknown("project", project_id, known)
            raise BadUserInput(f"projectIds: {missing.message}", argument="projectIds")


async def model_counts(asking: Asking, projects: Sequence[Project]) -> list[int]:
    """How many models each project holds, in the order given."""
    environments = await together(asking.loaders.models(project) for project in projects)
    return [len(environment.models) for environment in environments]
