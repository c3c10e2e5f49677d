"""Relations between the nodes of an environment, read for a whole batch at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gateway.local_platform.discovery.fields.field_readers import Arguments, Info
from gateway.local_platform.discovery.nodes.graph import TEST_KINDS
from gateway.local_platform.discovery.nodes.state_nodes import StateNode

UPSTREAM_KINDS = ("exposure", "model", "seed", "snapshot", "source", "metric", "semantic_model", "saved_query")


def parents(node: StateNode) -> list[StateNode]:
    """Direct parents that the state holds."""
    return node.relatives("parents", lambda other: other.graph.parents_of(other.unique_id))


def macro_parents(node: StateNode) -> list[StateNode]:
    """The macros a macro calls."""

    def names(other: StateNode) -> Sequence[str]:
        return (other.node.depends_on.macros or ()) if other.node.depends_on else ()

    return node.relatives("macros", names, ("macro",))


def children(node: StateNode) -> list[StateNode]:
    """Direct children but tests."""
    return node.relatives("children", lambda other: other.graph.children_of(other.unique_id, tests=False))


def tests(node: StateNode) -> list[StateNode]:
    """Tests of the node."""
    return node.relatives(
        "tests", lambda other: other.graph.children_of(other.unique_id, tests=True), tuple(sorted(TEST_KINDS))
    )


def ancestors_of_types(node: StateNode, _info: Info, arguments: Arguments) -> list[StateNode]:
    """Every node upstream of this one, of the given types."""
    return _ancestors(node, tuple(sorted(kind.lower() for kind in arguments["types"])))


def all_ancestors(node: StateNode) -> list[StateNode]:
    """Every node upstream of this one."""
    return _ancestors(node, UPSTREAM_KINDS)


def _ancestors(node: StateNode, kinds: tuple[str, ...]) -> list[StateNode]:
    return node.relatives(("ancestors", kinds), lambda other: other.graph.ancestors_of(other.unique_id, kinds))


def test_statuses(node: StateNode) -> Mapping[str, int]:
    """How many tests of the node ended how at their last attempt."""
    counts: dict[str, int] = {}
    for test in tests(node):
        status = test.member.last_status
        if status is not None:
            counts[status] = counts.get(status, 0) + 1
    return counts
