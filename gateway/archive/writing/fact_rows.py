"""The rows of one invocation: results, compiled code, freshness checks and catalog entries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from gateway.archive.artifacts.adapter_figures import adapter_figures
from gateway.archive.artifacts.artifact_files import FreshnessResult, Result
from gateway.archive.artifacts.command_variants import NOT_BUILDING
from gateway.archive.artifacts.invocation import Invocation
from gateway.archive.artifacts.node_names import kind_of
from gateway.archive.result_months import make_month
from gateway.archive.tables.many_keys import among
from gateway.archive.tables.run_tables import catalog_tables, compilations, freshness, resources, results
from gateway.archive.tables.upserts import copy_rows, insert_rows
from gateway.archive.times import parse_micros
from gateway.archive.writing.contents import ContentStore


class FactRows:
    """The rows of one invocation, built once its texts, nodes and resources have keys."""

    def __init__(
        self, connection: Connection, contents: ContentStore, invocation: Invocation, node_ids: Mapping[str, int]
    ) -> None:
        self._invocation = invocation
        self._node_ids = node_ids
        self._builds = invocation.variant not in NOT_BUILDING
        self._compiled = _compiled_codes(invocation)
        self._texts = contents.text_ids(connection, self._all_texts())

    def _all_texts(self) -> list[str | None]:
        """Every text but empty ones: an empty message is none."""
        bodies: list[str | None] = list(self._compiled.values())
        for result in self._invocation.results:
            bodies += (result.thread_id, result.message)
        for check in self._invocation.freshness:
            bodies += (_raw_text(check.criteria), _error_text(check.error), check.thread_id)
        bodies += [_raw_text(table) for table in self._invocation.catalog.values()]
        return [text or None for text in bodies]

    def write(self, connection: Connection, place: Mapping[str, Any], environment_id: int) -> int:
        """Inserts everything; returns the number of results and freshness checks."""
        invocation = self._invocation
        names = {result.unique_id for result in invocation.results}
        names |= {check.unique_id for check in invocation.freshness}
        keys = _resource_ids(connection, environment_id, names | set(invocation.catalog))
        executed = self._result_rows(place, keys) if invocation.executes else []
        checks = self._freshness_rows(place, keys)
        if executed:
            make_month(connection, invocation.generated_at)
        copy_rows(connection, results, executed)
        insert_rows(connection, freshness, checks)
        insert_rows(connection, catalog_tables, self._catalog_rows(place, keys))
        if not invocation.executes:
            insert_rows(connection, compilations, self._compilation_rows(place, keys))
        return len(executed) + len(checks)

    def _result_rows(self, place: Mapping[str, Any], keys: Mapping[str, int]) -> list[dict[str, Any]]:
        latest = {result.unique_id: result for result in self._invocation.results}
        return [{**place, **self._result_row(result), "resource_id": keys[name]} for name, result in latest.items()]

    def _result_row(self, result: Result) -> dict[str, Any]:
        times = {timing.name: timing for timing in result.timing or ()}
        compiling, executing = times.get("compile"), times.get("execute")
        figures = adapter_figures(result)
        return {
            "node_id": self._node_ids.get(result.unique_id),
            "final": True,
            "builds": self._builds,
            "status": reported_status(result),
            "execution_time": result.execution_time,
            "compile_started_at": parse_micros(compiling.started_at) if compiling else None,
            "compile_completed_at": parse_micros(compiling.completed_at) if compiling else None,
            "execute_started_at": parse_micros(executing.started_at) if executing else None,
            "execute_completed_at": parse_micros(executing.completed_at) if executing else None,
            "thread_id": self._texts.get(result.thread_id or ""),
            "message_id": self._texts.get(result.message or ""),
            "compiled_id": self._texts.get(self._compiled.get(result.unique_id, "")),
            "failures": result.failures,
            "rows_affected": figures.rows_affected,
            "bytes_billed": figures.bytes_billed,
            "adapter_response": figures.rest,
        }

    def _freshness_rows(self, place: Mapping[str, Any], keys: Mapping[str, int]) -> list[dict[str, Any]]:
        latest = {check.unique_id: check for check in self._invocation.freshness}
        return [
            {
                **place,
                "resource_id": keys[name],
                "node_id": self._node_ids.get(name),
                "status": check.status,
                "max_loaded_at": parse_micros(check.max_loaded_at),
                "snapshotted_at": parse_micros(check.snapshotted_at),
                "age": check.max_loaded_at_time_ago_in_s,
                "criteria_id": self._texts.get(_raw_text(check.criteria) or ""),
                "error_id": self._texts.get(_error_text(check.error) or ""),
                **check_times(check),
                "thread_id": self._texts.get(check.thread_id or ""),
            }
            for name, check in latest.items()
        ]

    def _catalog_rows(self, place: Mapping[str, Any], keys: Mapping[str, int]) -> list[dict[str, Any]]:
        return [
            {**place, "resource_id": keys[name], "content_id": self._texts[bytes(table).decode()]}
            for name, table in self._invocation.catalog.items()
        ]

    def _compilation_rows(self, place: Mapping[str, Any], keys: Mapping[str, int]) -> list[dict[str, Any]]:
        spot = {name: place[name] for name in ("invocation_id", "generated_at")}
        return [
            {**spot, "resource_id": keys[name], "compiled_id": self._texts[code]}
            for name, code in self._compiled.items()
            if name in keys
        ]


def reported_status(result: Result) -> str | None:
    """dbt's word for the outcome. A test that was reused comes as `pass`, and only the adapter's response shows that it
    was not executed."""
    is_test = result.unique_id.startswith(("test.", "unit_test."))
    reused = is_test and result.status == "pass" and b'"NO-OP"' in bytes(result.adapter_response).upper()
    return "reused" if reused else result.status


def check_times(check: FreshnessResult) -> dict[str, Any]:
    """The columns that show when a freshness check ran, and for how long."""
    starts = [at for timing in check.timing or () if (at := parse_micros(timing.started_at)) is not None]
    ends = [at for timing in check.timing or () if (at := parse_micros(timing.completed_at)) is not None]
    return {
        "execution_time": check.execution_time,
        "started_at": min(starts, default=None),
        "completed_at": max(ends, default=None),
    }


def _compiled_codes(invocation: Invocation) -> dict[str, str]:
    """Compiled code of the nodes that have a result: from the result, or for older dbt from its own manifest."""
    manifest = invocation.manifest
    own = manifest is not None and manifest.metadata.invocation_id == invocation.uuid
    entries = (manifest.content.nodes or {}) if own and manifest else {}
    codes = {}
    for result in invocation.results:
        entry = entries.get(result.unique_id)
        code = result.compiled_code or (entry and (entry.compiled_code or entry.compiled_sql))
        if code:
            codes[result.unique_id] = code
    return codes


def _raw_text(raw: msgspec.Raw) -> str | None:
    return bytes(raw).decode() or None


def _error_text(error: Any) -> str | None:
    return error if isinstance(error, str) or error is None else msgspec.json.encode(error).decode()


def _resource_ids(connection: Connection, environment_id: int, names: set[str]) -> dict[str, int]:
    known = _find_resources(connection, environment_id, names)
    fresh = names - known.keys()
    if fresh:
        place = {"environment_id": environment_id}
        rows = [{**place, "unique_id": name, "kind": kind_of(name)} for name in sorted(fresh)]
        insert_rows(connection, resources, rows)
        known |= _find_resources(connection, environment_id, fresh)
    return known


def _find_resources(connection: Connection, environment_id: int, names: set[str]) -> dict[str, int]:
    query = select(resources.c.unique_id, resources.c.id).where(
        resources.c.environment_id == environment_id, among(connection, resources.c.unique_id, names)
    )
    return dict(connection.execute(query).all())
