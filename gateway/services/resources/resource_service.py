"""ResourceService: everything that environments define, with its parents; one answer for each group of types."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum

from gateway.caching.codec import Codec
from gateway.caching.facts import Kind
from gateway.caching.tiers import Tiers
from gateway.concurrency.gathering import gather
from gateway.errors import GatewayError
from gateway.hierarchy.resources.resource import Definition, Definitions
from gateway.hierarchy.vocabulary.resource_type import ResourceType, resource_type_of
from gateway.services.discovery.base_query import BaseQuery, BatchOperation, environment_lookups
from gateway.services.environments.environment_service import EnvironmentService
from gateway.services.environments.revisioned import Revisioned
from gateway.services.resources.attempt_service import AttemptService
from gateway.services.resources.column_service import ColumnService
from gateway.services.resources.exposure_service import ExposureService
from gateway.services.rows.discovery_resources import DefinedNode, EnvironmentDefinitions
from gateway.services.rows.mapping import Share


class ResourceGroup(StrEnum):
    """What is read at once; the values are dbt's types. Tests and macros are many, and stand for themselves."""

    BUILT = "Exposure, Metric, Model, SavedQuery, Seed, SemanticModel, Snapshot, Source"
    TESTS = "Test"
    MACROS = "Macro"


_TYPES: Mapping[ResourceGroup, frozenset[ResourceType]] = {
    ResourceGroup.TESTS: frozenset({ResourceType.DATA_TEST, ResourceType.UNIT_TEST}),
    ResourceGroup.MACROS: frozenset({ResourceType.MACRO}),
}

# Resources come whole, without pages: few environments a document.
_PER_DOCUMENT = 5

_CODEC: Codec[dict[str, Definition]] = Codec(dict[str, Definition])


def groups_of(types: Collection[ResourceType]) -> list[ResourceGroup]:
    """The groups that hold these types."""
    apart = frozenset().union(*_TYPES.values())
    asked = frozenset(types)
    return [group for group in ResourceGroup if (asked & _TYPES[group] if group in _TYPES else asked - apart)]


class ResourceService:
    """Resources of environments, valid while their revision stands (see EnvironmentService); and what is known of some
    types beside that."""

    def __init__(self, query: BaseQuery, environments: EnvironmentService, tiers: Tiers) -> None:
        self.exposures = ExposureService(query, environments, tiers)
        self.attempts = AttemptService(query, environments, tiers)
        self.columns = ColumnService(query)
        self._facts = {group: _facts(group, query, environments, tiers) for group in ResourceGroup}

    async def definitions(
        self, environment_ids: Sequence[int], groups: Sequence[ResourceGroup]
    ) -> dict[int, Definitions | GatewayError]:
        """The resources of these groups of each environment, by unique id; an environment without state has none."""
        read = await gather(self._facts[group].get(environment_ids) for group in groups)
        return {
            environment_id: _joined([definitions[environment_id] for definitions in read])
            for environment_id in environment_ids
        }


def _facts(
    group: ResourceGroup, query: BaseQuery, environments: EnvironmentService, tiers: Tiers
) -> Revisioned[dict[str, Definition]]:
    operation = BatchOperation(
        "EnvironmentResources",
        "fragment Resources on AppliedState "
        f"{{ lineage(filter: {{ types: [{group.value}] }}) {{ uniqueId name tags parentIds }} }}",
        EnvironmentDefinitions,
    )

    async def read(environment_ids: list[int]) -> Mapping[int, dict[str, Definition] | GatewayError]:
        lookups = environment_lookups(environment_ids, "applied { ...Resources }")
        answers = await query.look_up(operation, list(lookups.values()), _PER_DOCUMENT)
        answers_by_environment = {
            environment_id: answers.get(lookup.alias) for environment_id, lookup in lookups.items()
        }
        return {
            environment_id: answer if isinstance(answer, GatewayError) else _by_unique_id(answer)
            for environment_id, answer in answers_by_environment.items()
        }

    return Revisioned(environments, read, tiers, Kind(f"resources {group.name.lower()}", _weigh, codec=_CODEC))


def _weigh(definitions: Definitions) -> int:
    return 200 + 420 * len(definitions) + 25 * sum(len(definition.parents) for definition in definitions.values())


def _by_unique_id(answer: EnvironmentDefinitions | None) -> dict[str, Definition]:
    nodes = answer.applied.lineage if answer and answer.applied else []
    share = Share()
    return {node.unique_id: _definition(node, share) for node in sorted(nodes, key=lambda node: node.unique_id)}


def _definition(node: DefinedNode, share: Share) -> Definition:
    return Definition(
        unique_id=share[node.unique_id],
        name=share[node.name or node.unique_id.split(".", 2)[-1]],
        resource_type=resource_type_of(node.unique_id),
        tags=share[tuple(node.tags or ())],
        parents=tuple(share[parent_id] for parent_id in node.parent_ids),
    )


def _joined(parts: Sequence[Definitions | GatewayError]) -> Definitions | GatewayError:
    joined: dict[str, Definition] = {}
    for part in parts:
        if isinstance(part, GatewayError):
            return part
        joined |= part
    return joined if len(parts) == 1 else dict(sorted(joined.items()))
