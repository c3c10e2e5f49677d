"""Questions about how fresh the sources behind a model are."""

from __future__ import annotations

from gateway.concurrency.gathering import gather_pair
from gateway.hierarchy.objects.model import Model
from gateway.hierarchy.objects.source import Freshness, Source, freshness_of
from gateway.loading.field_context import FieldContext
from gateway.queries.projects import project_of_environment


async def model_freshness(context: FieldContext, model: Model) -> Freshness:
    """The worst freshness among the sources a model stands on, directly or through other nodes (see freshness_of)."""
    project = await project_of_environment(context, model.environment_id)
    lineage, sources = await gather_pair(
        context.loaders.lineage(model.environment_id), context.loaders.sources(model.environment_id)
    )
    upstream = lineage.sources_upstream(model.unique_id) if project else ()
    return freshness_of(
        Source(project, sources[unique_id]) for unique_id in upstream if project and unique_id in sources
    )
