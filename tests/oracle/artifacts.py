"""Reads an archive of runs with the standard library alone: what each run executed, what each manifest says."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

EXECUTING = {"run", "build", "seed", "snapshot", "test", "retry", "clone", "run-operation"}
FAILED = {"error", "fail", "partial success", "runtime error"}
SUCCEEDED = {"success", "pass", "warn"}
EXECUTED = FAILED | SUCCEEDED


@dataclass(frozen=True)
class Node:
    """A model as one manifest has it."""

    unique_id: str
    name: str
    package: str
    tags: tuple[str, ...]
    materialization: str
    raw_code: str
    description: str
    database: str
    schema: str
    relation: str | None
    path: str
    access: str | None
    group: str | None
    version: str | None
    alias: str
    language: str
    contract_enforced: bool
    meta: dict[str, Any] = field(hash=False)


@dataclass(frozen=True)
class Manifest:
    """The models of one manifest and when it was written."""

    path: Path
    generated_at: datetime
    project: str

    @cached_property
    def models(self) -> dict[str, Node]:
        nodes = json.loads(self.path.read_bytes())["nodes"].values()
        return {node["unique_id"]: _node(node) for node in nodes if node["resource_type"] == "model"}


@dataclass(frozen=True)
class Result:
    """One model executed by one command. Times are cut to milliseconds, as dbt's API writes them."""

    unique_id: str
    status: str
    execution_time: float
    start: datetime | None
    end: datetime | None
    message: str | None
    thread: str
    compiled: str | None
    generated_at: datetime
    manifest: Manifest

    @property
    def node(self) -> Node:
        return self.manifest.models[self.unique_id]

    @property
    def runtime(self) -> float | None:
        return self.execution_time if self.status in EXECUTED else None

    @property
    def succeeded(self) -> bool:
        return self.status in SUCCEEDED

    @property
    def error(self) -> str | None:
        return self.message if self.status in FAILED | {"warn"} else None


@dataclass(frozen=True)
class Run:
    """One run.json with the models its commands executed, and those that were only compiled: the last of each."""

    record: dict[str, Any] = field(hash=False)
    results: dict[str, Result] = field(hash=False)
    compiled: dict[str, Result] = field(hash=False)
    manifests: tuple[Manifest, ...] = field(hash=False)

    @property
    def id(self) -> int:
        return int(self.record["id"])

    @property
    def job_id(self) -> int:
        return int(self.record["job_definition_id"])

    @property
    def environment_id(self) -> int:
        return int(self.record["environment_id"])

    @property
    def is_completed(self) -> bool:
        return self.record["status"] in (10, 20)

    @property
    def created(self) -> datetime:
        return moment(self.record["created_at"])

    @property
    def start(self) -> datetime:
        return moment(self.record["started_at"])

    @property
    def end(self) -> datetime:
        return moment(self.record["finished_at"])

    @property
    def runtime(self) -> float:
        return (self.end - self.start).total_seconds()


def read_runs(archive: Path) -> list[Run]:
    """Every run of the archive, oldest first."""
    return in_order([_read_run(path) for path in archive.glob("*/*/*/run.json")])


def in_order(runs: Iterable[Run]) -> list[Run]:
    """Oldest first; of runs created at the same time the greater id is the newer."""
    return sorted(runs, key=lambda run: (run.created, run.id))


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _read_run(path: Path) -> Run:
    results: dict[str, Result] = {}
    compiled: dict[str, Result] = {}
    manifests: list[Manifest] = []
    for step in sorted(path.parent.glob("step_*"), key=lambda folder: int(folder.name.removeprefix("step_"))):
        manifest = _manifest(step)
        if manifest is not None:
            manifests.append(manifest)
            command, found = _model_results(step, manifest)
            (results if command in EXECUTING else compiled).update({result.unique_id: result for result in found})
    return Run(json.loads(path.read_bytes()), results, compiled, tuple(manifests))


def _manifest(step: Path) -> Manifest | None:
    path = step / "manifest.json"
    if not path.exists():
        return None
    head = json.loads(path.read_bytes())["metadata"]
    return Manifest(path, moment(head["generated_at"]), head["project_name"])


def _model_results(step: Path, manifest: Manifest) -> tuple[str | None, list[Result]]:
    """The command of a step, and its results that are models."""
    path = step / "run_results.json"
    if not path.exists():
        return None, []
    content = json.loads(path.read_bytes())
    ended = cut(moment(content["metadata"]["generated_at"]))
    models = [one for one in content["results"] if one["unique_id"].startswith("model.")]
    return content["args"]["which"], [_result(one, ended, manifest) for one in models]


def _result(one: dict[str, Any], ended: datetime, manifest: Manifest) -> Result:
    moments = [cut(moment(timing[name])) for timing in one["timing"] for name in ("started_at", "completed_at")]
    start = min(moments, default=None)
    end = max([*moments, start + timedelta(seconds=one["execution_time"])]) if start else None
    executed = one["status"] in EXECUTED
    return Result(
        unique_id=one["unique_id"],
        status=one["status"],
        execution_time=one["execution_time"],
        start=start if executed else None,
        end=end if executed else None,
        message=one["message"],
        thread=one["thread_id"],
        compiled=one["compiled_code"],
        generated_at=ended,
        manifest=manifest,
    )


def cut(exact: datetime) -> datetime:
    return exact.replace(microsecond=exact.microsecond // 1000 * 1000)


def _node(node: dict[str, Any]) -> Node:
    version = node.get("version")
    return Node(
        unique_id=node["unique_id"],
        name=node["name"],
        package=node["package_name"],
        tags=tuple(node["tags"]),
        materialization=node["config"]["materialized"],
        raw_code=node["raw_code"],
        description=node["description"],
        database=node["database"],
        schema=node["schema"],
        relation=node["relation_name"],
        path=node["original_file_path"],
        access=node.get("access"),
        group=node.get("group"),
        version=None if version is None else str(version),
        alias=node["alias"],
        language=node["language"],
        contract_enforced=node["config"]["contract"]["enforced"],
        meta=node["meta"],
    )
