"""100,000 models with 100 runs each, 10 million results: rankings over them, and the history of one.

One run of each project is written and read as everything else is; the other runs are copies of it in the archive's
tables, a day apart and each a little slower or faster, with roll-ups made as `gateway archive rebuild-rollups` does.
"""

from __future__ import annotations

import http.client
import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.account import Size, write_account
from benchmarks.archive_cold import ask_cold
from benchmarks.processes import LOAD_CORE, SERVER_CORE, Program, Running, running
from gateway.archive.archive import Archive
from gateway.archive.rollups.upkeep import rebuild

_ONE_RUN = Size(environments=50, models=2000, runs=1)
_RUNS = 100
_DAY = 86_400_000_000
_MOST_MEBIBYTES = 1.2 * 1024
_MOST_HISTORY_MILLISECONDS = 20.0
_MODELS_ASKED = 40

_RANKED = "rank runtime model { id }"
_QUESTIONS: Mapping[str, tuple[str, float]] = {
    "first page of models": ("{ account { models(first: 50) { totalCount nodes { id runtime } } } }", 4.0),
    "models by runtime": (
        "{ account { models(first: 50, orderBy: { field: RUNTIME }) { totalCount nodes { id runtime } } } }",
        4.0,
    ),
    "slowestModels": (f"{{ account {{ slowestModels(first: 5) {{ {_RANKED} }} }} }}", 4.0),
    "slowestModels(filter:)": (
        f'{{ account {{ slowestModels(first: 5, filter: {{ tags: ["hourly"] }}) {{ {_RANKED} }} }} }}',
        4.0,
    ),
    "slowestModels(lastRuns: 5)": (f"{{ account {{ slowestModels(first: 5, lastRuns: 5) {{ {_RANKED} }} }} }}", 2.0),
    "slowestModels(lastRuns: 60)": (f"{{ account {{ slowestModels(first: 5, lastRuns: 60) {{ {_RANKED} }} }} }}", 2.0),
}
_IDS = "{ account { projects(first: 50) { nodes { models(first: 1) { nodes { id } } } } } }"
_HISTORY = "query ($id: ID!) { model(id: $id) { id runs(first: 100) { nodes { runId runtime status } } } }"


def show(place: Path, rounds: int) -> bool:
    """Prints a line for each question; whether all goals are met."""
    store = prepared(place, _ONE_RUN)
    print("\narchive-large: 100,000 models x 100 runs, 10,000,000 results")
    met = [_show_cold(store, name, *asked, rounds=min(rounds, 3)) for name, asked in _QUESTIONS.items()]
    return all([*met, _show_histories(store)])


def _show_cold(store: str, name: str, document: str, most_seconds: float, *, rounds: int) -> bool:
    asked = [ask_cold(store, document) for _ in range(rounds)]
    wall, cpu = median(one.wall for one in asked), median(one.cpu for one in asked)
    memory = max(one.mebibytes for one in asked)
    error = next((one.error for one in asked if one.error), "")
    met = not error and wall <= most_seconds and memory <= _MOST_MEBIBYTES
    print(
        f"    {name:30} {wall:6.2f} s, CPU {cpu:5.2f} s (at most {most_seconds:g} s);"
        f" {memory:5.0f} MiB (at most {_MOST_MEBIBYTES:.0f}){'' if met else f'  NOT MET {error}'}"
    )
    return met


def _show_histories(store: str) -> bool:
    """The last 100 runs of one model after the other, none asked for before, of a gateway that knows its projects."""
    command = (sys.executable, "-m", "gateway", "serve", "--store", store, "--port", "{port}")
    settings = {"GATEWAY_REQUEST_SECONDS": "300"}
    with running(Program(command, settings, frozenset({SERVER_CORE, LOAD_CORE}))) as server:
        listed = _ask(server, {"query": _IDS})["account"]["projects"]["nodes"]
        ids = [model["id"] for project in listed for model in project["models"]["nodes"]][:_MODELS_ASKED]
        waited = []
        for one in ids:
            began = time.perf_counter()
            found = _ask(server, {"query": _HISTORY, "variables": {"id": one}})
            waited.append((time.perf_counter() - began) * 1000)
            if len(found["model"]["runs"]["nodes"]) != _RUNS:
                raise RuntimeError(f"{one} has {len(found['model']['runs']['nodes'])} runs")
    middle = median(waited[1:])
    met = middle <= _MOST_HISTORY_MILLISECONDS
    print(
        f"    last 100 runs of one model     {middle:6.1f} ms, at worst {max(waited[1:]):.1f}"
        f" (at most {_MOST_HISTORY_MILLISECONDS:g} ms){'' if met else '  NOT MET'}"
    )
    return met


def _ask(server: Running, body: Mapping[str, Any]) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=300)
    connection.request("POST", "/graphql", json.dumps(body), {"Content-Type": "application/json"})
    answer = json.loads(connection.getresponse().read())
    connection.close()
    if answer.get("errors"):
        raise RuntimeError(answer["errors"][0]["message"])
    return answer["data"]


def prepared(place: Path, one_run: Size) -> str:
    """The address of an archive of a hundred such runs; it is made where it is not there."""
    name = f"{one_run.environments}x{one_run.models}"
    file, made = place / f"{name}x{_RUNS}.db", place / f"{name}x{_RUNS}.db.part"
    if file.exists():
        return f"sqlite:///{file}"
    for left in place.glob(f"{made.name}*"):
        left.unlink()
    folder = place / f"{name}x1"
    if not folder.exists():
        write_account(folder, one_run)
    count = one_run.environments * one_run.models * _RUNS
    print(f"Making an archive of {count:,} results (once) ...", file=sys.stderr)
    store = f"sqlite:///{made}"
    command = [sys.executable, "-m", "gateway", "ingest", str(folder), "--no-raw", "--store", store]
    subprocess.run(command, check=True, capture_output=True)
    _multiply(made)
    _roll_up(store)
    made.rename(file)
    return f"sqlite:///{file}"


def _roll_up(store: str) -> None:
    """As `gateway archive rebuild-rollups` does, without looking for lasting changes, which nothing asks for here."""
    archive = Archive.open(store)
    with archive.writing() as connection:
        rebuild(connection)
    archive.close()


def _multiply(file: Path) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        (invocations,) = connection.execute("SELECT max(id) FROM invocations").fetchone()
        # Made of all rows at once they cost a third.
        indexes = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'results' AND sql IS NOT NULL"
        ).fetchall()
        connection.execute("BEGIN")
        for name, _ in indexes:
            connection.execute(f"DROP INDEX {name}")
        for number in range(1, _RUNS):
            _copy(connection, number, invocations)
        connection.execute(
            "UPDATE environments SET revision = revision + 1, updated_at = updated_at + ?", (_DAY * (_RUNS - 1),)
        )
        for _, statement in indexes:
            connection.execute(statement)
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _copy(connection: sqlite3.Connection, number: int, invocations: int) -> None:
    """One more run of each project, so many days later."""
    later, run, key = number * _DAY, number * 1_000, number * invocations
    times = ("created_at", "dequeued_at", "started_at", "finished_at", "generated_at")
    stages = [f"{stage}_{end}_at" for stage in ("compile", "execute") for end in ("started", "completed")]
    shifted = {name: f"{name} + {later}" for name in (*times, *stages)}
    first = "SELECT min(id) FROM runs GROUP BY environment_id"
    pace = f"(0.9 + (resource_id * 7919 + {number} * 104729) % 100 / 500.0)"
    changes: Mapping[str, tuple[Mapping[str, str], str]] = {
        "invocations": (
            {"id": f"id + {key}", "run_id": f"run_id + {run}", "uuid": f"uuid || '-{number}'"},
            f"run_id IN ({first})",
        ),
        "results": (
            {
                "id": "NULL",
                "invocation_id": f"invocation_id + {key}",
                "run_id": f"run_id + {run}",
                "execution_time": f"execution_time * {pace}",
            },
            f"invocation_id <= {invocations}",
        ),
        "runs": ({"id": f"id + {run}"}, f"id IN ({first})"),
    }
    for table, (changed, where) in changes.items():
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        names = ", ".join(f'"{name}"' for name in columns)
        values = ", ".join({**shifted, **changed}.get(name, f'"{name}"') for name in columns)
        connection.execute(f"INSERT INTO {table} ({names}) SELECT {values} FROM {table} WHERE {where}")  # noqa: S608
