"""Dropping a month of a million results: seconds on SQLite and on PostgreSQL, and whether readers wait meanwhile.

    python -m benchmarks.months --store postgresql+psycopg://user@host/empty --runs 500 --models 2000

The archive named must be empty. The first month has so many runs, the next one a tenth; one run is read as everything
else is, the others are copies of its rows.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Connection, Table, delete, func, insert, literal, select

from benchmarks.account import Size, write_account
from gateway.archive.archive import Archive
from gateway.archive.months import begin_of, month_of
from gateway.archive.result_months import attach_month, drop_month, has_months, table_of
from gateway.archive.retention import Retention, forget_old_runs
from gateway.archive.rollups.upkeep import rebuild
from gateway.archive.tables.run_tables import invocations, results, runs
from gateway.ingest.folders import ingest_folder

_HOUR = 3_600_000_000


def main() -> None:
    """Prints a line for each kind of removal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", required=True)
    parser.add_argument("--runs", type=int, default=500, help="of the month that is dropped (500)")
    parser.add_argument("--models", type=int, default=2000)
    options = parser.parse_args()
    archive = Archive.open(options.store)
    began = time.monotonic()
    month = _fill(archive, options.runs, options.models)
    say(f"made in {time.monotonic() - began:.0f} s, load {os.getloadavg()[0]:.1f}")
    _measure(archive, month)
    archive.close()


def say(line: str) -> None:
    """Prints a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _fill(archive: Archive, count: int, models: int) -> int:
    with tempfile.TemporaryDirectory() as place:
        write_account(Path(place), Size(environments=1, models=models, runs=1))
        ingest_folder(archive, Path(place), keep_raw=False)
    with archive.writing() as connection:
        first = connection.execute(select(invocations).order_by(invocations.c.model_results.desc()).limit(1)).one()
        month = month_of(first.generated_at)
        step = max(1, min(_HOUR, (begin_of(month + 1) - first.generated_at - 1) // max(1, count)))
        for number in range(1, count):
            _copy(connection, first.id, first.run_id, number, number * step)
        later = begin_of(month + 1) - first.generated_at
        _make_month(connection, month + 1)
        for number in range(count, count + max(1, count // 10)):
            _copy(connection, first.id, first.run_id, number, later + number * _HOUR // 10)
    with archive.writing() as connection:
        rebuild(connection)
    if archive.url.get_backend_name() == "postgresql":
        with archive._engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")
    return month


def _make_month(connection: Connection, month: int) -> None:
    if has_months(connection):
        connection.exec_driver_sql(f"CREATE TABLE {table_of(month)} (LIKE results INCLUDING DEFAULTS)")
        attach_month(connection, month)


def _copy(connection: Connection, first: int, run: int, number: int, later: int) -> None:
    """One more run of all models, so many microseconds later."""
    new = {"runs": {"id": run + number}, "invocations": {"id": first + 1000 + number, "run_id": run + number}}
    new["results"] = {"invocation_id": first + 1000 + number, "run_id": run + number}
    for table, is_first in (
        (runs, runs.c.id == run),
        (invocations, invocations.c.id == first),
        (results, results.c.invocation_id == first),
    ):
        changed = new[table.name]
        columns = [column for column in table.c if column.name in changed or column.name != "id"]
        values = [_value(table, column.name, changed, number, later) for column in columns]
        connection.execute(insert(table).from_select(columns, select(*values).where(is_first)))


def _value(table: Table, name: str, changed: dict[str, int], number: int, later: int):  # type: ignore[no-untyped-def]
    if name in changed:
        return literal(changed[name])
    if name == "uuid":
        return table.c.uuid.concat(f"-{number}")
    return table.c[name] + later if name.endswith("_at") else table.c[name]


def _measure(archive: Archive, month: int) -> None:
    with archive.reading() as connection:
        within = results.c.generated_at >= begin_of(month), results.c.generated_at < begin_of(month + 1)
        count = connection.scalar(select(func.count()).select_from(results).where(*within))
        keys = connection.scalars(
            select(invocations.c.id).where(invocations.c.generated_at < begin_of(month + 1))
        ).all()
    say(f"{count:,} results in the month")
    by_key = delete(results).where(
        results.c.invocation_id.in_(select(invocations.c.id).where(invocations.c.id.in_(keys)))
    )
    if archive.url.get_backend_name() == "postgresql":
        _timed(
            "detach", archive, lambda c: c.exec_driver_sql(f"ALTER TABLE results DETACH PARTITION {table_of(month)}")
        )
        _timed("attach", archive, lambda c: attach_month(c, month))
        _undone("rows deleted one by one", archive, lambda c: c.execute(by_key))
        _undone("month dropped", archive, lambda c: drop_month(c, month))
    else:
        _undone("rows deleted one by one", archive, lambda c: c.execute(by_key))
    began = time.monotonic()
    moment = begin_of(month + 1) / 1_000_000
    # Runs are created before their results are there: those of the last hour stay.
    forgotten = forget_old_runs(archive, Retention(timedelta(seconds=1)), moment + 1)
    say(f"    all of it, with roll-ups and contents: {time.monotonic() - began:.1f} s, {forgotten}")


def _timed(name: str, archive: Archive, work: Callable[[Connection], object]) -> None:
    began = time.monotonic()
    with archive.writing() as connection:
        work(connection)
    say(f"    {name}: {time.monotonic() - began:.3f} s")


def _undone(name: str, archive: Archive, work: Callable[[Connection], object]) -> None:
    with archive.supposing() as connection:
        began = time.monotonic()
        work(connection)
        say(f"    {name}: {time.monotonic() - began:.3f} s (undone again)")


if __name__ == "__main__":
    main()
