"""GroupService: the groups of an environment and who owns them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gateway.caching.codec import Codec
from gateway.caching.facts import Kind
from gateway.caching.tiers import Tiers
from gateway.errors import GatewayError
from gateway.hierarchy.model import Owner
from gateway.services.base_query import BaseQuery, BatchOperation
from gateway.services.discovery_types import EnvironmentGroups, Group
from gateway.services.environment_service import EnvironmentService
from gateway.services.models.model_pages import PAGE_SIZE
from gateway.services.page_reading import PageReading
from gateway.services.revisioned import Revisioned

_OPERATION = BatchOperation(
    "EnvironmentGroups",
    """fragment Groups on GroupNodeConnection {
  pageInfo { hasNextPage endCursor }
  edges { node { name ownerName ownerEmail } }
}""",
    EnvironmentGroups,
)

_PAGE = f"definition {{ groups(first: {PAGE_SIZE}, after: {{after}}) {{ ...Groups }} }}"

_PER_DOCUMENT = 20

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
        readings = [PageReading[Group](one, "groups") for one in environment_ids]
        while unfinished := [one for one in readings if one.unfinished]:
            lookups = [reading.lookup(n, _PAGE) for n, reading in enumerate(unfinished)]
            answers = await self._query.look_up(_OPERATION, lookups, _PER_DOCUMENT)
            for n, reading in enumerate(unfinished):
                answer = answers.get(f"e{n}")
                if isinstance(answer, GatewayError):
                    reading.failure = answer
                else:
                    reading.take(answer.definition.groups if answer and answer.definition else None)
        return {one.environment_id: one.failure or _owners(one.nodes) for one in readings}


def _owners(groups: Sequence[Group]) -> Owners:
    return {group.name: Owner(group.owner_name, group.owner_email) for group in groups if group.name}
