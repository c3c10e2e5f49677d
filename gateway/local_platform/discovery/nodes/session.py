"""What one operation works with: a consistent view of the archive, and the memories shared between operations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from graphql import GraphQLError
from sqlalchemy import Connection

from gateway.archive.artifacts.artifact_files import Node
from gateway.archive.tables.rows import AnyRow
from gateway.archive.tables.run_tables import invocations
from gateway.concurrency.bounded_map import ComputedMap
from gateway.local_platform.discovery.nodes.graph import Graph
from gateway.local_platform.discovery.nodes.reading import (
    MembersKey,
    environment_row,
    listed_nodes,
    member_rows,
    newest_invocation,
    package_rows,
)

_MOST_MEMBERS = 200_000


@dataclass(frozen=True)
class DerivedCaches:
    """Derived facts kept between operations while they hold, in bounded room: some hundred thousand rows."""

    graphs: ComputedMap[Graph] = field(default_factory=lambda: ComputedMap(8))
    packages: ComputedMap[Sequence[str]] = field(default_factory=lambda: ComputedMap(1_000))
    listed: ComputedMap[Mapping[str, int]] = field(default_factory=lambda: ComputedMap(_MOST_MEMBERS, len))
    members: ComputedMap[Sequence[AnyRow]] = field(default_factory=lambda: ComputedMap(_MOST_MEMBERS, len))


class EnvironmentState:
    """An environment as of this operation; what it takes to know is read when asked for."""

    def __init__(self, connection: Connection, row: AnyRow) -> None:
        self._connection = connection
        self.row = row

    @cached_property
    def defining(self) -> AnyRow | None:
        """The newest invocation with a manifest; one of a CI job only where the environment has no other jobs."""
        return newest_invocation(self._connection, self.row.id, invocations.c.manifest_id.is_not(None))

    @cached_property
    def executed(self) -> AnyRow | None:
        """The newest invocation that executed anything; of CI jobs as above."""
        return newest_invocation(self._connection, self.row.id, invocations.c.executing)

    @property
    def deploys(self) -> bool:
        """Which results make the applied state: those of deploying jobs, or those of CI for want of others."""
        return bool(self.defining.deploys) if self.defining else True


class Session:
    """One operation's access to the archive, not shared between threads. `capped`: job lists end at 100 rows.

    `contents` of manifest nodes and `texts` of results, by key, are what it has read so far; runs share most of them.
    """

    def __init__(self, connection: Connection, memory: DerivedCaches, *, capped: bool = False) -> None:
        self.connection = connection
        self.capped = capped
        self._memory = memory
        self._environments: dict[int, EnvironmentState] = {}
        self.prepared: dict[Any, Any] = {}
        self.contents: dict[int, Node] = {}
        self.texts: dict[int, str | None] = {}

    def environment(self, environment_id: int) -> EnvironmentState:
        """The environment. Raises for an unknown id."""
        if environment_id not in self._environments:
            self._environments[environment_id] = self._load_environment(environment_id)
        return self._environments[environment_id]

    def _load_environment(self, environment_id: int) -> EnvironmentState:
        row = environment_row(self.connection, environment_id)
        if row is None:
            message = f"Environment {environment_id} does not exist, or you have no permission to see it."
            raise GraphQLError(message, extensions={"code": "NOT_FOUND"})
        return EnvironmentState(self.connection, row)

    def members(self, state: EnvironmentState, *kinds: str) -> Sequence[AnyRow]:
        """The nodes of the environment's newest manifest with their last attempt and success, by unique id."""
        if state.defining is None:
            return []
        key = MembersKey(state.row.id, state.defining.manifest_id, kinds, state.deploys)
        return self._memory.members.get(
            (state.row.id, kinds), lambda: member_rows(self.connection, key), state.row.revision
        )

    def members_named(
        self, state: EnvironmentState, kinds: Sequence[str], unique_ids: Iterable[str]
    ) -> Sequence[AnyRow]:
        """Those of them that have one of these unique ids. Of the others no result is looked for."""
        if state.defining is None:
            return []
        known = self._memory.members.peek((state.row.id, tuple(kinds)), state.row.revision)
        if known is not None:
            names = frozenset(unique_ids)
            return [row for row in known if row.unique_id in names]
        key = MembersKey(state.row.id, state.defining.manifest_id, tuple(kinds), state.deploys)
        return member_rows(self.connection, key, unique_ids)

    def packages(self, manifest_id: int, kind: str) -> Sequence[str]:
        """The packages that the nodes of a kind of a manifest come from, each once."""
        key = (manifest_id, kind)
        return self._memory.packages.get(key, lambda: package_rows(self.connection, manifest_id, kind))

    def listed(self, manifest_id: int, kind: str) -> Mapping[str, int]:
        """The nodes of a kind of a manifest: keys by unique id. Not to be changed."""
        return self._memory.listed.get((manifest_id, kind), lambda: listed_nodes(self.connection, manifest_id, kind))

    def graph(self, manifest_id: int) -> Graph:
        """The dependency graph of a manifest."""
        return self._memory.graphs.get(manifest_id, lambda: Graph.load(self.connection, manifest_id))
