"""Nodes of an environment's applied state: what the last run that built them left, and how they were last attempted.

A node belongs to a batch (one page, or all relatives of one page). Whatever needs the archive is read for the whole
batch the first time any of its nodes is asked for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from gateway.local_platform.artifacts import Node
from gateway.local_platform.discovery.graph import Graph
from gateway.local_platform.discovery.reading import node_contents, result_rows, text_bodies
from gateway.local_platform.discovery.session import EnvironmentState, Session
from gateway.local_platform.rows import AnyRow

FAILED = frozenset({"error", "fail", "partial success", "runtime error"})
KINDS = (
    "model",
    "seed",
    "snapshot",
    "source",
    "test",
    "unit_test",
    "exposure",
    "metric",
    "semantic_model",
    "saved_query",
)
Related = Callable[[Graph, str], list[str]]


class AppliedBatch:
    """Members of one environment's state, loaded together."""

    def __init__(self, session: Session, state: EnvironmentState, members: Sequence[AnyRow]) -> None:
        self.session = session
        self.state = state
        self.nodes = [AppliedNode(self, member) for member in members]
        self._relatives: dict[Any, dict[str, list[AppliedNode]]] = {}

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
        """Messages of failed attempts by text key."""
        return text_bodies(self.session.connection, (node.last.message_id for node in self.nodes if node.last))

    @cached_property
    def codes(self) -> Mapping[int, str]:
        """Compiled code by text key."""
        found = (result.compiled_id for node in self.nodes for result in (node.success, node.last) if result)
        return text_bodies(self.session.connection, found)

    @cached_property
    def graph(self) -> Graph:
        """The graph of the manifest that defines the environment."""
        defining = self.state.defining
        return self.session.graph(defining.manifest_id) if defining else Graph()

    def relatives(self, key: object, related: Related) -> dict[str, list[AppliedNode]]:
        """Other nodes of the state by the node they belong to; `key` names the relation and is computed once."""
        if key not in self._relatives:
            names = {node.unique_id: related(self.graph, node.unique_id) for node in self.nodes}
            found = self._pick({name for group in names.values() for name in group})
            self._relatives[key] = {
                owner: [found[name] for name in group if name in found] for owner, group in names.items()
            }
        return self._relatives[key]

    def _pick(self, names: Iterable[str]) -> dict[str, AppliedNode]:
        wanted = set(names)
        members = [member for member in self.session.members(self.state, *KINDS) if member.unique_id in wanted]
        return {node.unique_id: node for node in AppliedBatch(self.session, self.state, members).nodes}


class AppliedNode:
    """One node of the applied state."""

    __slots__ = ("batch", "member")

    def __init__(self, batch: AppliedBatch, member: AnyRow) -> None:
        self.batch = batch
        self.member = member

    @property
    def unique_id(self) -> str:
        """dbt's unique id."""
        found: str = self.member.unique_id
        return found

    @property
    def kind(self) -> str:
        """dbt's resource type."""
        found: str = self.member.kind
        return found

    @property
    def node_id(self) -> int:
        """The content this node was last built from; the newest content where it was never built."""
        found: int = self.member.success_node_id or self.member.manifest_node_id
        return found

    @property
    def node(self) -> Node:
        """The manifest's content."""
        return self.batch.contents[self.node_id]

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
        """The message of the last attempt if it failed."""
        last = self.last
        return self.batch.messages.get(last.message_id) if last and last.status in FAILED else None

    @property
    def compiled_code(self) -> str | None:
        """The code the last success ran; of the last attempt where there is none."""
        for result in (self.success, self.last):
            if result is not None and result.compiled_id in self.batch.codes:
                return self.batch.codes[result.compiled_id]
        return None

    def relatives(self, key: object, related: Related) -> list[AppliedNode]:
        """Nodes related to this one."""
        return self.batch.relatives(key, related)[self.unique_id]
