"""The command line where things are not as they should be: one line that says so, and no stack trace."""

from __future__ import annotations

import json
import logging
import os
import re
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from gateway.archive.archive import Archive
from gateway.errors import ConfigurationError
from gateway.settings import Settings, load_settings
from gateway.settings.problems import warning_of_secrets
from gateway.telemetry.logs import PlainFormatter
from gateway.telemetry.printable import printable
from tests.archive.small_target import NOON, write_target

SCREEN = "\x1b]0;owned\x07\x1b[2Jrun\u202e"


def gateway(*arguments: str, shell: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gateway", *arguments]
    if shell:
        command = ["sh", "-c", f'exec "$@" {shell}', "sh", *command]
    passed = {**os.environ, **environment}
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=passed, check=False)


@pytest.mark.slow
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


# The last closes what the others close.
CLOSED = [*(pytest.param(one, marks=pytest.mark.nightly) for one in (">&-", "2>&-", ">&- 2>&-")), "<&- >&- 2>&-"]


@pytest.mark.slow
@pytest.mark.parametrize("shell", CLOSED)
def test_a_closed_standard_output_is_no_crash(tmp_path: Path, shell: str) -> None:
    (tmp_path / "target").mkdir()
    store = f"sqlite:///{tmp_path}/runs.db"
    done = gateway("ingest", str(tmp_path / "target"), "--store", store, shell=shell)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)


@pytest.mark.slow
@pytest.mark.parametrize("shell", CLOSED)
def test_a_gateway_without_standard_streams_serves(demo_store: str, shell: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = [sys.executable, "-m", "gateway", "serve", "--store", demo_store, "--port", str(port)]
    command = ["sh", "-c", f'exec "$@" {shell}', "sh", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert _answered(port)["data"] == {"account": {"__typename": "Account"}}
            # Nothing that was opened since has the number of a standard stream.
            for number in (0, 1, 2):
                opened = os.readlink(f"/proc/{process.pid}/fd/{number}")
                assert not opened.startswith("socket:")
                assert not opened.endswith(".db")
            process.terminate()
            out, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 0
    assert "Traceback" not in out + errors


@pytest.mark.slow
def test_a_gateway_whose_readers_leave_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    folder.mkdir()
    write_target(folder / "first", "first")
    command = [sys.executable, "-m", "gateway", "serve", "--artifacts", str(folder), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stderr
        try:
            greeting = ""
            while "Data" not in greeting:
                greeting += process.stdout.readline()
            found = re.search(r"GraphQL +http://127.0.0.1:(\d+)", greeting)
            assert found
            assert _answered(int(found[1]))
            process.stdout.close()
            process.stderr.close()
            (folder / "second").mkdir()
            (folder / "second" / "run_results.json").write_text("{")
            write_target(folder / "third", "third", ended=NOON + timedelta(hours=1))
            asked = "{ account { projects { nodes { runs { totalCount } } } } }"
            deadline = time.monotonic() + 60
            while "2" not in json.dumps(_answered(int(found[1]), asked)) and time.monotonic() < deadline:
                time.sleep(0.2)
            assert "2" in json.dumps(_answered(int(found[1]), asked))
            process.terminate()
            assert process.wait(60) in (0, 120)
        finally:
            process.kill()


def _answered(port: int, query: str = "{ account { __typename } }") -> Any:
    deadline = time.monotonic() + 60
    while True:
        try:
            return httpx2.post(f"http://127.0.0.1:{port}/graphql", json={"query": query}, timeout=60).json()
        except httpx2.TransportError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


@pytest.mark.parametrize(
    ("lines", "mode", "named"),
    [
        ('service_token = "s3cret"\nprojects = []', 0o644, "service_token"),
        (
            'store_url = "postgresql+psycopg://u:s3cret@h/d"\nwebhook_secret = "s3cret"',
            0o604,
            "store_url, webhook_secret",
        ),
        ('service_token = "s3cret"', 0o600, None),
        ('service_token = "s3cret"', 0o640, None),
        ('[[api_keys]]\nname = "a"\nsha256 = "' + "0" * 64 + '"\nprojects = ["*"]', 0o644, None),
        ("service_token = ", 0o644, None),
    ],
)
def test_secrets_that_everybody_may_read_are_warned_of(
    tmp_path: Path, lines: str, mode: int, named: str | None
) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(lines)
    file.chmod(mode)
    warning = warning_of_secrets(file, Settings.model_fields)
    expected = f"warning: every user of this machine may read {file}, which holds {named}: chmod 600 {file}"
    assert warning == (None if named is None else expected)


@pytest.mark.slow
@pytest.mark.parametrize("command", ["serve", pytest.param("platform", marks=pytest.mark.nightly)])
def test_the_warning_stands_in_what_is_said_at_start(demo_store: str, tmp_path: Path, command: str) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text('webhook_secret = "s3cret"')
    file.chmod(0o644)
    arguments = [sys.executable, "-m", "gateway", command, "--store", demo_store, "--port", "0"]
    environment = {**os.environ, "GATEWAY_CONFIG": str(file)}
    with subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout
        while "Data" not in process.stdout.readline():
            pass
        process.terminate()
        _, errors = process.communicate(timeout=60)
    assert [line for line in errors.splitlines() if "warning" in line] == [
        f"warning: every user of this machine may read {file}, which holds webhook_secret: chmod 600 {file}"
    ]
    assert "s3cret" not in errors


def test_a_configuration_file_that_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text("open = true")
    monkeypatch.setenv("GATEWAY_CONFIG", str(file))
    plain = Path.open

    def refused(self: Path, *arguments: Any, **options: Any) -> Any:
        # Permissions do not hold for root, as whom tests may run.
        if self == file:
            raise PermissionError(13, "Permission denied", str(file))
        return plain(self, *arguments, **options)

    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(ConfigurationError, match=r"gateway\.toml .*Permission denied"):
        load_settings({})


@pytest.mark.slow
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
    with closing(sqlite3.connect(place / "runs.db")) as connection, connection:
        for statement in statements:
            connection.execute(statement)
    return store


@pytest.mark.slow
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


@pytest.mark.external
def test_a_database_without_encoding_is_refused_by_name(postgres: object) -> None:
    folder = postgres.folder  # type: ignore[attr-defined]
    make = ["createdb", "-h", str(folder), "-E", "SQL_ASCII", "-T", "template0", "--lc-collate=C", "--lc-ctype=C"]
    prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    subprocess.run([*prefix, *make, "plain_ascii"], check=True)
    with pytest.raises(ConfigurationError, match="SQL_ASCII"):
        Archive.open(f"postgresql+psycopg://postgres@/plain_ascii?host={folder}")


@pytest.mark.external
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
