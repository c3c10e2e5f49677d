"""Readers of source freshness. Only `dbt source freshness` reports it; a source that was never checked has nulls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from gateway.archive.artifacts.artifact_files import JSON
from gateway.archive.tables.rows import AnyRow
from gateway.local_platform.discovery.fields.field_readers import Readers
from gateway.local_platform.discovery.nodes.content import parsed
from gateway.local_platform.discovery.nodes.state_nodes import StateNode

_STATUS = {"pass": "Pass", "warn": "Warn", "error": "Error", "runtime error": "Error", "skipped": "Skipped"}
_PERIODS = frozenset({"minute", "hour", "day"})


def freshness_status(check: AnyRow | None) -> str | None:
    """The outcome of a check as the schema names it; None when there was none."""
    return None if check is None else _STATUS.get((check.status or "").lower(), "Unknown")


def criteria(freshness: Any) -> dict[str, Any]:
    """Freshness criteria in the schema's form."""
    limits = freshness if isinstance(freshness, dict) else {}
    return {
        "warnAfter": _limit(limits.get("warn_after")),
        "errorAfter": _limit(limits.get("error_after")),
    }


def _limit(limit: Any) -> dict[str, Any] | None:
    if not isinstance(limit, dict) or limit.get("count") is None:
        return None
    period = limit.get("period")
    return {"count": limit["count"], "period": period if period in _PERIODS else None}


def criteria_of_check(text: str | None, declared: JSON) -> dict[str, Any]:
    """The criteria a check applied; those the manifest declares where the check does not say."""
    return criteria(msgspec.json.decode(text) if text else parsed(declared))


def _criteria(node: StateNode) -> dict[str, Any]:
    check = node.freshness
    text = node.batch.criteria.get(check.criteria_id) if check is not None else None
    return criteria_of_check(text, node.node.freshness)


def _checked(name: str) -> Callable[[StateNode], Any]:
    return lambda node: None if node.freshness is None else getattr(node.freshness, name)


FRESHNESS_FIELDS: Readers = {
    "criteria": _criteria,
    "freshnessChecked": lambda node: node.freshness is not None,
    "freshnessJobDefinitionId": _checked("job_id"),
    "freshnessRunGeneratedAt": _checked("generated_at"),
    "freshnessRunId": _checked("run_id"),
    "freshnessStatus": lambda node: freshness_status(node.freshness),
    "maxLoadedAt": _checked("max_loaded_at"),
    "maxLoadedAtTimeAgoInS": _checked("age"),
    "snapshottedAt": _checked("snapshotted_at"),
}
