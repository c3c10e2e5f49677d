"""Readers of groups: their owner and the models that belong to them."""

from __future__ import annotations

from operator import attrgetter

from gateway.local_platform.discovery.fields.exposure_fields import owner_part
from gateway.local_platform.discovery.fields.field_readers import Readers
from gateway.local_platform.discovery.fields.node_fields import by_content
from gateway.local_platform.discovery.lists.state_lists import everything
from gateway.local_platform.discovery.nodes.state_nodes import StateNode
from gateway.local_platform.discovery.roots.state_fields import DEFINED_GROUP


def group_models(node: StateNode) -> list[StateNode]:
    """The models of a group."""
    session, key = node.batch.session, ("groups", node.batch.state.row.id)
    if key not in session.prepared:
        by_group: dict[str | None, list[StateNode]] = {}
        for model in everything(session, node.batch.state, ("model",), node.batch.view):
            by_group.setdefault(model.node.group, []).append(model)
        session.prepared[key] = by_group
    models: list[StateNode] = session.prepared[key].get(node.node.name, [])
    return models


GROUP_FIELDS: Readers = {
    **DEFINED_GROUP,
    "modelCount": lambda node: len(group_models(node)),
    "models": group_models,
    "ownerEmail": by_content(owner_part("email")),
    "ownerName": by_content(owner_part("name")),
    "packageName": attrgetter("node.package_name"),
}
