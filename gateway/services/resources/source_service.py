"""SourceService: every source of environments and how fresh it was when it was last checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gateway.caching.codec import Codec
from gateway.caching.facts import Kind
from gateway.caching.tiers import Tiers
from gateway.errors import GatewayError
from gateway.hierarchy.objects.source import SourceFreshness
from gateway.hierarchy.vocabulary.status import RunStatus, status_of_word
from gateway.services.discovery.base_query import BaseQuery, BatchOperation
from gateway.services.discovery.page_reading import PagedList, read_lists
from gateway.services.environments.environment_service import EnvironmentService
from gateway.services.environments.revisioned import Revisioned
from gateway.services.rows.discovery_types import AppliedSource, AppliedSources, CriteriaInfo, EnvironmentSources
from gateway.services.rows.mapping import time_or_none

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


def _page(answer: EnvironmentSources) -> AppliedSources | None:
    return answer.applied.sources if answer.applied else None


_SOURCES = PagedList("sources", "applied { sources({arguments}) { ...Sources } }", _page)

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
        read = await read_lists(self._query, _OPERATION, _SOURCES, environment_ids)
        return {
            environment_id: nodes if isinstance(nodes, GatewayError) else _by_unique_id(nodes)
            for environment_id, nodes in read.items()
        }


def _by_unique_id(nodes: Sequence[AppliedSource]) -> Sources:
    return {node.unique_id: _source(node) for node in nodes}


def _source(node: AppliedSource) -> SourceFreshness:
    info = node.freshness
    word = info.freshness_status
    freshness_criteria = info.criteria
    return SourceFreshness(
        unique_id=node.unique_id,
        source_name=node.source_name,
        name=node.name or node.unique_id.rsplit(".", 1)[-1],
        status=status_of_word(word) if word and info.freshness_checked is not False else RunStatus.UNKNOWN,
        status_text=word,
        max_loaded_at=time_or_none(info.max_loaded_at),
        age_seconds=info.max_loaded_at_time_ago_in_s,
        checked_at=time_or_none(info.snapshotted_at),
        warn_after_seconds=_seconds(freshness_criteria.warn_after) if freshness_criteria else None,
        error_after_seconds=_seconds(freshness_criteria.error_after) if freshness_criteria else None,
    )


def _seconds(threshold: CriteriaInfo | None) -> int | None:
    if threshold is None or threshold.count is None or threshold.period is None:
        return None
    return threshold.count * _SECONDS[threshold.period] if threshold.period in _SECONDS else None
