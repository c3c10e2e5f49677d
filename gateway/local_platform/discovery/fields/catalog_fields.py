"""Readers of the warehouse catalog that `dbt docs generate` writes: columns, statistics, owner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.archive.artifacts.artifact_files import Node
from gateway.local_platform.discovery.fields.field_readers import Readers
from gateway.local_platform.discovery.nodes.content import parsed
from gateway.local_platform.discovery.nodes.state_nodes import StateNode

_ROWS, _BYTES = ("row_count", "num_rows"), ("bytes", "num_bytes", "size")


def table_of(node: StateNode) -> Mapping[str, Any]:
    """The node's catalog entry as dbt wrote it; empty where there is none."""
    row = node.catalog
    return decode_table(node.batch.catalog_texts.get(row.content_id)) if row is not None else {}


def decode_table(text: str | None) -> Mapping[str, Any]:
    """A catalog entry from its JSON text."""
    metadata: Mapping[str, Any] = msgspec.json.decode(text) if text else {}
    return metadata


def columns_of(table: Mapping[str, Any], node: Node) -> list[dict[str, Any]]:
    """The table's columns in order, with what the project says of them; documented ones where no catalog was made."""
    documented = {name.lower(): column for name, column in (parsed(node.columns) or {}).items()}
    catalogued = table.get("columns") or {}
    if not catalogued:
        return [_column({"name": column.get("name")}, column) for column in documented.values()]
    columns = [_column(column, documented.get(str(name).lower(), {})) for name, column in catalogued.items()]
    return sorted(columns, key=lambda column: (column["index"] is None, column["index"] or 0))


def _column(column: Mapping[str, Any], documented: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": column.get("name"),
        "index": column.get("index"),
        "type": column.get("type") or documented.get("data_type"),
        "comment": column.get("comment"),
        "description": documented.get("description"),
        "meta": documented.get("meta"),
        "tags": documented.get("tags") or [],
    }


def stats_of(table: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The adapter's statistics."""
    names = ("id", "label", "description", "include", "value")
    return [{name: stat.get(name) for name in names} for stat in (table.get("stats") or {}).values()]


def stat_number(table: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    """The first of these statistics that is a number."""
    values = ((table.get("stats") or {}).get(name, {}).get("value") for name in names)
    return next(
        (int(value) for value in values if isinstance(value, int | float) and not isinstance(value, bool)), None
    )


def row_count(node: StateNode) -> int | None:
    """How many rows the catalog counted."""
    return stat_number(table_of(node), _ROWS)


def _about(table: Mapping[str, Any], name: str) -> Any:
    return (table.get("metadata") or {}).get(name)


def catalogued(node: StateNode) -> StateNode | None:
    """The node as the source of its catalog; None when no catalog names it."""
    return node if node.catalog is not None else None


CATALOG_FIELDS: Readers = {
    "bytesStat": lambda node: stat_number(table_of(node), _BYTES),
    "columns": lambda node: columns_of(table_of(node), node.node),
    "comment": lambda node: _about(table_of(node), "comment"),
    "environmentId": lambda node: node.batch.state.row.id,
    "jobDefinitionId": lambda node: node.catalog.job_id,
    "owner": lambda node: _about(table_of(node), "owner"),
    "rowCountStat": row_count,
    "runGeneratedAt": lambda node: node.catalog.generated_at,
    "runId": lambda node: node.catalog.run_id,
    "stats": lambda node: stats_of(table_of(node)),
    "type": lambda node: _about(table_of(node), "type"),
    "uniqueId": lambda node: node.unique_id,
}
