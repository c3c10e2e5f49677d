"""GroupService: the groups of an environment and who owns them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gateway.caching.codec import Codec
from gateway.caching.facts import Kind
from gateway.caching.tiers import Tiers
from gateway.errors import GatewayError
from gateway.hierarchy.objects.model import Owner
from gateway.services.discovery.base_query import BaseQuery, BatchOperation
from gateway.services.discovery.page_reading import PagedList, read_lists
from gateway.services.environments.environment_service import EnvironmentService
from gateway.services.environments.revisioned import Revisioned
from gateway.services.rows.discovery_types import EnvironmentGroups, Group, Groups

_OPERATION = BatchOperation(
    "EnvironmentGroups",
    """fragment Groups on GroupNodeConnection {
  pageInfo { hasNextPage endCursor }
  edges { node { name ownerName ownerEmail } }
}""",
    EnvironmentGroups,
)


def _page(answer: EnvironmentGroups) -> Groups | None:
    return answer.definition.groups if answer.definition else None


_GROUPS = PagedList("groups", "definition { groups({arguments}) { ...Groups } }", _page)

Owners = Mapping[str, Owner]


class GroupService:
    """Owners of groups by group name, valid while their environment's revision stands (see EnvironmentService)."""

    def __init__(self, query: BaseQuery, environments: EnvironmentService, tiers: Tiers) -> None:
        self._query = query
        self._facts = Revisioned(
            environments,
            self._read,
            tiers,
            Kind("owners", lambda owners: 200 + 300 * len(owners), codec=Codec(dict[str, Owner])),
        )

    async def owners(self, environment_ids: Sequence[int]) -> dict[int, Owners | GatewayError]:
        """The owners of each environment's groups, every page read; an environment without state has none."""
        return await self._facts.get(environment_ids)

    async def _read(self, environment_ids: list[int]) -> Mapping[int, Owners | GatewayError]:
        read = await read_lists(self._query, _OPERATION, _GROUPS, environment_ids)
        return {
            environment_id: nodes if isinstance(nodes, GatewayError) else _owners(nodes)
            for environment_id, nodes in read.items()
        }


def _owners(groups: Sequence[Group]) -> Owners:
    return {group.name: Owner(group.owner_name, group.owner_email) for group in groups if group.name}
