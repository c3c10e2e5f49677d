"""ExposureService: what the exposures of environments are, and who owns them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gateway.caching.codec import Codec
from gateway.caching.facts import Kind
from gateway.caching.tiers import Tiers
from gateway.errors import GatewayError
from gateway.hierarchy.objects.model import Owner
from gateway.hierarchy.resources.resource import ExposureDetails
from gateway.services.discovery.base_query import BaseQuery, BatchOperation
from gateway.services.discovery.page_reading import PagedList, read_lists
from gateway.services.environments.environment_service import EnvironmentService
from gateway.services.environments.revisioned import Revisioned
from gateway.services.rows.discovery_resources import AppliedExposure, EnvironmentResources, ResourcePage

Exposures = Mapping[str, ExposureDetails]

_OPERATION = BatchOperation(
    "EnvironmentExposures",
    """fragment Exposures on ExposureAppliedStateNodeConnection {
  totalCount
  pageInfo { hasNextPage endCursor }
  edges { node { uniqueId exposureType url ownerName ownerEmail } }
}""",
    EnvironmentResources[AppliedExposure],
)


def _page(answer: EnvironmentResources[AppliedExposure]) -> ResourcePage[AppliedExposure] | None:
    return answer.applied.nodes if answer.applied else None


_EXPOSURES = PagedList("exposures", "applied { nodes: exposures({arguments}) { ...Exposures } }", _page)


class ExposureService:
    """Exposures by unique id, valid while their environment's revision stands (see EnvironmentService)."""

    def __init__(self, query: BaseQuery, environments: EnvironmentService, tiers: Tiers) -> None:
        self._query = query
        kind: Kind[int, Exposures] = Kind(
            "exposures", lambda exposures: 200 + 600 * len(exposures), codec=Codec(dict[str, ExposureDetails])
        )
        self._facts = Revisioned(environments, self._read, tiers, kind)

    async def exposures(self, environment_ids: Sequence[int]) -> dict[int, Exposures | GatewayError]:
        """The exposures of each environment, every page read; an environment without state has none."""
        return await self._facts.get(environment_ids)

    async def _read(self, environment_ids: list[int]) -> Mapping[int, Exposures | GatewayError]:
        read = await read_lists(self._query, _OPERATION, _EXPOSURES, environment_ids)
        return {
            environment_id: nodes
            if isinstance(nodes, GatewayError)
            else {node.unique_id: _details(node) for node in nodes}
            for environment_id, nodes in read.items()
        }


def _details(node: AppliedExposure) -> ExposureDetails:
    is_owned = node.owner_name or node.owner_email
    owner = Owner(node.owner_name or None, node.owner_email or None) if is_owned else None
    return ExposureDetails(node.exposure_type or None, node.url or None, owner)
