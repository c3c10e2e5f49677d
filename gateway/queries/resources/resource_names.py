"""Looking for one resource of any type by its id."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.errors import AmbiguousId
from gateway.hierarchy.objects.project import DeploymentEnvironment, Project
from gateway.hierarchy.resources.resource import Definitions
from gateway.hierarchy.vocabulary.resource_type import ResourceType, resource_type_of
from gateway.loading.field_context import FieldContext
from gateway.loading.suggestions import unknown
from gateway.queries.models.models import find_model
from gateway.queries.projects import find_project
from gateway.queries.resources.resources import Resource, shown

# What has unique ids that identify a resource without a project.
_NOT_BY_UNIQUE_ID = frozenset({ResourceType.UNKNOWN, ResourceType.OPERATION, ResourceType.MODEL})


async def find_resource(context: FieldContext, resource_id: str) -> Resource:
    """The resource that an id names: `project.model`, `project/unique_id`, or in production a unique id that one
    project has.

    Raises NotFound with ids that are close, AmbiguousId with the ids of the resources that share a unique id, or the
    error of a project that may hold it and cannot be read.
    """
    place, is_placed, unique_id = resource_id.partition("/")
    if is_placed:
        return await _find(context, [await find_project(context, place, None)], resource_id, unique_id)
    if resource_id.count(".") >= 2 and resource_type_of(resource_id) not in _NOT_BY_UNIQUE_ID:
        projects = (await context.loaders.projects()).accounts[DeploymentEnvironment.PRODUCTION].projects
        return await _find(context, projects, resource_id, resource_id)
    return await find_model(context, resource_id, None)


async def _find(context: FieldContext, projects: Sequence[Project], resource_id: str, unique_id: str) -> Resource:
    """The resource with this unique id in one of these projects. Types of other groups are not read."""
    types = {resource_type_of(unique_id)}

    async def of_project(project: Project) -> tuple[Project, Definitions]:
        return project, await context.loaders.resources.definitions(project, types)

    read = await context.of_each(projects, of_project)
    held = [(project, definitions[unique_id]) for project, definitions in read if unique_id in definitions]
    if len(held) > 1:
        ids = [f"{project.id}/{unique_id}" for project, _ in held]
        raise AmbiguousId(
            f"{len(held)} projects have a resource {unique_id!r}. Ask for one of: {', '.join(ids)}.",
            kind="resource",
            candidates=ids,
        )
    if held:
        project, definition = held[0]
        return (await shown(context, project, [definition]))[0]
    if context.own_failure:
        raise context.own_failure
    existing = [f"{project.id}/{name}" for project, definitions in read for name in definitions]
    raise await unknown(context, "resource", resource_id, existing)
