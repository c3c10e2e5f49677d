"""Past months in Parquet files: bytes and seconds of compacting, questions over 10 million results, dropping a month.

Two environments of 2,000 models with 100 runs are compacted, times and runtimes of each result being its own. For
questions over all, their files are copied until there are those of 50 environments.
"""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import text

from benchmarks.account import Size
from benchmarks.archive_large import prepared
from gateway.archive.archive import Archive
from gateway.archive.compaction import compact
from gateway.archive.reading.model_results import last_results, results_of_runs
from gateway.archive.retention import Retention, forget_old_runs

_ONE_RUN = Size(environments=2, models=2000, runs=1)
_ENVIRONMENTS = 50
_MOST_BYTES = 34.0
_MOST_SECONDS = 1.0
_MOST_DROP_SECONDS = 0.1
_P95 = """SELECT count(*), sum(results) FROM (
    SELECT environment_id, unique_id, quantile_cont(execution_seconds, 0.95), count(*) AS results
    FROM read_parquet(?, hive_partitioning = true)
    WHERE is_final AND status = 'success' AND invocation_ended_at >= to_timestamp(?) GROUP BY 1, 2)"""


def show(place: Path, rounds: int) -> bool:
    """Prints a line for each figure; whether all goals are met."""
    store = _noisy(prepared(place, _ONE_RUN), place / "columnar.db")
    files = place / "columnar.db-columnar"
    archive = Archive.open(store)
    print("\ncolumnar: 2 environments x 2,000 models x 100 runs compacted, questions over 10,000,000 results in files")
    try:
        met = [_show_compaction(archive), _show_percentiles(files, place / "columnar-copies", rounds)]
        _show_questions(archive, rounds)
        return all([*met, _show_drop(archive)])
    finally:
        archive.close()


def _noisy(source: str, target: Path) -> str:
    """A copy in which every result has times and a runtime of its own, to the microsecond."""
    for left in target.parent.glob(f"{target.name}*"):
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    with closing(sqlite3.connect(source.removeprefix("sqlite:///"))) as whole, closing(sqlite3.connect(target)) as copy:
        whole.backup(copy)
        copy.create_function("noise", 2, _noise, deterministic=True)
        copy.execute(
            "UPDATE results SET execution_time = round(execution_time * (0.97 + 0.06 * noise(id, 1)), 6), "
            "compile_started_at = compile_started_at + cast(30e6 * noise(id, 2) AS INTEGER)"
        )
        copy.execute(
            "UPDATE results SET "
            "compile_completed_at = compile_started_at + 3000 + cast(40000 * noise(id, 3) AS INTEGER)"
        )
        copy.execute(
            "UPDATE results SET execute_started_at = compile_completed_at + 100 + cast(900 * noise(id, 4) AS INTEGER), "
            "execute_completed_at = compile_completed_at + 1200 + cast(1e6 * execution_time AS INTEGER)"
        )
        copy.commit()
    return f"sqlite:///{target}"


def _noise(key: int, kind: int) -> float:
    return (key * 2_654_435_761 + kind * 320_743_557) % 1_000_003 / 1_000_003


def _show_compaction(archive: Archive) -> bool:
    with archive.reading() as connection:
        newest = connection.scalar(text("SELECT max(generated_at) FROM invocations")) or 0
    now = datetime.fromtimestamp(newest / 1e6, UTC) + timedelta(days=32)
    began, cpu = time.perf_counter(), time.process_time()
    report = compact(archive, now=now, keep_months=0)
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    size = report.bytes / report.rows
    print(
        f"    compacting {report.rows:,} results: {report.months} files, {size:.1f} bytes a result "
        f"(at most {_MOST_BYTES:g}); {wall / report.rows * 1e6:.0f} s a million, CPU {cpu / report.rows * 1e6:.0f} s"
    )
    return size <= _MOST_BYTES


def _show_percentiles(files: Path, copies: Path, rounds: int) -> bool:
    import duckdb

    shutil.rmtree(copies, ignore_errors=True)
    known = sorted((files / "node_results").glob("environment_id=*"))
    for number in range(_ENVIRONMENTS):
        shutil.copytree(known[number % len(known)], copies / f"environment_id={number}")
    pattern = str(copies / "*" / "*" / "part-*.parquet")
    with duckdb.connect() as connection:
        newest = "SELECT epoch(max(invocation_ended_at)) FROM read_parquet(?)"
        ((last,),) = connection.execute(newest, [pattern]).fetchall()
        waited, used = [], []
        for _ in range(max(rounds, 3)):
            began, cpu = time.perf_counter(), time.process_time()
            ((models, results),) = connection.execute(_P95, [pattern, last - 30 * 86_400]).fetchall()
            waited.append(time.perf_counter() - began)
            used.append(time.process_time() - cpu)
    shutil.rmtree(copies)
    met = min(waited) <= _MOST_SECONDS
    print(
        f"    p95 of 30 days of {models:,} models ({results:,} results): {min(waited):.2f} s, CPU {min(used):.2f} s "
        f"(at most {_MOST_SECONDS:g} s){'' if met else '  NOT MET'}"
    )
    return met


def _show_questions(archive: Archive, rounds: int) -> None:
    """Of a transaction each, as a question that reads of files has it."""
    with archive.reading() as connection:
        place, name = connection.execute(text("SELECT environment_id, unique_id FROM resources WHERE id = 7")).one()
        run_id = connection.scalar(text("SELECT id FROM runs ORDER BY created_at LIMIT 1"))

    def history() -> int:
        with archive.reading() as connection:
            return len(list(last_results(connection, place, [name], 100)))

    def run() -> int:
        with archive.reading() as connection:
            return len(list(results_of_runs(connection, [run_id])))

    for what, ask in (("last 100 runs of one model", history), ("the models of one run", run)):
        _show_question(what, ask, rounds)


def _show_question(what: str, ask: Callable[[], int], rounds: int) -> None:
    waited = []
    for _ in range(rounds + 1):
        began = time.perf_counter()
        count = ask()
        waited.append((time.perf_counter() - began) * 1000)
    print(f"    {what}, {count:,} results of files: first {waited[0]:.0f} ms, then {min(waited[1:]):.0f} ms")


def _show_drop(archive: Archive) -> bool:
    """The first month, by age."""
    with archive.reading() as connection:
        oldest = connection.scalar(text("SELECT min(created_at) FROM runs")) or 0
    begin = datetime.fromtimestamp(oldest / 1e6, UTC)
    limit = (begin.replace(day=28) + timedelta(days=5)).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    began, cpu = time.perf_counter(), time.process_time()
    forgotten = forget_old_runs(archive, Retention(age=timedelta(0)), limit.timestamp())
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    met = wall <= _MOST_DROP_SECONDS
    print(
        f"    dropping a month, {forgotten.runs} runs, {forgotten.files} files: {wall:.2f} s, CPU {cpu:.2f} s "
        f"(at most {_MOST_DROP_SECONDS:g} s){'' if met else '  NOT MET'}"
    )
    return met
