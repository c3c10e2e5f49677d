"""Readers of execution info: `last*` reports the last attempt, everything else is pinned to the last success."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

from gateway.local_platform.discovery.fields.field_readers import Readers
from gateway.local_platform.discovery.nodes.state_nodes import StateNode

_RUN_STATUS = {
    "success": "success",
    "pass": "success",
    "warn": "warn",
    "error": "error",
    "fail": "error",
    "partial success": "error",
    "runtime error": "error",
    "skipped": "skipped",
    "no-op": "skipped",
}


def run_status(status: str | None) -> str | None:
    """dbt's status as the schema's RunStatus; None for one that it has no word for, `reused` among them."""
    return _RUN_STATUS.get((status or "").lower())


class Execution:
    """What stands behind a node's execution info: its last attempt and its last success, as far as there are any."""

    __slots__ = ("last", "node", "success")

    def __init__(self, node: StateNode) -> None:
        self.node = node
        self.last = node.last
        self.success = node.success


def execution(node: StateNode) -> Execution:
    """A node's execution info, which the schema promises even where nothing was attempted."""
    return Execution(node)


def attempted(node: StateNode) -> Execution | None:
    """A node's execution info; None when it was never attempted."""
    return Execution(node) if node.member.last_id is not None else None


class _OfResult:
    """Reads a column of one of the two results; None where there is none."""

    __slots__ = ("_result", "_value")

    def __init__(self, result: Callable[[Any], Any], name: str) -> None:
        self._result = result
        self._value = attrgetter(name)

    def __call__(self, source: Execution) -> Any:
        result = self._result(source)
        return None if result is None else self._value(result)

    def column(self, sources: Sequence[Execution]) -> list[Any]:
        value = self._value
        return [None if result is None else value(result) for result in map(self._result, sources)]


_last, _success = attrgetter("last"), attrgetter("success")

EXECUTION_FIELDS: Readers = {
    "lastRunId": _OfResult(_last, "run_id"),
    "lastJobDefinitionId": _OfResult(_last, "job_id"),
    "lastRunGeneratedAt": _OfResult(_last, "generated_at"),
    "lastRunStatus": _OfResult(_last, "status"),
    "lastRunError": attrgetter("node.last_error"),
    "lastSuccessRunId": _OfResult(_success, "run_id"),
    "lastSuccessJobDefinitionId": _OfResult(_success, "job_id"),
    "runGeneratedAt": _OfResult(_success, "generated_at"),
    "runElapsedTime": _OfResult(_success, "elapsed"),
    "executionTime": _OfResult(_success, "execution_time"),
    "compileStartedAt": _OfResult(_success, "compile_started_at"),
    "compileCompletedAt": _OfResult(_success, "compile_completed_at"),
    "executeStartedAt": _OfResult(_success, "execute_started_at"),
    "executeCompletedAt": _OfResult(_success, "execute_completed_at"),
}

MODEL_EXECUTION_FIELDS: Readers = {
    **EXECUTION_FIELDS,
    "lastRunStatus": lambda node: run_status(node.last.status) if node.last else None,
}

SEED_EXECUTION_FIELDS: Readers = {
    **EXECUTION_FIELDS,
    "lastRunSkip": lambda node: node.last.status == "skipped" if node.last else None,
}

TEST_EXECUTION_FIELDS: Readers = {**EXECUTION_FIELDS, "lastRunFailures": _OfResult(_last, "failures")}
