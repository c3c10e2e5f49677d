"""`gateway exec` and the options of `gateway ingest`, with a `dbt` that leaves artifacts, through the gateway's GraphQL."""

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

from gateway.app import create_app
from gateway.local_platform.archive import Archive
from gateway.settings import load_settings
from tests.platform.small_run import OWN_INVOCATION, small_artifacts
from tests.serving import Client

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
SCHEDULERS = ("GITHUB_", "CI_", "AIRFLOW", "DAGSTER", "PREFECT", "GIT_", "BUILD_", "SYSTEM_", "CIRCLE_", "GATEWAY_")


class Machine:
    """A project folder with `dbt` on the PATH, and an archive."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.project = place / "project"
        self.store = f"sqlite:///{place / 'runs.db'}"

    def start(self, *arguments: str, **env: str) -> subprocess.Popen[str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith(SCHEDULERS)}
        outside = {**own, "PATH": f"{self.place / 'bin'}:{os.environ['PATH']}", **env}
        pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        command = [sys.executable, "-m", "gateway", *arguments]
        return subprocess.Popen(command, cwd=self.project, env=outside, text=True, **pipes)

    def gateway(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments, **env)
        out, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def exec(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        return self.gateway("exec", "--store", self.store, *arguments, **env)

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
            app = create_app(load_settings({"store_url": self.store}))
            async with Client(app) as client:
                return await client.data(QUERY)

        found: list[dict[str, Any]] = asyncio.run(ask())["account"]["jobs"]["nodes"]
        return found


QUERY = """{ account { jobs { nodes { name project { name } environment { name }
  runs { nodes { gitSha gitBranch url status steps { name } } } } } } }"""


@pytest.fixture
def machine(runs_folder: Path, tmp_path: Path) -> Machine:
    for name in ("bin", "project", "artifacts"):
        (tmp_path / name).mkdir()
    for kind, content in small_artifacts(runs_folder).items():
        (tmp_path / "artifacts" / f"{kind}.json").write_text(json.dumps(content))
    dbt = tmp_path / "bin" / "dbt"
    dbt.write_text(DBT.format(python=sys.executable, artifacts=tmp_path / "artifacts", own=OWN_INVOCATION))
    dbt.chmod(0o755)
    return Machine(tmp_path)
