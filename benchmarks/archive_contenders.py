"""The same ranking by hand: one SQL statement over the results in SQLite, and DuckDB over dbt's JSON files."""

from __future__ import annotations

import importlib
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

# What a person would write: the mean of each model's newest runs that succeeded and were no full refresh or CI.
_BY_HAND = """
WITH newest AS (
  SELECT resource_id, execution_time,
         row_number() OVER (PARTITION BY resource_id ORDER BY generated_at DESC, run_id DESC) AS place
  FROM results WHERE status = 'success' AND final
)
SELECT r.unique_id, avg(n.execution_time) AS mean FROM newest n JOIN resources r ON r.id = n.resource_id
WHERE n.place <= ? AND r.kind = 'model' GROUP BY n.resource_id ORDER BY mean DESC, r.unique_id LIMIT ?
"""
_OF_FILES = """
WITH result AS (
  SELECT filename, metadata.generated_at AS ended, unnest(results) AS one
  FROM read_json(?, columns = {
    metadata: 'STRUCT(generated_at VARCHAR)',
    results: 'STRUCT(unique_id VARCHAR, status VARCHAR, execution_time DOUBLE)[]'
  }, filename = true, maximum_object_size = 1000000000)
), newest AS (
  SELECT one.unique_id AS unique_id, one.execution_time AS seconds,
         row_number() OVER (PARTITION BY one.unique_id ORDER BY ended DESC) AS place
  FROM result WHERE one.status = 'success'
)
SELECT unique_id, avg(seconds) AS mean FROM newest WHERE place <= ?
GROUP BY unique_id ORDER BY mean DESC, unique_id LIMIT ?
"""


def show(folder: Path, store: str, *, last_runs: int, first: int) -> None:
    """Prints what each takes for the slowest models over their last runs, and whether they agree."""
    print(f"  beside it, the slowest {first} over {last_runs} runs:")
    found = {
        "SQL by hand over the results, SQLite": _timed(lambda: _sqlite(store, last_runs, first)),
        "DuckDB over the JSON files": _timed(lambda: _duckdb(folder, last_runs, first)),
    }
    for name, (rows, wall, cpu) in found.items():
        took = f"{wall:6.2f} s, CPU {cpu:5.2f} s" if rows else "is not installed (pip install duckdb)"
        print(f"    {name:40} {took}")
    answers = {tuple((name, round(mean, 6)) for name, mean in rows) for rows, _, _ in found.values() if rows}
    if len(answers) > 1:
        print("    they DO NOT AGREE")


_Rows = list[tuple[str, float]]


def _timed(work: Callable[[], _Rows]) -> tuple[_Rows, float, float]:
    began, cpu = time.perf_counter(), time.process_time()
    rows = work()
    return rows, time.perf_counter() - began, time.process_time() - cpu


def _sqlite(store: str, last_runs: int, first: int) -> _Rows:
    with closing(sqlite3.connect(store.removeprefix("sqlite:///"))) as connection:
        return connection.execute(_BY_HAND, (last_runs, first)).fetchall()


def _duckdb(folder: Path, last_runs: int, first: int) -> _Rows:
    try:
        duckdb: Any = importlib.import_module("duckdb")
    except ImportError:
        return []
    with duckdb.connect() as connection:
        rows: _Rows = connection.execute(_OF_FILES, [f"{folder}/**/run_results.json", last_runs, first]).fetchall()
        return rows
