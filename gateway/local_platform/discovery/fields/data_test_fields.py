"""Readers of data tests and unit tests."""

from __future__ import annotations

from typing import Any

from gateway.archive.artifacts.artifact_files import Node
from gateway.local_platform.discovery.fields.field_readers import Readers
from gateway.local_platform.discovery.fields.node_fields import by_content
from gateway.local_platform.discovery.nodes import content

# A test that was reused is what it was when it ran: reuse takes only those that passed.
_RESULTS = {**{word: word for word in ("pass", "fail", "error", "skipped", "warn")}, "reused": "pass"}


def test_type(source: Any) -> str:
    """GENERIC_DATA_TEST, SINGULAR_DATA_TEST or UNIT_TEST."""
    if source.kind == "unit_test":
        return "UNIT_TEST"
    return "GENERIC_DATA_TEST" if content.parsed(source.node.test_metadata) else "SINGULAR_DATA_TEST"


def last_known_result(node: Any) -> str | None:
    """The outcome of the last attempt as the schema's TestStatus."""
    return _RESULTS.get(node.member.last_status or "")


def test_metadata(node: Node) -> dict[str, Any]:
    """Name, namespace and arguments of a generic test; nulls for other tests."""
    metadata = content.parsed(node.test_metadata) or {}
    return {**{name: metadata.get(name) for name in ("name", "namespace", "kwargs")}, "columnName": column_name(node)}


def column_name(node: Node) -> str | None:
    """The column a test is about."""
    if node.column_name is not None:
        return node.column_name
    kwargs = (content.parsed(node.test_metadata) or {}).get("kwargs") or {}
    name = kwargs.get("column_name")
    return name if isinstance(name, str) else None


def tested_node(node: Node) -> str | None:
    """The unique id of the node a test is attached to, or the only one it reads."""
    if node.attached_node:
        return node.attached_node
    parents = content.depends_on(node)
    return parents[0] if len(parents) == 1 else None


def _rows(fixture: Any) -> int | None:
    rows = fixture.get("rows") if isinstance(fixture, dict) else None
    return len(rows) if isinstance(rows, list) else None


def _given(node: Node) -> list[Any]:
    value = content.parsed(node.given)
    return value if isinstance(value, list) else []


def _given_rows(node: Node) -> int | None:
    fixtures = _given(node)
    return sum(_rows(fixture) or 0 for fixture in fixtures) if fixtures else None


TEST_FIELDS: Readers = {
    "columnName": by_content(column_name),
    "testMetadata": by_content(test_metadata),
    "testType": test_type,
}

WHOLE_TEST_FIELDS: Readers = {
    **TEST_FIELDS,
    "expect": by_content(lambda node: content.parsed(node.expect)),
    "given": by_content(lambda node: _given(node) or None),
    "model": lambda source: source.node.model,
    "numExpectRows": by_content(lambda node: _rows(content.parsed(node.expect))),
    "numGiven": by_content(lambda node: len(_given(node)) or None),
    "numGivenRows": by_content(_given_rows),
    "overrides": by_content(lambda node: content.parsed(node.overrides)),
    "rawCode": by_content(content.code_of),
    "testedNodeUniqueId": by_content(tested_node),
}

# The definition state promises these parts also for data tests, which have none.
DEFINED_TEST_FIELDS: Readers = {
    **WHOLE_TEST_FIELDS,
    "eventStatus": lambda _source: {},
    "expect": by_content(lambda node: content.parsed(node.expect) or {}),
    "given": by_content(_given),
    "overrides": by_content(lambda node: content.parsed(node.overrides) or {}),
    "resource": lambda source: source.kind,
}
