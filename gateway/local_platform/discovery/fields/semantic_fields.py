"""Readers of the semantic layer: metrics, semantic models and saved queries."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

import msgspec

from gateway.archive.artifacts.artifact_files import Node
from gateway.local_platform.discovery.fields.field_readers import Readers
from gateway.local_platform.discovery.fields.node_fields import by_content
from gateway.local_platform.discovery.nodes.content import parsed


def _object(raw: msgspec.Raw) -> dict[str, Any] | None:
    value = parsed(raw)
    return value if isinstance(value, dict) else None


def _objects(raw: msgspec.Raw) -> list[dict[str, Any]]:
    value = parsed(raw)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _formula(node: Node) -> str | None:
    """The expression of a derived metric; before dbt 1.6 every metric had one."""
    expression = (_object(node.type_params) or {}).get("expr")
    return expression if isinstance(expression, str) else node.expression


def _dimensions(node: Node) -> list[dict[str, Any]]:
    return [
        {
            "name": item.get("name"),
            "type": item.get("type"),
            "description": item.get("description"),
            "typeParams": item.get("type_params"),
        }
        for item in _objects(node.dimensions)
    ]


def _entities(node: Node) -> list[dict[str, Any]]:
    return [{name: item.get(name) for name in ("name", "type", "description")} for item in _objects(node.entities)]


def _measures(node: Node) -> list[dict[str, Any]]:
    names = ("name", "agg", "expr", "description")
    return [
        {**{name: item.get(name) for name in names}, "createMetric": item.get("create_metric")}
        for item in _objects(node.measures)
    ]


def _exports(node: Node) -> list[dict[str, Any]]:
    return [{"name": item.get("name"), "config": _export_config(item.get("config"))} for item in _objects(node.exports)]


def _export_config(config: Any) -> dict[str, Any] | None:
    if not isinstance(config, dict):
        return None
    return {
        "alias": config.get("alias"),
        "database": config.get("database"),
        "exportAs": config.get("export_as") or "",
        "schema": config.get("schema_name") or config.get("schema"),
    }


def _query_params(node: Node) -> dict[str, Any]:
    params = _object(node.query_params) or {}
    return {
        "groupBy": params.get("group_by") or [],
        "metrics": params.get("metrics") or [],
        "limit": params.get("limit"),
        "orderBy": params.get("order_by"),
        "where": _where(params.get("where")),
    }


def _where(where: Any) -> dict[str, Any] | None:
    if not isinstance(where, dict):
        return None
    filters = [item for item in where.get("where_filters") or () if isinstance(item, dict)]
    return {"whereFilters": [{"whereSqlTemplate": item.get("where_sql_template") or ""} for item in filters]}


METRIC_FIELDS: Readers = {
    "filter": by_content(lambda node: _object(node.filter)),
    "formula": by_content(_formula),
    "group": attrgetter("node.group"),
    "type": attrgetter("node.type"),
    "typeParams": by_content(lambda node: _object(node.type_params)),
}

SEMANTIC_MODEL_FIELDS: Readers = {
    "dimensions": by_content(_dimensions),
    "entities": by_content(_entities),
    "measures": by_content(_measures),
}

SAVED_QUERY_FIELDS: Readers = {
    "exports": by_content(_exports),
    "group": attrgetter("node.group"),
    "queryParams": by_content(_query_params),
}
