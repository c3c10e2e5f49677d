"""The columns that analyses need: as dbt wrote them, in new archives and in those of older versions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from gateway.archive.archive import Archive
from gateway.archive.tables.run_tables import (
    freshness,
    invocations,
    nodes,
    recent_results,
    resource_months,
    resources,
    results,
    runs,
    texts,
)
from gateway.archive.times import to_micros
from gateway.ingest.folders import ingest_folder
from tests.archive.rollup_checks import check_rollups
from tests.archive.written_runs import (
    BEGIN,
    DAILY,
    FUNCTION,
    INCREMENTAL,
    MODELS,
    SOURCE,
    Command,
    write_account,
    write_run,
)
from tests.served_platform import NewStore

NEW_COLUMNS = {
    runs: ("trigger",),
    nodes: ("materialization", "code_checksum"),
    resources: ("kind",),
    invocations: ("started_at", "threads"),
    results: ("rows_affected", "bytes_billed", "adapter_response"),
    freshness: ("execution_time", "started_at", "completed_at", "thread_id"),
}
BIGQUERY = {
    "_message": "SELECT (100.0 rows, 2 GiB processed)",
    "code": "SELECT",
    "rows_affected": 100,
    "bytes_billed": 2147483648,
    "bytes_processed": 2147483000,
    "slot_ms": 4711,
    "location": None,
}
HOOK = "operation.shop.shop-on-run-end-0"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run of a freshness check and a build, and one of another warehouse."""
    folder = tmp_path / "runs"
    write_account(folder, {DAILY: "scheduled"})
    checks = Command(BEGIN, checks={SOURCE: "pass"})
    names = (*MODELS, HOOK, FUNCTION)
    build = Command(BEGIN + timedelta(minutes=9), dict.fromkeys(names, ("success", 1.0)), adapter=BIGQUERY)
    write_run(folder, 100, DAILY, [checks, build])
    later = Command(BEGIN + timedelta(hours=9), {MODELS[0]: ("success", 1.0)}, {"which": "run", "threads": "many"})
    later.adapter = {"_message": "OK", "rows_affected": -1}
    write_run(folder, 101, DAILY, [later])
    return folder


def columns(archive: Archive, run: int) -> Iterator[Any]:
    """What the archive says of the results of a run, by node."""
    wanted = (results.c.rows_affected, results.c.bytes_billed, results.c.adapter_response)
    query = (
        select(resources.c.unique_id, resources.c.kind, *wanted, invocations.c.threads, invocations.c.started_at)
        .select_from(results)
        .join(resources, resources.c.id == results.c.resource_id)
        .join(invocations, invocations.c.id == results.c.invocation_id)
        .where(results.c.run_id == run)
    )
    with archive.reading() as connection:
        yield from connection.execute(query).all()


@pytest.mark.slow
def test_results_show_what_the_adapter_did_and_commands_their_threads(empty_archive: Archive, folder: Path) -> None:
    ingest_folder(empty_archive, folder)
    rows = {row.unique_id: row for row in columns(empty_archive, 100)}
    assert {name: row.kind for name, row in rows.items()} == {
        **dict.fromkeys(MODELS, "model"),
        HOOK: "operation",
        FUNCTION: "function",
    }
    row = rows[MODELS[0]]
    assert (row.rows_affected, row.bytes_billed) == (100, 2147483648)
    assert row.adapter_response == '{"bytes_processed":2147483000,"slot_ms":4711}'
    assert (row.threads, row.started_at) == (4, to_micros(BEGIN + timedelta(minutes=4)))
    (later,) = columns(empty_archive, 101)
    assert (later.rows_affected, later.bytes_billed, later.adapter_response, later.threads) == (None, None, None, None)


@pytest.mark.slow
def test_checks_show_when_they_ran_and_runs_why(empty_archive: Archive, folder: Path) -> None:
    ingest_folder(empty_archive, folder)
    with empty_archive.reading() as connection:
        query = select(freshness, texts.c.body).select_from(freshness).join(texts, texts.c.id == freshness.c.thread_id)
        check = connection.execute(query).one()
        assert set(connection.scalars(select(runs.c.trigger))) == {"scheduled"}
    assert (check.execution_time, check.body) == (1.5, "Thread-7")
    assert (check.started_at, check.completed_at) == (to_micros(BEGIN - timedelta(seconds=2)), to_micros(BEGIN))


@pytest.mark.slow
def test_nodes_show_how_they_are_built_and_when_their_code_is_the_same(empty_archive: Archive, folder: Path) -> None:
    ingest_folder(empty_archive, folder)
    with empty_archive.reading() as connection:
        query = select(nodes.c.unique_id, nodes.c.materialization, nodes.c.code_checksum)
        found = {row.unique_id: row for row in connection.execute(query)}
    assert found[INCREMENTAL].materialization == "incremental"
    assert found[MODELS[0]].materialization == "table"
    assert set(found) == {*MODELS, FUNCTION}
    assert len({bytes(row.code_checksum) for row in found.values()}) == len(found)


def everything(archive: Archive) -> dict[str, Any]:
    """The new columns of all rows, by key."""
    with archive.reading() as connection:
        return {
            table.name: sorted(map(repr, connection.execute(select(table.c.id, *(table.c[name] for name in names)))))
            for table, names in NEW_COLUMNS.items()
        }


def make_older(archive: Archive) -> None:
    """Leaves the archive as version 10 left it."""
    with archive.writing() as connection:
        for table in (recent_results, resource_months):
            connection.exec_driver_sql(f"DROP TABLE {table.name}")
        for table, names in NEW_COLUMNS.items():
            for name in names:
                connection.exec_driver_sql(f"ALTER TABLE {table.name} DROP COLUMN {name}")
        connection.exec_driver_sql("DELETE FROM migrations")
        connection.exec_driver_sql("INSERT INTO migrations VALUES (10, 'older', 0)")


@pytest.mark.slow
@pytest.mark.parametrize("kept", [True, False])
def test_an_older_archive_gets_the_columns_from_its_rows_and_from_the_files_it_has_kept(
    new_store: NewStore, folder: Path, kept: bool
) -> None:
    address = new_store()
    archive = Archive.open(address)
    ingest_folder(archive, folder, keep_raw=kept)
    before = everything(archive)
    make_older(archive)
    archive.close()
    opened = Archive.open(address)
    after = everything(opened)
    from_files = {"results", "freshness", "invocations"}
    assert {name for name in before if after[name] == before[name]} == set(before) - (set() if kept else from_files)
    check_rollups(opened)
    if not kept:
        (row, *_) = columns(opened, 100)
        assert (row.rows_affected, row.adapter_response, row.started_at, row.threads) == (None, None, None, 4)
    write_run(folder, 102, DAILY, [Command(BEGIN + timedelta(days=1), {MODELS[0]: ("success", 3.0)})])
    assert ingest_folder(opened, folder).runs == 1
    check_rollups(opened)
    opened.close()
