"""Questions about what stands upstream and downstream of a model."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.hierarchy.objects.model import Model
from gateway.loading.field_context import FieldContext
from gateway.queries.projects import project_of_environment


async def upstream_models(context: FieldContext, model: Model) -> list[Model]:
    """The models this one is built from directly, ordered by unique id."""
    lineage = await context.loaders.lineage(model.environment_id)
    return await _applied(context, model, lineage.models_upstream(model.unique_id))


async def downstream_models(context: FieldContext, model: Model) -> list[Model]:
    """The models that are built from this one directly, ordered by unique id."""
    lineage = await context.loaders.lineage(model.environment_id)
    return await _applied(context, model, lineage.models_downstream(model.unique_id))


async def _applied(context: FieldContext, model: Model, unique_ids: Iterable[str]) -> list[Model]:
    project = await project_of_environment(context, model.environment_id)
    if project is None:
        return []
    by_unique_id = (await context.loaders.models(project)).by_unique_id
    return [by_unique_id[unique_id] for unique_id in unique_ids if unique_id in by_unique_id]
