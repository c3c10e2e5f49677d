"""Questions about accounts and projects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gateway.concurrency.checkpoints import pieces
from gateway.errors import BadUserInput, EnvironmentNotChosen, GatewayError, NotFound
from gateway.hierarchy.filters.model_filters import ProjectFilter, contains_match
from gateway.hierarchy.ids.project_ids import AccountView, account_view
from gateway.hierarchy.lists.model_index import EnvironmentModels
from gateway.hierarchy.objects.project import Account, DeploymentEnvironment, Project
from gateway.loading.field_context import FieldContext
from gateway.loading.project_map import ProjectMap
from gateway.loading.suggestions import named_models, unknown


async def find_account(context: FieldContext, deployment: DeploymentEnvironment) -> Account:
    """The account with all its projects in one deployment environment."""
    return (await context.loaders.projects()).accounts[deployment]


async def view_account(
    context: FieldContext, deployment: DeploymentEnvironment, project_filter: ProjectFilter | None = None
) -> Account:
    """The account through one deployment environment, narrowed by a filter, with the id that says so.

    Raises BadUserInput for a filter that makes the id too long or names a project that does not exist.
    """
    account = await find_account(context, deployment)
    kept = await select_projects(context, account.projects, project_filter)
    if kept is account.projects:
        return account
    number = context.loaders.account_number
    return replace(account, id=AccountView(number, deployment, project_filter).id, projects=kept)


async def account_with_id(context: FieldContext, account_id: str) -> Account:
    """The account that an id stands for. Raises NotFound."""
    view, number = account_view(account_id), context.loaders.account_number
    if view is None or view.number != number:
        raise NotFound(
            f"No account has the id {account_id[:100]!r}. This gateway serves account {number}; ids of it through "
            "staging or a filter are those that account { id } gives."
        )
    account = await view_account(context, view.deployment, view.filter)
    if account.id != account_id:
        raise NotFound(f"No account has the id {account_id[:100]!r}. The same account has the id {account.id!r}.")
    return account


async def find_project(context: FieldContext, project_id: str, deployment: DeploymentEnvironment | None) -> Project:
    """The project with this id; with a deployment, its name alone will do where only one has it there.

    Raises NotFound, BadUserInput for an id of another deployment than the one given, or the upstream's error while a
    project's name cannot be read.
    """
    projects = await context.loaders.projects()
    where = deployment_of(projects, project_id, deployment)
    here = projects.accounts[where].projects
    matching = [project for project in here if project.id == project_id]
    matching = matching or [project for project in here if project_id in project.spellings]
    if len(matching) == 1:
        return matching[0]
    for project in here:
        if project.environment_id in projects.unread:
            raise projects.unread[project.environment_id]
    ensure_decided(projects, project_id)
    raise await unknown(context, "project", project_id, [project.id for project in here])


def ensure_decided(projects: ProjectMap, project_id: str) -> None:
    """Raises EnvironmentNotChosen for the name of a project that is left out because its production is not known."""
    note = projects.undecided.get(project_id.partition("@")[0])
    if note is not None:
        raise EnvironmentNotChosen(note.message, environments=list(map(str, note.environment_ids)))


def deployment_of(
    projects: ProjectMap, project_id: str, deployment: DeploymentEnvironment | None
) -> DeploymentEnvironment:
    """The deployment in which a project's id is to be looked for: what the id says, else the one given, else
    production. Raises BadUserInput where both say something else."""
    meant = projects.deployments.get(project_id)
    if deployment is None:
        return meant or DeploymentEnvironment.PRODUCTION
    if meant not in (None, deployment) and "@" in project_id:
        raise BadUserInput(
            f"The id {project_id[:100]!r} is of {meant.name if meant else ''}, but environment is {deployment.name}. "
            "Leave environment out: the id contains it.",
            argument="environment",
        )
    return deployment


async def project_with_id(context: FieldContext, project_id: str) -> Project:
    """The project whose id is exactly this, through any environment. Raises NotFound, or as find_project does."""
    project = await find_project(context, project_id, None)
    if project.id != project_id:
        raise await unknown(context, "project", project_id, [project.id])
    return project


async def project_of_environment(context: FieldContext, environment_id: int) -> Project | None:
    """The project that an environment holds; None for an environment that is not one of the deployments."""
    projects = await context.loaders.projects()
    return projects.by_environment.get(environment_id)


async def select_projects(
    context: FieldContext, projects: Sequence[Project], project_filter: ProjectFilter | None
) -> tuple[Project, ...]:
    """The projects a filter keeps: by id first, then those that contain a model meeting every criterion.

    Raises BadUserInput for a project id that does not exist.
    """
    if project_filter is None:
        return tuple(projects)
    await _ensure_known(context, project_filter, projects)
    admitted = [project for project in projects if project_filter.admits(project.spellings)]
    if project_filter.search.is_empty and (project_filter.models is None or project_filter.models.is_empty):
        keeps_all = project_filter.project_ids is None
        return projects if keeps_all and isinstance(projects, tuple) else tuple(admitted)

    read = await context.loaders.models_of_each(admitted, project_filter.models, whole=True)
    read_projects = context.sort_out(
        admitted,
        [
            models if isinstance(models, GatewayError) else (project, models)
            for project, models in zip(admitted, read, strict=True)
        ],
    )
    named = await named_models(context, [models for _, models in read_projects], project_filter.models)
    return tuple(
        [project for project, models in read_projects if await _contains(context, models, project_filter, named)]
    )


async def _contains(
    context: FieldContext, environment: EnvironmentModels, project_filter: ProjectFilter, named: frozenset[str] | None
) -> bool:
    """Whether a project holds a model that meets a filter's own criteria, and one that meets those of `models`."""
    own, models = project_filter.search, project_filter.models
    meets_own, meets_models = own.is_empty, models is None or models.is_empty
    owners = await context.loaders.owners_looked_at(environment.environment_id, models)
    async for piece in pieces(environment.models, steps=2):
        meets_own = meets_own or contains_match(own, piece)
        if models is not None and not meets_models:
            meets_models = any((named is None or model.id in named) and models.admits(model, owners) for model in piece)
        if meets_own and meets_models:
            return True
    return meets_own and meets_models


async def _ensure_known(context: FieldContext, project_filter: ProjectFilter, projects: Sequence[Project]) -> None:
    known = {spelling for project in projects for spelling in project.spellings}
    for project_id in project_filter.project_ids or ():
        if project_id not in known:
            ensure_decided(await context.loaders.projects(), project_id)
            missing = await unknown(context, "project", project_id, [project.id for project in projects])
            raise BadUserInput(f"projectIds: {missing.message}", argument="projectIds")
