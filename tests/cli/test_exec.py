"""`gateway exec` and the options of `gateway ingest`, with a `dbt` that leaves artifacts, seen through GraphQL."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from gateway.archive.archive import Archive
from gateway.cli import run
from gateway.cli.options import build_parser
from gateway.local_platform.app import create_platform
from gateway.settings import load_settings
from tests.archive.small_run import OWN_INVOCATION, small_artifacts
from tests.repetitions import daily_and_nightly
from tests.serving import serving

pytestmark = pytest.mark.slow

# Leaves what dbt would: `dbt NAME…` writes run results of that command; `wait` says that it waits for a signal.
DBT = """#!{python}
import json, os, signal, sys, time, uuid
from pathlib import Path
def end(number, _frame):
    Path("signalled").write_text(str(number))
    leave()
    sys.exit(4)
def leave():
    target = Path(os.environ.get("DBT_TARGET_PATH", "target"))
    target.mkdir(exist_ok=True)
    own = str(uuid.uuid4())
    for kind in ("manifest", "run_results"):
        content = json.loads(Path("{artifacts}", kind + ".json").read_text().replace("{own}", own))
        content["metadata"]["env"] = {{}}
        if kind == "manifest" and os.environ.get("DBT_OLD"):
            content["metadata"].pop("project_name")
        if kind == "run_results":
            content["args"]["which"] = {{"docs": "generate"}}.get(sys.argv[1], sys.argv[1])
        (target / (kind + ".json")).write_text(json.dumps(content))
if sys.argv[1] == "wait":
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, end)
    Path("waiting").touch()
    time.sleep(60)
if os.environ.get("DBT_KILLED"):
    os.kill(os.getpid(), signal.SIGKILL)
if not os.environ.get("DBT_SILENT"):
    leave()
print(" ".join(sys.argv[1:]))
sys.exit(int(os.environ.get("DBT_EXIT", "0")))
"""
SCHEDULERS = (
    *("GITHUB_", "CI_", "AIRFLOW", "DAGSTER", "PREFECT", "GIT_", "BUILD_", "SYSTEM_", "CIRCLE_", "CHANGE_"),
    *("BUILDKITE_", "BITBUCKET_", "GATEWAY_"),
)


def run_here(*arguments: str) -> int:
    """The exit code of a command in this process: starting one costs most of a second."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    try:
        return run(build_parser().parse_args(arguments))
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else 1
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Machine:
    """A project folder with `dbt` on the PATH, and an archive."""

    def __init__(self, place: Path, capfd: pytest.CaptureFixture[str]) -> None:
        self.place = place
        self._capfd = capfd
        self.project = place / "project"
        self.store = f"sqlite:///{place / 'runs.db'}"

    def start(self, *arguments: str, **env: str) -> subprocess.Popen[str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith(SCHEDULERS)}
        outside = {**own, "PATH": f"{self.place / 'bin'}:{os.environ['PATH']}", **env}
        pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        command = [sys.executable, "-m", "gateway", *arguments]
        return subprocess.Popen(command, cwd=self.project, env=outside, text=True, **pipes)

    def gateway(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        """A command in this process; what it starts is a process of its own."""
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.project)
            for name in [name for name in os.environ if name.startswith(SCHEDULERS)]:
                patch.delenv(name)
            for name, value in {"PATH": f"{self.place / 'bin'}:{os.environ['PATH']}", **env}.items():
                patch.setenv(name, value)
            self._capfd.readouterr()
            code = run_here(*arguments)
        return subprocess.CompletedProcess(arguments, code, *self._capfd.readouterr())

    def exec(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        return self.gateway("exec", "--store", self.store, *arguments, **env)

    def exec_apart(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        """`gateway exec` as a process."""
        process = self.start("exec", "--store", self.store, *arguments, **env)
        out, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    @property
    def runs(self) -> int:
        archive = Archive.open(self.store)
        try:
            return archive.describe().runs
        finally:
            archive.close()

    def jobs(self) -> list[dict[str, Any]]:
        """What the gateway answers of the archive's jobs."""

        async def ask() -> Any:
            async with serving(load_settings({"store_url": self.store})) as gateway:
                return await gateway.data(QUERY)

        found: list[dict[str, Any]] = asyncio.run(ask())["account"]["jobs"]["nodes"]
        return found

    def environments(self) -> list[str]:
        archive = Archive.open(self.store)
        client = TestClient(create_platform(archive))
        [account] = client.get("/api/v3/accounts/").json()["data"]
        found = client.get(f"/api/v3/accounts/{account['id']}/environments/").json()["data"]
        archive.close()
        return sorted(each["name"] for each in found)


QUERY = """{ account { jobs(first: 5) { nodes { name kind project { name }
  runs(first: 5) { nodes { gitSha gitBranch url status trigger { category } steps { name } } } } } } }"""


@pytest.fixture
def machine(demo_folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Machine:
    for name in ("bin", "project", "artifacts"):
        (tmp_path / name).mkdir()
    for kind, content in small_artifacts(demo_folder).items():
        (tmp_path / "artifacts" / f"{kind}.json").write_text(json.dumps(content))
    dbt = tmp_path / "bin" / "dbt"
    dbt.write_text(DBT.format(python=sys.executable, artifacts=tmp_path / "artifacts", own=OWN_INVOCATION))
    dbt.chmod(0o755)
    return Machine(tmp_path, capfd)


GITHUB = {
    "GITHUB_SHA": "dfc8170",
    "GITHUB_REF_NAME": "main",
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_REPOSITORY": "acme/finance",
    "GITHUB_RUN_ID": "77",
}
NAMES = ("--job", "finance daily", "--run", "2026-03-11", "--environment", "nightly")


def test_names_and_commit_are_seen_through_the_gateway(machine: Machine) -> None:
    for command in ("seed", "build"):
        done = machine.exec_apart(*NAMES, "--", "dbt", command, "--select", "a", **GITHUB)
        assert (done.returncode, done.stdout) == (0, f"{command} --select a\n")
        assert done.stderr == "target: 1 run stored.\n"
    [job] = machine.jobs()
    [run] = job["runs"]["nodes"]
    assert (job["name"], job["project"]["name"]) == ("finance daily", "finance")
    assert (run["gitSha"], run["gitBranch"]) == ("dfc8170", "main")
    assert run["url"] == "https://github.com/acme/finance/actions/runs/77"
    assert len(run["steps"]) == 2
    assert machine.environments() == ["nightly"]


def test_ingest_takes_the_same_names(machine: Machine) -> None:
    assert subprocess.run([machine.place / "bin" / "dbt", "build"], cwd=machine.project, check=False).returncode == 0
    done = machine.gateway("ingest", "target", "--store", machine.store, *NAMES, **GITHUB)
    assert (done.returncode, done.stderr) == (0, "Reading runs: 1 of 1\n")
    [job] = machine.jobs()
    assert (job["name"], job["runs"]["nodes"][0]["gitSha"]) == ("finance daily", "dfc8170")
    assert machine.environments() == ["nightly"]


BUILD = "dbt build --select tag:daily tag:shared"
PULL_REQUEST = GITHUB | {"GITHUB_EVENT_NAME": "pull_request", "GITHUB_HEAD_REF": "fix/x"}


def test_what_a_pull_request_started_is_a_ci_job_of_its_own(machine: Machine) -> None:
    """Its runs are not mixed with those of the job that deploys, whichever came first."""
    for variables in (PULL_REQUEST, GITHUB, PULL_REQUEST):
        assert machine.exec("--", "dbt", "build", **variables).returncode == 0
    jobs = {job["name"]: job for job in machine.jobs()}
    assert {name: (job["kind"], len(job["runs"]["nodes"])) for name, job in jobs.items()} == {
        BUILD: ("OTHER", 1),
        f"{BUILD} (pull request)": ("CI", 2),
    }
    assert {run["trigger"]["category"] for run in jobs[f"{BUILD} (pull request)"]["runs"]["nodes"]} == {"CI"}


def test_a_job_with_a_name_is_ci_when_only_pull_requests_start_it(machine: Machine) -> None:
    for name, variables in (("checks", PULL_REQUEST), ("daily", PULL_REQUEST), ("daily", GITHUB)):
        machine.exec("--job", name, "--", "dbt", "build", **variables)
    assert {job["name"]: job["kind"] for job in machine.jobs()} == {"checks": "CI", "daily": "OTHER"}


def test_a_folder_of_many_runs_is_not_of_the_commit_of_now(machine: Machine) -> None:
    for name in ("one", "two"):
        subprocess.run(
            [machine.place / "bin" / "dbt", "build"],
            cwd=machine.project,
            env={**os.environ, "DBT_TARGET_PATH": name},
            check=True,
        )
    assert machine.gateway("ingest", ".", "--store", machine.store, **GITHUB).returncode == 0
    runs = [run for job in machine.jobs() for run in job["runs"]["nodes"]]
    assert [run["gitSha"] for run in runs] == [None, None]


def test_a_project_is_named_where_the_manifest_names_none(machine: Machine) -> None:
    machine.exec("--project", "ledger", "--", "dbt", "build")
    machine.exec("--project", "ledger", "--", "dbt", "run", DBT_OLD="1")
    assert sorted(job["project"]["name"] for job in machine.jobs()) == ["finance", "ledger"]


def test_ignored_commands_are_not_stored_until_they_are_wanted(machine: Machine) -> None:
    for command in ("build", "compile", "docs"):
        target = f"target-{command}"
        done = machine.exec("--ignore", "docs, compile", "--", "dbt", command, DBT_TARGET_PATH=target)
        assert done.returncode == 0
    assert machine.runs == 1
    arguments = ("ingest", ".", "--store", machine.store)
    assert "0 runs stored" in machine.gateway(*arguments, "--ignore", "compile,docs").stdout
    assert "1 run stored" in machine.gateway(*arguments, "--ignore", "compile").stdout
    assert machine.runs == 2


@pytest.mark.parametrize("code", daily_and_nightly(2, 77))
def test_dbt_fails_and_what_it_left_is_read(machine: Machine, code: int) -> None:
    assert machine.exec_apart("--", "dbt", "build", DBT_EXIT=str(code)).returncode == code
    assert machine.runs == 1


def test_a_command_that_a_signal_killed_ends_as_in_a_shell(machine: Machine) -> None:
    done = machine.exec_apart("--", "dbt", "build", DBT_KILLED="1")
    assert done.returncode == 128 + signal.SIGKILL
    assert done.stderr == "not ingested: target is not a folder: name a dbt target/ folder or a folder of runs.\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_are_passed_on_and_what_dbt_then_leaves_is_read(machine: Machine, number: signal.Signals) -> None:
    process = machine.start("exec", "--store", machine.store, "--", "dbt", "wait")
    while not (machine.project / "waiting").exists() and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (4, "target: 1 run stored.\n")
    assert (machine.project / "signalled").read_text() == str(number.value)


@pytest.mark.parametrize("code", daily_and_nightly(1, 0))
def test_an_archive_out_of_reach_is_said_in_a_line_and_does_not_change_the_code(machine: Machine, code: int) -> None:
    store = f"sqlite:///{machine.place}/nowhere/runs.db"
    done = machine.gateway("exec", "--store", store, "--", "dbt", "build", DBT_EXIT=str(code))
    assert done.returncode == code
    assert done.stderr.startswith("not ingested: The archive sqlite:///")
    assert done.stderr.count("\n") == 1


def test_what_lay_there_before_is_not_read(machine: Machine) -> None:
    machine.exec("--store", f"sqlite:///{machine.place}/other.db", "--", "dbt", "build")
    done = machine.exec("--", "dbt", "build", DBT_SILENT="1", DBT_EXIT="2")
    assert done.returncode == 2
    assert done.stderr == "not ingested: target holds no dbt artifacts that the command wrote.\n"
    assert machine.runs == 0


def test_dbt_s_own_options_show_where_it_writes(machine: Machine) -> None:
    words = ("dbt", "build", "--project-dir", str(machine.project), "--target-path=build")
    assert machine.exec("--", *words, DBT_TARGET_PATH="build").returncode == 0
    assert machine.exec("--target-path", "there", "--", "dbt", "build", DBT_TARGET_PATH="there").returncode == 0
    assert machine.gateway("exec", "--", "dbt", "build", GATEWAY_STORE_URL=machine.store).returncode == 0
    assert machine.runs == 3


WRONG = {
    "no command": (("exec", "--store", "sqlite:///x.db"), "gateway exec needs a command to run"),
    "no archive": (("exec", "--", "dbt", "build"), "name it by --store or GATEWAY_STORE_URL"),
    "no such command": (
        ("exec", "--store", "sqlite:///x.db", "--", "dbtt", "build"),
        "dbtt cannot be run: No such file",
    ),
    "no name": (("exec", "--store", "sqlite:///x.db", "--job", " ", "--", "dbt"), "argument --job: ' ' is no name"),
    "an unknown word": (("ingest", "target", "--store", "x", "--ignore", "docs,doc"), "'doc' is none of build, clone"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_one_line_and_exit_2(machine: Machine, case: str) -> None:
    arguments, told = WRONG[case]
    done = machine.gateway(*arguments)
    assert (done.returncode, done.stderr.count("\n"), done.stdout) == (2, 1, "")
    assert told in done.stderr
    assert not (machine.project / "target").exists()
