"""Questions have the same answers when the months that they are about were compacted."""

from __future__ import annotations

import random
import sys
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from gateway.archive.archive import Archive
from gateway.archive.columnar import visible_results
from gateway.archive.columnar.compacted_files import files_of
from gateway.archive.compaction import CompactReport, compact
from gateway.archive.exports.export import export_archive
from gateway.archive.exports.file_formats import ExportFormat
from gateway.archive.reading.executions import results_of_commands
from gateway.archive.reading.model_states import model_states
from gateway.archive.retention import Retention, forget_old_runs
from gateway.archive.rollups.upkeep import rebuild
from gateway.archive.tables.run_tables import invocations, recent_results, resource_months, resources, results
from gateway.ingest.folders import ingest_folder
from gateway.settings import Settings
from tests.archive.exported_rows import all_rows
from tests.archive.postgres import Server
from tests.archive.rollup_checks import packed_rows
from tests.archive.written_runs import (
    BEGIN,
    CHANGES,
    DAILY,
    ENVIRONMENT,
    FUNCTION,
    MODELS,
    SOURCE,
    Command,
    write_account,
    write_run,
)
from tests.conftest import copied, stored
from tests.generated.demo import demo_values, read_schema
from tests.generated.queries import QueryGenerator
from tests.identity.callers import comparable
from tests.oracle.account import Oracle
from tests.serving import Gateway, serving

pytest.importorskip("duckdb", reason="compacted months need DuckDB: pip install 'dbt-gateway[columnar]'")

DAYS = 60
AFTER_DEMO = datetime(2026, 4, 15, tzinfo=UTC)
HALF_OF_THE_DAYS = BEGIN + timedelta(days=DAYS * 2 // 3)
"""Months that ended before it are compacted."""

ABOUT_A_MODEL = """query($id: ID!, $last: Int!) { model(id: $id) { lastRun { runtime } lastSuccess { runtime }
  runs(first: $last) { nodes { run { id } runtime status startTime endTime error thread step rowsAffected } } } }"""
QUESTIONS = {
    "a model's history": (ABOUT_A_MODEL, {"id": "shop.orders", "last": 100}),
    "a model that stopped": (ABOUT_A_MODEL, {"id": "shop.events", "last": 20}),
    "a run": (
        """{ run(id: "1003") { nodeResults { nodes { uniqueId status runtime thread startTime } }
        models { nodes { name } } error weightedSeconds { key weightedSeconds resultCount } steps { name } } }""",
        {},
    ),
    "a ranking": ("{ account { slowestModels(first: 3, lastRuns: 50) { runtime model { name } } } }", {}),
    "lasting changes": (
        """{ account { regressions(since: "2026-01-01T00:00:00Z", certainty: SUSPECTED) {
        nodes { since beforeSeconds afterSeconds cause } } } }""",
        {},
    ),
    "a job": ('{ job(id: "101") { runMatrix(lastRuns: 40) { runs { id } rows { uniqueId } leftOut } } }', {}),
}


def write_days(folder: Path, days: Collection[int]) -> None:
    """A daily job, a CI job each third day; `shop.events` is built in the first 32 days only."""
    chance = random.Random(7)  # noqa: S311
    write_account(folder, {DAILY: "scheduled", CHANGES: "ci"})
    for day in range(DAYS):
        ended = BEGIN + timedelta(days=day, minutes=day % 7)
        names = [name for name in (*MODELS, FUNCTION) if day < 32 or name != "model.shop.events"]
        seconds = {name: round(chance.uniform(5, 9) * (2 if day > 40 else 1), 3) for name in names}
        ways = {name: chance.choices(("success", "error", "skipped"), (18, 1, 1))[0] for name in names}
        builds = Command(ended, {name: (ways[name], seconds[name]) for name in names}, thread=f"Thread-{day % 4}")
        checks = Command(ended - timedelta(minutes=5), checks={SOURCE: "pass" if day % 5 else "warn"})
        again = Command(ended + timedelta(minutes=3), {MODELS[0]: ("success", 2.5)}, {"which": "retry"})
        if day not in days:
            continue
        write_run(folder, 1000 + day, DAILY, [checks, builds, *([again] if ways[MODELS[0]] == "error" else [])])
        if day % 3 == 0:
            write_run(folder, 2000 + day, CHANGES, [Command(ended + timedelta(hours=1), {MODELS[0]: ("success", 1.0)})])


def compacted(store: str, *, now: datetime = HALF_OF_THE_DAYS) -> CompactReport:
    """Compacts what ended before the month of `now`."""
    archive = Archive.open(store)
    try:
        return compact(archive, now=now, keep_months=0)
    finally:
        archive.close()


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An archive of 60 days. Nobody changes it."""
    folder = tmp_path_factory.mktemp("days")
    write_days(folder / "account", range(DAYS))
    return stored(folder / "account", folder)


@pytest.fixture(scope="module")
def half(plain: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The same with half of its months compacted. Nobody changes it."""
    store = copied(plain, tmp_path_factory.mktemp("half"))
    report = compacted(store)
    assert (report.months, report.left) == (2, ()), "January and February"
    return store


@pytest.fixture(scope="module")
async def pair(plain: str, half: str) -> AsyncIterator[tuple[Gateway, Gateway]]:
    async with AsyncExitStack() as stack:
        stores = [Settings(store_url=store, history_source="archive") for store in (plain, half)]
        opened = [await stack.enter_async_context(serving(settings)) for settings in stores]
        yield opened[0], opened[1]


@pytest.mark.slow
@pytest.mark.parametrize("name", QUESTIONS)
async def test_questions_have_the_same_answers_over_files(pair: tuple[Gateway, Gateway], name: str) -> None:
    query, variables = QUESTIONS[name]
    by_rows, by_files = [await gateway.ask(query, **variables) for gateway in pair]
    assert by_rows.errors == []
    assert comparable(by_files) == comparable(by_rows)
    assert by_rows.data


def content_of(store: str) -> dict[str, Any]:
    """Every result and roll-up, by names instead of keys, as questions see them."""
    archive = Archive.open(store)
    try:
        with archive.reading() as connection:
            commands = dict(connection.execute(select(invocations.c.id, invocations.c.uuid)).all())
            names = dict(connection.execute(select(resources.c.id, resources.c.unique_id)).all())
            rows = [(commands[row[0]], *row[1:]) for row in results_of_commands(connection, list(commands))]
            packed = [
                (table.name, names[row["resource_id"]], *(row[key] for key in row if key != "resource_id"))
                for table in (recent_results, resource_months)
                for row in connection.execute(select(table)).mappings()
            ]
            states = [
                (row.unique_id, row.status, row.generated_at, row.execution_time)
                for row in model_states(connection, [ENVIRONMENT], contents=False)
            ]
            files = files_of(connection)
            assert not files or not files.problems
            return {"results": sorted(rows, key=repr), "packed": sorted(packed), "states": sorted(states, key=repr)}
    finally:
        archive.close()


def in_sql(store: str) -> int:
    """How many results are in the archive's own table."""
    archive = Archive.open(store)
    try:
        with archive.reading() as connection:
            return connection.scalar(select(func.count()).select_from(results)) or 0
    finally:
        archive.close()


def read(store: str, folder: Path) -> None:
    archive = Archive.open(store)
    try:
        assert not ingest_folder(archive, folder).problems
    finally:
        archive.close()


@pytest.mark.slow
def test_results_roll_ups_and_states_are_those_of_rows(plain: str, half: str) -> None:
    assert content_of(half) == content_of(plain)
    assert 0 < in_sql(half) < in_sql(plain) * 0.6


@pytest.mark.slow
def test_late_and_changed_runs_are_kept_beside_the_file_and_folded_in(tmp_path: Path) -> None:
    early = [day for day in range(38) if day not in (5, 6)]
    write_days(tmp_path / "account", early)
    store = stored(tmp_path / "account", tmp_path)
    assert compacted(store, now=BEGIN + timedelta(days=33)).months == 2
    write_days(tmp_path / "account", range(38))
    changed = Command(BEGIN + timedelta(days=8), {MODELS[0]: ("success", 77.0)})
    write_run(tmp_path / "account", 1008, DAILY, [changed])
    read(store, tmp_path / "account")
    (tmp_path / "other").mkdir()
    right = content_of(stored(tmp_path / "account", tmp_path / "other"))
    assert any(row[3] == 77.0 for row in right["results"])
    assert content_of(store) == right, "beside the files"
    report = compacted(store, now=BEGIN + timedelta(days=33))
    assert (report.months, report.left) == (1, ()), "February"
    assert content_of(store) == right, "in the files"
    assert len(list(tmp_path.glob("runs.db-columnar/node_results/*/*/part-*.parquet"))) == 2


@pytest.mark.slow
def test_an_export_is_the_same_over_files(plain: str, half: str, tmp_path: Path) -> None:
    for store, name in ((plain, "plain"), (half, "half")):
        archive = Archive.open(store)
        export_archive(archive, tmp_path / name, ExportFormat.PARQUET, now=AFTER_DEMO)
        archive.close()
    by_rows, by_files = [all_rows(tmp_path / name) for name in ("plain", "half")]
    assert by_files["node_results"] == by_rows["node_results"], "in this order, too"
    assert by_rows["node_results"]


def file_of(store: str) -> Path:
    """The newest file."""
    folder = Path(store.removeprefix("sqlite:///") + "-columnar")
    return sorted(folder.glob("node_results/*/*/part-*.parquet"))[-1]


OTHER_DAMAGES = ("missing", "foreign")
DAMAGES: dict[str, Callable[[Path], object]] = {
    "missing": Path.unlink,
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-100]),
    "foreign": lambda path: path.write_bytes(path.read_bytes()[::-1]),
}


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["cut", *(pytest.param(name, marks=pytest.mark.nightly) for name in OTHER_DAMAGES)])
async def test_a_damaged_file_is_named_and_the_rest_is_served(
    plain: str, damage: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = copied(plain, tmp_path)
    compacted(store)
    path = file_of(store)
    DAMAGES[damage](path)
    async with serving(Settings(store_url=store, history_source="archive")) as gateway:
        model = await gateway.ask(ABOUT_A_MODEL, id="shop.orders", last=100)
        run = await gateway.ask('{ run(id: "1003") { nodeResults { nodes { uniqueId } } } }')
    (note,) = model.gateway["notes"]
    assert note["code"] == "COMPACTED_UNREADABLE"
    folder = path.parents[3]
    assert str(path.relative_to(folder)) in note["message"]
    assert str(folder) not in note["message"], "where the operator keeps files is no caller's business"
    assert "Restore it from a backup" in note["message"]
    assert len(model.data["model"]["runs"]["nodes"]) > 20, "those of other months"
    assert run.gateway["notes"] == [note]
    assert f"In the folder {folder}: {note['message']}" in caplog.text


@pytest.mark.slow
async def test_a_question_about_too_many_compacted_results_is_refused(
    half: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visible_results, "MOST_ROWS", 20)
    async with serving(Settings(store_url=half, history_source="archive")) as gateway:
        long = await gateway.ask(ABOUT_A_MODEL, id="shop.orders", last=100)
        short = await gateway.ask(ABOUT_A_MODEL, id="shop.orders", last=5)
    (error,) = long.errors
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert "more than 20 results of compacted months: ask about a shorter time" in error["message"]
    assert short.errors == []


@pytest.mark.slow
async def test_without_duckdb_the_error_names_the_extra(half: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    async with serving(Settings(store_url=half, history_source="archive")) as gateway:
        old = await gateway.ask('{ run(id: "1003") { nodeResults { nodes { uniqueId } } } }')
        new = await gateway.ask('{ run(id: "1059") { nodeResults { nodes { uniqueId } } } }')
    assert "pip install 'dbt-gateway[columnar]'" in old.errors[0]["message"]
    assert new.errors == []


@pytest.mark.slow
def test_a_month_goes_with_its_last_run(plain: str, tmp_path: Path) -> None:
    store = copied(plain, tmp_path)
    compacted(store)
    files = sorted(file_of(store).parents[2].glob("*/*/part-*.parquet"))
    archive = Archive.open(store)
    try:
        now = (BEGIN + timedelta(days=DAYS)).timestamp()
        forgotten = forget_old_runs(archive, Retention(age=timedelta(days=DAYS - 34)), now)
        assert (forgotten.files, forgotten.notes) == (2, ()), "January and February have 30 days"
        with archive.supposing() as connection:
            before = packed_rows(connection)
            rebuild(connection)
            assert packed_rows(connection) == before
    finally:
        archive.close()
    assert [path.exists() for path in files] == [False, False]
    write_days(tmp_path / "account", range(35, DAYS))
    (tmp_path / "other").mkdir()
    right = content_of(stored(tmp_path / "account", tmp_path / "other"))
    assert content_of(store)["packed"] == right["packed"]


@pytest.mark.slow
@pytest.mark.nightly
@pytest.mark.parametrize("source", ["archive", "discovery"])
@pytest.mark.parametrize("now", [AFTER_DEMO, datetime(2026, 3, 14, tzinfo=UTC)], ids=["all", "half"])
async def test_generated_questions_about_the_demo(
    demo_store: str, oracle: Oracle, tmp_path: Path, source: str, now: datetime
) -> None:
    store = copied(demo_store, tmp_path)
    assert compacted(store, now=now).months == (7 if now == AFTER_DEMO else 2)
    generator = QueryGenerator(41, read_schema(), demo_values(oracle))
    async with AsyncExitStack() as stack:
        both = [Settings(store_url=each, history_source=source) for each in (demo_store, store)]
        by_rows, by_files = [await stack.enter_async_context(serving(settings)) for settings in both]
        for _ in range(38):
            query, variables = generator.query()
            if "PerDay" in query:
                continue  # they are of the moment of asking
            right = comparable(await by_rows.ask(query, **variables))
            assert comparable(await by_files.ask(query, **variables)) == right, query


@pytest.mark.slow
@pytest.mark.nightly
@pytest.mark.external
def test_the_same_on_postgresql(postgres: Server, tmp_path: Path) -> None:
    write_days(tmp_path / "account", range(80))
    store, other = postgres.new_database(), postgres.new_database()
    for address in (store, other):
        read(address, tmp_path / "account")
    archive = Archive.open(store)
    report = compact(archive, now=BEGIN + timedelta(days=60), folder=tmp_path / "files", keep_months=0)
    archive.close()
    assert (report.months, report.left) == (2, ())
    assert content_of(store) == content_of(other)
