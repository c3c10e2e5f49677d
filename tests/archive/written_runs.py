"""Writes small archive folders: an account of one project with a few jobs, and runs of several commands."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

PROJECT, ENVIRONMENT, ACCOUNT = 11, 22, 33
DAILY, CHANGES, REFRESH = 101, 102, 103
BEGIN = datetime(2026, 1, 30, 4, tzinfo=UTC)

MODELS = ("model.shop.orders", "model.shop.events", "model.shop.customers")
INCREMENTAL = "model.shop.events"
FUNCTION = "function.shop.is_odd"
SOURCE = "source.shop.raw.orders"


def stamp(moment: datetime) -> str:
    """As dbt writes times."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@dataclass
class Command:
    """One dbt command: what it reported of each node (status, seconds), or of each source where it checks freshness."""

    ended: datetime
    results: dict[str, tuple[str | None, float | None]] = field(default_factory=dict)
    args: dict[str, Any] | None = field(default_factory=lambda: {"which": "build", "threads": 4})
    checks: dict[str, str] = field(default_factory=dict)
    adapter: dict[str, Any] = field(default_factory=dict)
    thread: str = "Thread-1"


def write_account(root: Path, kinds: Mapping[int, str], steps: Mapping[int, str] | None = None) -> None:
    """account.json with the jobs in `kinds` and their first commands."""
    jobs = [
        {
            "id": job,
            "name": f"job {job}",
            "project_id": PROJECT,
            "environment_id": ENVIRONMENT,
            "job_type": kind,
            "execute_steps": [(steps or {}).get(job, "dbt build")],
        }
        for job, kind in kinds.items()
    ]
    place = {"id": ENVIRONMENT, "project_id": PROJECT, "name": "Production", "deployment_type": "production"}
    account = {
        "account": {"id": ACCOUNT, "name": "Account"},
        "projects": [{"id": PROJECT, "name": "shop"}],
        "environments": [place],
        "jobs": jobs,
    }
    root.mkdir(parents=True, exist_ok=True)
    (root / "account.json").write_text(json.dumps(account))


def write_run(
    root: Path, run: int, job: int, commands: Sequence[Command], facts: Mapping[str, Any] = MappingProxyType({})
) -> Path:
    """A run's folder, written whole; `facts` stand in its run.json beside the usual ones."""
    folder = root / "shop" / str(job) / str(run)
    began, ended = min(one.ended for one in commands), max(one.ended for one in commands)
    record = {
        "id": run,
        "job_definition_id": job,
        "project_id": PROJECT,
        "environment_id": ENVIRONMENT,
        "account_id": ACCOUNT,
        "status": 10,
        "created_at": stamp(began - timedelta(minutes=10)),
        "started_at": stamp(began - timedelta(minutes=9)),
        "finished_at": stamp(ended),
        "trigger": {"cause_category": "scheduled"},
        **facts,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.json").write_text(json.dumps(record))
    for step, command in enumerate(commands, start=1):
        _write_step(folder / f"step_{step}", f"{run}-{step}", command)
    return folder


def _write_step(folder: Path, invocation: str, command: Command) -> None:
    folder.mkdir(exist_ok=True)

    def head(kind: str, version: int) -> dict[str, Any]:
        return {
            "dbt_schema_version": f"https://schemas.getdbt.com/dbt/{kind}/v{version}.json",
            "dbt_version": "1.11.16",
            "generated_at": stamp(command.ended),
            "invocation_id": invocation,
            "invocation_started_at": stamp(command.ended - timedelta(minutes=5)),
            "env": {},
        }

    nodes = {name: _node(name) for name in MODELS}
    metadata = {**head("manifest", 12), "project_name": "shop", "adapter_type": "duckdb"}
    functions = {FUNCTION: _node(FUNCTION)}
    body = {"metadata": metadata, "nodes": nodes, "sources": {}, "functions": functions}
    (folder / "manifest.json").write_text(json.dumps(body))
    if command.checks:
        checks = [_check(name, status, command.ended) for name, status in command.checks.items()]
        body = {"metadata": head("sources", 3), "results": checks, "elapsed_time": 1.0}
        (folder / "sources.json").write_text(json.dumps(body))
        return
    body = {
        "metadata": head("run-results", 6),
        "results": [_result(name, *told, command) for name, told in command.results.items()],
        "elapsed_time": 10.0,
        **({} if command.args is None else {"args": command.args}),
    }
    (folder / "run_results.json").write_text(json.dumps(body))


def _node(name: str) -> dict[str, Any]:
    kind = "incremental" if name == INCREMENTAL else "table"
    return {
        "unique_id": name,
        "name": name.rpartition(".")[2],
        "resource_type": name.partition(".")[0],
        "package_name": "shop",
        "config": {"materialized": kind},
        "raw_code": f"select '{name}'",
        "depends_on": {"nodes": []},
    }


def _result(name: str, status: str | None, seconds: float | None, command: Command) -> dict[str, Any]:
    return {
        "unique_id": name,
        "status": status,
        "execution_time": seconds,
        "timing": [],
        "thread_id": command.thread,
        "message": None,
        "failures": None,
        "adapter_response": command.adapter,
    }


def _check(name: str, status: str, ended: datetime) -> dict[str, Any]:
    timing = [{"name": "execute", "started_at": stamp(ended - timedelta(seconds=2)), "completed_at": stamp(ended)}]
    return {
        "unique_id": name,
        "status": status,
        "max_loaded_at": stamp(ended - timedelta(hours=1)),
        "snapshotted_at": stamp(ended),
        "max_loaded_at_time_ago_in_s": 3600.0,
        "criteria": {"warn_after": {"count": 12, "period": "hour"}},
        "timing": timing,
        "thread_id": "Thread-7",
        "execution_time": 1.5,
    }
