"""What the selectors `result:` and `state:` compare with: the newest run's results, and the manifest before the newest.

`state:` compares what a manifest says of a node alone: a change of a macro it calls, or of a seed's rows, is not seen.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass

from gateway.archive.artifacts.artifact_files import Node
from gateway.archive.reading.model_results import node_contents
from gateway.archive.tables.run_tables import invocations
from gateway.archive.writing.contents import manifest_members
from gateway.local_platform.discovery.nodes import content
from gateway.local_platform.discovery.nodes.reading import newest_invocation, run_statuses
from gateway.local_platform.discovery.nodes.state_nodes import StateNode

Part = Callable[[Node], Hashable]

_PARTS: Mapping[str, Part] = {
    "body": lambda node: (content.code_of(node), node.macro_sql, node.expression, node.sql, bytes(node.type_params)),
    "configs": lambda node: bytes(node.config),
    "contract": lambda node: (bytes(node.contract), bytes(node.constraints)),
    "persisted_descriptions": lambda node: (node.description, bytes(node.columns)),
    "relation": lambda node: (node.database, node.schema, node.identifier or node.alias),
}
_KEPT_APART = "persisted_descriptions"  # dbt counts them only where they are written into the warehouse
STATE_VALUES = ("modified", *(f"modified.{part}" for part in sorted(_PARTS)), "new", "old", "unmodified")


def ended_as(node: StateNode, status: str) -> bool:
    """Whether the environment's newest run ended so for the node: `error`, `fail`, `skipped`, `success`, `warn` …"""
    session, executed = node.batch.session, node.batch.state.executed
    key = ("statuses", node.batch.state.row.id)
    if key not in session.prepared:
        session.prepared[key] = run_statuses(session.connection, executed.run_id) if executed else {}
    return bool(session.prepared[key].get(node.unique_id) == status)


def compares_as(node: StateNode, value: str) -> bool:
    """Whether the node is `new`, `old`, `modified` … against the manifest before; `value` is one of STATE_VALUES."""
    key = ("comparison", node.batch.state.row.id)
    if key not in node.batch.session.prepared:
        node.batch.session.prepared[key] = _Comparison.of(node)
    comparison: _Comparison = node.batch.session.prepared[key]
    known = node.unique_id in comparison.before
    if value in {"new", "old"}:
        return known is (value == "old")
    name, _, part = value.partition(".")
    differs = comparison.differs(node, [part] if part else [each for each in _PARTS if each != _KEPT_APART])
    return known and not differs if name == "unmodified" else not known or differs


@dataclass(frozen=True)
class _Comparison:
    """The nodes of the manifest before, and the contents of those that the newest manifest holds otherwise."""

    before: Mapping[str, int]
    contents: Mapping[int, Node]

    @classmethod
    def of(cls, node: StateNode) -> _Comparison:
        session, state = node.batch.session, node.batch.state
        defining = state.defining
        if defining is None:
            return cls({}, {})
        others = invocations.c.manifest_id != defining.manifest_id, invocations.c.deploys == defining.deploys
        earlier = newest_invocation(session.connection, state.row.id, *others)
        before = manifest_members(session.connection, earlier.manifest_id) if earlier else {}
        now = manifest_members(session.connection, defining.manifest_id)
        changed = [(before[name], now[name]) for name in before.keys() & now.keys() if before[name] != now[name]]
        return cls(before, node_contents(session.connection, [key for pair in changed for key in pair]))

    def differs(self, node: StateNode, parts: list[str]) -> bool:
        before, now = self.contents.get(self.before.get(node.unique_id, 0)), None
        if before is not None:
            now = self.contents.get(node.member.manifest_node_id)
        return (
            now is not None and before is not None and any(_PARTS[part](before) != _PARTS[part](now) for part in parts)
        )
