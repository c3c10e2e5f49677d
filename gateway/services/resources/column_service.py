"""ColumnService: the columns of chosen models, sources, seeds and snapshots, from the newest catalog."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from gateway.concurrency.gathering import gather
from gateway.errors import GatewayError
from gateway.hierarchy.objects.column import Column
from gateway.hierarchy.vocabulary.resource_type import ResourceType, resource_type_of
from gateway.services.discovery.base_query import BaseQuery, BatchOperation, RootLookup
from gateway.services.rows.discovery_resources import CatalogColumn, CatalogedNode, CatalogTable, EnvironmentResources
from gateway.services.runs.model_histories import HistoryKey

Columns = tuple[Column, ...]

# Tables have hundreds of columns: few of them a lookup, few lookups a document.
_TABLES_PER_LOOKUP = 50
_LOOKUPS_PER_DOCUMENT = 4

# The lists of an environment that know the catalog, dbt's name of each one's type, and of its filter.
_LISTS: Mapping[ResourceType, tuple[str, str]] = {
    ResourceType.MODEL: ("models", "Model"),
    ResourceType.SOURCE: ("sources", "Source"),
    ResourceType.SEED: ("seeds", "Seed"),
    ResourceType.SNAPSHOT: ("snapshots", "Snapshot"),
}


class ColumnService:
    """Columns by environment and unique id. Read anew each time: they are many and seldom asked for."""

    def __init__(self, query: BaseQuery) -> None:
        self._query = query

    async def columns(self, keys: Sequence[HistoryKey]) -> dict[HistoryKey, Columns | GatewayError]:
        """The columns of each table in its order; none where no catalog lists it, or it is of another type."""
        by_type: dict[ResourceType, list[HistoryKey]] = {}
        for key in keys:
            by_type.setdefault(resource_type_of(key.unique_id), []).append(key)
        read = await gather(
            self._read(resource_type, some) for resource_type, some in by_type.items() if resource_type in _LISTS
        )
        columns: dict[HistoryKey, Columns | GatewayError] = dict.fromkeys(keys, ())
        for part in read:
            columns |= part
        return columns

    async def _read(
        self, resource_type: ResourceType, keys: Sequence[HistoryKey]
    ) -> dict[HistoryKey, Columns | GatewayError]:
        name, type_name = _LISTS[resource_type]
        operation = BatchOperation(
            f"{type_name}Columns",
            f"fragment Columns on {type_name}AppliedStateNodeConnection "
            "{ edges { node { uniqueId catalog { columns { name index type description } } } } }",
            EnvironmentResources[CatalogedNode],
        )
        groups = _groups(keys)
        lookups = [_lookup(n, name, group) for n, group in enumerate(groups)]
        answers = await self._query.look_up(operation, lookups, _LOOKUPS_PER_DOCUMENT)
        columns: dict[HistoryKey, Columns | GatewayError] = {}
        for n, group in enumerate(groups):
            answer = answers.get(f"e{n}")
            if isinstance(answer, GatewayError):
                columns |= dict.fromkeys(group, answer)
            else:
                catalogs = _catalogs(answer)
                columns |= {key: _columns(catalogs.get(key.unique_id)) for key in group}
        return columns


def _groups(keys: Sequence[HistoryKey]) -> list[list[HistoryKey]]:
    by_environment: dict[int, list[HistoryKey]] = {}
    for key in dict.fromkeys(keys):
        by_environment.setdefault(key.environment_id, []).append(key)
    return [
        group[start : start + _TABLES_PER_LOOKUP]
        for group in by_environment.values()
        for start in range(0, len(group), _TABLES_PER_LOOKUP)
    ]


def _lookup(n: int, name: str, group: Sequence[HistoryKey]) -> RootLookup:
    arguments = f"first: {_TABLES_PER_LOOKUP}, filter: {{ uniqueIds: $u{n} }}"
    place = group[0].environment_id
    return RootLookup(
        f"e{n}",
        f"environment(id: $e{n}) {{ applied {{ nodes: {name}({arguments}) {{ ...Columns }} }} }}",
        {f"e{n}": ("BigInt!", place), f"u{n}": ("[String!]", [key.unique_id for key in group])},
        place,
    )


def _catalogs(answer: EnvironmentResources[CatalogedNode] | None) -> dict[str, CatalogTable | None]:
    page = answer.applied.nodes if answer and answer.applied else None
    return {edge.node.unique_id: edge.node.catalog for edge in page.edges} if page else {}


def _columns(catalog: CatalogTable | None) -> Columns:
    listed = [column for column in (catalog.columns if catalog else None) or () if column.name]
    return tuple(
        Column(column.name or "", column.type, column.description or None) for column in sorted(listed, key=_place)
    )


def _place(column: CatalogColumn) -> float:
    return math.inf if column.index is None else column.index
