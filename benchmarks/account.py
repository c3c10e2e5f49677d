"""Writes a large made-up account as an archive folder: the same arguments always give the same files; no dbt needed.

    python -m benchmarks.account OUT --environments 20 --models 2000 --runs 20

Every environment is a project of its own with three jobs: a daily build of everything, an hourly run of the models
tagged `hourly`, and a nightly run of those tagged `nightly`. Runs of a project share one manifest file by hard links.
"""

from __future__ import annotations

import argparse
import os
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

ACCOUNT_ID = 70403103900077
_AREAS = ("finance", "marketing", "logistics", "sales", "support", "product", "people", "risk", "growth", "supply")
_SUBJECTS = ("orders", "invoices", "customers", "shipments", "sessions", "payments", "campaigns", "tickets", "returns")
_ASPECTS = ("daily", "monthly", "by_region", "by_channel", "lifetime", "cohorts", "enriched", "snapshotted", "margin")
_LAYERS = (("stg", "staging", "view", 0.4), ("int", "intermediate", "view", 0.3), ("fct", "marts", "table", 0.3))
_FIRST_DAY = datetime(2026, 1, 5, 4, 0, tzinfo=UTC)
_DBT_VERSION = "1.11.16"
_STEP_SECONDS = 4.0


@dataclass(frozen=True)
class Size:
    """How much to write: environments, models in each, runs in each."""

    environments: int
    models: int
    runs: int


@dataclass(frozen=True)
class Model:
    """One made-up model; `seconds` is what it usually takes."""

    unique_id: str
    name: str
    layer: str
    materialized: str
    tags: tuple[str, ...]
    parents: tuple[str, ...]
    seconds: float


@dataclass(frozen=True)
class Job:
    """One job of a project and the tag it builds; None for everything."""

    id: int
    name: str
    tag: str | None
    command: str


@dataclass(frozen=True)
class Project:
    """One project with its environment, jobs and models in building order."""

    number: int
    name: str
    models: tuple[Model, ...]
    jobs: tuple[Job, ...]

    @property
    def id(self) -> int:
        """The project's id in the account."""
        return 500_000 + self.number

    @property
    def environment_id(self) -> int:
        """The id of its only environment."""
        return 600_000 + self.number


def write_account(out: Path, size: Size) -> None:
    """Writes the whole account below `out`, which is created."""
    projects = [_project(number, size.models) for number in range(1, size.environments + 1)]
    _write(out / "account.json", _account(projects))
    for project in projects:
        _write_project(out, project, size.runs)


def _project(number: int, models: int) -> Project:
    chance = random.Random(number)
    name = f"{_AREAS[(number - 1) % len(_AREAS)]}_{number:02d}"
    jobs = (
        Job(700_000 + number * 10, "Daily build", None, "dbt build"),
        Job(700_001 + number * 10, "Hourly run", "hourly", "dbt run --select tag:hourly"),
        Job(700_002 + number * 10, "Nightly run", "nightly", "dbt run --select tag:nightly"),
    )
    return Project(number, name, tuple(_models(name, models, chance)), jobs)


def _models(project: str, count: int, chance: random.Random) -> Iterator[Model]:
    earlier: list[str] = []
    for prefix, layer, materialized, share in _LAYERS:
        built = []
        for index in range(round(count * share)):
            subject, aspect = chance.choice(_SUBJECTS), chance.choice(_ASPECTS)
            name = f"{prefix}_{subject}_{aspect}_{index:04d}"
            parents = tuple(chance.sample(earlier, min(len(earlier), chance.randint(1, 3)))) if earlier else ()
            seconds = round(chance.lognormvariate(0.5, 1.1), 3)
            unique_id = f"model.{project}.{name}"
            yield Model(unique_id, name, layer, _materialization(materialized, chance), _tags(chance), parents, seconds)
            built.append(unique_id)
        earlier += built


def _materialization(usual: str, chance: random.Random) -> str:
    return "incremental" if usual == "table" and chance.random() < 0.3 else usual


def _tags(chance: random.Random) -> tuple[str, ...]:
    found = ["daily"]
    found += [tag for tag, share in (("hourly", 0.1), ("nightly", 0.25), ("pii", 0.05)) if chance.random() < share]
    return tuple(found)


def _account(projects: Sequence[Project]) -> dict[str, Any]:
    place = {"name": "Production", "type": "deployment", "deployment_type": "production"}
    return {
        "account": {"id": ACCOUNT_ID, "name": "Benchmark account"},
        "projects": [{"id": project.id, "name": project.name} for project in projects],
        "environments": [{"id": each.environment_id, "project_id": each.id, **place} for each in projects],
        "jobs": [_job(project, job) for project in projects for job in project.jobs],
    }


def _job(project: Project, job: Job) -> dict[str, Any]:
    keys = {"id": job.id, "environment_id": project.environment_id, "project_id": project.id}
    return {**keys, "name": job.name, "execute_steps": [job.command], "schedule": None, "job_type": "scheduled"}


def _write_project(out: Path, project: Project, runs: int) -> None:
    first: Path | None = None
    for index in range(runs):
        job = project.jobs[_job_of(index)]
        folder = out / project.name / str(job.id) / str(_run_id(project, index))
        manifest = folder / "step_1" / "manifest.json"
        if first is None:
            _write(manifest, _manifest(project))
            first = manifest
        else:
            manifest.parent.mkdir(parents=True, exist_ok=True)
            os.link(first, manifest)
        _write_run(folder, project, job, index)


def _job_of(index: int) -> int:
    """Every second run builds everything; the others are taken by turns."""
    return 0 if index % 2 == 0 else 1 + index // 2 % 2


def _run_id(project: Project, index: int) -> int:
    return 70437490000000 + project.number * 100_000 + index


def _write_run(folder: Path, project: Project, job: Job, index: int) -> None:
    chance = random.Random(_run_id(project, index))
    began = _FIRST_DAY + timedelta(hours=6 * index, minutes=chance.randrange(30))
    results, ended = _results(project, job, began, chance)
    failed = any(result["status"] == "error" for result in results)
    metadata = _metadata(project, job, index, "run-results/v6", ended)
    args = {"which": "build" if job.tag is None else "run", "target": "prod", "invocation_command": job.command}
    elapsed = (ended - began).total_seconds()
    body = {"metadata": metadata, "results": results, "elapsed_time": elapsed, "args": args}
    _write(folder / "step_1" / "run_results.json", body)
    _write(folder / "run.json", _run(project, job, index, began, ended + timedelta(seconds=3), 20 if failed else 10))


def _results(
    project: Project, job: Job, began: datetime, chance: random.Random
) -> tuple[list[dict[str, Any]], datetime]:
    """The results of a run on eight threads, and when its last model ended."""
    chosen = [model for model in project.models if job.tag is None or job.tag in model.tags] or [project.models[0]]
    broken = {chance.choice(chosen).unique_id} if chance.random() < 0.15 else set()
    threads, lost, results = [began] * 8, set(broken), []
    for model in chosen:
        if not lost.isdisjoint(model.parents) and model.unique_id not in broken:
            lost.add(model.unique_id)
            results.append(_skipped(model))
            continue
        thread = min(range(8), key=threads.__getitem__)
        seconds = model.seconds * chance.uniform(0.8, 1.3)
        results.append(_result(model, threads[thread], seconds, thread, model.unique_id in broken))
        threads[thread] += timedelta(seconds=seconds)
    return results, max(threads)


def _result(model: Model, began: datetime, seconds: float, thread: int, broken: bool) -> dict[str, Any]:
    compiled = began + timedelta(seconds=min(0.02, seconds / 10))
    ended = began + timedelta(seconds=seconds)
    return {
        "status": "error" if broken else "success",
        "timing": [
            {"name": "compile", "started_at": _iso(began), "completed_at": _iso(compiled)},
            {"name": "execute", "started_at": _iso(compiled), "completed_at": _iso(ended)},
        ],
        "thread_id": f"Thread-{thread + 1} (worker)",
        "execution_time": seconds,
        "adapter_response": {"_message": "SUCCESS 1", "code": "SUCCESS", "rows_affected": 1},
        "message": f"Database Error in model {model.name}: division by zero" if broken else "SUCCESS 1",
        "failures": None,
        "unique_id": model.unique_id,
        "compiled": True,
        "compiled_code": _sql(model, "analytics.prod."),
        "relation_name": f'"analytics"."prod"."{model.name}"',
        "batch_results": None,
    }


def _skipped(model: Model) -> dict[str, Any]:
    empty = {"timing": [], "thread_id": "Thread-1 (worker)", "execution_time": 0, "adapter_response": {}}
    rest = {"message": None, "failures": None, "compiled": False, "compiled_code": None, "relation_name": None}
    return {"status": "skipped", **empty, "unique_id": model.unique_id, **rest, "batch_results": None}


def _manifest(project: Project) -> dict[str, Any]:
    head = _metadata(project, project.jobs[0], 0, "manifest/v12", _FIRST_DAY)
    head |= {"project_name": project.name, "adapter_type": "snowflake"}
    return {
        "metadata": head,
        "nodes": {model.unique_id: _node(project, model) for model in project.models},
        "sources": {},
        "macros": {},
        "exposures": {},
        "metrics": {},
        "groups": {},
        "parent_map": {model.unique_id: model.parents for model in project.models},
    }


def _node(project: Project, model: Model) -> dict[str, Any]:
    path = f"{model.layer}/{model.name}.sql"
    config = {
        "enabled": True,
        "materialized": model.materialized,
        "tags": model.tags,
        "meta": {},
        "access": "protected",
    }
    return {
        "database": "analytics",
        "schema": "prod",
        "name": model.name,
        "resource_type": "model",
        "package_name": project.name,
        "path": path,
        "original_file_path": f"models/{path}",
        "unique_id": model.unique_id,
        "fqn": [project.name, model.layer, model.name],
        "alias": model.name,
        "config": {**config, "contract": {"enforced": False, "alias_types": True}, "on_schema_change": "ignore"},
        "tags": model.tags,
        "description": f"{model.name.replace('_', ' ').capitalize()} of {project.name}.",
        "columns": {name: {"name": name, "description": "", "tags": []} for name in ("id", "updated_at")},
        "meta": {},
        "language": "sql",
        "raw_code": _sql(model, ""),
        "depends_on": {"macros": [], "nodes": model.parents},
        "relation_name": f'"analytics"."prod"."{model.name}"',
        "access": "protected",
        "created_at": 1767600000.0,
    }


def _sql(model: Model, place: str) -> str:
    names = [parent.rpartition(".")[2] for parent in model.parents] or [f"raw.{model.name}"]
    first, *others = [f"{place}{name}" for name in names]
    tables = "\n  join ".join([first, *(f"{name} using (id)" for name in others)])
    return f"select id, updated_at, count(*) as events\nfrom {tables}\ngroup by 1, 2"


def _metadata(project: Project, job: Job, index: int, schema: str, ended: datetime) -> dict[str, Any]:
    run_id = _run_id(project, index)
    keys = {"PROJECT_ID": project.id, "ENVIRONMENT_ID": project.environment_id, "JOB_ID": job.id, "RUN_ID": run_id}
    return {
        "dbt_schema_version": f"https://schemas.getdbt.com/dbt/{schema}.json",
        "dbt_version": _DBT_VERSION,
        "generated_at": _iso(ended),
        "invocation_id": f"00000000-0000-4000-8000-{run_id:012x}"[:36],
        "env": {f"DBT_CLOUD_{name}": str(value) for name, value in {**keys, "ACCOUNT_ID": ACCOUNT_ID}.items()},
    }


def _run(project: Project, job: Job, index: int, began: datetime, ended: datetime, status: int) -> dict[str, Any]:
    started = began - timedelta(seconds=_STEP_SECONDS)
    queued = started - timedelta(seconds=9)
    keys = {"id": _run_id(project, index), "job_definition_id": job.id, "project_id": project.id}
    times = {"created_at": queued, "dequeued_at": queued, "started_at": started, "finished_at": ended}
    step = {"index": 1, "name": f"Invoke dbt with `{job.command}`", "status": status}
    return {
        **keys,
        "account_id": ACCOUNT_ID,
        "environment_id": project.environment_id,
        "job_name": job.name,
        "project_name": project.name,
        "status": status,
        "trigger": {"cause": "scheduled", "cause_category": "scheduled", "git_branch": "main"},
        "git_sha": f"{_run_id(project, index):040x}",
        "dbt_version": _DBT_VERSION,
        **{name: _iso(time) for name, time in times.items()},
        "run_steps": [{**step, "started_at": _iso(started), "finished_at": _iso(ended)}],
    }


def _iso(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%S.%f}Z"


def _write(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.encode(content))


def main() -> None:
    """Reads the command line and writes the account."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.account", description=__doc__.partition("\n")[0])
    parser.add_argument("out", type=Path, help="folder to write; it must not exist yet")
    parser.add_argument("--environments", type=int, default=20)
    parser.add_argument("--models", type=int, default=2000, help="models in each environment")
    parser.add_argument("--runs", type=int, default=20, help="runs in each environment")
    given = parser.parse_args()
    if given.out.exists():
        parser.error(f"{given.out} exists already: name a new folder, or remove it.")
    write_account(given.out, Size(given.environments, given.models, given.runs))


if __name__ == "__main__":
    main()
