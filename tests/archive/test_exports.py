"""An export holds every row of its archive, in few statements, and is written again only where something changed."""

from __future__ import annotations

import fcntl
import json
import os
import random
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from gateway.archive.archive import Archive
from gateway.archive.exports.columns import EXPORT_TABLES, ExportTable
from gateway.archive.exports.export import ExportReport, export_archive
from gateway.archive.exports.file_formats import ExportFormat
from gateway.archive.retention import Retention, forget_old_runs
from gateway.errors import ConfigurationError
from gateway.ingest.folders import ingest_folder
from tests.archive.expected_exports import Expected
from tests.archive.exported_rows import MONTHLY, all_rows, files_of, in_order, parquet, read_file, schema_of
from tests.archive.postgres import Server
from tests.archive.written_runs import DAILY, ENVIRONMENT, MODELS, SOURCE, Command, write_account, write_run
from tests.conftest import stored
from tests.repetitions import daily_and_nightly

NOW = datetime(2026, 6, 15, tzinfo=UTC)
FEBRUARY = datetime(2026, 2, 1, tzinfo=UTC)
FORMATS = tuple(ExportFormat)
BY_HAND = ("runs", "node_results", "invocations", "change_points", "jobs")
TEXTS = ("Thread-1", 'a "quoted", text', "two\nlines", "", "größer ✓", "null", " ")


def export(store: str, folder: Path, file_format: ExportFormat = ExportFormat.PARQUET) -> ExportReport:
    archive = Archive.open(store)
    try:
        return export_archive(archive, folder, file_format, now=NOW)
    finally:
        archive.close()


def read_again(store: str, folder: Path) -> None:
    archive = Archive.open(store)
    try:
        assert not ingest_folder(archive, folder).problems
    finally:
        archive.close()


def places(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file of an export with its inode and time: a file that is written again has others."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "_export.lock")
    return {path.relative_to(folder).as_posix(): (path.stat().st_ino, path.stat().st_mtime_ns) for path in files}


def of_month(month: str, *tables: str) -> set[str]:
    return {f"{table}/environment_id={ENVIRONMENT}/month={month}/part.parquet" for table in tables}


@contextmanager
def statements() -> Iterator[list[str]]:
    noted: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        noted.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield noted
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def write_months(folder: Path, seed: int = 1, runs: int = 12) -> Path:
    """Runs around the turns of three months, some of several commands, with texts that files take badly."""
    chance = random.Random(seed)  # noqa: S311
    write_account(folder, {DAILY: "scheduled"})
    for run in range(100, 100 + runs):
        ended = FEBRUARY + timedelta(
            days=chance.choice((-20, -1, 0, 3, 27, 28, 40)), microseconds=chance.choice((0, 7))
        )
        commands = []
        for step in range(chance.randint(1, 3)):
            at = ended + timedelta(hours=13 * step)
            if chance.random() < 0.3:
                commands.append(Command(at, checks={SOURCE: chance.choice(("pass", "warn"))}))
                continue
            names = chance.sample(MODELS, chance.randint(1, len(MODELS)))
            results = {name: (chance.choice(("success", "error", "skipped")), chance.random() * 9) for name in names}
            adapter = chance.choice(({}, {"rows_affected": 5, "code": "a,b", "bytes_billed": 2**40}))
            commands.append(Command(at, results, adapter=adapter, thread=chance.choice(TEXTS)))
        write_run(folder, run, DAILY, commands)
    return folder


@pytest.fixture
def months(tmp_path: Path) -> Path:
    """A folder of one run each in January, February and March."""
    folder = tmp_path / "runs"
    write_account(folder, {DAILY: "scheduled"})
    for run, days in ((100, -5), (101, 5), (102, 35)):
        write_run(folder, run, DAILY, [built(FEBRUARY + timedelta(days=days))])
    return folder


def built(ended: datetime) -> Command:
    return Command(ended, dict.fromkeys(MODELS, ("success", 1.5)))


@pytest.mark.slow
@pytest.mark.parametrize("file_format", FORMATS)
def test_every_row_of_the_demo_is_exported(demo_store: str, tmp_path: Path, file_format: ExportFormat) -> None:
    report = export(demo_store, tmp_path, file_format)
    rows, expected = all_rows(tmp_path), Expected(demo_store)
    for name in BY_HAND:
        assert in_order(rows[name]) == in_order(expected.of(name)), name
    counts = {name: len(table) for name, table in rows.items()}
    assert counts == {
        "runs": 130,
        "node_results": 1986 + 120,
        "invocations": 193,
        "jobs": 12,
        "change_points": 2,
        "models": counts["models"],
    }
    assert report.rows == sum(counts.values())


@pytest.mark.slow
def test_results_of_the_demo_are_those_of_its_files(demo_store: str, demo_folder: Path, tmp_path: Path) -> None:
    """As the artifacts have them, past the archive."""
    export(demo_store, tmp_path)
    of_files: Counter[Any] = Counter()
    for path in demo_folder.rglob("run_results.json"):
        content = json.loads(path.read_text())
        if content["args"].get("which") in ("compile", "generate", "docs generate"):
            continue
        for result in content["results"]:
            # dbt writes `pass` for tests that it did not execute.
            is_reused = result["message"] == "No new changes on any upstreams"
            status = "reused" if is_reused else result["status"]
            key = content["metadata"]["invocation_id"], result["unique_id"], status
            of_files[*key, result["execution_time"], result["thread_id"], result["failures"]] += 1
    rows = [row for row in all_rows(tmp_path)["node_results"] if not row["is_freshness_check"]]
    names = ("invocation_id", "unique_id", "status", "execution_seconds", "thread", "failures")
    assert Counter(tuple(row[name] for name in names) for row in rows) == of_files


@pytest.mark.slow
def test_models_of_the_demo_are_those_of_its_newest_manifests(
    demo_store: str, demo_folder: Path, tmp_path: Path
) -> None:
    export(demo_store, tmp_path)
    newest: dict[int, tuple[str, Path]] = {}
    for path in demo_folder.rglob("manifest.json"):
        run = json.loads((path.parents[1] / "run.json").read_text())
        made = re.findall(r'"generated_at": ?"([^"]+)"', path.read_text())[0]
        newest[run["environment_id"]] = max((made, path), newest.get(run["environment_id"], ("", path)))
    expected = {
        (environment, name, node["name"], node["package_name"], node["schema"], node["alias"], tuple(node["tags"]))
        for environment, (_, path) in newest.items()
        for name, node in json.loads(path.read_text())["nodes"].items()
        if node["resource_type"] == "model"
    }
    rows = all_rows(tmp_path)["models"]
    names = ("environment_id", "unique_id", "name", "package_name", "schema", "alias")
    assert {(*(row[name] for name in names), tuple(json.loads(row["tags"]))) for row in rows} == expected
    assert len(rows) == len(expected)
    assert all(row["last_status"] is None or row["last_attempt_at"] for row in rows)


@pytest.mark.slow
@pytest.mark.parametrize("count", daily_and_nightly(1, 40))
def test_generated_archives_are_exported_whole_in_both_formats(count: int, tmp_path: Path) -> None:
    for seed in range(count):
        place = tmp_path / str(seed)
        store = stored(write_months(place / "runs", seed), place)
        for file_format in FORMATS:
            export(store, place / file_format.value, file_format)
        in_parquet, in_csv = (all_rows(place / file_format.value) for file_format in FORMATS)
        assert in_parquet == in_csv
        expected = Expected(store)
        for name in BY_HAND:
            assert in_order(in_parquet[name]) == in_order(expected.of(name)), (seed, name)


@pytest.mark.slow
def test_files_are_sorted_and_typed_also_where_they_are_empty(demo_store: str, tmp_path: Path) -> None:
    export(demo_store, tmp_path)
    for table in EXPORT_TABLES:
        for path in files_of(tmp_path, table):
            rows = read_file(path, table)
            assert rows.schema.equals(schema_of(table)), path
            keys = [[(row[name] is None, row[name]) for name in table.sorted_by] for row in rows.to_pylist()]
            assert keys == sorted(keys, key=_orderable), path
            file = parquet.ParquetFile(path)
            for group in range(file.num_row_groups):
                assert file.metadata.row_group(group).column(0).compression == "ZSTD"
    months = {
        table.name: {path.parent.relative_to(tmp_path / table.name) for path in files_of(tmp_path, table)}
        for table in MONTHLY
    }
    assert len(set(map(frozenset, months.values()))) == 1, "every table has every month"


def _orderable(key: list[tuple[bool, Any]]) -> list[Any]:
    return [(absent, 0 if absent else value) for absent, value in key]


@pytest.mark.slow
def test_a_table_takes_one_statement_a_file(demo_store: str, tmp_path: Path) -> None:
    with statements() as first:
        export(demo_store, tmp_path)
    files = {table.name: len(files_of(tmp_path, table)) for table in MONTHLY}
    assert len(set(files.values())) == 1
    with statements() as second:
        export(demo_store, tmp_path)
    # Files whose content stands are not read: what is left is the look at what there is.
    assert len(first) - len(second) == files["runs"] + files["node_results"] + files["invocations"]
    looks = {"FROM runtime_changes": 1, "FROM jobs": 1, "FROM defining": 5, "FROM runs": 1, "FROM invocations LEFT": 1}
    assert {part: sum(part in _one_line(statement) for statement in second) for part in looks} == looks


def _one_line(statement: str) -> str:
    return " ".join(statement.split()).rpartition(") SELECT")[2] or " ".join(statement.split())


@pytest.mark.slow
def test_a_second_export_writes_nothing(months: Path, tmp_path: Path) -> None:
    store = stored(months, tmp_path)
    first = export(store, tmp_path / "out")
    before = places(tmp_path / "out")
    second = export(store, tmp_path / "out")
    assert (first.written, first.unchanged) == (len(before) - 1, 0)  # the manifest beside them
    assert (second.written, second.rows, second.unchanged) == (0, 0, first.written)
    assert places(tmp_path / "out") == before


@pytest.mark.slow
def test_a_late_run_writes_its_month_alone(months: Path, tmp_path: Path) -> None:
    store = stored(months, tmp_path)
    export(store, tmp_path / "out")
    before = places(tmp_path / "out")
    write_run(months, 103, DAILY, [built(FEBRUARY + timedelta(days=7))])
    read_again(store, months)
    export(store, tmp_path / "out")
    after = places(tmp_path / "out")
    changed = {name for name in after if after[name] != before.get(name)}
    assert changed == {"_export.json", *of_month("2026-02", "runs", "node_results", "invocations")}
    assert len([row for row in all_rows(tmp_path / "out")["node_results"] if row["run_id"] == 103]) == len(MODELS)


@pytest.mark.slow
def test_a_later_command_of_a_run_changes_the_month_before(months: Path, tmp_path: Path) -> None:
    """What it reports is the last of its nodes then, and what they did before is not."""
    store = stored(months, tmp_path)
    export(store, tmp_path / "out")
    before = places(tmp_path / "out")
    first, later = FEBRUARY - timedelta(days=5), FEBRUARY + timedelta(days=1)
    write_run(months, 100, DAILY, [built(first), built(later)])
    read_again(store, months)
    export(store, tmp_path / "out")
    after = places(tmp_path / "out")
    changed = {name for name in after if after[name] != before.get(name)}
    assert of_month("2026-01", "node_results") | of_month("2026-02", "node_results", "invocations") <= changed
    assert not any("month=2026-03" in name for name in changed)
    expected = Expected(store)
    for name in BY_HAND:
        assert in_order(all_rows(tmp_path / "out")[name]) == in_order(expected.of(name)), name


@pytest.mark.slow
def test_what_the_archive_forgets_stays_exported(months: Path, tmp_path: Path) -> None:
    write_run(months, 104, DAILY, [built(FEBRUARY + timedelta(days=7))])
    store = stored(months, tmp_path)
    export(store, tmp_path / "out")
    rows = all_rows(tmp_path / "out")["node_results"]
    archive = Archive.open(store)
    assert forget_old_runs(archive, Retention(None, 2)).runs == 2
    archive.close()
    report = export(store, tmp_path / "out")
    assert set(report.kept) == of_month("2026-02", "runs", "node_results", "invocations")
    assert all_rows(tmp_path / "out")["node_results"] == rows


@pytest.mark.slow
def test_a_killed_export_leaves_whole_files(months: Path, tmp_path: Path) -> None:
    """Killed before each of its renames in turn, and while a file is being written."""
    store, out = stored(months, tmp_path), tmp_path / "out"
    export(store, out)
    write_run(months, 103, DAILY, [built(FEBRUARY + timedelta(days=7))])
    read_again(store, months)
    export(store, tmp_path / "whole")
    kills = 0
    for point in range(20):
        place = tmp_path / f"out-{point}"
        shutil.copytree(out, place)
        old, new = contents(out), contents(tmp_path / "whole")
        if not killed_at(store, place, point):
            break
        kills += 1
        assert all(data in (old[name], new[name]) for name, data in contents(place).items())
        export(store, place)
        assert contents(place) == new
        assert not list(place.rglob("*.new"))
    assert kills == 2 * 3 + 2  # three files, and the manifest before and after them


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("part.*")}


def killed_at(store: str, folder: Path, point: int) -> bool:
    """Whether an export, in a process of its own, came to its rename or reading number `point`, and was killed
    there. The first is the rename of the manifest that names the files."""
    child = os.fork()
    if child == 0:
        replace, done = Path.replace, 0

        def reached() -> None:
            nonlocal done
            if done == point:
                os._exit(9)
            done += 1

        def renamed(path: Path, target: Path) -> Path:
            reached()
            return replace(path, target)

        Path.replace = renamed  # type: ignore[method-assign, assignment]
        event.listen(Engine, "before_cursor_execute", lambda *_: reached() if done else None)
        try:
            export(store, folder)
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


@pytest.mark.slow
def test_one_process_exports_to_a_folder(months: Path, tmp_path: Path) -> None:
    store, out = stored(months, tmp_path), tmp_path / "out"
    export(store, out)
    before = places(out)
    with (out / "_export.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(ConfigurationError, match="Another process exports to"):
            export(store, out)
    assert places(out) == before


@pytest.mark.slow
def test_a_damaged_archive_leaves_the_old_files(months: Path, tmp_path: Path) -> None:
    store, out = stored(months, tmp_path), tmp_path / "out"
    export(store, out)
    before = contents(out)
    archive = Archive.open(store)
    with archive.writing() as connection:
        connection.exec_driver_sql("update results set failures = 'many' where run_id = 101")
        connection.exec_driver_sql("update invocations set threads = 5")
    archive.close()
    with pytest.raises(ConfigurationError, match="is damaged: a column holds a value of another type"):
        export(store, out)
    name = next(iter(of_month("2026-02", "node_results")))
    assert contents(out)[name] == before[name]


@pytest.mark.slow
@pytest.mark.nightly
def test_postgresql_exports_the_same_rows(postgres: Server, tmp_path: Path) -> None:
    folder = write_months(tmp_path / "runs", 3)
    on_sqlite, on_postgres = stored(folder, tmp_path), postgres.new_database()
    read_again(on_postgres, folder)
    export(on_sqlite, tmp_path / "sqlite")
    export(on_postgres, tmp_path / "postgres")
    rows, same = all_rows(tmp_path / "sqlite"), all_rows(tmp_path / "postgres")
    for table in (rows, same):
        for run in table["runs"]:
            run.pop("ingested_at")  # each by its own clock
    assert same == rows


@pytest.mark.slow
def test_an_archive_without_runs_is_exported(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'runs.db'}"
    assert export(store, tmp_path / "out").rows == 0
    assert {name for name in places(tmp_path / "out") if not name.startswith("_")} == {"jobs/part.parquet"}


def _documented(table: ExportTable) -> list[str]:
    return [f"| `{column.name}` | {column.type.value} | {column.description} |" for column in table.columns]


def test_the_columns_are_documented() -> None:
    text = (Path(__file__).parents[2] / "docs/export.md").read_text("utf-8")
    sections = {part.partition("\n")[0]: part for part in text.split("\n### ")[1:]}
    for table in EXPORT_TABLES:
        lines = sections[f"`{table.name}`"].splitlines()
        assert [line for line in lines if line.startswith("| `")] == _documented(table), table.name
        assert f"Sorted by {', '.join(f'`{name}`' for name in table.sorted_by)}." in lines
