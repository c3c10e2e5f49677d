"""LineageService: who stands on whom in an environment, for one small answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gateway.caching.codec import Codec
from gateway.caching.facts import Kind
from gateway.caching.tiers import Tiers
from gateway.errors import GatewayError
from gateway.hierarchy.resources.lineage import Lineage
from gateway.services.discovery.base_query import BaseQuery, BatchOperation, environment_lookups
from gateway.services.environments.environment_service import EnvironmentService
from gateway.services.environments.revisioned import Revisioned
from gateway.services.rows.discovery_types import EnvironmentLineage
from gateway.services.rows.mapping import Share

# Models stand on sources directly or through snapshots and seeds; other types have no models behind them.
_OPERATION = BatchOperation(
    "EnvironmentLineage",
    """fragment Lineage on AppliedState {
  lineage(filter: { types: [Model, Snapshot, Seed] }) { uniqueId parentIds }
}""",
    EnvironmentLineage,
)

# What follows from the parents does not lie in the cache.
_CODEC = Codec(dict[str, tuple[str, ...]], lambda lineage: lineage.parents, Lineage)

# A lineage comes whole, without pages: few environments a document.
_PER_DOCUMENT = 5


class LineageService:
    """Lineages of environments, valid while their revision stands (see EnvironmentService)."""

    def __init__(self, query: BaseQuery, environments: EnvironmentService, tiers: Tiers) -> None:
        self._query = query
        self._facts = Revisioned(
            environments,
            self._read,
            tiers,
            Kind("lineage", weigh_lineage, codec=_CODEC),
        )

    async def lineages(self, environment_ids: Sequence[int]) -> dict[int, Lineage | GatewayError]:
        """The lineage of each environment; an environment without state has an empty one."""
        return await self._facts.get(environment_ids)

    async def _read(self, environment_ids: list[int]) -> Mapping[int, Lineage | GatewayError]:
        lookups = environment_lookups(environment_ids, "applied { ...Lineage }")
        answers = await self._query.look_up(_OPERATION, list(lookups.values()), _PER_DOCUMENT)
        answers_by_environment = {
            environment_id: answers.get(lookup.alias) for environment_id, lookup in lookups.items()
        }
        return {
            environment_id: answer if isinstance(answer, GatewayError) else to_lineage(answer)
            for environment_id, answer in answers_by_environment.items()
        }


def weigh_lineage(lineage: Lineage) -> int:
    """About how many bytes it takes in memory: a node with its name, and an edge up and down."""
    return 500 + 230 * len(lineage.parents) + 25 * sum(map(len, lineage.parents.values()))


def to_lineage(answer: EnvironmentLineage | None) -> Lineage:
    nodes = answer.applied.lineage if answer and answer.applied else []
    share = Share()
    return Lineage({share[node.unique_id]: tuple(share[parent_id] for parent_id in node.parent_ids) for node in nodes})
