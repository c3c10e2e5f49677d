"""The recipes of docs/local-platform.md run as they stand there with a `dbt` that leaves artifacts and our gateway."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from gateway.archive.archive import Archive
from gateway.local_platform.app import create_platform
from tests.archive.small_run import OWN_INVOCATION, small_artifacts

pytestmark = pytest.mark.slow

PAGE = (Path(__file__).parents[2] / "docs" / "local-platform.md").read_text("utf-8")
RECIPES = PAGE[PAGE.index("### Send artifacts after each run") : PAGE.index("**An orchestrator that knows more")]
CUSTOM = "DBT_ENV_CUSTOM_ENV_"

# Writes what dbt would: its variables, a new invocation; ends as it is told to.
DBT = """#!{python}
import json, os, sys, uuid
from pathlib import Path
env = {{name.removeprefix("{custom}"): value for name, value in os.environ.items() if name.startswith("{custom}")}}
target = Path(os.environ.get("DBT_TARGET_PATH", "target"))
target.mkdir(exist_ok=True)
invocation = str(uuid.uuid4())
for kind in ("manifest", "run_results"):
    content = json.loads(Path("{artifacts}", kind + ".json").read_text().replace("{own}", invocation))
    content["metadata"]["env"] = env
    (target / (kind + ".json")).write_text(json.dumps(content))
sys.exit(int(os.environ["DBT_EXIT"]))
"""
GATEWAY = """#!/bin/sh
exec {python} -m gateway "$@"
"""


def recipe(name: str) -> str:
    """The code below a recipe's name."""
    found = re.search(rf"^\*\*{re.escape(name)}\*\*[^\n]*\n\n```\w+\n(.*?)^```", RECIPES, re.MULTILINE | re.DOTALL)
    assert found, name
    return found[1]


@dataclass
class Machine:
    """Where recipes run: `dbt` and `gateway` on the PATH, a project folder, an archive."""

    place: Path
    env: dict[str, str] = field(default_factory=dict)

    @property
    def store(self) -> str:
        return f"sqlite:///{self.place / 'runs.db'}"

    def shell(self, command: str, *, dbt_ends: int = 0, **env: str) -> int:
        programs = f"{self.place / 'bin'}:{os.environ['PATH']}"
        outside = {**os.environ, "PATH": programs, "STORE": self.store, "DBT_EXIT": str(dbt_ends), **env}
        return subprocess.run(["bash", "-c", command], env=outside, cwd=self.place / "project", check=False).returncode

    def jobs_and_runs(self) -> dict[str, list[int]]:
        """How many steps each run of each job has."""
        archive = Archive.open(self.store)
        client = TestClient(create_platform(archive))
        [account] = client.get("/api/v3/accounts/").json()["data"]
        base = f"/api/v2/accounts/{account['id']}"
        jobs = {job["id"]: job["name"] for job in client.get(f"{base}/jobs/").json()["data"]}
        found: dict[str, list[int]] = {name: [] for name in jobs.values()}
        for run in client.get(f"{base}/runs/", params={"include_related": '["run_steps"]'}).json()["data"]:
            found[jobs[run["job_id"]]].append(len(run["run_steps"]))
        archive.close()
        return found


@pytest.fixture
def machine(demo_folder: Path, tmp_path: Path) -> Machine:
    for name in ("bin", "project", "artifacts"):
        (tmp_path / name).mkdir()
    for kind, content in small_artifacts(demo_folder).items():
        (tmp_path / "artifacts" / f"{kind}.json").write_text(json.dumps(content))
    values = {"python": sys.executable, "custom": CUSTOM, "artifacts": tmp_path / "artifacts", "own": OWN_INVOCATION}
    for name, text in (("dbt", DBT), ("gateway", GATEWAY)):
        (tmp_path / "bin" / name).write_text(text.format(**values))
        (tmp_path / "bin" / name).chmod(0o755)
    return Machine(tmp_path)


def test_cron(machine: Machine) -> None:
    script = recipe("cron or any shell").replace("/srv/finance", str(machine.place / "project"))
    assert machine.shell(script) == 0
    other = script.replace("finance daily", "finance hourly").replace("$(date +%FT%T)", "2026-03-11T05:00:00")
    assert machine.shell(other, dbt_ends=3) == 3
    assert machine.jobs_and_runs() == {"finance daily": [1], "finance hourly": [1]}


def test_github_actions(machine: Machine) -> None:
    workflow = recipe("GitHub Actions")
    [run] = re.findall(r"^- run: (.+)$", workflow, re.MULTILINE)
    assert re.findall(r"^    (\w+): (.+)$", workflow, re.MULTILINE) == [("STORE", "${{ secrets.GATEWAY_STORE }}")]
    job = {"GITHUB_WORKFLOW": "nightly", "GITHUB_JOB": "finance", "GITHUB_RUN_ID": "8123456789"}
    for attempt, dbt_ends in (("1", 1), ("2", 0)):
        assert machine.shell(run, dbt_ends=dbt_ends, **job, GITHUB_RUN_ATTEMPT=attempt) == dbt_ends
    assert machine.jobs_and_runs() == {"nightly finance": [1, 1]}


def call_in(code: str, name: str) -> ast.Call:
    """The call of a function of this name somewhere in the code."""
    calls = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
    return next(call for call in calls if ast.unparse(call.func) == name)


def test_airflow(machine: Machine) -> None:
    given = {each.arg: ast.literal_eval(each.value) for each in call_in(recipe("Airflow"), "BashOperator").keywords}
    assert given["cwd"] == "/srv/finance"
    due = {"AIRFLOW_CTX_DAG_RUN_ID": "scheduled__2026-03-11T05:00:00+00:00"}
    for dag, ends in (("finance", 0), ("finance_hourly", 1)):
        assert machine.shell(given["bash_command"], dbt_ends=ends, AIRFLOW_CTX_DAG_ID=dag, **due) == ends
    assert machine.jobs_and_runs() == {"finance": [1], "finance_hourly": [1]}


def test_dagster(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The recipe's own function, with stand-ins for what Dagster hands to it; dbt's streams end with an exception."""
    target = machine.place / "project" / "target"

    class Build:
        target_path = target

        def stream(self) -> object:
            assert machine.shell("dbt build", dbt_ends=1) == 1
            yield "an event"
            raise RuntimeError("dbt has failed")

    class Dbt:
        def cli(self, arguments: list[str], context: object) -> Build:
            assert arguments == ["build"]
            return Build()

    class Run:
        job_name, run_id = "finance_job", "0c2b7a2e-1111-4222-8333-944445555666"

    class Context:
        run = Run

    def plain(**_options: object) -> Callable[[object], object]:
        return lambda function: function

    monkeypatch.setenv("PATH", f"{machine.place / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("STORE", machine.store)
    names = {"dbt_assets": plain, "manifest": None, "AssetExecutionContext": object, "DbtCliResource": object}
    exec(recipe("Dagster"), names)  # noqa: S102 - our own page
    events = names["finance"](Context(), Dbt())  # type: ignore[operator]
    assert next(events) == "an event"
    with pytest.raises(RuntimeError, match="dbt has failed"):
        next(events)
    assert machine.jobs_and_runs() == {"finance_job": [1]}
