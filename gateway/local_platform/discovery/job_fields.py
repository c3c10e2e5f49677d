"""Readers of nodes at job level (ModelNode) and of their executions (RunInfoNode)."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from gateway.local_platform.discovery import content
from gateway.local_platform.discovery.fields import Readers
from gateway.local_platform.discovery.node_fields import NODE_FIELDS, RELATION_FIELDS, by_content
from gateway.local_platform.discovery.paging import cursor_of
from gateway.local_platform.discovery.run_listing import listing_of, related_in_run
from gateway.local_platform.discovery.run_node import RunNode, error_of, of_result, of_text
from gateway.local_platform.rows import AnyRow

Execution = tuple[RunNode, AnyRow]

CLOUD_FIELDS: Readers = {
    "accountId": attrgetter("run.account_id"),
    "projectId": attrgetter("run.project_id"),
    "environmentId": attrgetter("run.environment_id"),
    "jobId": attrgetter("run.job_id"),
    "runId": attrgetter("run.id"),
    "paginationCursor": lambda node: cursor_of(node.unique_id),
    "dbtVersion": lambda node: node.result.dbt_version if node.result else node.run.dbt_version,
}

_CODE: Readers = {
    "rawCode": by_content(content.code_of),
    "rawSql": by_content(content.code_of),
    "compiledCode": of_text("compiled_id"),
    "compiledSql": of_text("compiled_id"),
}

_EXECUTION: Readers = {
    "compileStartedAt": of_result("compile_started_at"),
    "compileCompletedAt": of_result("compile_completed_at"),
    "executeStartedAt": of_result("execute_started_at"),
    "executeCompletedAt": of_result("execute_completed_at"),
    "executionTime": of_result("execution_time"),
    "status": of_result("status"),
    "runGeneratedAt": of_result("generated_at"),
    "runElapsedTime": of_result("elapsed"),
    "error": lambda node: error_of(node, node.result) if node.result else None,
    "skip": lambda node: node.result.status == "skipped" if node.result else None,
}


def _tests(node: RunNode) -> list[str]:
    return node.graph.children_of(node.unique_id, tests=True)


MODEL_NODE_FIELDS: Readers = {
    **NODE_FIELDS,
    **RELATION_FIELDS,
    **CLOUD_FIELDS,
    **_CODE,
    **_EXECUTION,
    "access": attrgetter("node.access"),
    "args": of_text("args_id"),
    "childrenL1": lambda node: node.graph.children.get(node.unique_id, []),
    "dbtGroup": attrgetter("node.group"),
    "dependsOn": by_content(content.depends_on),
    "invocationId": of_result("uuid"),
    "language": attrgetter("node.language"),
    "materializedType": by_content(content.materialization),
    "packages": lambda node: packages_of(node),
    "parentsModels": related_in_run("model", lambda node: content.depends_on(node.node)),
    "parentsSources": related_in_run("source", lambda node: content.depends_on(node.node)),
    "runResults": lambda node: [(node, row) for row in node.results],
    "stats": lambda _node: [],
    "tests": related_in_run("test", _tests),
    "threadId": of_text("thread_id"),
}


def packages_of(node: RunNode) -> list[str]:
    """The packages whose models the run's manifest holds."""
    listed = listing_of(node.batch.session, node.run).nodes("model")
    return sorted({other.node.package_name for other in listed if other.node.package_name})


def _column(name: str) -> Callable[[Execution], Any]:
    return lambda execution: getattr(execution[1], name)


def _text(name: str) -> Callable[[Execution], Any]:
    return lambda execution: execution[0].text(getattr(execution[1], name))


RUN_INFO_FIELDS: Readers = {
    "args": _text("args_id"),
    "compileStartedAt": _column("compile_started_at"),
    "compileCompletedAt": _column("compile_completed_at"),
    "executeStartedAt": _column("execute_started_at"),
    "executeCompletedAt": _column("execute_completed_at"),
    "executionTime": _column("execution_time"),
    "error": lambda execution: error_of(*execution),
    "invocationId": _column("uuid"),
    "runElapsedTime": _column("elapsed"),
    "runGeneratedAt": _column("generated_at"),
    "skip": lambda execution: execution[1].status == "skipped",
    "status": _column("status"),
    "threadId": _text("thread_id"),
}
