"""Reports which code differs between two manifests, and which of it lies upstream of a model or among its macros."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec
from sqlalchemy import Connection, select

from gateway.archive.reading.run_graphs import nodes_of_manifests
from gateway.archive.tables.many_keys import among
from gateway.archive.tables.run_tables import manifest_nodes, manifests, node_parents, nodes
from gateway.concurrency.struct_decoders import json_decoder

_WITH_CODE = ("model", "snapshot", "seed", "function", "macro")
_MACRO = "macro"

Parents = Mapping[str, Collection[str]]


class ManifestDifferences:
    """Compares manifests inside one transaction, each pair once: two statements, one more for what depends on what
    where any code differs, and one for macros."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._changed: dict[tuple[int, int], frozenset[str]] = {}
        self._parents: dict[tuple[int, bool], Parents] = {}

    def upstream(self, before: int, after: int, unique_id: str) -> tuple[str, ...]:
        """What a model stands on, at any distance, whose code the second manifest has otherwise, or newly; ordered."""
        changed = {name for name in self._of(before, after) if not name.startswith("macro.")} - {unique_id}
        if not changed:
            return ()
        return tuple(sorted(reached(self._graph(after, macros=False), [unique_id]) & changed))

    def macros(self, before: int, after: int, used: Sequence[str]) -> tuple[str, ...]:
        """Those of the macros that are used, directly or by another one, whose code differs; ordered."""
        changed = {name for name in self._of(before, after) if name.startswith("macro.")}
        if not changed:
            return ()
        return tuple(sorted({*reached(self._graph(after, macros=True), used), *used} & changed))

    def _of(self, before: int, after: int) -> frozenset[str]:
        """Names with other code, without what dbt and its adapter bring: that is the engine's."""
        if before == after:
            return frozenset()
        if (before, after) not in self._changed:
            old, new = self._only_in(before, after), self._only_in(after, before)
            own = packages_of_the_engine(self._connection, [after])
            names = {name for name, checksum in new.items() if old.get(name) != checksum}
            self._changed[before, after] = frozenset(
                name for name in names if not (name.startswith("macro.") and name.split(".")[1] in own)
            )
        return self._changed[before, after]

    def _only_in(self, manifest_id: int, other_id: int) -> dict[str, bytes | None]:
        members = manifest_nodes.c
        others = select(members.node_id).where(members.manifest_id == other_id, members.kind.in_(_WITH_CODE))
        query = (
            select(nodes.c.unique_id, nodes.c.code_checksum)
            .join(manifest_nodes, members.node_id == nodes.c.id)
            .where(members.manifest_id == manifest_id, members.kind.in_(_WITH_CODE), members.node_id.not_in(others))
        )
        return {row.unique_id: row.code_checksum for row in self._connection.execute(query)}

    def _graph(self, manifest_id: int, *, macros: bool) -> Parents:
        key = (manifest_id, macros)
        if key not in self._parents:
            self._parents[key] = self._parents_of(manifest_id, macros=macros)
        return self._parents[key]

    def _parents_of(self, manifest_id: int, *, macros: bool) -> Parents:
        parents: dict[str, list[str]] = defaultdict(list)
        if not macros:
            for row in nodes_of_manifests(self._connection, [manifest_id]):
                parents[row.unique_id] += [row.parent] if row.parent else []
            return parents
        members = manifest_nodes.c
        query = (
            select(nodes.c.unique_id, node_parents.c.parent)
            .join(manifest_nodes, members.node_id == nodes.c.id)
            .join(node_parents, node_parents.c.node_id == nodes.c.id)
            .where(members.manifest_id == manifest_id, members.kind == _MACRO)
        )
        for name, parent in self._connection.execute(query):
            parents[name].append(parent)
        return parents


def packages_of_the_engine(connection: Connection, manifest_ids: Collection[int]) -> set[str]:
    """The packages of dbt and of the adapters of these manifests: their macros change with versions."""
    query = select(manifests.c.adapter_type).where(among(connection, manifests.c.id, manifest_ids)).distinct()
    return {"dbt", *(f"dbt_{adapter}" for adapter in connection.scalars(query))}


def reached(parents: Parents, begin: Iterable[str]) -> set[str]:
    """What can be reached from these upwards, without them; circles end."""
    seen: set[str] = set()
    left = list(begin)
    while left:
        for parent in parents.get(left.pop(), ()):
            if parent not in seen:
                seen.add(parent)
                left.append(parent)
    return seen


class _DependsOn(msgspec.Struct):
    macros: list[str] | None = None


class _Content(msgspec.Struct):
    depends_on: _DependsOn | None = None
    config: msgspec.Raw = msgspec.Raw(b"")


_IRRELEVANT = frozenset({"meta", "tags", "docs", "group", "access", "description", "materialized", "enabled"})
"""Keys of a configuration that do not change how long a model takes, or are told apart."""


def macros_and_config(content: bytes) -> tuple[list[str], dict[str, str]]:
    """The macros that a node uses, and the keys of its configuration that may matter, with their values as JSON."""
    try:
        node = json_decoder(_Content).decode(content)
        config = msgspec.json.decode(node.config) if bytes(node.config) else None
    except msgspec.MsgspecError:
        return [], {}
    settings = config if isinstance(config, dict) else {}
    kept = {key: value for key, value in sorted(settings.items()) if key not in _IRRELEVANT and value not in _EMPTY}
    macros = node.depends_on.macros if node.depends_on else None
    return macros or [], {key: msgspec.json.encode(value, order="sorted").decode() for key, value in kept.items()}


_EMPTY: tuple[object, ...] = (None, [], {}, "")
