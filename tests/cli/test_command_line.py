"""The command line as a person meets it: what it prints, how it fails, with which exit code."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

import gateway
from gateway.cli import main
from gateway.cli import run as run_command
from gateway.cli.options import build_parser
from gateway.settings import Settings


@dataclass(frozen=True)
class Done:
    """A finished command."""

    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Done]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in this process: starting one costs seconds."""

    def run_here(*arguments: str) -> Done:
        code = run_command(build_parser().parse_args(arguments))
        return Done(code, *capfd.readouterr())

    return run_here


def test_the_version_is_that_of_the_package() -> None:
    command = [sys.executable, "-m", "gateway", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == f"gateway {gateway.__version__}\n"


@pytest.mark.parametrize("command", ["serve", "ingest", "platform", "schema"])
def test_help_names_every_command_and_explains_its_options(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--help"], [command, "--help"]):
        with pytest.raises(SystemExit) as leaving:
            main(arguments)
        assert leaving.value.code == 0
        assert command in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "COMMAND"),
        (["nothing"], "nothing"),
        (["serve", "--nothing"], "--nothing"),
        (["serve", "--port", "abc"], "not a port"),
        (["serve", "--port", "65536"], "from 0 to 65535"),
        (["serve", "--port", "-1"], "not a port"),
        (["serve", "--workers", "0"], "from 1 to 64"),
        (["serve", "--artifacts", "a", "--store", "b"], "not allowed"),
        (["ingest", "folder"], "--store"),
        (["ingest", "--store", "sqlite://"], "DIR"),
        (["schema", "--check"], "--check"),
    ],
    ids=" ".join,
)
def test_a_wrong_option_is_one_line_and_exit_code_2(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as leaving:
        main(arguments)
    assert leaving.value.code == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("error: ")
    assert shown.err.count("\n") == 1
    assert said in shown.err


def assert_one_line_of_error(done: Done, said: str) -> None:
    assert done.returncode == 2, done
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert said in done.stderr


@pytest.mark.parametrize("command", ["serve", "platform"])
def test_a_missing_folder_is_one_line_and_exit_code_2(command: str, run: Run, tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    assert_one_line_of_error(run(command, "--port", "0", "--artifacts", str(missing)), str(missing))


def test_a_folder_without_artifacts_is_one_line_that_says_what_was_expected(run: Run, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing of dbt")
    done = run("ingest", str(tmp_path), "--store", f"sqlite:///{tmp_path}/runs.db")
    assert_one_line_of_error(done, "run_results.json")


def test_a_folder_whose_only_run_cannot_be_read_is_named_with_the_reason_and_not_served(
    run: Run, tmp_path: Path
) -> None:
    (tmp_path / "run_results.json").write_text('{"metadata": {"dbt_schema')

    ended = run("serve", "--artifacts", str(tmp_path), "--port", "0")

    assert ended.returncode == 2
    assert f"not used: {tmp_path / 'run_results.json'}" in ended.stderr
    assert ended.stderr.splitlines()[-1] == f"error: {tmp_path} holds no run that could be read; see the lines above."


def test_an_unknown_archive_address_is_one_line_without_its_password(run: Run) -> None:
    done = run("serve", "--port", "0", "--store", "nothing://user:secret@host/name")
    assert_one_line_of_error(done, "sqlite:///")
    assert "secret" not in done.stderr


def test_a_port_in_use_is_one_line_and_found_before_anything_is_read(run: Run, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run("serve", "--port", port, "--artifacts", str(tmp_path / "missing"))
    assert_one_line_of_error(done, f"Port {port} on 127.0.0.1 is in use")


def test_a_foreign_address_is_one_line_and_exit_code_2(run: Run) -> None:
    assert_one_line_of_error(run("serve", "--host", "192.0.2.1", "--port", "0"), "--host")


@pytest.mark.slow
def test_the_schema_is_printed_and_compared(run: Run, tmp_path: Path) -> None:
    printed = run("schema")
    assert printed.returncode == 0
    assert "type Query" in printed.stdout
    kept = tmp_path / "schema.graphql"
    kept.write_text(printed.stdout)
    assert run("schema", "--check", str(kept)).returncode == 0
    kept.write_text(printed.stdout.replace("  slowestModels(", "  quickestModels("))
    changed = run("schema", "--check", str(kept))
    assert changed.returncode == 1
    assert "breaks clients: Field Account.quickestModels was removed" in changed.stderr


def test_comparing_with_a_file_that_is_no_schema_is_one_line(run: Run, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text("hello")
    assert_one_line_of_error(run("schema", "--check", str(other)), "not a GraphQL schema")
    assert_one_line_of_error(run("schema", "--check", str(tmp_path / "missing")), "missing")


@pytest.mark.slow
def test_output_into_a_closed_pipe_is_no_traceback() -> None:
    command = f"{sys.executable} -m gateway schema | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stderr, done.stdout.count("\n")) == ("", 1)


def test_an_unknown_fault_is_one_line_that_lists_the_faults_there_are(run: Run) -> None:
    assert_one_line_of_error(run("platform", "--port", "0", "--faults", "sloth"), "rate-limited")


def test_a_setting_that_does_not_exist_is_one_line_with_the_closest_name(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_DISCOVRY_URL", "https://example.org/graphql")
    assert_one_line_of_error(run("serve", "--port", "0"), "GATEWAY_DISCOVERY_URL")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("workers", "redis", "rates"),
    [("1", None, (450, 4500)), ("4", None, (112, 1125)), ("4", "redis://127.0.0.1:1/0", (450, 4500))],
)
def test_workers_that_share_nothing_share_out_the_requests_to_dbt(
    run: Run, monkeypatch: pytest.MonkeyPatch, workers: str, redis: str | None, rates: tuple[int, int]
) -> None:
    """dbt allows an account 500 a minute, however many processes ask."""
    given = {"DISCOVERY_URL": "https://dbt.invalid/graphql", "ADMIN_URL": "https://dbt.invalid", "ACCOUNT_ID": "1"}
    for name, value in {
        **given,
        "SERVICE_TOKEN": "dbts_of_the_test",
        **({"CACHE_URL": redis} if redis else {}),
    }.items():
        monkeypatch.setenv(f"GATEWAY_{name}", value)
    served: list[Settings] = []
    monkeypatch.setattr("gateway.cli.servers.serve", lambda create, *_: served.append(create.args[0]) or 0)
    assert run("serve", "--port", "0", "--workers", workers).returncode == 0
    assert served[0].rates == rates
