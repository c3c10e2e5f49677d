"""The dependency graph of one manifest. A manifest never changes, so a graph may be kept as long as there is room."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from gateway.local_platform.discovery.nodes.reading import manifest_edges

TEST_KINDS = frozenset({"test", "unit_test"})


@dataclass
class Graph:
    """Kinds, parents and children by unique id; parents may name nodes that the manifest does not hold."""

    kinds: dict[str, str] = field(default_factory=dict)
    parents: dict[str, list[str]] = field(default_factory=dict)
    children: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def load(cls, connection: Connection, manifest_id: int) -> Graph:
        """The graph of a manifest, in one statement."""
        graph = cls()
        for unique_id, kind, parent in manifest_edges(connection, manifest_id):
            graph.kinds[unique_id] = kind
            if parent is not None:
                graph.parents.setdefault(unique_id, []).append(parent)
                graph.children.setdefault(parent, []).append(unique_id)
        return graph

    def parents_of(self, unique_id: str) -> list[str]:
        """Direct parents."""
        return self.parents.get(unique_id, [])

    def children_of(self, unique_id: str, *, tests: bool) -> list[str]:
        """Direct children: the tests among them, or the others."""
        return [child for child in self.children.get(unique_id, ()) if (self.kinds[child] in TEST_KINDS) is tests]

    def ancestors_of(self, unique_id: str, kinds: Iterable[str]) -> list[str]:
        """Every node this one depends on, near ones first, of these kinds."""
        return self._reached([unique_id], self.parents, kinds)

    def dependents_of(self, unique_ids: Iterable[str], kinds: Iterable[str]) -> list[str]:
        """Every node that depends on any of these, near ones first, of these kinds."""
        return self._reached(unique_ids, self.children, kinds)

    def _reached(self, starts: Iterable[str], edges: Mapping[str, Sequence[str]], kinds: Iterable[str]) -> list[str]:
        kinds_left, seen, reached = set(kinds), set(starts), []
        queue = deque(name for start in seen for name in edges.get(start, ()))
        while queue:
            name = queue.popleft()
            if name in seen:
                continue
            seen.add(name)
            if self.kinds.get(name) in kinds_left:
                reached.append(name)
            queue.extend(edges.get(name, ()))
        return reached
