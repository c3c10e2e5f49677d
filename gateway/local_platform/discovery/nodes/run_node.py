"""Nodes as one run saw them: what the API calls ModelNode, SeedNode … and lists under a job.

A node belongs to a batch; whatever needs the archive is read for the whole batch at the first need.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

from gateway.archive.artifacts.artifact_files import Node
from gateway.archive.artifacts.node_names import name_of
from gateway.archive.reading.model_results import node_contents
from gateway.archive.tables.rows import AnyRow
from gateway.local_platform.discovery.nodes.graph import Graph
from gateway.local_platform.discovery.nodes.reading import run_result_rows, text_bodies
from gateway.local_platform.discovery.nodes.session import Session
from gateway.local_platform.discovery.nodes.state_nodes import TELLING

_WORDS = ("thread_id", "message_id")


class RunNode:
    """One node in one run. `result` is its last execution there, None when the run did not execute it."""

    __slots__ = ("batch", "kind", "manifest_id", "node_id", "result", "run", "unique_id")

    def __init__(self, batch: RunBatch, run: AnyRow, unique_id: str, **parts: Any) -> None:
        self.batch = batch
        self.run = run
        self.unique_id = unique_id
        self.kind: str = parts["kind"]
        self.node_id: int | None = parts["node_id"]
        self.manifest_id: int | None = parts["manifest_id"]
        self.result: AnyRow | None = parts["result"]

    @property
    def node(self) -> Node:
        """The manifest's content in this run; only the id and name where no manifest reports more."""
        details = self.batch.content(self.node_id) if self.node_id else None
        return details or Node(unique_id=self.unique_id, name=name_of(self.unique_id))

    @property
    def results(self) -> Sequence[AnyRow]:
        """Every execution of the node in the run, oldest first."""
        return self.batch.all_results.get((self.run.id, self.unique_id), ())

    def text(self, result: AnyRow, column: str) -> str | None:
        """A text of one of its executions, by the column that has its key."""
        key = getattr(result, column)
        return None if key is None else self.batch.text(column, key)

    @property
    def graph(self) -> Graph:
        """The graph of the manifest of this run."""
        return self.batch.session.graph(self.manifest_id) if self.manifest_id else Graph()


class RunBatch:
    """Nodes of runs, loaded together."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.nodes: list[RunNode] = []

    def add(self, run: AnyRow, unique_id: str, **parts: Any) -> RunNode:
        """Puts a node into the batch; `parts` are kind, node_id, manifest_id and result."""
        node = RunNode(self, run, unique_id, **parts)
        self.nodes.append(node)
        return node

    def content(self, node_id: int) -> Node | None:
        """Manifest content by node key; what runs of one operation share is read once."""
        known = self.session.contents
        if node_id not in known:
            missing = {node.node_id for node in self.nodes if node.node_id} - known.keys()
            known.update(node_contents(self.session.connection, missing))
        return known.get(node_id)

    @cached_property
    def all_results(self) -> Mapping[tuple[int, str], list[AnyRow]]:
        """Executions by run and unique id."""
        owners = {node.result.resource_id: node.unique_id for node in self.nodes if node.result}
        runs = {node.run.id for node in self.nodes if node.result}
        by_node: dict[tuple[int, str], list[AnyRow]] = {}
        for row in run_result_rows(self.session.connection, runs, owners):
            by_node.setdefault((row.run_id, owners[row.resource_id]), []).append(row)
        return by_node

    def text(self, column: str, key: int) -> str | None:
        """The text that has this key in a column of results. Those of the whole batch are read with it, threads and
        messages together; of earlier executions only where it is one of theirs."""
        known = self.session.texts
        if key not in known:
            columns = _WORDS if column in _WORDS else (column,)
            keys = {getattr(node.result, name) for node in self.nodes if node.result is not None for name in columns}
            if key not in keys:
                rows = [row for of_node in self.all_results.values() for row in of_node]
                keys = {getattr(row, name) for row in rows for name in columns}
            missing = keys - known.keys() - {None}
            bodies = text_bodies(self.session.connection, missing)
            known.update((missed, bodies.get(missed)) for missed in (*missing, key))
        return known[key]


def error_of(node: RunNode, result: AnyRow) -> str | None:
    """The message of a result that failed or warns; successful ones carry messages that are no errors."""
    return node.text(result, "message_id") if result.status in TELLING else None


def of_result(name: str) -> Callable[[RunNode], Any]:
    """A reader of one column of the node's result."""
    return lambda node: None if node.result is None else getattr(node.result, name)


def of_text(name: str) -> Callable[[RunNode], Any]:
    """A reader of one text of the node's result."""
    return lambda node: None if node.result is None else node.text(node.result, name)
