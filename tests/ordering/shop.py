"""Small accounts of dbt Core: runs that a scheduler names by text, so that their ids are hashes without an order."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Told:
    """One run: when it began, how long it took, the models it built, those its manifest `knows` beside them, and what
    beside its artifacts is told of it."""

    name: str
    start: datetime
    seconds: float
    job: str = "nightly"
    models: Mapping[str, float] = field(default_factory=dict)
    record: Mapping[str, Any] | None = None
    knows: Sequence[str] = ()

    @property
    def end(self) -> datetime:
        return self.start + timedelta(seconds=self.seconds)


def daily(count: int, job: str = "nightly") -> list[Told]:
    """A run a day at two o'clock, of 10, 20, 30 … seconds."""
    start = MIDNIGHT + timedelta(hours=2)
    return [Told(f"2026-03 day {n}", start + timedelta(days=n), 10.0 * (n + 1), job) for n in range(count)]


def text_of(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def write(folder: Path, run: Told) -> Path:
    """Writes a run's artifacts as dbt leaves them in `target`; its name stands in DBT_CLOUD_RUN_ID."""
    place = folder / run.job / run.name.replace(" ", "_")
    place.mkdir(parents=True)
    models = run.models or {"orders": run.seconds - 1}
    env = {"DBT_CLOUD_JOB_ID": run.job, "DBT_CLOUD_RUN_ID": run.name}
    metadata = {
        "dbt_version": "1.11.0",
        "generated_at": text_of(run.end),
        "invocation_id": f"invocation of {run.job} {run.name}",
        "env": {} if run.record else env,
    }
    (place / "manifest.json").write_text(json.dumps(_manifest(metadata, sorted({*models, *run.knows}))))
    (place / "run_results.json").write_text(json.dumps(_results(metadata, models, run)))
    if run.record is not None:
        told = {"id": run.name, "job_definition_id": run.job, **run.record}
        (place / "run.json").write_text(json.dumps(told))
    return place


def _manifest(metadata: Mapping[str, Any], models: Iterable[str]) -> dict[str, Any]:
    kind = {"dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json", "project_name": "shop"}
    nodes = {f"model.shop.{name}": _node(name) for name in models}
    empty: dict[str, Any] = {
        name: {} for name in ("sources", "macros", "exposures", "metrics", "groups", "parent_map", "child_map")
    }
    return {"metadata": {**metadata, **kind, "adapter_type": "duckdb"}, "nodes": nodes, **empty}


def _node(name: str) -> dict[str, Any]:
    return {
        "unique_id": f"model.shop.{name}",
        "name": name,
        "resource_type": "model",
        "package_name": "shop",
        "fqn": ["shop", name],
        "alias": name,
        "schema": "main",
        "database": "db",
        "tags": [],
        "config": {"materialized": "table"},
        "path": f"{name}.sql",
        "original_file_path": f"models/{name}.sql",
        "raw_code": "select 1",
        "depends_on": {"nodes": []},
    }


def _results(metadata: Mapping[str, Any], models: Mapping[str, float], run: Told) -> dict[str, Any]:
    kind = {"dbt_schema_version": "https://schemas.getdbt.com/dbt/run-results/v6.json"}
    rows = [
        {
            "unique_id": f"model.shop.{name}",
            "status": "success",
            "execution_time": seconds,
            "thread_id": "Thread-1",
            "message": None,
            "failures": None,
            "adapter_response": {},
            "timing": [
                {"name": "execute", "started_at": text_of(run.start), "completed_at": text_of(run.end)},
            ],
        }
        for name, seconds in models.items()
    ]
    return {
        "metadata": {**metadata, **kind},
        "results": rows,
        "elapsed_time": run.seconds,
        "args": {"which": "build", "invocation_command": "dbt build"},
    }


def with_sources(folder: Path, names: Sequence[str]) -> Path:
    """Adds to a written run's manifest sources, all of them checked at one time with rows of one age, and an exposure
    that uses every model."""
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["sources"] = {f"source.shop.raw.{name}": _source(name) for name in names}
    for node in manifest["nodes"].values():
        node["depends_on"]["nodes"] = list(manifest["sources"])
    manifest["exposures"] = {"exposure.shop.weekly": _exposure("weekly", list(manifest["nodes"]))}
    manifest["child_map"] = {one: list(manifest["nodes"]) for one in manifest["sources"]}
    manifest["parent_map"] = {one: list(manifest["sources"]) for one in manifest["nodes"]}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    kind = {"dbt_schema_version": "https://schemas.getdbt.com/dbt/sources/v3.json"}
    rows = [_freshness(unique_id, text_of(MIDNIGHT)) for unique_id in manifest["sources"]]
    told = {"metadata": {**manifest["metadata"], **kind}, "results": rows, "elapsed_time": 1.0}
    (folder / "sources.json").write_text(json.dumps(told))
    return folder


def _exposure(name: str, parents: Sequence[str]) -> dict[str, Any]:
    return {
        "unique_id": f"exposure.shop.{name}",
        "name": name,
        "type": "dashboard",
        "resource_type": "exposure",
        "package_name": "shop",
        "fqn": ["shop", name],
        "path": "exposures.yml",
        "original_file_path": "exposures.yml",
        "owner": {"name": "Finance"},
        "depends_on": {"nodes": list(parents), "macros": []},
    }


def _source(name: str) -> dict[str, Any]:
    return {
        "unique_id": f"source.shop.raw.{name}",
        "name": name,
        "source_name": "raw",
        "resource_type": "source",
        "package_name": "shop",
        "fqn": ["shop", "raw", name],
        "identifier": name,
        "schema": "raw",
        "database": "db",
        "tags": [],
        "config": {"enabled": True},
        "path": "sources.yml",
        "original_file_path": "models/sources.yml",
        "loaded_at_field": "loaded_at",
    }


def _freshness(unique_id: str, moment: str) -> dict[str, Any]:
    return {
        "unique_id": unique_id,
        "status": "pass",
        "max_loaded_at": moment,
        "snapshotted_at": moment,
        "max_loaded_at_time_ago_in_s": 60.0,
        "criteria": {"warn_after": {"count": 1, "period": "day"}, "error_after": {"count": None, "period": None}},
        "adapter_response": {},
        "timing": [],
        "thread_id": "Thread-1",
        "execution_time": 0.5,
    }
