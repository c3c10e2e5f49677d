"""Reads the newest attempts of the resources that failed at some time, and what code each of them had."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, select, type_coerce
from sqlalchemy.types import NullType

from gateway.archive.changes.series_rows import newest_results
from gateway.archive.reading.applied_state import newest_manifests
from gateway.archive.reading.manifest_differences import macros_and_config, packages_of_the_engine, reached
from gateway.archive.reading.run_graphs import nodes_of_manifests
from gateway.archive.rollups.outcomes import Ending, ending_of, has_failed
from gateway.archive.rollups.result_events import OutcomeReader
from gateway.archive.tables.many_keys import among, chunks
from gateway.archive.tables.run_tables import (
    freshness,
    invocations,
    manifest_nodes,
    node_parents,
    nodes,
    recent_results,
    resources,
)

_CI = 0b1000000
_FAILURES = bytes(outcome for outcome in range(256) if has_failed(outcome) and not outcome & _CI)
_OTHERS = bytes(sorted(set(range(256)) - set(_FAILURES)))
_EXECUTED = (Ending.SUCCEEDED, Ending.FAILED, Ending.FAILED_UNTIMED)


class AttemptRow(NamedTuple):
    """One attempt: when it ended (microseconds), and the hash of its code and its parents'; None where no manifest
    reports it."""

    ended_at: int
    run_id: int
    job_id: int
    failed: bool
    code: str | None


class NodeRows(NamedTuple):
    """A resource's newest 100 attempts, oldest first; `data_moved_at`: when sources upstream of a data test moved."""

    environment_id: int
    unique_id: str
    attempts: Sequence[AttemptRow]
    data_moved_at: Sequence[int]


def failed_nodes(connection: Connection, environment_ids: Sequence[int]) -> Iterator[NodeRows]:
    """Every resource that its environment holds and that failed among its newest results, CI apart. A statement for
    each of them on SQLite, and six for an environment."""
    for environment_id in environment_ids:
        names = _failed(connection, environment_id)
        graph = _Graph(connection, environment_id) if names else None
        if graph is None:
            continue
        held = {key: name for key, name in names.items() if name in graph.parents}
        moved = graph.data_moved(connection, [name for name in held.values() if name.startswith("test.")])
        for key, attempts in _attempts(connection, sorted(held)).items():
            yield NodeRows(environment_id, held[key], attempts, moved.get(held[key], ()))


def _failed(connection: Connection, environment_id: int) -> dict[int, str]:
    """The unique ids of resources with a failure among their packed results, by key."""
    columns = recent_results.c
    query = select(columns.resource_id, type_coerce(columns.outcomes, NullType()), resources.c.unique_id)
    query = query.join(resources, resources.c.id == columns.resource_id).where(columns.environment_id == environment_id)
    return {key: name for key, outcomes, name in connection.execute(query) if outcomes.translate(None, _OTHERS)}


def _attempts(connection: Connection, keys: Sequence[int]) -> dict[int, list[AttemptRow]]:
    rows = list(newest_results(connection, keys, ("execute_completed_at",)))
    reader = OutcomeReader(connection)
    reader.learn({row[3] for row in rows})
    manifests = _manifests(connection, {row[3] for row in rows})
    codes = _codes(connection, {(manifests.get(row[3]), row[6]) for row in rows})
    by_environment: dict[int, list[AttemptRow]] = defaultdict(list)
    for key, at, run_id, invocation_id, status, seconds, node_id, completed_at in rows:
        command, ending = reader.commands[invocation_id], ending_of(status, seconds)
        if command.by_ci or ending not in _EXECUTED:
            continue
        code = codes.get((manifests.get(invocation_id), node_id))
        failed = ending is not Ending.SUCCEEDED
        by_environment[key].append(AttemptRow(completed_at or at, run_id, command.job_id, failed, code))
    for attempts in by_environment.values():
        attempts.reverse()
    return by_environment


def _manifests(connection: Connection, invocation_ids: Iterable[int]) -> dict[int, int | None]:
    manifest_ids: dict[int, int | None] = {}
    for part in chunks(sorted(invocation_ids)):
        query = select(invocations.c.id, invocations.c.manifest_id).where(invocations.c.id.in_(part))
        manifest_ids.update((key, manifest_id) for key, manifest_id in connection.execute(query))
    return manifest_ids


def _codes(
    connection: Connection, places: Iterable[tuple[int | None, int | None]]
) -> dict[tuple[int | None, int | None], str]:
    """The hash of the code of a node, its direct parents and the macros that it uses, directly or through others, as a
    manifest has them; dbt's own macros and its adapter's are the engine's."""
    known = {(manifest_id, node_id) for manifest_id, node_id in places if manifest_id and node_id}
    node_ids = {node_id for _, node_id in known if node_id}
    own: dict[int, bytes | None] = {}
    parents: dict[int, list[str]] = defaultdict(list)
    for part in chunks(sorted(node_ids)):
        query = select(nodes.c.id, nodes.c.code_checksum).where(nodes.c.id.in_(part))
        own.update((key, checksum) for key, checksum in connection.execute(query))
        of_nodes = select(node_parents.c.node_id, node_parents.c.parent).where(node_parents.c.node_id.in_(part))
        for key, parent in connection.execute(of_nodes):
            parents[key].append(parent)
    manifest_ids = {manifest_id for manifest_id, _ in known if manifest_id}
    for key, macros in _macros_of(connection, node_ids, manifest_ids).items():
        parents[key] += macros
    names = {parent for of_node in parents.values() for parent in of_node}
    checksums = _checksums(connection, manifest_ids, names)
    codes: dict[tuple[int | None, int | None], str] = {}
    for manifest_id, node_id in known:
        digest = hashlib.blake2b(own.get(node_id or 0) or b"", digest_size=16)
        for parent in sorted(parents[node_id or 0]):
            digest.update(parent.encode() + b"\0" + (checksums.get((manifest_id or 0, parent)) or b""))
        codes[manifest_id, node_id] = digest.hexdigest()
    return codes


def _macros_of(connection: Connection, node_ids: set[int], manifest_ids: set[int]) -> dict[int, set[str]]:
    """The macros that each of these nodes uses: a statement for contents, and where they use any of their own one for
    adapters and one for each level of macros that call others."""
    used: dict[int, set[str]] = {}
    for part in chunks(sorted(node_ids)):
        contents = connection.execute(select(nodes.c.id, nodes.c.content).where(nodes.c.id.in_(part)))
        used.update((key, set(macros_and_config(content)[0])) for key, content in contents)
    if not any(used.values()):
        return {}
    engine = packages_of_the_engine(connection, manifest_ids)
    called: dict[str, set[str]] = {}
    ahead = {name for names in used.values() for name in names if name.split(".")[1] not in engine}
    while ahead:
        level = _called_by(connection, manifest_ids, ahead)
        called.update((name, level.get(name, set())) for name in ahead)
        names = {name for names in level.values() for name in names if name.split(".")[1] not in engine}
        ahead = names - called.keys()
    return {key: reached(called, [*names]) | (names & called.keys()) for key, names in used.items()}


def _called_by(connection: Connection, manifest_ids: set[int], names: set[str]) -> dict[str, set[str]]:
    """The macros that each of these macros calls in any of these manifests."""
    calls: dict[str, set[str]] = defaultdict(set)
    for part in chunks(sorted(names)):
        query = (
            select(nodes.c.unique_id, node_parents.c.parent)
            .join(manifest_nodes, manifest_nodes.c.node_id == nodes.c.id)
            .join(node_parents, node_parents.c.node_id == nodes.c.id)
            .where(among(connection, manifest_nodes.c.manifest_id, manifest_ids), nodes.c.unique_id.in_(part))
            .distinct()
        )
        for name, parent in connection.execute(query):
            calls[name].add(parent)
    return calls


def _checksums(connection: Connection, manifest_ids: set[int], names: set[str]) -> dict[tuple[int, str], bytes | None]:
    checksums: dict[tuple[int, str], bytes | None] = {}
    for part in chunks(sorted(names)):
        query = (
            select(manifest_nodes.c.manifest_id, nodes.c.unique_id, nodes.c.code_checksum)
            .join(nodes, nodes.c.id == manifest_nodes.c.node_id)
            .where(among(connection, manifest_nodes.c.manifest_id, manifest_ids), nodes.c.unique_id.in_(part))
        )
        checksums.update(((manifest, name), checksum) for manifest, name, checksum in connection.execute(query))
    return checksums


class _Graph:
    """Who depends on whom in the newest manifest of an environment, and when its sources moved."""

    def __init__(self, connection: Connection, environment_id: int) -> None:
        self._environment_id = environment_id
        self.parents: dict[str, set[str]] = defaultdict(set)
        for row in nodes_of_manifests(connection, newest_manifests(connection, [environment_id])):
            self.parents[row.unique_id].update([row.parent] if row.parent else ())

    def data_moved(self, connection: Connection, tests: Sequence[str]) -> Mapping[str, Sequence[int]]:
        """Of each of these tests when a source upstream was seen to have new data (microseconds), oldest first."""
        if not tests:
            return {}
        moved = self._moved(connection)
        moves = {
            name: sorted(at for source in self._sources_of(name) for at in moved.get(source, ())) for name in tests
        }
        return {name: times for name, times in moves.items() if times}

    def _sources_of(self, name: str) -> set[str]:
        seen, left = {name}, [name]
        while left:
            for parent in self.parents.get(left.pop(), ()):
                if parent not in seen:
                    seen.add(parent)
                    left.append(parent)
        return {unique_id for unique_id in seen if unique_id.startswith("source.")}

    def _moved(self, connection: Connection) -> dict[str, list[int]]:
        query = (
            select(resources.c.unique_id, freshness.c.generated_at, freshness.c.max_loaded_at)
            .join(resources, resources.c.id == freshness.c.resource_id)
            .where(resources.c.environment_id == self._environment_id, freshness.c.max_loaded_at.is_not(None))
            .order_by(resources.c.unique_id, freshness.c.generated_at)
        )
        moves: dict[str, list[int]] = defaultdict(list)
        last: tuple[str, int] | None = None
        for name, at, loaded_at in connection.execute(query):
            if last is not None and last[0] == name and last[1] != loaded_at:
                moves[name].append(at)
            last = (name, loaded_at)
        return moves
