"""Questions about how fresh the sources behind a model are."""

from __future__ import annotations

from gateway.at_hand import both
from gateway.hierarchy.model import Model
from gateway.hierarchy.source import Freshness, freshness_of
from gateway.loading.asking import Asking


async def model_freshness(asking: Asking, model: Model) -> Freshness:
    """The worst freshness among the sources a model stands on, directly or through other nodes (see freshness_of)."""
    lineage, sources = await both(
        asking.loaders.lineage(model.environment_id), asking.loaders.sources(model.environment_id)
    )
    upstream = lineage.sources_upstream(model.unique_id)
    return freshness_of(sources[unique_id] for unique_id in upstream if unique_id in sources)
