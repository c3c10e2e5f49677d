"""Readers of execution info: `last*` tells the last attempt, everything else is pinned to the last success."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from gateway.local_platform.discovery.fields import Reader, Readers
from gateway.local_platform.discovery.state_nodes import StateNode

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


def attempted(node: StateNode) -> StateNode | None:
    """The node as the source of its execution info; None when it was never attempted."""
    return node if node.member.last_id is not None else None


def always(node: StateNode) -> StateNode:
    """The node as the source of its execution info, which the schema promises even where nothing was attempted."""
    return node


def _of(which: Callable[[StateNode], Any], name: str) -> Reader:
    def read(node: StateNode) -> Any:
        result = which(node)
        return None if result is None else getattr(result, name)

    return read


_last, _success = attrgetter("last"), attrgetter("success")

EXECUTION_FIELDS: Readers = {
    "lastRunId": _of(_last, "run_id"),
    "lastJobDefinitionId": _of(_last, "job_id"),
    "lastRunGeneratedAt": _of(_last, "generated_at"),
    "lastRunStatus": _of(_last, "status"),
    "lastRunError": attrgetter("last_error"),
    "lastSuccessRunId": _of(_success, "run_id"),
    "lastSuccessJobDefinitionId": _of(_success, "job_id"),
    "runGeneratedAt": _of(_success, "generated_at"),
    "runElapsedTime": _of(_success, "elapsed"),
    "executionTime": _of(_success, "execution_time"),
    "compileStartedAt": _of(_success, "compile_started_at"),
    "compileCompletedAt": _of(_success, "compile_completed_at"),
    "executeStartedAt": _of(_success, "execute_started_at"),
    "executeCompletedAt": _of(_success, "execute_completed_at"),
}

MODEL_EXECUTION_FIELDS: Readers = {
    **EXECUTION_FIELDS,
    "lastRunStatus": lambda node: run_status(node.last.status) if node.last else None,
}

SEED_EXECUTION_FIELDS: Readers = {
    **EXECUTION_FIELDS,
    "lastRunSkip": lambda node: node.last.status == "skipped" if node.last else None,
}

TEST_EXECUTION_FIELDS: Readers = {**EXECUTION_FIELDS, "lastRunFailures": _of(_last, "failures")}
