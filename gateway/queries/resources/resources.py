"""Questions about everything that a project defines, and what stands around a model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from gateway.concurrency.checkpoints import checkpoint, pieces
from gateway.concurrency.gathering import gather
from gateway.hierarchy.objects.column import Column
from gateway.hierarchy.objects.model import Model
from gateway.hierarchy.objects.project import Project
from gateway.hierarchy.objects.source import Source
from gateway.hierarchy.resources.resource import (
    Definition,
    Exposure,
    ExposureDetails,
    LineageLink,
    OtherResource,
    ResourceFilter,
    Walk,
    resource_of,
)
from gateway.hierarchy.vocabulary.resource_type import ResourceType
from gateway.hierarchy.vocabulary.status import RunStatus
from gateway.loading.field_context import FieldContext
from gateway.queries.projects import project_of_environment

Resource: TypeAlias = Model | Source | OtherResource
"""Anything that a project defines. All have: id, unique_id, name, resource_type."""

# Microseconds of walking from a node to the next.
_STEPS = 2


@dataclass(frozen=True, slots=True)
class LineageResource:
    """A resource and its level: negative upstream, 0 for the start."""

    level: int
    resource: Resource


@dataclass(frozen=True, slots=True)
class ModelLineage:
    """What stands around a model, nearest first; the links name resources by their ids. `left_out` says how many
    lie further away than the depth, or behind the most that were asked for."""

    resources: tuple[LineageResource, ...]
    links: tuple[LineageLink, ...]
    left_out: int


async def select_resources(
    context: FieldContext, project: Project, resource_filter: ResourceFilter | None = None
) -> list[Resource]:
    """The resources of a project that match, ordered by unique id. Groups of types that the criteria leave out are not
    read."""
    resource_filter = resource_filter or ResourceFilter()
    types = resource_filter.wanted_types
    if not types:
        return []
    definitions = await context.loaders.resources.definitions(project, types)
    kept: list[Definition] = []
    async for piece in pieces(list(definitions.values())):
        kept += filter(resource_filter.admits, piece)
    return await shown(context, project, kept)


async def lineage_of_model(context: FieldContext, model: Model, walk: Walk) -> ModelLineage:
    """What stands around a model."""
    project = await project_of_environment(context, model.environment_id)
    if project is None:
        return ModelLineage((LineageResource(0, model),), (), 0)
    definitions = await context.loaders.resources.definitions(project, walk.types | {ResourceType.MODEL})
    await checkpoint(_STEPS * len(definitions))
    around = walk.around(definitions, model.unique_id)
    others = [definitions[name] for name in around.levels if name != model.unique_id]
    by_unique_id = {resource.unique_id: resource for resource in await shown(context, project, others)}
    resources = {**by_unique_id, model.unique_id: model}
    ids = {name: resource.id for name, resource in resources.items()}
    return ModelLineage(
        tuple(LineageResource(level, resources[name]) for name, level in around.levels.items()),
        tuple(LineageLink(ids[link.parent_id], ids[link.child_id], link.indirect) for link in around.links),
        around.left_out,
    )


@dataclass(frozen=True, slots=True)
class DescribedExposure:
    """An exposure, what the YAML says of it, and the models of its project that it uses directly, ordered by id."""

    exposure: Exposure
    details: ExposureDetails
    models: tuple[Model, ...]


async def exposures_of(context: FieldContext, project: Project) -> list[DescribedExposure]:
    """The exposures of a project, ordered by unique id."""
    resources = await _of_types(context, project, ResourceType.EXPOSURE)
    exposures = [resource for resource in resources if isinstance(resource, Exposure)]
    details = await gather(exposure_details(context, exposure) for exposure in exposures)
    models = await gather(models_of_exposure(context, exposure) for exposure in exposures)
    described = zip(exposures, details, models, strict=True)
    return [DescribedExposure(exposure, known, tuple(used)) for exposure, known, used in described]


async def attempted_resources(
    context: FieldContext, project: Project, resource_type: ResourceType
) -> list[tuple[OtherResource, RunStatus | None]]:
    """The seeds or the snapshots of a project, ordered by unique id, with how each one's last attempt ended."""
    resources = [
        resource for resource in await _of_types(context, project, resource_type) if isinstance(resource, OtherResource)
    ]
    statuses = await gather(last_run_status(context, resource) for resource in resources)
    return list(zip(resources, statuses, strict=True))


async def _of_types(context: FieldContext, project: Project, *types: ResourceType) -> list[Resource]:
    return await select_resources(context, project, ResourceFilter(types))


async def columns_of(context: FieldContext, resource: Model | Source | OtherResource) -> tuple[Column, ...]:
    """The columns of a model, source, seed or snapshot; none of others, and where no catalog lists it."""
    environment_id = resource.environment_id if isinstance(resource, Model) else resource.project.environment_id
    return await context.loaders.resources.columns(environment_id, resource.unique_id)


async def exposure_details(context: FieldContext, exposure: Exposure) -> ExposureDetails:
    """What the YAML says of an exposure."""
    return await context.loaders.resources.exposure(exposure.project.environment_id, exposure.unique_id)


async def models_of_exposure(context: FieldContext, exposure: Exposure) -> list[Model]:
    """The models of its project that an exposure uses directly, ordered by id."""
    models = (await context.loaders.models(exposure.project)).by_unique_id
    used = [models[unique_id] for unique_id in exposure.definition.parents if unique_id in models]
    return sorted(used, key=lambda model: model.id)


async def last_run_status(context: FieldContext, resource: OtherResource) -> RunStatus | None:
    """How the last attempt of a seed or snapshot ended; None when there was none, and for other types."""
    place = resource.project.environment_id
    return await context.loaders.resources.last_run_status(place, resource.unique_id, resource.resource_type)


async def shown(context: FieldContext, project: Project, definitions: Iterable[Definition]) -> list[Resource]:
    """Models and sources with all that is known of them, where their own lists hold them."""
    listed = list(definitions)
    types = {definition.resource_type for definition in listed}
    models = (await context.loaders.models(project)).by_unique_id if ResourceType.MODEL in types else {}
    sources = await context.loaders.sources(project.environment_id) if ResourceType.SOURCE in types else {}
    shown: list[Resource] = []
    async for piece in pieces(listed):
        for definition in piece:
            source = sources.get(definition.unique_id)
            known = models.get(definition.unique_id) or (Source(project, source) if source else None)
            shown.append(known or resource_of(project, definition))
    return shown
