"""Writes small archives of runs, by hand: an account, its jobs, runs of a few models with the seconds they took."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

DAY = datetime(2026, 3, 1, tzinfo=UTC)
PRODUCTION, STAGING, OTHER = 11, 12, 13
_ENVIRONMENTS = {PRODUCTION: "production", STAGING: "staging", OTHER: None}


def iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@dataclass(frozen=True)
class Did:
    """What one command did to one node. `node` goes into the manifest, `result` over what run_results.json says."""

    name: str
    status: str = "success"
    seconds: float = 1.0
    node: Mapping[str, Any] = field(default_factory=dict)
    result: Mapping[str, Any] = field(default_factory=dict)
    package: str = "shop"
    kind: str = "model"

    @property
    def unique_id(self) -> str:
        return f"{self.kind}.{self.package}.{self.name}"


@dataclass(frozen=True)
class Command:
    """One dbt command. It ends `ends` after the beginning of its run; `args` go over its arguments."""

    did: Sequence[Did]
    ends: timedelta = timedelta(minutes=1)
    args: Mapping[str, Any] = field(default_factory=dict)
    elapsed: float | None = 60.0
    removed: Sequence[str] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class SmallArchive:
    """An archive below `folder`: one project `shop`, its production 11, staging 12 and an unmarked environment 13."""

    folder: Path

    def account(self, jobs: Mapping[int, Mapping[str, Any]]) -> SmallArchive:
        """Names the jobs; each is one of production that builds everything unless its values say otherwise."""
        ordinary = {"environment_id": PRODUCTION, "project_id": 1, "execute_steps": ["dbt build"], "job_type": "other"}
        environments = [
            {"id": one, "project_id": 1, "name": f"e{one}", "type": "deployment", "deployment_type": kind}
            for one, kind in _ENVIRONMENTS.items()
        ]
        content = {
            "account": {"id": 9, "name": "A"},
            "projects": [{"id": 1, "name": "Shop"}],
            "environments": environments,
            "jobs": [{"id": one, "name": f"job {one}", **ordinary, **values} for one, values in jobs.items()],
        }
        self._write(self.folder / "account.json", content)
        return self

    def run(self, run_id: int, job_id: int, start: datetime, *commands: Command, **record: Any) -> SmallArchive:
        """Adds a run; `record` goes over what its run.json says."""
        place = self.folder / "shop" / str(job_id) / str(run_id)
        ended = max((start + command.ends for command in commands), default=start + timedelta(minutes=1))
        times = {"created_at": iso(start), "started_at": iso(start), "finished_at": iso(ended)}
        told = {
            "id": run_id,
            "job_definition_id": job_id,
            "project_id": 1,
            "environment_id": PRODUCTION,
            "status": 10,
            **times,
        }
        self._write(place / "run.json", {**told, **record})
        for number, command in enumerate(commands, start=1):
            write_command(place / f"step_{number}", f"{run_id}-{number}", start + command.ends, command)
        return self

    def check(self, job_id: int, run_id: int, source: str, max_loaded_at: datetime, at: datetime) -> SmallArchive:
        """A step of a run that checked a source at this time."""
        head = {"dbt_version": "1.11.0", "generated_at": iso(at), "invocation_id": f"{run_id}-9", "env": {}}
        check = {
            "unique_id": source,
            "status": "pass",
            "max_loaded_at": iso(max_loaded_at),
            "snapshotted_at": iso(at),
            "max_loaded_at_time_ago_in_s": (at - max_loaded_at).total_seconds(),
            "criteria": {},
            "adapter_response": {},
            "timing": [],
            "thread_id": "Thread-1",
            "execution_time": 0.1,
        }
        body = {"metadata": _schema(head, "sources", 3), "results": [check], "elapsed_time": 1.0}
        self._write(self.folder / "shop" / str(job_id) / str(run_id) / "step_9" / "sources.json", body)
        return self

    def _write(self, path: Path, content: Any) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))


def write_command(folder: Path, invocation: str, ended: datetime, command: Command) -> None:
    """The manifest.json and run_results.json of one command, in a folder of their own."""
    folder.mkdir(parents=True, exist_ok=True)
    head = {"dbt_version": "1.11.0", "generated_at": iso(ended), "invocation_id": invocation, "env": {}}
    manifest = {
        "metadata": {
            **_schema(head, "manifest", 12),
            "project_name": "shop",
            "adapter_type": "duckdb",
            **command.metadata,
        },
        "nodes": {did.unique_id: _node(did) for did in command.did if did.unique_id not in command.removed},
    }
    args = {"which": "build", "invocation_command": "dbt build", **command.args}
    results = {
        "metadata": _schema(head, "run-results", 6),
        "results": [_result(did, ended) for did in command.did],
        "elapsed_time": command.elapsed,
        "args": args,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "run_results.json").write_text(json.dumps(results))


def _schema(head: Mapping[str, Any], kind: str, version: int) -> dict[str, Any]:
    return {"dbt_schema_version": f"https://schemas.getdbt.com/dbt/{kind}/v{version}.json", **head}


def _node(did: Did) -> dict[str, Any]:
    config = {"materialized": "table"} if did.kind == "model" else {}
    return {
        "unique_id": did.unique_id,
        "name": did.name,
        "resource_type": did.kind,
        "package_name": did.package,
        "fqn": [did.package, did.name],
        "alias": did.name,
        "schema": "main",
        "database": "db",
        "tags": [],
        "config": config,
        "path": f"{did.name}.sql",
        "original_file_path": f"models/{did.name}.sql",
        "raw_code": "select 1",
        "depends_on": {"nodes": []},
        **did.node,
    }


def _result(did: Did, ended: datetime) -> dict[str, Any]:
    began = ended - timedelta(seconds=min(max(did.seconds, 0), 1e6))
    timing = [
        {"name": "compile", "started_at": iso(began), "completed_at": iso(began)},
        {"name": "execute", "started_at": iso(began), "completed_at": iso(ended)},
    ]
    return {
        "unique_id": did.unique_id,
        "status": did.status,
        "execution_time": did.seconds,
        "thread_id": "Thread-1",
        "message": None,
        "failures": None,
        "adapter_response": {},
        "timing": [] if did.status == "skipped" else timing,
        **did.result,
    }
