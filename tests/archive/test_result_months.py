"""On PostgreSQL results lie in months: moved there from older archives, dropped whole, and equal to SQLite's always."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import Connection, event, func, select

from gateway.archive.archive import Archive
from gateway.archive.retention import Forgotten, Retention, forget_old_runs
from gateway.archive.tables.run_tables import results
from gateway.errors import ConfigurationError
from gateway.ingest.folders import ingest_folder
from tests.archive.postgres import Server
from tests.archive.rollup_checks import check_rollups
from tests.archive.written_runs import BEGIN, CHANGES, DAILY, MODELS, Command, write_account, write_run
from tests.mirror.cloud import content

pytestmark = [pytest.mark.slow, pytest.mark.external]

# BEGIN is 30 January: days 0, 20, 40 and 60 lie in four months.
DAYS = (0, 1, 20, 40, 60)
TABLES = ["results_2026_01", "results_2026_02", "results_2026_03"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of three months."""
    place = tmp_path_factory.mktemp("months")
    write_account(place, {DAILY: "scheduled", CHANGES: "ci"})
    for day in DAYS:
        command = Command(BEGIN + timedelta(days=day), dict.fromkeys(MODELS, ("success", 1.0 + day)))
        write_run(place, 100 + day, DAILY, [command])
    return place


@pytest.fixture(scope="module")
def store(postgres: Server, folder: Path) -> str:
    """The address of an archive with those runs, to be copied."""
    address = postgres.new_database()
    opened = Archive.open(address)
    assert not ingest_folder(opened, folder).problems
    opened.close()
    return address


@pytest.fixture
def archive(postgres: Server, store: str) -> Iterator[Archive]:
    """An archive on PostgreSQL with those runs."""
    opened = Archive.open(postgres.copy(store))
    yield opened
    opened.close()


@pytest.fixture
def twin(folder: Path, tmp_path: Path) -> Iterator[Archive]:
    """The same on SQLite."""
    opened = Archive.open(f"sqlite:///{tmp_path / 'runs.db'}")
    ingest_folder(opened, folder)
    yield opened
    opened.close()


def tables(archive: Archive) -> list[str]:
    with archive.reading() as connection:
        names = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'results'::regclass"
        return sorted(connection.exec_driver_sql(names).scalars())


def put_in_one_table(connection: Connection) -> None:
    """As archives before version 19 have it."""
    connection.exec_driver_sql("CREATE TABLE plain (LIKE results INCLUDING DEFAULTS)")
    connection.exec_driver_sql("INSERT INTO plain SELECT * FROM results")
    connection.exec_driver_sql("ALTER SEQUENCE results_id_seq OWNED BY plain.id")
    connection.exec_driver_sql("DROP TABLE results")
    connection.exec_driver_sql("ALTER TABLE plain RENAME TO results")
    connection.exec_driver_sql("ALTER TABLE results ADD CONSTRAINT results_pkey PRIMARY KEY (id)")
    for index in results.indexes:
        index.create(connection)
    connection.exec_driver_sql("DELETE FROM migrations")
    connection.exec_driver_sql("INSERT INTO migrations VALUES (20, 'older', 0)")


def test_results_of_an_older_archive_are_moved_into_months(archive: Archive, twin: Archive, tmp_path: Path) -> None:
    with archive.writing() as connection:
        put_in_one_table(connection)
    opened = Archive.open(archive.url.render_as_string(hide_password=False))
    assert tables(opened) == TABLES
    assert content(opened) == content(twin)
    check_rollups(opened)
    later = tmp_path / "later"
    write_run(later, 300, DAILY, [Command(BEGIN + timedelta(days=90), {MODELS[0]: ("success", 2.0)})])
    for each in (opened, twin):
        assert not ingest_folder(each, later).problems
    assert tables(opened) == [*TABLES, "results_2026_04"]
    assert content(opened) == content(twin)
    opened.close()


def test_old_months_are_dropped_in_one_statement(archive: Archive, twin: Archive) -> None:
    statements: list[str] = []
    event.listen(archive._engine, "before_cursor_execute", lambda *event: statements.append(event[2]))
    now = (BEGIN + timedelta(days=61)).timestamp()
    for each in (archive, twin):
        assert forget_old_runs(each, Retention(timedelta(days=30)), now) == Forgotten(runs=3, results=9, nodes=0)
    about = [each for each in statements if each.startswith(("DROP", "DELETE FROM results"))]
    assert about == ["DROP TABLE results_2026_01", "DROP TABLE results_2026_02"]
    assert tables(archive) == TABLES[2:]
    assert content(archive) == content(twin)
    check_rollups(archive)


@pytest.mark.nightly
def test_a_month_of_which_a_run_stays_loses_the_others_alone(archive: Archive, twin: Archive, tmp_path: Path) -> None:
    """The newest run of a job stays, however old."""
    write_run(tmp_path / "ci", 200, CHANGES, [Command(BEGIN, {MODELS[0]: ("error", 1.0)})])
    now = (BEGIN + timedelta(days=61)).timestamp()
    for each in (archive, twin):
        ingest_folder(each, tmp_path / "ci")
        assert forget_old_runs(each, Retention(timedelta(days=30)), now).results == 9
    assert tables(archive) == ["results_2026_01", "results_2026_03"]
    assert content(archive) == content(twin)
    check_rollups(archive)


def test_somebody_who_reads_for_long_loses_nothing_and_holds_up_nobody(archive: Archive, twin: Archive) -> None:
    """The rows of the months go one by one then."""
    now = (BEGIN + timedelta(days=61)).timestamp()
    count = select(func.count()).select_from(results)
    with archive.reading() as connection:
        assert connection.scalar(count) == 15
        forget_old_runs(archive, Retention(timedelta(days=30)), now)
        assert connection.scalar(count) == 15
    forget_old_runs(twin, Retention(timedelta(days=30)), now)
    assert content(archive) == content(twin)
    check_rollups(archive)
    assert tables(archive) == TABLES, "empty, until something is forgotten again"


@pytest.mark.nightly
def test_a_month_that_somebody_detached_is_named(archive: Archive, twin: Archive, tmp_path: Path) -> None:
    write_run(tmp_path, 300, DAILY, [Command(BEGIN + timedelta(hours=5), {MODELS[0]: ("success", 2.0)})])
    with archive.writing() as connection:
        connection.exec_driver_sql("ALTER TABLE results DETACH PARTITION results_2026_01")
    with pytest.raises(ConfigurationError, match="ALTER TABLE results ATTACH PARTITION results_2026_01") as refusal:
        ingest_folder(archive, tmp_path)
    cure = refusal.value.message.partition("with ")[2].partition(", rename")[0]
    with archive.writing() as connection:
        connection.exec_driver_sql(cure)
    for each in (archive, twin):
        assert not ingest_folder(each, tmp_path).problems
    assert content(archive) == content(twin)
    check_rollups(archive)


def write_part(place: Path, part: int, count: int) -> Path:
    """Runs of four months, those of each part at other hours."""
    folder = place / str(part)
    write_account(folder, {DAILY: "scheduled"})
    for number in range(count):
        ended = BEGIN + timedelta(days=number * 100 / count, hours=part)
        write_run(folder, 1000 * (part + 1) + number, DAILY, [Command(ended, dict.fromkeys(MODELS, ("success", 2.0)))])
    return folder


@pytest.mark.nightly
def test_four_threads_that_store_make_each_month_once(postgres: Server, tmp_path: Path) -> None:
    address = postgres.new_database()
    Archive.open(address).close()
    folders = [write_part(tmp_path, part, 4) for part in range(4)]
    problems: list[object] = []

    def store(folder: Path) -> None:
        own = Archive.open(address)
        problems.extend(ingest_folder(own, folder).problems)
        own.close()

    threads = [threading.Thread(target=store, args=(folder,)) for folder in folders]
    for thread in threads:
        thread.start()
    reader = Archive.open(address)
    while any(thread.is_alive() for thread in threads):
        with reader.reading() as connection:
            of_runs = select(func.count()).select_from(results).group_by(results.c.run_id)
            assert set(connection.scalars(of_runs)) <= {len(MODELS)}, "a run is seen whole, or not at all"
        time.sleep(0.05)
    for thread in threads:
        thread.join()
    assert problems == []
    assert tables(reader) == [*TABLES, "results_2026_04"]
    assert len(content(reader)["results"]) == 4 * 4 * len(MODELS)
    check_rollups(reader)
    reader.close()


ASK = "{ account { projects { nodes { models { nodes { id runs(last: 20) { nodes { status } } } } } } } }"


@pytest.mark.nightly
def test_two_gateways_and_four_ingests_work_at_once(postgres: Server, tmp_path: Path) -> None:
    address = postgres.new_database()
    archive = Archive.open(address)
    ingest_folder(archive, write_part(tmp_path, 9, 1))
    folders = [write_part(tmp_path, part, 12) for part in range(4)]
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("GATEWAY_", "DBT_"))}

    def started(*command: str) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        arguments = [sys.executable, "-m", "gateway", *command, "--store", address]
        return subprocess.Popen(arguments, env=clean, stdout=pipe, stderr=pipe, text=True)

    gateways = [started("serve", "--port", "0") for _ in range(2)]
    try:
        ports = [_port_of(gateway) for gateway in gateways]
        ingests = [started("ingest", str(folder)) for folder in folders]
        while any(ingest.poll() is None for ingest in ingests):
            for port in ports:
                reply = httpx2.post(f"http://127.0.0.1:{port}/graphql", json={"query": ASK}, timeout=60).json()
                assert "errors" not in reply, reply
        for ingest in ingests:
            _, errors = ingest.communicate(timeout=60)
            assert ingest.returncode == 0, errors
    finally:
        for gateway in gateways:
            gateway.terminate()
            gateway.communicate(timeout=30)
    assert len(content(archive)["results"]) == (4 * 12 + 1) * len(MODELS)
    check_rollups(archive)
    archive.close()


def _port_of(gateway: subprocess.Popen[str]) -> int:
    assert gateway.stdout is not None
    for line in gateway.stdout:
        if "http://127.0.0.1:" in line:
            return int("".join(filter(str.isdigit, line.partition("http://127.0.0.1:")[2].split("/")[0].split()[0])))
    raise AssertionError(gateway.communicate(timeout=10))
