"""The archive in trouble, and the archive growing older."""

from __future__ import annotations

import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, event, inspect, select
from starlette.testclient import TestClient

from gateway.archive import archive as archive_module
from gateway.archive.archive import Archive
from gateway.archive.migrations import versions as migrations_module
from gateway.archive.migrations.versions import MIGRATIONS, Migration, migrate
from gateway.archive.reading.known_changes import series_of
from gateway.archive.tables.change_tables import runtime_series
from gateway.archive.tables.run_tables import migrations
from gateway.errors import ConfigurationError
from gateway.ingest.demo import unpack_demo
from gateway.ingest.folders import ingest_folder
from gateway.local_platform.app import create_platform
from tests.archive.postgres import Server
from tests.archive.test_bad_artifacts import not_as_root
from tests.served_platform import NewStore

RUN = Path("finance/301001/70437490011508")
OTHER_RUN = Path("finance/301001/70437490010823")


@pytest.fixture
def folder(demo_folder: Path, tmp_path: Path) -> Path:
    shutil.copytree(demo_folder / RUN, tmp_path / "runs" / RUN)
    return tmp_path / "runs"


@pytest.mark.slow
def test_a_full_disk_stops_the_reading_with_one_line_and_keeps_what_was_there(tmp_path: Path, folder: Path) -> None:
    archive = Archive.open(f"sqlite:///{tmp_path / 'runs.db'}")

    def fill_up(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA max_page_count = 60")

    archive._engine.dispose()
    event.listen(archive._engine, "connect", fill_up)
    with pytest.raises(ConfigurationError, match="full"):
        ingest_folder(archive, folder)
    assert archive.describe().runs == 0
    event.remove(archive._engine, "connect", fill_up)
    archive._engine.dispose()
    assert ingest_folder(archive, folder).runs == 1
    archive.close()


@pytest.mark.slow
def test_a_new_archive_has_pages_of_8_kib_and_an_older_one_keeps_its_own(tmp_path: Path, folder: Path) -> None:
    older = tmp_path / "older.db"
    with closing(sqlite3.connect(older)) as connection:
        connection.execute("PRAGMA page_size = 4096")
        connection.execute("VACUUM")
    for name, size in (("new.db", 8192), ("older.db", 4096)):
        archive = Archive.open(f"sqlite:///{tmp_path / name}")
        assert ingest_folder(archive, folder).runs == 1
        archive.close()
        with closing(sqlite3.connect(tmp_path / name)) as connection:
            assert connection.execute("PRAGMA page_size").fetchone() == (size,)


FULL_DISK = """
import resource, sys
from pathlib import Path
from gateway.errors import ConfigurationError
from gateway.archive.archive import Archive
from gateway.ingest.folders import ingest_folder

store, folder, most = sys.argv[1:]
archive = Archive.open(store)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(most), resource.RLIM_INFINITY))
try:
    ingest_folder(archive, Path(folder))
except ConfigurationError as error:
    print(error.message)
print(archive.describe().runs)
"""


NO_SPACE = """CREATE FUNCTION no_space() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  RAISE EXCEPTION 'could not extend file "base/1/2": No space left on device' USING ERRCODE = '53100'; END $$;
CREATE TRIGGER no_space BEFORE INSERT ON freshness FOR EACH ROW EXECUTE FUNCTION no_space()"""


@pytest.mark.external
def test_a_server_whose_disk_is_full_is_named_and_costs_nothing_stored(
    postgres: Server, demo_folder: Path, folder: Path
) -> None:
    """In the midst of the second run PostgreSQL refuses a row, as it does where it cannot extend a file."""
    archive = Archive.open(postgres.new_database())
    assert ingest_folder(archive, folder).runs == 1
    before = archive.describe()
    shutil.copytree(demo_folder / OTHER_RUN, folder / OTHER_RUN)
    with archive.writing() as connection:
        connection.exec_driver_sql(NO_SPACE)
    with pytest.raises(ConfigurationError, match=r"cannot be written: .*No space left on device"):
        ingest_folder(archive, folder)
    assert archive.describe() == before, "what was there is served on"
    with archive.writing() as connection:
        connection.exec_driver_sql("DROP TRIGGER no_space ON freshness")
    report = ingest_folder(archive, folder)
    assert (report.runs, report.unchanged) == (1, 1)
    archive.close()


@pytest.mark.slow
def test_a_file_system_that_takes_no_more_bytes_is_one_line_and_costs_nothing_stored(
    tmp_path: Path, demo_folder: Path, folder: Path
) -> None:
    """The operating system itself refuses to write, in the midst of the second run."""
    address = f"sqlite:///{tmp_path / 'runs.db'}"
    archive = Archive.open(address)
    assert ingest_folder(archive, folder).runs == 1
    archive.close()
    shutil.copytree(demo_folder / OTHER_RUN, folder / OTHER_RUN)
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, address, str(folder), "40000"], capture_output=True, text=True, check=True
    )
    said, runs = done.stdout.splitlines()
    assert said.startswith(f"The archive {address} cannot be written: ")
    assert runs == "1"
    assert done.stderr == ""
    opened = Archive.open(address)
    report = ingest_folder(opened, folder)
    assert (report.runs, report.unchanged) == (1, 1)
    opened.close()


@pytest.mark.slow
def test_a_folder_that_may_only_be_read_is_read_and_one_line_says_that_no_archive_can_be_there() -> None:
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        shutil.copytree(unpack_demo(place / "demo") / RUN, place / "runs" / RUN)
        archive = Archive.open(f"sqlite:///{place / 'runs.db'}")
        for path in (place, *place.glob("runs.db*")):
            path.chmod(0o777)
        for path in (place / "runs", *(place / "runs").rglob("*")):
            path.chmod(0o555 if path.is_dir() else 0o444)
        with not_as_root():
            assert ingest_folder(archive, place / "runs").runs == 1
            inside = f"sqlite:///{place / 'runs' / 'runs.db'}"
            with pytest.raises(ConfigurationError, match="cannot be opened") as refused:
                Archive.open(inside)
        archive.close()
    assert inside in refused.value.message
    assert "\n" not in refused.value.message


@pytest.mark.slow
def test_an_archive_that_is_damaged_while_it_is_served_is_an_error_in_both_apis(
    tmp_path: Path, demo_folder: Path, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copy(demo_folder / "account.json", folder)
    address = f"sqlite:///{tmp_path / 'runs.db'}"
    archive = Archive.open(address)
    ingest_folder(archive, folder)
    client = TestClient(create_platform(archive))
    query = {"query": "{ environment(id: 201001) { dbtProjectName } }"}
    assert client.post("/graphql", json=query).json()["data"] == {"environment": {"dbtProjectName": "finance"}}
    archive.close()
    whole = (tmp_path / "runs.db").read_bytes()
    (tmp_path / "runs.db").write_bytes(b"\xff" * len(whole))
    answer = client.post("/graphql", json=query)
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (500, "INTERNAL_SERVER_ERROR")
    answer = client.get("/api/v3/accounts/")
    assert (answer.status_code, answer.json()["data"]) == (500, None)
    assert all("runs.db" in record.message for record in caplog.records)
    with pytest.raises(ConfigurationError, match=re.escape(address)):
        ingest_folder(archive, folder)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        archive.describe()
    archive.close()
    (tmp_path / "runs.db").write_bytes(whole)
    assert client.post("/graphql", json=query).status_code == 200, "the process outlives it"
    archive.close()


@pytest.mark.slow
def test_an_archive_that_another_program_writes_is_waited_for_and_then_named(
    new_store: NewStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive_module, "_BUSY_SECONDS", 0)
    address = new_store()
    mine, theirs = Archive.open(address), Archive.open(address)
    with theirs.writing(), pytest.raises(ConfigurationError, match="locked"):
        ingest_folder(mine, folder)
    with theirs.writing(), pytest.raises(ConfigurationError, match="locked"), mine.supposing():
        pass
    assert ingest_folder(mine, folder).runs == 1
    mine.close()
    theirs.close()


@pytest.mark.slow
def test_two_programs_may_read_and_write_one_archive(tmp_path: Path, folder: Path) -> None:
    address = f"sqlite:///{tmp_path / 'runs.db'}"
    writer, reader = Archive.open(address), Archive.open(address)
    ingest_folder(writer, folder)
    assert reader.describe() == writer.describe()
    assert reader.describe().runs == 1
    writer.close()
    reader.close()


def versions(archive: Archive) -> list[int]:
    with archive.reading() as connection:
        return list(connection.scalars(select(migrations.c.version).order_by(migrations.c.version)))


def test_a_new_archive_starts_at_the_newest_version(empty_archive: Archive) -> None:
    assert versions(empty_archive) == [MIGRATIONS[-1].version]


def add_column(connection: Connection) -> None:
    connection.exec_driver_sql("ALTER TABLE runs ADD COLUMN brand_new TEXT")


@pytest.mark.slow
def test_an_archive_of_the_first_version_opens_and_counts_as_before(new_store: Callable[[], str], folder: Path) -> None:
    address = new_store()
    archive = Archive.open(address)
    ingest_folder(archive, folder)
    before = archive.describe()
    with archive.writing() as connection:
        connection.exec_driver_sql("DELETE FROM migrations")
        connection.exec_driver_sql("INSERT INTO migrations VALUES (1, 'the first tables', 0)")
        connection.exec_driver_sql("DROP INDEX invocations_by_uuid")
        connection.exec_driver_sql("ALTER TABLE invocations DROP COLUMN model_results")
        connection.exec_driver_sql("ALTER TABLE invocations DROP COLUMN failed")
        connection.exec_driver_sql("ALTER TABLE folders DROP COLUMN runs")
    archive.close()
    opened = Archive.open(address)
    assert opened.describe() == before
    assert before.model_results > 0
    assert versions(opened) == [1, *(step.version for step in MIGRATIONS[1:])]
    opened.close()


def test_series_of_version_17_keep_their_figures(new_store: Callable[[], str]) -> None:
    address = new_store()
    archive = Archive.open(address)
    with archive.writing() as connection:
        connection.exec_driver_sql("DELETE FROM migrations")
        connection.exec_driver_sql("INSERT INTO migrations VALUES (17, 'older', 0)")
        connection.exec_driver_sql("ALTER TABLE runtime_series ADD COLUMN newest_at BIGINT NOT NULL DEFAULT 0")
        names = "resource_id, job_id, environment_id, runs, oldest_at, newest_at, level, runs_a_day"
        for row in ("1, 7, 5, 20, 3000, 9000, 4.5, 24.0", "2, 7, 5, 30, 2000, 9000, 6.0, 2.0"):
            connection.exec_driver_sql(f"INSERT INTO runtime_series ({names}) VALUES ({row})")  # noqa: S608
    archive.close()
    opened = Archive.open(address)
    with opened.reading() as connection:
        assert "newest_at" not in {column["name"] for column in inspect(connection).get_columns("runtime_series")}
        (total,) = series_of(connection, [5])
        rows = connection.execute(select(runtime_series).order_by(runtime_series.c.resource_id)).all()
    assert tuple(total) == (5, 50, 2000, 2.0)  # those slower than five seconds alone
    assert [tuple(row) for row in rows] == [(1, 7, 5, 20, 3000, 4.5, 0.0), (2, 7, 5, 30, 2000, 6.0, 2.0)]
    opened.close()


def keys_to_contents(archive: Archive) -> list[str]:
    with archive.reading() as connection:
        inspector = inspect(connection)
        return sorted(
            f"{table}.{key['constrained_columns'][0]}"
            for table in ("results", "freshness", "compilations", "catalog_tables", "invocations", "manifest_nodes")
            for key in inspector.get_foreign_keys(table)
            if key["referred_table"] in {"nodes", "texts", "pieces"}
        )


def test_retention_need_not_look_for_references_to_what_it_removes(empty_archive: Archive) -> None:
    """On PostgreSQL 2,000 nodes took 34 s to remove from an archive of 29,000 results, each a walk through them all."""
    assert keys_to_contents(empty_archive) == []


@pytest.mark.slow
@pytest.mark.external
def test_an_older_archive_on_postgresql_loses_its_foreign_keys_to_contents(postgres: Server) -> None:
    address = postgres.new_database()
    archive = Archive.open(address)
    with archive.writing() as connection:
        connection.exec_driver_sql("DELETE FROM migrations")
        connection.exec_driver_sql("INSERT INTO migrations VALUES (2, 'older', 0)")
        connection.exec_driver_sql("ALTER TABLE invocations DROP COLUMN failed")
        connection.exec_driver_sql("ALTER TABLE folders DROP COLUMN runs")
        connection.exec_driver_sql(
            "ALTER TABLE results ADD CONSTRAINT results_node_id_fkey FOREIGN KEY (node_id) REFERENCES nodes (id)"
        )
    assert keys_to_contents(archive) == ["results.node_id"]
    archive.close()
    opened = Archive.open(address)
    assert keys_to_contents(opened) == []
    opened.close()


def test_an_older_archive_is_led_to_the_newest_version_once(
    empty_archive: Archive, caplog: pytest.LogCaptureFixture
) -> None:
    steps = (*MIGRATIONS, Migration(MIGRATIONS[-1].version + 1, "a new column", add_column))
    for _ in range(2):
        with empty_archive.writing() as connection:
            migrate(connection, steps)
    assert versions(empty_archive) == [MIGRATIONS[-1].version, MIGRATIONS[-1].version + 1]
    (said,) = [one.getMessage() for one in caplog.records if one.name == migrations_module.__name__]
    newest = steps[-1].version
    assert said.startswith(f"The archive is brought to version {newest} of {newest}: a new column.")
    with empty_archive.reading() as connection:
        assert "brand_new" in {column["name"] for column in inspect(connection).get_columns("runs")}


def test_a_step_that_fails_leaves_the_older_version(empty_archive: Archive) -> None:
    def fail(connection: Connection) -> None:
        add_column(connection)
        raise RuntimeError("power cut")

    steps = (*MIGRATIONS, Migration(MIGRATIONS[-1].version + 1, "a new column", fail))
    with pytest.raises(RuntimeError, match="power cut"), empty_archive.writing() as connection:
        migrate(connection, steps)
    assert versions(empty_archive) == [MIGRATIONS[-1].version]
    with empty_archive.reading() as connection:
        assert "brand_new" not in {column["name"] for column in inspect(connection).get_columns("runs")}


def test_versions_rise_by_one() -> None:
    assert [step.version for step in MIGRATIONS] == list(range(1, len(MIGRATIONS) + 1))
