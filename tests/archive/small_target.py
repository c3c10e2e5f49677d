"""Writes small dbt `target/` folders: a manifest and what one command did."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def stamp(moment: datetime) -> str:
    """As dbt writes times."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def head(kind: str, version: int, invocation: str, ended: datetime, env: Mapping[str, str] | None) -> dict[str, Any]:
    """The metadata of a file."""
    return {
        "dbt_schema_version": f"https://schemas.getdbt.com/dbt/{kind}/v{version}.json",
        "dbt_version": "1.11.16",
        "generated_at": stamp(ended),
        "invocation_id": invocation,
        "env": dict(env or {}),
    }


def model(project: str, name: str) -> dict[str, Any]:
    """A model's node."""
    return {
        "unique_id": f"model.{project}.{name}",
        "name": name,
        "resource_type": "model",
        "package_name": project,
        "fqn": [project, name],
        "tags": [],
        "config": {"materialized": "table", "tags": []},
        "raw_code": "select 1",
        "depends_on": {"nodes": []},
    }


def result(unique_id: str, began: datetime, seconds: float, status: str = "success") -> dict[str, Any]:
    """One result that executed from `began` on."""
    interval = {"started_at": stamp(began), "completed_at": stamp(began + timedelta(seconds=seconds))}
    return {
        "unique_id": unique_id,
        "status": status,
        "timing": [{"name": "execute", **interval}],
        "thread_id": "Thread-1",
        "execution_time": seconds,
        "message": None,
        "failures": None,
    }


def write(path: Path, content: Mapping[str, Any]) -> Path:
    """Writes a JSON file and the folders it lies in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def write_target(
    folder: Path,
    invocation: str,
    *,
    ended: datetime = NOON,
    models: Sequence[tuple[str, float]] = (("orders", 3.0),),
    project: str = "shop",
    args: Mapping[str, Any] | None = None,
    env: Mapping[str, str] | None = None,
    manifest: bool = True,
    elapsed: float | None = 10.0,
) -> Path:
    """A folder as `dbt build` leaves it: the models executed one after the other until `ended`."""
    began = ended - timedelta(seconds=sum(seconds for _, seconds in models))
    results = []
    for name, seconds in models:
        results.append(result(f"model.{project}.{name}", began, seconds))
        began += timedelta(seconds=seconds)
    if manifest:
        nodes = {node["unique_id"]: node for node in (model(project, name) for name, _ in models)}
        metadata = {**head("manifest", 12, invocation, ended, env), "project_name": project, "adapter_type": "duckdb"}
        write(folder / "manifest.json", {"metadata": metadata, "nodes": nodes, "sources": {}})
    command = {"which": "build", "select": [], "invocation_command": "dbt build", **(args or {})}
    metadata = head("run-results", 6, invocation, ended, env)
    write(
        folder / "run_results.json",
        {"metadata": metadata, "results": results, "elapsed_time": elapsed, "args": command},
    )
    return folder


def change(path: Path, **values: Any) -> None:
    """Writes a file anew with other values at its top."""
    write(path, {**json.loads(path.read_text()), **values})
