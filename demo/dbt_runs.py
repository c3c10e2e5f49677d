"""Makes one run: really runs its dbt commands on DuckDB, with a shifted clock, and keeps what they wrote."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from demo.account import ACCOUNT_ID, PROJECT_IDS, PlannedRun
from demo.checkout import check_out
from demo.history import KILLS, REUSING, Kill
from demo.reuse import mark_reused
from demo.warehouse import land

SUCCESS, ERROR, CANCELLED, NEVER_STARTED = 10, 20, 30, 1
_NAMES = {SUCCESS: "Success", ERROR: "Error", CANCELLED: "Cancelled", NEVER_STARTED: "Skipped"}
_ARTIFACTS = ("manifest.json", "run_results.json", "sources.json", "catalog.json", "semantic_manifest.json")
_CLOUD_CATEGORIES = {"other": "UI", "scheduled": "SCHEDULED", "github_pull_request": "GITHUB_PULL_REQUEST"}
_PAUSE = timedelta(seconds=1.5)
_PREPARATION = timedelta(seconds=7)


@dataclass(frozen=True)
class Bench:
    """Where and with what runs are made; without `faketime` dbt sees the real clock."""

    dbt: Path
    work: Path
    out: Path
    faketime: Path | None


@dataclass(frozen=True)
class Place:
    """The folders of one project in one target."""

    root: Path
    project: str
    target: str

    @property
    def code(self) -> Path:
        return self.root / self.project

    @property
    def database(self) -> Path:
        return self.root / f"{self.project}_{self.target}.duckdb"


@dataclass(frozen=True)
class MadeRun:
    """A run that was made: its run.json, its last step's folder, and when it ended."""

    record: dict[str, Any]
    last_step: Path
    ended: datetime


def make_run(bench: Bench, run: PlannedRun, previous: MadeRun | None) -> MadeRun:
    """Makes the run below `bench.out`. It waits for `previous`, the run of its job before it; a retry needs one."""
    environment = run.job.environment
    place = Place(bench.work / environment.target / environment.project, environment.project, environment.target)
    place.root.mkdir(parents=True, exist_ok=True)
    sha = check_out(environment.project, environment.target, run.queued_at, place.root)
    land(place.database, environment.project, run.queued_at)
    folder = bench.out / environment.project / str(run.job.id) / str(run.id)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return _Maker(bench, run, place, folder, previous).make(sha)


class _Maker:
    """Works through the steps of one run, moving its clock along."""

    def __init__(self, bench: Bench, run: PlannedRun, place: Place, folder: Path, previous: MadeRun | None) -> None:
        self.bench, self.run, self.place, self.folder, self.previous = bench, run, place, folder, previous
        self.started = run.queued_at + timedelta(seconds=11 + _number(run.id) % 40)
        if previous:
            self.started = max(self.started, previous.ended + _PREPARATION)
        self.clock = self.started
        self.status = SUCCESS
        self.last = folder

    def make(self, sha: str) -> MadeRun:
        steps = list(self.run.job.steps_of(self.run.queued_at))
        if self.run.retries and self.previous:
            steps = [f"dbt retry --state {self.previous.last_step}"]
        if (self.place.code / "packages.yml").exists() and not (self.place.code / "dbt_packages").is_dir():
            self._dbt("dbt deps", self.place.root / "deps.log", None)
        records = [self._step(index, command) for index, command in enumerate(steps, start=1)]
        record = _run_record(self.run, sha, self.status, records, self.started, self.clock)
        (self.folder / "run.json").write_text(json.dumps(record, indent=1))
        return MadeRun(record, self.last, self.clock)

    def _step(self, index: int, command: str) -> dict[str, Any]:
        record = _step_record(index, command, NEVER_STARTED)
        if self.status != SUCCESS:
            return record
        folder, target = self.folder / f"step_{index}", self.place.code / "target"
        folder.mkdir()
        for old in target.glob("*.json"):
            old.unlink()
        kill = None if self.run.retries else KILLS.get((self.run.job.id, self.run.number))
        began = self.clock
        code, seconds, killed = self._dbt(
            command, folder / "console.log", kill if kill and kill.step == index else None
        )
        kept = [name for name in _kept(self.run, command) if (target / name).exists()]
        for name in kept:
            shutil.copyfile(target / name, folder / name)
        if self.run.job.id == REUSING.job and self.run.queued_at >= REUSING.since and "run_results.json" in kept:
            mark_reused(folder / "run_results.json")
        self.status = CANCELLED if killed else SUCCESS if code == 0 else ERROR
        ended = began + timedelta(seconds=seconds)
        self.clock, self.last = ended + _PAUSE, folder
        times = {"started_at": _iso(began), "finished_at": _iso(ended)}
        return {**_step_record(index, command, self.status), "exit_code": code, **times, "artifacts": kept}

    def _dbt(self, command: str, log: Path, kill: Kill | None) -> tuple[int, float, bool]:
        """Runs dbt; returns its exit code, how long it took, and whether the kill was carried out."""
        arguments = [str(self.bench.dbt), "--no-use-colors", *command.split()[1:]]
        began, killed = time.monotonic(), False
        with (
            log.open("w") as out,
            subprocess.Popen(  # noqa: S603 - our own dbt with the commands of account.py
                arguments,
                cwd=self.place.code,
                env=self._environment(),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            ) as process,
        ):
            for line in process.stdout or ():
                out.write(line)
                if kill and not killed and kill.after in line:
                    time.sleep(0.15)  # the model must have begun
                    process.send_signal(kill.signal)
                    killed = True
        return process.returncode, (time.monotonic() - began) * self.run.job.clock_rate, killed

    def _environment(self) -> dict[str, str]:
        found = {
            **os.environ,
            "HARBOR_DB": str(self.place.database),
            "DBT_TARGET": self.place.target,
            "DBT_PROFILES_DIR": str(self.place.root),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "False",
            "DBT_LOG_PATH": str(self.place.root / "logs"),
        }
        for name, value in _cloud_values(self.run).items():
            found[f"DBT_CLOUD_{name}"] = found[f"DBT_ENV_CUSTOM_ENV_DBT_CLOUD_{name}"] = str(value)
        if self.bench.faketime:
            rate = f" x{self.run.job.clock_rate}" if self.run.job.clock_rate > 1 else ""
            shifted = {"LD_PRELOAD": str(self.bench.faketime), "TZ": "UTC"}
            found |= {**shifted, "FAKETIME": f"@{self.clock:%Y-%m-%d %H:%M:%S}{rate}"}
        return found


def _kept(run: PlannedRun, command: str) -> Sequence[str]:
    """The storefront keeps one manifest a run, that of its build: the demo is read when the gateway starts."""
    only_sources = run.job.environment.project == "storefront" and command == "dbt source freshness"
    return ("sources.json",) if only_sources else _ARTIFACTS


def _cloud_values(run: PlannedRun) -> dict[str, object]:
    """The values that dbt Cloud itself puts into the environment of its runs."""
    category = _category(run)
    return {
        "PROJECT_ID": PROJECT_IDS[run.job.environment.project],
        "RUN_ID": run.id,
        "JOB_ID": run.job.id,
        "RUN_REASON": _cause(run),
        "RUN_REASON_CATEGORY": category,
        "RUN_TRIGGER_CATEGORY": f"RUN_REASON_CATEGORY_{_CLOUD_CATEGORIES[category]}",
        "ENVIRONMENT_ID": run.job.environment.id,
        "ACCOUNT_ID": ACCOUNT_ID,
    }


def _category(run: PlannedRun) -> str:
    return "other" if run.retries else "scheduled" if run.job.cron else "github_pull_request"


def _cause(run: PlannedRun) -> str:
    if run.retries:
        return "Retried by ops@harbor.example"
    return "scheduled" if run.job.cron else f"PR #{40 + run.number}"


def _step_record(index: int, command: str, status: int) -> dict[str, Any]:
    name = f"Invoke dbt with `{command}`"
    head = {"index": index, "name": name, "status": status, "status_humanized": _NAMES[status]}
    return {**head, "exit_code": None, "started_at": None, "finished_at": None, "artifacts": []}


def _run_record(
    run: PlannedRun, sha: str, status: int, steps: list[dict[str, Any]], started: datetime, ended: datetime
) -> dict[str, Any]:
    """What an orchestrator knows of the run and no artifact says, with the Admin API's names."""
    environment, branch = run.job.environment, "main" if run.job.cron else f"pr-{40 + run.number}"
    category = "retry" if run.retries else _category(run)
    return {
        "id": run.id,
        "job_definition_id": run.job.id,
        "job_name": run.job.name,
        "project_id": PROJECT_IDS[environment.project],
        "project_name": environment.project,
        "environment_id": environment.id,
        "environment_name": environment.name,
        "account_id": ACCOUNT_ID,
        "status": status,
        "status_humanized": _NAMES[status],
        "is_complete": True,
        "is_success": status == SUCCESS,
        "is_error": status == ERROR,
        "is_cancelled": status == CANCELLED,
        "trigger": {"cause": _cause(run), "cause_category": category, "git_branch": branch},
        "git_sha": sha,
        "git_branch": branch,
        "dbt_version": "1.11.16",
        "created_at": _iso(run.queued_at),
        "dequeued_at": _iso(max(run.queued_at + timedelta(seconds=4), started - timedelta(minutes=1))),
        "started_at": _iso(started),
        "finished_at": _iso(ended),
        "duration": int((ended - run.queued_at).total_seconds()),
        "run_duration": int((ended - started).total_seconds()),
        "run_steps": steps,
    }


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _number(run_id: int) -> int:
    return int(hashlib.sha1(str(run_id).encode(), usedforsecurity=False).hexdigest()[:8], 16)
