"""Readers of nodes at job level: ModelNode, SeedNode, SnapshotNode, SourceNode, TestNode … and RunInfoNode."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any

from gateway.archive.artifacts.node_content import materialization
from gateway.archive.tables.rows import AnyRow
from gateway.local_platform.discovery.fields.catalog_fields import columns_of, stats_of
from gateway.local_platform.discovery.fields.data_test_fields import TEST_FIELDS
from gateway.local_platform.discovery.fields.exposure_fields import EXPOSURE_FIELDS
from gateway.local_platform.discovery.fields.field_readers import Reader, Readers
from gateway.local_platform.discovery.fields.freshness_fields import criteria_of_check, freshness_status
from gateway.local_platform.discovery.fields.macro_fields import MACRO_FIELDS
from gateway.local_platform.discovery.fields.node_fields import NODE_FIELDS, RELATION_FIELDS, SOURCE_FIELDS, by_content
from gateway.local_platform.discovery.lists.paging import cursor_of
from gateway.local_platform.discovery.lists.run_listing import RunNodes, listing_of, related_in_run
from gateway.local_platform.discovery.lists.state_lists import package_names
from gateway.local_platform.discovery.nodes import content
from gateway.local_platform.discovery.nodes.run_node import RunNode, error_of, of_result, of_text

Execution = tuple[RunNode, AnyRow]
_DEPENDABLE = ("model", "source", "seed", "snapshot", "metric", "exposure")


def _listing(node: RunNode) -> RunNodes:
    return listing_of(node.batch.session, node.run)


def _compiled(node: RunNode) -> str | None:
    if node.result is not None:
        return node.text(node.result, "compiled_id")
    return _listing(node).compiled.get(node.unique_id)


def _status_is(status: str) -> Reader:
    return lambda node: node.result.status == status if node.result else None


def _depends_on(node: RunNode) -> list[str]:
    return content.depends_on(node.node)


def _tests(node: RunNode) -> list[str]:
    return node.graph.children_of(node.unique_id, tests=True)


def _parents(node: RunNode) -> list[RunNode]:
    names = _depends_on(node)
    return [parent for kind in _DEPENDABLE for parent in _listing(node).pick(kind, names)]


def _table(node: RunNode) -> Mapping[str, Any]:
    return _listing(node).catalog.get(node.unique_id, {})


def _about_table(name: str) -> Reader:
    return lambda node: (_table(node).get("metadata") or {}).get(name)


def _columns(node: RunNode) -> list[dict[str, Any]] | None:
    table = _table(node)
    return columns_of(table, node.node) if table else None


def _manifest_time(node: RunNode) -> Any:
    manifest = _listing(node).manifest
    return manifest.generated_at if manifest else None


_CLOUD: Readers = {
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
    "compiledCode": _compiled,
    "compiledSql": _compiled,
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
    "skip": _status_is("skipped"),
    "invocationId": of_result("uuid"),
    "threadId": of_text("thread_id"),
}

_CATALOG: Readers = {
    "columns": _columns,
    "comment": _about_table("comment"),
    "owner": _about_table("owner"),
    "stats": lambda node: stats_of(_table(node)),
    "type": _about_table("type"),
}

_RELATED: Readers = {
    "childrenL1": lambda node: node.graph.children.get(node.unique_id, []),
    "dependsOn": _depends_on,
    "parents": _parents,
    "parentsModels": related_in_run("model", _depends_on),
    "parentsSources": related_in_run("source", _depends_on),
    "tests": related_in_run("test", _tests),
}

_NODE: Readers = {**NODE_FIELDS, **RELATION_FIELDS, **_CLOUD, **_RELATED}
_BUILT: Readers = {**_NODE, **_CODE, **_EXECUTION, **_CATALOG}

MODEL_NODE: Readers = {
    **_BUILT,
    "access": attrgetter("node.access"),
    "args": of_text("args_id"),
    "dbtGroup": attrgetter("node.group"),
    "language": attrgetter("node.language"),
    "materializedType": by_content(materialization),
    "packages": lambda node: package_names(_listing(node).nodes("model")),
    "runResults": lambda node: [(node, row) for row in node.results],
}
SEED_NODE: Readers = {**_BUILT, "thread_id": of_text("thread_id")}
SNAPSHOT_NODE: Readers = _BUILT
TEST_NODE: Readers = {
    **_BUILT,
    **TEST_FIELDS,
    "fail": _status_is("fail"),
    "language": attrgetter("node.language"),
    "state": of_result("status"),
    "warn": _status_is("warn"),
}
EXPOSURE_NODE: Readers = {**_NODE, **_EXECUTION, **EXPOSURE_FIELDS, "manifestGeneratedAt": _manifest_time}
MACRO_NODE: Readers = {
    **_NODE,
    **MACRO_FIELDS,
    "dependsOn": by_content(lambda node: list(node.depends_on.macros or ()) if node.depends_on else []),
    "originalFilePath": attrgetter("node.original_file_path"),
    "path": attrgetter("node.path"),
    "rootPath": attrgetter("node.root_path"),
}


def _check(node: RunNode) -> AnyRow | None:
    return _listing(node).freshness.get(node.unique_id)


def _of_check(name: str) -> Reader:
    def read(node: RunNode) -> Any:
        check = _check(node)
        return None if check is None else getattr(check, name)

    return read


def _criteria(node: RunNode) -> dict[str, Any]:
    check = _check(node)
    text = _listing(node).criteria.get(check.criteria_id) if check is not None else None
    return criteria_of_check(text, node.node.freshness)


SOURCE_NODE: Readers = {
    **_NODE,
    **SOURCE_FIELDS,
    **_CATALOG,
    "criteria": _criteria,
    "freshnessChecked": lambda node: _check(node) is not None,
    "maxLoadedAt": _of_check("max_loaded_at"),
    "maxLoadedAtTimeAgoInS": _of_check("age"),
    "runElapsedTime": _of_check("elapsed"),
    "runGeneratedAt": _of_check("generated_at"),
    "snapshottedAt": _of_check("snapshotted_at"),
    "state": lambda node: freshness_status(_check(node)),
}


def _metric_filters(node: RunNode) -> list[dict[str, Any]]:
    names = ("field", "operator", "value")
    filters = content.parsed(node.node.filters)
    return [{name: item.get(name) for name in names} for item in filters or () if isinstance(item, dict)]


def _strings(name: str) -> Callable[[RunNode], Sequence[str]]:
    def read(node: RunNode) -> Sequence[str]:
        value = content.parsed(getattr(node.node, name))
        return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []

    return read


METRIC_NODE: Readers = {
    **_NODE,
    "calculation_method": attrgetter("node.calculation_method"),
    "dimensions": _strings("dimensions"),
    "expression": attrgetter("node.expression"),
    "filters": _metric_filters,
    "label": attrgetter("node.label"),
    "model": lambda node: next(iter(_listing(node).pick("model", _depends_on(node))), None),
    "sql": attrgetter("node.sql"),
    "timeGrains": _strings("time_grains"),
    "timestamp": attrgetter("node.timestamp"),
    "type": attrgetter("node.type"),
}


def _column(name: str) -> Callable[[Execution], Any]:
    return lambda execution: getattr(execution[1], name)


def _text(name: str) -> Callable[[Execution], Any]:
    return lambda execution: execution[0].text(execution[1], name)


RUN_INFO: Readers = {
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
