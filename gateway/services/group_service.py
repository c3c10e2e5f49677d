"""GroupService: the groups of an environment and who owns them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gateway.caching.facts import Kind
from gateway.caching.packing import Packing
from gateway.caching.tiers import Tiers
from gateway.errors import GatewayError
from gateway.hierarchy.model import Owner
from gateway.services.base_query import BaseQuery, Operation, environment_lookups
from gateway.services.discovery_types import EnvironmentGroups
from gateway.services.environment_service import EnvironmentService
from gateway.services.revisioned import Revisioned

# One page of groups is all there can reasonably be; dbt gives no more on a page.
_OPERATION = Operation(
    "EnvironmentGroups",
    """fragment Groups on DefinitionState {
  groups(first: 500) { edges { node { name ownerName ownerEmail } } }
}""",
    EnvironmentGroups,
)

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
            Kind("owners", lambda owners: 200 + 300 * len(owners), packing=Packing(dict[str, Owner])),
        )

    async def owners(self, environment_ids: Sequence[int]) -> dict[int, Owners | GatewayError]:
        """The owners of each environment's groups."""
        return await self._facts.get(environment_ids)

    async def _read(self, environment_ids: list[int]) -> Mapping[int, Owners | GatewayError]:
        lookups = environment_lookups(environment_ids, "definition { ...Groups }")
        answers = await self._query.look_up(_OPERATION, list(lookups.values()), _PER_DOCUMENT)
        found = {one: answers.get(lookup.alias) for one, lookup in lookups.items()}
        return {one: answer if isinstance(answer, GatewayError) else _owners(answer) for one, answer in found.items()}


def _owners(answer: EnvironmentGroups | None) -> Owners:
    groups = answer.definition.groups.edges if answer and answer.definition else []
    return {edge.node.name: Owner(edge.node.owner_name, edge.node.owner_email) for edge in groups if edge.node.name}
