"""Readers of exposures: what uses the project's data, and who owns it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any

from gateway.archive.artifacts.artifact_files import Node
from gateway.local_platform.discovery.fields.field_readers import Readers
from gateway.local_platform.discovery.fields.freshness_fields import freshness_status
from gateway.local_platform.discovery.fields.node_fields import by_content
from gateway.local_platform.discovery.fields.relatives import all_ancestors
from gateway.local_platform.discovery.nodes.content import parsed
from gateway.local_platform.discovery.nodes.state_nodes import StateNode

_WORST_FIRST = ("Error", "Warn", "Skipped", "Unknown", "Pass")


def owner_part(name: str) -> Callable[[Node], str | None]:
    """A reader of one part of a node's owner; lists of addresses are joined."""

    def read(node: Node) -> str | None:
        owner = parsed(node.owner)
        value = owner.get(name) if isinstance(owner, dict) else None
        return ", ".join(map(str, value)) if isinstance(value, list) else value

    return read


def upstream_freshness(node: StateNode) -> str | None:
    """The worst freshness of the sources behind an exposure; None when none was checked."""
    statuses = {freshness_status(other.freshness) for other in all_ancestors(node) if other.kind == "source"}
    return next((status for status in _WORST_FIRST if status in statuses), None)


def owners(nodes: Iterable[Any]) -> list[dict[str, str]]:
    """Every owner of these nodes, once."""
    owners = {(owner_part("name")(node.node) or "", owner_part("email")(node.node) or "") for node in nodes}
    return [{"name": name, "email": email} for name, email in sorted(owners) if name or email]


EXPOSURE_FIELDS: Readers = {
    "exposureType": attrgetter("node.type"),
    "label": attrgetter("node.label"),
    "maturity": attrgetter("node.maturity"),
    "ownerEmail": by_content(owner_part("email")),
    "ownerName": by_content(owner_part("name")),
    "url": attrgetter("node.url"),
}
