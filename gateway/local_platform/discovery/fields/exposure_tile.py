"""The health of one exposure, from what lies upstream of it: freshness of sources, results of tests and of runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gateway.local_platform.discovery.fields.exposure_fields import EXPOSURE_FIELDS, upstream_freshness
from gateway.local_platform.discovery.fields.field_readers import Readers
from gateway.local_platform.discovery.fields.freshness_fields import freshness_status
from gateway.local_platform.discovery.fields.node_fields import NODE_FIELDS
from gateway.local_platform.discovery.fields.relatives import all_ancestors, test_statuses
from gateway.local_platform.discovery.nodes.state_nodes import FAILED, StateNode

_FAILED_TESTS = frozenset({"error", "fail", "runtime error"})


def _upstream(node: StateNode, kind: str) -> list[StateNode]:
    return [other for other in all_ancestors(node) if other.kind == kind]


def _test_results(node: StateNode) -> set[str]:
    return {status for other in all_ancestors(node) for status in test_statuses(other)}


def quality(node: StateNode) -> str:
    """The worst outcome of the tests upstream; Unknown where none has run."""
    results = _test_results(node)
    if results & _FAILED_TESTS:
        return "Error"
    return "Warn" if "warn" in results else "Pass" if "pass" in results else "Unknown"


def _health_issues(node: StateNode) -> Iterator[str]:
    sources = {freshness_status(each.freshness) for each in _upstream(node, "source")}
    models = _upstream(node, "model")
    tested = {status for model in models for status in test_statuses(model)}
    if "Warn" in sources:
        yield "CautionUpstreamSources"
    if "Error" in sources:
        yield "DegradedUpstreamSources"
    if tested & _FAILED_TESTS:
        yield "FailedTestUpstreamModels"
    if any(model.member.last_status in FAILED for model in models):
        yield "LastRunFailedUpstreamModels"
    if "warn" in tested:
        yield "WarnedTestUpstreamModels"
    if not tested and sources <= {None} and all(model.member.last_status is None for model in models):
        yield "Unknown"


def _max_snapshotted_at(node: StateNode) -> Any:
    checks = (source.freshness for source in _upstream(node, "source"))
    return max((check.snapshotted_at for check in checks if check and check.snapshotted_at), default=None)


EXPOSURE_TILE_FIELDS: Readers = {
    **NODE_FIELDS,
    **EXPOSURE_FIELDS,
    "freshnessStatus": upstream_freshness,
    "healthIssues": lambda node: list(_health_issues(node)),
    "maxSnapshottedAt": _max_snapshotted_at,
    "quality": quality,
}
