"""SourceService: every source of environments and how fresh it was when it was last checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gateway.caching.codec import Codec
from gateway.caching.facts import Kind
from gateway.caching.tiers import Tiers
from gateway.errors import GatewayError
from gateway.hierarchy.source import SourceFreshness
from gateway.hierarchy.status import RunStatus, status_of_word
from gateway.services.base_query import BaseQuery, BatchOperation
from gateway.services.discovery_types import AppliedSource, CriteriaInfo, EnvironmentSources
from gateway.services.environment_service import EnvironmentService
from gateway.services.mapping import time_or_none
from gateway.services.models.model_pages import PAGE_SIZE
from gateway.services.page_reading import PageReading
from gateway.services.revisioned import Revisioned

_PER_DOCUMENT = 20

_OPERATION = BatchOperation(
    "EnvironmentSources",
    """fragment Sources on SourceAppliedStateNodeConnection {
  pageInfo { hasNextPage endCursor }
  edges { node {
    uniqueId sourceName name
    freshness {
      freshnessStatus freshnessChecked maxLoadedAt maxLoadedAtTimeAgoInS snapshottedAt
      criteria { warnAfter { count period } errorAfter { count period } }
    }
  } }
}""",
    EnvironmentSources,
)

_PAGE = f"applied {{ sources(first: {PAGE_SIZE}, after: {{after}}) {{ ...Sources }} }}"

_SECONDS = {"minute": 60, "hour": 3_600, "day": 86_400}

Sources = Mapping[str, SourceFreshness]


class SourceService:
    """Sources by unique id, valid while their environment's revision stands (see EnvironmentService)."""

    def __init__(self, query: BaseQuery, environments: EnvironmentService, tiers: Tiers) -> None:
        self._query = query
        self._facts = Revisioned(
            environments,
            self._read,
            tiers,
            Kind("sources", lambda sources: 200 + 600 * len(sources), codec=Codec(dict[str, SourceFreshness])),
        )

    async def sources(self, environment_ids: Sequence[int]) -> dict[int, Sources | GatewayError]:
        """Every source of each environment, every page read; an environment without state has none."""
        return await self._facts.get(environment_ids)

    async def _read(self, environment_ids: list[int]) -> Mapping[int, Sources | GatewayError]:
        readings = [PageReading[AppliedSource](one, "sources") for one in environment_ids]
        while unfinished := [one for one in readings if one.unfinished]:
            lookups = [reading.lookup(n, _PAGE) for n, reading in enumerate(unfinished)]
            answers = await self._query.look_up(_OPERATION, lookups, _PER_DOCUMENT)
            for n, reading in enumerate(unfinished):
                answer = answers.get(f"e{n}")
                if isinstance(answer, GatewayError):
                    reading.failure = answer
                else:
                    reading.take(answer.applied.sources if answer and answer.applied else None)
        return {one.environment_id: one.failure or _by_unique_id(one.nodes) for one in readings}


def _by_unique_id(nodes: Sequence[AppliedSource]) -> Sources:
    return {node.unique_id: _source(node) for node in nodes}


def _source(node: AppliedSource) -> SourceFreshness:
    info = node.freshness
    word = info.freshness_status
    criteria = info.criteria
    return SourceFreshness(
        unique_id=node.unique_id,
        source_name=node.source_name,
        name=node.name or node.unique_id.rsplit(".", 1)[-1],
        status=status_of_word(word) if word and info.freshness_checked is not False else RunStatus.UNKNOWN,
        status_text=word,
        max_loaded_at=time_or_none(info.max_loaded_at),
        age_seconds=info.max_loaded_at_time_ago_in_s,
        checked_at=time_or_none(info.snapshotted_at),
        warn_after_seconds=_seconds(criteria.warn_after) if criteria else None,
        error_after_seconds=_seconds(criteria.error_after) if criteria else None,
    )


def _seconds(threshold: CriteriaInfo | None) -> int | None:
    if threshold is None or threshold.count is None or threshold.period is None:
        return None
    return threshold.count * _SECONDS[threshold.period] if threshold.period in _SECONDS else None
