"""AttemptService: how the last attempts of seeds and snapshots ended."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from gateway.caching.codec import Codec
from gateway.caching.facts import Kind
from gateway.caching.tiers import Tiers
from gateway.errors import GatewayError
from gateway.hierarchy.vocabulary.resource_type import ResourceType
from gateway.hierarchy.vocabulary.status import RunStatus, status_of_word
from gateway.services.discovery.base_query import BaseQuery, BatchOperation
from gateway.services.discovery.page_reading import PagedList, read_lists
from gateway.services.environments.environment_service import EnvironmentService
from gateway.services.environments.revisioned import Revisioned
from gateway.services.rows.discovery_resources import AttemptedNode, AttemptInfo, EnvironmentResources, ResourcePage

Attempts = Mapping[str, RunStatus]
Read = Mapping[int, Attempts | GatewayError]

# dbt's names of the lists and of their types.
_LISTS: Mapping[ResourceType, tuple[str, str]] = {
    ResourceType.SEED: ("seeds", "Seed"),
    ResourceType.SNAPSHOT: ("snapshots", "Snapshot"),
}

ATTEMPTED_TYPES = frozenset(_LISTS)


def _page(answer: EnvironmentResources[AttemptedNode]) -> ResourcePage[AttemptedNode] | None:
    return answer.applied.nodes if answer.applied else None


class AttemptService:
    """Statuses of last attempts by unique id, one fact for each type of an environment, valid while its revision stands
    (see EnvironmentService)."""

    def __init__(self, query: BaseQuery, environments: EnvironmentService, tiers: Tiers) -> None:
        self._facts = {
            resource_type: _facts(resource_type, query, environments, tiers) for resource_type in ATTEMPTED_TYPES
        }

    async def attempts(
        self, environment_ids: Sequence[int], resource_type: ResourceType
    ) -> dict[int, Attempts | GatewayError]:
        """The seeds or the snapshots of each environment that were ever attempted, every page read."""
        return await self._facts[resource_type].get(environment_ids)


def _facts(
    resource_type: ResourceType, query: BaseQuery, environments: EnvironmentService, tiers: Tiers
) -> Revisioned[Attempts]:
    name = _LISTS[resource_type][0]
    kind: Kind[int, Attempts] = Kind(
        f"last attempts of {name}", lambda attempts: 200 + 150 * len(attempts), codec=Codec(dict[str, RunStatus])
    )
    return Revisioned(environments, _reading(query, resource_type), tiers, kind)


def _reading(query: BaseQuery, resource_type: ResourceType) -> Callable[[list[int]], Awaitable[Read]]:
    name, type_name = _LISTS[resource_type]
    operation = BatchOperation(
        f"Environment{type_name}s",
        f"fragment Attempts on {type_name}AppliedStateNodeConnection {{\n"
        "  totalCount\n  pageInfo { hasNextPage endCursor }\n"
        "  edges { node { uniqueId executionInfo { lastRunId lastRunStatus } } }\n}",
        EnvironmentResources[AttemptedNode],
    )
    paged = PagedList(name, f"applied {{ nodes: {name}({{arguments}}) {{ ...Attempts }} }}", _page)

    async def read(environment_ids: list[int]) -> Read:
        pages = await read_lists(query, operation, paged, environment_ids)
        return {
            environment_id: nodes if isinstance(nodes, GatewayError) else _by_unique_id(nodes)
            for environment_id, nodes in pages.items()
        }

    return read


def _by_unique_id(nodes: Sequence[AttemptedNode]) -> Attempts:
    statuses = {node.unique_id: _status(node.execution_info) for node in nodes}
    return {unique_id: status for unique_id, status in statuses.items() if status is not None}


def _status(info: AttemptInfo | None) -> RunStatus | None:
    """None where there was no attempt. dbt has no word for some outcomes (see last_words)."""
    if info is None or (info.last_run_status is None and info.last_run_id is None):
        return None
    return status_of_word(info.last_run_status) if info.last_run_status else RunStatus.UNKNOWN
