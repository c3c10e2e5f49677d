"""The command line where things are not as they should be: one line that says so, and no stack trace."""

from __future__ import annotations

import logging
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.errors import ConfigurationError
from gateway.local_platform.archive import Archive
from gateway.telemetry.logs import PlainFormatter
from gateway.telemetry.printable import printable

SCREEN = "\x1b]0;owned\x07\x1b[2Jrun\u202e"


def gateway(*arguments: str, shell: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gateway", *arguments]
    if shell:
        command = ["sh", "-c", f'exec "$@" {shell}', "sh", *command]
    passed = {**os.environ, **environment}
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=passed, check=False)


def test_escape_sequences_in_names_of_files_do_not_reach_a_terminal(tmp_path: Path) -> None:
    folder = tmp_path / SCREEN
    folder.mkdir()
    (folder / "run_results.json").write_text('{"metadata": "\\u001b[2J')
    done = gateway("ingest", str(folder), "--store", f"sqlite:///{tmp_path}/runs.db")
    assert done.returncode == 2
    assert "\\x1b]0;owned\\x07\\x1b[2Jrun\\u202e/run_results.json" in done.stderr
    for stream in (done.stdout, done.stderr):
        assert "\x1b" not in stream
        assert "\u202e" not in stream


def test_a_log_line_stays_one_line() -> None:
    record = logging.LogRecord("a", logging.WARNING, "", 1, "first\nsecond \x1b[1m %s", ("\x9b2J",), None)
    assert PlainFormatter().format(record).endswith("first\\nsecond \\x1b[1m \\x9b2J")
    assert printable("caf\u00e9 \u4e2d\udc80") == "caf\u00e9 \u4e2d\\udc80"


def test_a_closed_standard_output_is_no_crash(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    store = f"sqlite:///{tmp_path}/runs.db"
    for shell in (">&-", "2>&-", ">&- 2>&-"):
        done = gateway("ingest", str(tmp_path / "target"), "--store", store, shell=shell)
        assert (done.returncode, "Traceback" in done.stderr) == (2, False)


def test_without_a_temporary_directory_one_line_says_so(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    program = (
        "import sys, tempfile; place = sys.argv.pop(1); tempfile._candidate_tempdir_list = lambda: [place];"
        "from gateway.cli import main; sys.exit(main())"
    )
    command = [sys.executable, "-c", program, str(file), "platform", "--port", "0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "temporary directory" in done.stderr
    assert done.stderr.count("\n") == 1


def _archive(place: Path, *statements: str) -> str:
    store = f"sqlite:///{place}/runs.db"
    Archive.open(store).close()
    with sqlite3.connect(place / "runs.db") as connection:
        for statement in statements:
            connection.execute(statement)
    return store


@pytest.mark.parametrize(
    ("statements", "reason"),
    [
        (("DROP TABLE runs", "CREATE VIEW runs AS SELECT * FROM runs"), "circular"),
        (
            ("PRAGMA ignore_check_constraints = 1", "DROP TABLE runs", "CREATE TABLE runs (id, started_at, created_at)",
             "INSERT INTO runs VALUES (1, 'soon', 'later')"),
            "a column of numbers holds something else",
        ),
    ],
    ids=["a view of itself", "text for a number"],
)  # fmt: skip
def test_an_archive_that_somebody_changed_is_named(tmp_path: Path, statements: tuple[str, ...], reason: str) -> None:
    store = _archive(tmp_path, *statements)
    done = gateway("platform", "--store", store, "--port", "0")
    assert done.returncode == 2
    assert reason in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_database_without_encoding_is_refused_by_name(postgres: object) -> None:
    folder = postgres.folder  # type: ignore[attr-defined]
    make = ["createdb", "-h", str(folder), "-E", "SQL_ASCII", "-T", "template0", "--lc-collate=C", "--lc-ctype=C"]
    prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    subprocess.run([*prefix, *make, "plain_ascii"], check=True)
    with pytest.raises(ConfigurationError, match="SQL_ASCII"):
        Archive.open(f"postgresql+psycopg://postgres@/plain_ascii?host={folder}")


def test_a_connection_that_was_killed_is_replaced(postgres: object) -> None:
    archive = Archive.open(postgres.new_database())  # type: ignore[attr-defined]
    other = Archive.open(postgres.new_database())  # type: ignore[attr-defined]
    assert archive.describe().runs == 0
    with other.writing() as connection:
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname <> ''"
        )
    assert archive.describe().runs == 0
    archive.close()
    other.close()
