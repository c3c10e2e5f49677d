"""`lineage`: every node of a state at once, with its parents, and no pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any

from gateway.archive.artifacts.node_content import materialization
from gateway.local_platform.discovery.fields.field_readers import Readers
from gateway.local_platform.discovery.fields.node_fields import MODEL_FIELDS, NODE_FIELDS
from gateway.local_platform.discovery.fields.relatives import test_statuses
from gateway.local_platform.discovery.lists.state_lists import TYPE_KINDS, everything, filtered, kinds_of
from gateway.local_platform.discovery.nodes.selectors import select_nodes
from gateway.local_platform.discovery.nodes.session import EnvironmentState, Session
from gateway.local_platform.discovery.nodes.state_nodes import StateNode
from gateway.local_platform.discovery.roots.state_fields import PLACE

_TYPES = {kind: name for name, kinds in TYPE_KINDS.items() for kind in kinds}
_WORST_FIRST = ("error", "fail", "warn", "pass", "skipped")


def lineage(
    session: Session, state: EnvironmentState, view: type[StateNode], filter: Mapping[str, Any]
) -> Sequence[StateNode]:
    """The nodes that the filter asks for, by unique id. Raises for a selector that is not understood."""
    nodes: Sequence[StateNode] = everything(session, state, kinds_of(filter.get("types")), view)
    nodes = filtered(nodes, {name: filter.get(name) for name in ("tags", "uniqueIds", "columnNames")})
    if filter.get("select") is None and filter.get("exclude") is None:
        return nodes
    universe = everything(session, state, kinds_of(None), view)
    chosen = select_nodes(universe, filter.get("select"), filter.get("exclude"))
    return [node for node in nodes if node.unique_id in chosen]


def _parent_ids(node: StateNode) -> list[str]:
    if node.kind == "macro":
        return list(node.node.depends_on.macros or ()) if node.node.depends_on else []
    return node.graph.parents_of(node.unique_id)


def _public_parent_ids(node: StateNode) -> list[str]:
    key = ("public", node.batch.state.row.id)
    prepared = node.batch.session.prepared
    if key not in prepared:
        models = everything(node.batch.session, node.batch.state, ("model",), node.batch.view)
        prepared[key] = {model.unique_id for model in models if model.node.access == "public"}
    return [name for name in _parent_ids(node) if name in prepared[key]]


def _worst_test_status(node: StateNode) -> str | None:
    statuses = test_statuses(node)
    return next((status for status in _WORST_FIRST if status in statuses), None)


LINEAGE_FIELDS: Readers = {
    **NODE_FIELDS,
    **MODEL_FIELDS,
    **PLACE,
    "lastRunStatus": attrgetter("member.last_status"),
    "matchesMethod": lambda _node: True,
    "materializationType": lambda node: materialization(node.node),
    "parentIds": _parent_ids,
    "publicParentIds": _public_parent_ids,
    "resourceType": lambda node: _TYPES[node.kind],
    "sourceName": attrgetter("node.source_name"),
    "worstTestStatus": _worst_test_status,
}
