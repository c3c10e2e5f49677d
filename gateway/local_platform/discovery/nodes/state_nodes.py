"""Nodes of an environment: as applied (what the last run that built them left) or as defined (the newest manifest).

A node belongs to a batch (one page, or all relatives of one page). Whatever needs the archive is read for the whole
batch the first time any of its nodes is asked for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property

from sqlalchemy import Table

from gateway.archive.artifacts.artifact_files import Node
from gateway.archive.reading.model_results import node_contents
from gateway.archive.tables.rows import AnyRow
from gateway.archive.tables.run_tables import catalog_tables, compilations, freshness
from gateway.local_platform.discovery.nodes.graph import Graph
from gateway.local_platform.discovery.nodes.reading import newest_by_resource, result_rows, text_bodies
from gateway.local_platform.discovery.nodes.session import EnvironmentState, Session

FAILED = frozenset({"error", "fail", "partial success", "runtime error"})
TELLING = FAILED | {"warn"}
"""How a result ended whose message says what is wrong."""

EXECUTABLE_KINDS = ("model", "seed", "snapshot", "test", "unit_test")
KINDS = (*EXECUTABLE_KINDS, "source", "exposure", "metric", "semantic_model", "saved_query")


class StateBatch:
    """Members of one environment's state, loaded together."""

    def __init__(
        self, session: Session, state: EnvironmentState, members: Sequence[AnyRow], view: type[StateNode]
    ) -> None:
        self.session = session
        self.state = state
        self.view = view
        self.nodes = [view(self, member) for member in members]
        self._relatives: dict[object, dict[str, list[StateNode]]] = {}

    @cached_property
    def contents(self) -> Mapping[int, Node]:
        """Manifest contents by node key."""
        return node_contents(self.session.connection, {node.node_id for node in self.nodes})

    @cached_property
    def results(self) -> Mapping[int, AnyRow]:
        """Last attempts and last successes by result key."""
        keys = {key for node in self.nodes for key in (node.member.last_id, node.member.success_id)}
        return result_rows(self.session.connection, keys)

    @cached_property
    def messages(self) -> Mapping[int, str]:
        """Messages of last attempts by text key."""
        return text_bodies(self.session.connection, (node.last.message_id for node in self.nodes if node.last))

    @cached_property
    def codes(self) -> Mapping[int, str]:
        """Compiled code by resource key: what the last success ran, else the last attempt, else what was compiled."""
        keys = {node.member.resource_id: self._code_key(node) for node in self.nodes}
        without = [key for key, code in keys.items() if code is None and key is not None]
        compiled = newest_by_resource(self.session.connection, compilations, without)
        keys |= {key: row.compiled_id for key, row in compiled.items()}
        bodies = text_bodies(self.session.connection, keys.values())
        return {key: bodies[code] for key, code in keys.items() if code is not None}

    def _code_key(self, node: StateNode) -> int | None:
        compiled_ids = (result.compiled_id for result in (node.success, node.last) if result is not None)
        return next((key for key in compiled_ids if key is not None), None)

    @cached_property
    def freshness(self) -> Mapping[int, AnyRow]:
        """The newest freshness check by resource key."""
        return self._newest(freshness)

    @cached_property
    def criteria(self) -> Mapping[int, str]:
        """Criteria of freshness checks by text key."""
        return text_bodies(self.session.connection, (row.criteria_id for row in self.freshness.values()))

    @cached_property
    def catalog(self) -> Mapping[int, AnyRow]:
        """The newest catalog entry by resource key."""
        return self._newest(catalog_tables)

    @cached_property
    def catalog_texts(self) -> Mapping[int, str]:
        """Catalog entries as JSON by text key."""
        return text_bodies(self.session.connection, (row.content_id for row in self.catalog.values()))

    def _newest(self, table: Table) -> Mapping[int, AnyRow]:
        keys = [node.member.resource_id for node in self.nodes if node.member.resource_id is not None]
        return newest_by_resource(self.session.connection, table, keys, table.c.deploys == self.state.deploys)

    @cached_property
    def graph(self) -> Graph:
        """The graph of the manifest that defines the environment."""
        defining = self.state.defining
        return self.session.graph(defining.manifest_id) if defining else Graph()

    def relatives(
        self, key: object, names_of: Callable[[StateNode], Iterable[str]], kinds: Sequence[str]
    ) -> dict[str, list[StateNode]]:
        """Other nodes of the state by the node they belong to; `key` names the relation and is computed once."""
        if key not in self._relatives:
            names = {node.unique_id: list(names_of(node)) for node in self.nodes}
            name_set = {name for group in names.values() for name in group}
            members = [row for row in self.session.members(self.state, *kinds) if row.unique_id in name_set]
            batch = StateBatch(self.session, self.state, members, self.view)
            by_name = {node.unique_id: node for node in batch.nodes}
            self._relatives[key] = {
                owner: [by_name[name] for name in group if name in by_name] for owner, group in names.items()
            }
        return self._relatives[key]


class StateNode:
    """One node of an environment's state."""

    __slots__ = ("batch", "member")

    def __init__(self, batch: StateBatch, member: AnyRow) -> None:
        self.batch = batch
        self.member = member

    @property
    def unique_id(self) -> str:
        """dbt's unique id."""
        unique_id: str = self.member.unique_id
        return unique_id

    @property
    def kind(self) -> str:
        """dbt's resource type."""
        kind: str = self.member.kind
        return kind

    @property
    def node_id(self) -> int:
        """The content shown; here that of the newest manifest."""
        node_id: int = self.member.manifest_node_id
        return node_id

    @property
    def node(self) -> Node:
        """The manifest's content."""
        return self.batch.contents[self.node_id]

    @property
    def graph(self) -> Graph:
        """The graph the node stands in."""
        return self.batch.graph

    @property
    def last(self) -> AnyRow | None:
        """The last attempt, however it ended."""
        return self.batch.results.get(self.member.last_id)

    @property
    def success(self) -> AnyRow | None:
        """The last success."""
        return self.batch.results.get(self.member.success_id)

    @property
    def last_error(self) -> str | None:
        """The message of the last attempt if it failed or ended with a warning."""
        last = self.last
        return self.batch.messages.get(last.message_id) if last and last.status in TELLING else None

    @property
    def compiled_code(self) -> str | None:
        """The node's code as dbt compiled it last."""
        return self.batch.codes.get(self.member.resource_id)

    @property
    def freshness(self) -> AnyRow | None:
        """The newest freshness check of a source."""
        return self.batch.freshness.get(self.member.resource_id)

    @property
    def catalog(self) -> AnyRow | None:
        """The newest catalog entry."""
        return self.batch.catalog.get(self.member.resource_id)

    def relatives(
        self, key: object, names_of: Callable[[StateNode], Iterable[str]], kinds: Sequence[str] = KINDS
    ) -> list[StateNode]:
        """Nodes related to this one."""
        return self.batch.relatives(key, names_of, kinds)[self.unique_id]


class DefinitionNode(StateNode):
    """A node as the newest manifest defines it."""

    __slots__ = ()


class AppliedNode(StateNode):
    """A node as the last run that built it left it; as defined where it was never built."""

    __slots__ = ()

    @property
    def node_id(self) -> int:
        """The content this node was last built from."""
        node_id: int = self.member.success_node_id or self.member.manifest_node_id
        return node_id
