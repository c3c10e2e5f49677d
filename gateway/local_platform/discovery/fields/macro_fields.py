"""Readers of macros."""

from __future__ import annotations

from typing import Any

from gateway.archive.artifacts.artifact_files import Node
from gateway.local_platform.discovery.fields.field_readers import Readers
from gateway.local_platform.discovery.fields.node_fields import by_content
from gateway.local_platform.discovery.nodes.content import parsed


def _arguments(node: Node) -> list[dict[str, Any]]:
    arguments = parsed(node.arguments)
    names = ("name", "type", "description")
    return [{name: argument.get(name) for name in names} for argument in arguments or () if isinstance(argument, dict)]


MACRO_FIELDS: Readers = {
    "arguments": by_content(_arguments),
    "macroSql": lambda source: source.node.macro_sql or "",
}
