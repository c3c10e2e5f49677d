"""Fills columns that older versions did not have: from what the archive holds, and from the files it has kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Column, Connection, Table, bindparam, inspect, select, update

from gateway.archive.artifacts.adapter_figures import adapter_figures
from gateway.archive.artifacts.artifact_files import (
    RUN_RESULTS,
    SOURCES,
    FreshnessResult,
    Node,
    Result,
    RunResults,
    Sources,
    decode,
    plain_text,
    read_args,
)
from gateway.archive.artifacts.code_facts import code_facts
from gateway.archive.artifacts.invocation import threads_of
from gateway.archive.artifacts.node_names import kind_of
from gateway.archive.tables.many_keys import chunks
from gateway.archive.tables.rows import AnyRow
from gateway.archive.tables.run_tables import freshness, invocations, nodes, resources, results, run_files, runs, texts
from gateway.archive.times import parse_micros
from gateway.archive.writing.contents import ContentStore
from gateway.archive.writing.fact_rows import check_times
from gateway.archive.writing.raw_files import kept_bytes
from gateway.errors import UnreadableArtifact

_BATCH = 1_000

Record = TypeVar("Record", RunResults, Sources)


def add_columns(connection: Connection, *columns: Column[Any]) -> None:
    """Adds those that their tables do not have yet; text that may not be null is empty at first."""
    for column in columns:
        table = column.table.name
        if column.name not in {known["name"] for known in inspect(connection).get_columns(table)}:
            kind = column.type.compile(connection.dialect)
            must = "" if column.nullable else " NOT NULL DEFAULT ''"
            connection.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN {column.name} {kind}{must}")


def fill_columns(connection: Connection) -> None:
    """Fills the columns of version 11 in rows that were written before it; null where nothing says so."""
    _fill(connection, resources, (resources.c.unique_id,), lambda row: {"kind": kind_of(row.unique_id)})
    _fill(connection, nodes, (nodes.c.content,), lambda row: _facts_of_content(bytes(row.content)))
    _fill(connection, runs, (runs.c.details,), lambda row: {"trigger": _trigger(row.details)})
    args = select(invocations.c.id, texts.c.body).join(texts, texts.c.id == invocations.c.args_id)
    for rows in chunks(connection.execute(args).all(), _BATCH):
        _write(connection, invocations, [{"key": key, "threads": threads_of(read_args(body))} for key, body in rows])
    contents = ContentStore()
    for run_id, file in _kept_files(connection, RUN_RESULTS, RunResults):
        _fill_results(connection, run_id, file)
    for run_id, checks in _kept_files(connection, SOURCES, Sources):
        _fill_checks(connection, contents, run_id, checks)


def _fill(
    connection: Connection, table: Table, columns: tuple[Column[Any], ...], values: Callable[[AnyRow], dict[str, Any]]
) -> None:
    """Writes `values` into every row, by its key."""
    last: int | None = None
    while True:
        query = select(table.c.id, *columns).order_by(table.c.id).limit(_BATCH)
        rows = connection.execute(query if last is None else query.where(table.c.id > last)).all()
        if not rows:
            return
        _write(connection, table, [{"key": row.id, **values(row)} for row in rows])
        last = rows[-1].id


def _write(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        columns: dict[str, Any] = {name: bindparam(name) for name in rows[0] if name != "key"}
        connection.execute(update(table).where(table.c.id == bindparam("key")).values(columns), rows)


def _facts_of_content(content: bytes) -> dict[str, Any]:
    try:
        return code_facts(msgspec.json.decode(content, type=Node))
    except msgspec.MsgspecError:
        return {"materialization": None, "code_checksum": None}


def _trigger(details: str) -> str | None:
    try:
        stored_trigger = msgspec.json.decode(details)
    except msgspec.MsgspecError:
        return None
    trigger = stored_trigger.get("trigger") if isinstance(stored_trigger, dict) else None
    cause = trigger.get("cause_category") if isinstance(trigger, dict) else None
    return cause if isinstance(cause, str) else None


def _kept_files(connection: Connection, name: str, record: type[Record]) -> Iterator[tuple[int, Record]]:
    """The files of this name that were kept, with their runs; what cannot be read any more is left out."""
    query = select(run_files.c.run_id, run_files.c.digest).where(run_files.c.name == name)
    for run_id, digest in connection.execute(query).all():
        data = kept_bytes(connection, bytes(digest))
        if data is None:
            continue
        path = Path(name)
        try:
            yield run_id, decode(plain_text(data, path), record, path)[0]
        except UnreadableArtifact:
            continue


def _fill_results(connection: Connection, run_id: int, file: RunResults) -> None:
    key, started_at = _invocation(connection, run_id, file)
    if key is None:
        return
    _write(connection, invocations, [{"key": key, "started_at": started_at}])
    by_unique_id: dict[str, Result] = {result.unique_id: result for result in file.results}
    rows = []
    for row_id, unique_id in _facts(connection, results, key):
        figures = adapter_figures(by_unique_id[unique_id]) if unique_id in by_unique_id else None
        if figures is not None and any(value is not None for value in figures):
            values = {"rows_affected": figures.rows_affected, "bytes_billed": figures.bytes_billed}
            rows.append({"key": row_id, **values, "adapter_response": figures.rest})
    _write(connection, results, rows)


def _fill_checks(connection: Connection, contents: ContentStore, run_id: int, file: Sources) -> None:
    key, started_at = _invocation(connection, run_id, file)
    if key is None:
        return
    _write(connection, invocations, [{"key": key, "started_at": started_at}])
    checks: dict[str, FreshnessResult] = {check.unique_id: check for check in file.results}
    threads = contents.text_ids(connection, [check.thread_id for check in checks.values()])
    rows = [
        {"key": row_id, **check_times(checks[name]), "thread_id": threads.get(checks[name].thread_id or "")}
        for row_id, name in _facts(connection, freshness, key)
        if name in checks
    ]
    _write(connection, freshness, rows)


def _invocation(connection: Connection, run_id: int, file: RunResults | Sources) -> tuple[int | None, int | None]:
    """The key of the command that wrote the file, and when dbt began."""
    of_file = (invocations.c.run_id == run_id, invocations.c.uuid == file.metadata.invocation_id)
    key = connection.scalar(select(invocations.c.id).where(*of_file))
    return key, parse_micros(file.metadata.invocation_started_at)


def _facts(connection: Connection, table: Table, invocation_id: int) -> Sequence[AnyRow]:
    query = select(table.c.id, resources.c.unique_id).join(resources, resources.c.id == table.c.resource_id)
    return connection.execute(query.where(table.c.invocation_id == invocation_id)).all()
