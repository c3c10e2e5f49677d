"""What stands upstream and downstream of what, within one environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Lineage:
    """The direct parents of every node of an environment, by unique id; parents may be of any resource type."""

    parents: Mapping[str, tuple[str, ...]]
    children: Mapping[str, tuple[str, ...]] = field(init=False)

    def __post_init__(self) -> None:
        children: dict[str, list[str]] = {}
        for node, parents in self.parents.items():
            for parent in parents:
                children.setdefault(parent, []).append(node)
        by_parent = {parent: tuple(sorted(nodes)) for parent, nodes in children.items()}
        object.__setattr__(self, "children", MappingProxyType(by_parent))

    def models_upstream(self, unique_id: str) -> tuple[str, ...]:
        """The models a model is built from directly, ordered by unique id."""
        return tuple(sorted(parent for parent in self.parents.get(unique_id, ()) if parent.startswith("model.")))

    def models_downstream(self, unique_id: str) -> tuple[str, ...]:
        """The models that are built from a model directly, ordered by unique id."""
        return tuple(child for child in self.children.get(unique_id, ()) if child.startswith("model."))

    def sources_upstream(self, unique_id: str) -> tuple[str, ...]:
        """Every source that a model stands on, directly or through others, ordered by unique id."""
        return tuple(
            sorted(ancestor for ancestor in _reached(self.parents, unique_id) if ancestor.startswith("source."))
        )

    def models_built_on(self, unique_id: str) -> tuple[str, ...]:
        """Every model that stands on a node, directly or through others, ordered by unique id."""
        return tuple(
            sorted(descendant for descendant in _reached(self.children, unique_id) if descendant.startswith("model."))
        )


def _reached(neighbours: Mapping[str, tuple[str, ...]], start: str) -> set[str]:
    """All nodes that lie behind one in this direction."""
    seen: set[str] = set()
    pending = [start]
    while pending:
        fresh = [neighbour for neighbour in neighbours.get(pending.pop(), ()) if neighbour not in seen]
        seen.update(fresh)
        pending.extend(fresh)
    return seen
