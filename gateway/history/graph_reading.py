"""Who depended on whom in runs, read from the archive."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection

from gateway.archive.artifacts.artifact_files import Node
from gateway.archive.artifacts.node_content import config_of, tags_of
from gateway.archive.reading.run_graphs import commands_of_runs, contents_of_nodes, nodes_of_manifests
from gateway.archive.tables.rows import AnyRow
from gateway.hierarchy.runs.run_graph import GraphNode, RunGraph
from gateway.services.rows.mapping import Share
from gateway.services.runs.run_graphs import GraphKey

_content = msgspec.json.Decoder(Node)

Manifests = dict[int, dict[str, GraphNode]]
"""Nodes by manifest and unique id."""


def read_graphs(connection: Connection, keys: Sequence[GraphKey]) -> dict[GraphKey, RunGraph]:
    """The graph of each run. Of a node in several manifests of a run the last is reported."""
    commands: dict[int, list[AnyRow]] = {}
    for row in commands_of_runs(connection, (key.run_id for key in keys)):
        commands.setdefault(row.run_id, []).append(row)
    whole = {row.manifest_id for key in keys if key.whole for row in commands.get(key.run_id, ())} - {None}
    plain = {row.manifest_id for of_run in commands.values() for row in of_run} - {None} - whole
    manifests = read_manifests(connection, plain, whole=False) | read_manifests(connection, whole, whole=True)
    return {
        key: _graph([row for row in commands.get(key.run_id, ()) if row.job_id == key.job_id], manifests)
        for key in keys
    }


def _graph(commands: Sequence[AnyRow], manifests: Manifests) -> RunGraph:
    nodes_by_id: dict[str, GraphNode] = {}
    for row in commands:
        nodes_by_id |= manifests.get(row.manifest_id, {})
    return RunGraph(
        ingested=bool(commands),
        nodes=tuple(nodes_by_id[unique_id] for unique_id in sorted(nodes_by_id)),
        threads={row.uuid: row.threads for row in commands if row.threads},
        earlier_results=sum(row.replaced for row in commands),
    )


def read_manifests(connection: Connection, manifest_ids: set[int], *, whole: bool) -> Manifests:
    """The nodes of manifests that commands can execute. `whole`: with tags, groups and files, by one statement more."""
    if not manifest_ids:
        return {}
    share = Share()
    first: dict[tuple[int, int], AnyRow] = {}
    parents: dict[int, set[str]] = {}
    for row in nodes_of_manifests(connection, manifest_ids):
        first[row.manifest_id, row.id] = row
        parents.setdefault(row.id, set()).update([share[row.parent]] if row.parent else ())
    contents = {}
    if whole:
        keys = sorted(parents)
        contents = {row.id: _content.decode(row.content) for row in contents_of_nodes(connection, keys)}
    manifests: Manifests = {}
    for (manifest_id, key), row in first.items():
        node = _node(row, parents[key], contents.get(key), share)
        manifests.setdefault(manifest_id, {})[node.unique_id] = node
    return manifests


def _node(row: AnyRow, parents: set[str], content: Node | None, share: Share) -> GraphNode:
    return GraphNode(
        unique_id=share[row.unique_id],
        parents=tuple(sorted(parent for parent in parents if not parent.startswith("macro."))),
        code=row.code_checksum.hex() if row.code_checksum else None,
        tags=tuple(share[tag] for tag in tags_of(content)) if content else (),
        materialization=share[row.materialization],
        group=share[(content.group or config_of(content).group) if content else None],
        path=share[content.original_file_path if content else None],
    )
