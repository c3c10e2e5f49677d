"""Reads the artifacts of any archive with the standard library alone: `run.json` folders and bare `target` folders."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

EXECUTING = {"run", "build", "seed", "snapshot", "test", "retry", "clone", "run-operation"}
STATUSES = {
    **dict.fromkeys(("success", "pass"), "SUCCESS"),
    **dict.fromkeys(("error", "fail", "runtime error", "partial success"), "FAILURE"),
    **dict.fromkeys(("skipped", "no-op"), "SKIPPED"),
    "warn": "WARN",
    "reused": "REUSED",
}
EXECUTED = {"SUCCESS", "WARN", "FAILURE"}
SUCCEEDED = {"SUCCESS", "WARN"}
RUN_STATUSES = {10: "SUCCESS", 20: "FAILURE", 30: "CANCELLED"}
LONGEST = 1e9


def moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text else None


def to_milliseconds(exact: datetime | None) -> datetime | None:
    """The platform writes times of nodes and invocations in milliseconds."""
    return exact and exact.replace(microsecond=exact.microsecond // 1000 * 1000)


def duration(seconds: Any) -> float | None:
    """Seconds that can be a duration: not negative, at most thirty years."""
    return float(seconds) if seconds is not None and 0 <= seconds <= LONGEST else None


def derived_id(*parts: object) -> int:
    """The number of something that has only a name, as docs/local-platform.md promises: the same on every machine."""
    return int.from_bytes(hashlib.blake2b("\x1f".join(map(str, parts)).encode(), digest_size=6).digest()) or 1


@dataclass(frozen=True)
class Node:
    """A model as one manifest has it."""

    unique_id: str
    name: str
    package: str
    tags: tuple[str, ...]
    materialization: str | None
    code: str | None
    parents: tuple[str, ...]


@dataclass(frozen=True)
class Manifest:
    """The models of one manifest."""

    generated_at: datetime
    project: str
    models: Mapping[str, Node] = field(hash=False)


@dataclass(frozen=True)
class Result:
    """What one command did to one model."""

    unique_id: str
    word: str
    seconds: float | None
    start: datetime | None
    end: datetime | None
    message: str | None
    ended: datetime
    arguments: Mapping[str, Any] = field(hash=False)
    node: Node | None

    @property
    def status(self) -> str:
        return STATUSES.get(self.word.strip().lower(), "UNKNOWN")

    @property
    def runtime(self) -> float | None:
        return self.seconds if self.status in EXECUTED else None

    @property
    def succeeded(self) -> bool:
        return self.status in SUCCEEDED

    @property
    def special(self) -> bool:
        """A clone, or a build of no rows or of a sample of them."""
        return bool(
            self.arguments.get("which") == "clone" or self.arguments.get("empty") or self.arguments.get("sample")
        )

    @property
    def full_refresh(self) -> bool:
        return bool(self.arguments.get("full_refresh"))


@dataclass(frozen=True)
class Invocation:
    """One dbt command: when it ended, how long it took, its results and its manifest."""

    ended: datetime
    began: datetime | None
    arguments: Mapping[str, Any] = field(hash=False)
    results: tuple[Result, ...] = field(hash=False)
    failed: bool
    manifest: Manifest | None
    environment: Mapping[str, str] = field(hash=False)

    @property
    def elapsed(self) -> timedelta | None:
        return self.began and self.ended - self.began


@dataclass(frozen=True)
class Run:
    """One run of a job with its invocations in the order of their steps."""

    id: int
    job_id: int
    environment_id: int
    code: int
    created: datetime | None
    started: datetime | None
    ended: datetime | None
    commands: tuple[str, ...]
    invocations: tuple[Invocation, ...] = field(hash=False)

    @property
    def results(self) -> dict[str, Result]:
        """The last result of each model that was executed."""
        executing = [one for one in self.invocations if one.arguments.get("which") in EXECUTING]
        return {result.unique_id: result for one in executing for result in one.results}

    @property
    def status(self) -> str:
        return RUN_STATUSES.get(self.code, "UNKNOWN")

    @property
    def is_completed(self) -> bool:
        return self.status in ("SUCCESS", "FAILURE")

    @property
    def runtime(self) -> float | None:
        if self.started is None or self.ended is None:
            return None
        return duration((self.ended - self.started).total_seconds())

    @property
    def recency(self) -> tuple[float, int]:
        known = self.created or self.started or self.ended
        return (known.timestamp() if known else float("-inf"), self.id)


@dataclass(frozen=True)
class Files:
    """All that an archive's files say."""

    environments: Mapping[int, str | None]
    """The deployment type of each environment."""
    jobs: Mapping[int, Mapping[str, Any]]
    runs: tuple[Run, ...]


def read_archive(folder: Path) -> Files:
    """An archive with an `account.json`, else a folder of bare `target` folders."""
    return _described(folder) if (folder / "account.json").exists() else _bare(folder)


def _described(folder: Path) -> Files:
    account = json.loads((folder / "account.json").read_bytes())
    environments = {one["id"]: one.get("deployment_type") for one in account["environments"]}
    jobs = {one["id"]: one for one in account["jobs"]}
    runs = []
    for path in folder.glob("*/*/*/run.json"):
        record = json.loads(path.read_bytes())
        steps = sorted(path.parent.glob("step_*"), key=lambda step: int(step.name.removeprefix("step_")))
        invocations = tuple(one for step in steps if (one := read_invocation(step)))
        override = (record.get("trigger") or {}).get("steps_override")
        commands = override or jobs[record["job_definition_id"]].get("execute_steps") or ()
        runs.append(_run(record, record["environment_id"], invocations, tuple(commands)))
    return Files(environments, jobs, tuple(runs))


def _run(record: Mapping[str, Any], environment_id: int, invocations: tuple[Invocation, ...], commands: Any) -> Run:
    """What the record does not say, the invocations report."""
    began = [one.began for one in invocations if one.began]
    failed = any(one.failed for one in invocations)
    return Run(
        id=record["id"],
        job_id=record["job_definition_id"],
        environment_id=environment_id,
        code=record.get("status") or (20 if failed else 10),
        created=moment(record.get("created_at")),
        started=moment(record.get("started_at")) or min(began, default=None),
        ended=moment(record.get("finished_at")) or max((one.ended for one in invocations), default=None),
        commands=commands,
        invocations=invocations,
    )


def _bare(folder: Path) -> Files:
    """One run for each run id that the artifacts carry, of the job whose id they carry."""
    account = derived_id("account", "Local dbt")
    environments: dict[int, str | None] = {}
    jobs: dict[int, dict[str, Any]] = {}
    steps: dict[tuple[int, int, int], list[Invocation]] = {}
    for path in folder.rglob("run_results.json"):
        one = read_invocation(path.parent)
        if one is None or one.manifest is None:
            continue
        project = derived_id(account, "project", one.manifest.project)
        target = one.arguments["target"]
        environment = derived_id(project, "environment", target)
        job_name = one.environment["DBT_CLOUD_JOB_ID"]
        job = derived_id(project, "JOB_ID", job_name)
        run = derived_id(job, "RUN_ID", one.environment["DBT_CLOUD_RUN_ID"])
        environments[environment] = "production" if target == "prod" else None
        jobs[job] = {"id": job, "name": job_name, "environment_id": environment, "job_type": None}
        steps.setdefault((run, job, environment), []).append(one)
    return Files(environments, jobs, tuple(_inferred_runs(steps)))


def _inferred_runs(steps: Mapping[tuple[int, int, int], list[Invocation]]) -> Iterator[Run]:
    for (run, job, environment), found in steps.items():
        invocations = tuple(sorted(found, key=lambda one: one.ended))
        commands = tuple(_spelling(one.arguments) for one in invocations)
        yield _run({"id": run, "job_definition_id": job}, environment, invocations, commands)


def _spelling(arguments: Mapping[str, Any]) -> str:
    """The command with the options that make it another than ordinary."""
    options = [f"--{name.replace('_', '-')}" for name in ("full_refresh", "empty", "sample") if arguments.get(name)]
    return " ".join(["dbt", str(arguments.get("which")), *options])


def read_invocation(step: Path) -> Invocation | None:
    path = step / "run_results.json"
    manifest = read_manifest(step / "manifest.json")
    if not path.exists():
        return None
    content = json.loads(path.read_bytes())
    metadata, arguments = content["metadata"], content.get("args") or {}
    ended = moment(metadata["generated_at"])
    assert ended is not None
    results = tuple(
        _result(one, ended, arguments, manifest) for one in content["results"] if one["unique_id"].startswith("model.")
    )
    words = [STATUSES.get(one["status"]) for one in content["results"]]
    elapsed = _elapsed(content)
    began = None if elapsed is None else ended - timedelta(seconds=elapsed)
    env = {name: str(value) for name, value in (metadata.get("env") or {}).items()}
    return Invocation(ended, began, arguments, results, "FAILURE" in words, manifest, env)


def _elapsed(content: Mapping[str, Any]) -> float | None:
    """Where nobody reports the seconds of a command, those from the first start to the last end of its results. A
    result ends with its last timing, or its execution time after its first one, whichever is later."""
    told = content.get("elapsed_time")
    if told is not None:
        return float(told)
    starts, ends = [], []
    for one in content["results"]:
        moments = [
            each
            for timing in one["timing"]
            if timing
            for name in ("started_at", "completed_at")
            if (each := moment(timing[name]))
        ]
        if moments:
            worked = timedelta(seconds=duration(one["execution_time"]) or 0.0)
            starts.append(min(moments))
            ends += [*moments, min(moments) + worked]
    return (max(ends) - min(starts)).total_seconds() if starts else None


def read_manifest(path: Path) -> Manifest | None:
    if not path.exists():
        return None
    content = json.loads(path.read_bytes())
    nodes = [_node(one) for one in content["nodes"].values() if one["resource_type"] == "model"]
    generated = moment(content["metadata"]["generated_at"])
    assert generated is not None
    return Manifest(generated, content["metadata"]["project_name"], {one.unique_id: one for one in nodes})


def _node(one: Mapping[str, Any]) -> Node:
    return Node(
        unique_id=one["unique_id"],
        name=one["name"],
        package=one["package_name"],
        tags=tuple(one.get("tags") or ()),
        materialization=one["config"].get("materialized"),
        code=one.get("raw_code", one.get("raw_sql")),
        parents=tuple(one["depends_on"]["nodes"]),
    )


def _result(one: Mapping[str, Any], ended: datetime, arguments: Mapping[str, Any], manifest: Manifest | None) -> Result:
    seconds = duration(one["execution_time"])
    moments = [
        to_milliseconds(moment(timing[name])) for timing in one["timing"] for name in ("started_at", "completed_at")
    ]
    known = [each for each in moments if each is not None]
    executed = STATUSES.get(one["status"]) in EXECUTED
    start = min(known, default=None) if executed else None
    end = max(*known, start + timedelta(seconds=seconds or 0.0)) if start else None
    node = manifest.models.get(one["unique_id"]) if manifest else None
    return Result(one["unique_id"], one["status"], seconds, start, end, one["message"], ended, arguments, node)
