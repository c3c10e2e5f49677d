"""The right answers about the demo account, computed from its JSON files by the meaning the documentation gives."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

from tests.oracle.artifacts import FAILED, Manifest, Node, Result, Run, in_order, read_runs

LOOK_BACK = 5


@dataclass(frozen=True)
class Attempt:
    """One model in one run of a job."""

    run: Run
    result: Result
    job: dict[str, Any] = field(hash=False)


@dataclass(frozen=True)
class Scope:
    """Which attempts stand behind a model's mean beside ordinary successful ones."""

    full_refresh: bool = False
    ci: bool = False
    failed: bool = False

    def counts(self, attempt: Attempt) -> bool:
        """A full refresh is one for incremental models only; what was skipped never counts."""
        job, result = attempt.job, attempt.result
        rebuilt = result.node.materialization == "incremental" and any(
            "--full-refresh" in step for step in job["execute_steps"]
        )
        return (
            (result.succeeded or (self.failed and result.status in FAILED))
            and (self.ci or job["job_type"] not in ("ci", "merge"))
            and (self.full_refresh or not rebuilt)
        )


@dataclass(frozen=True)
class Model:
    """A model of an environment: its last attempt, its last success, and all attempts, newest first."""

    id: str
    node: Node
    project: str
    environment_id: int
    history: tuple[Attempt, ...] = field(hash=False)
    compilations: tuple[Result, ...] = field(hash=False)

    @property
    def unique_id(self) -> str:
        return self.node.unique_id

    @property
    def last(self) -> Attempt | None:
        return self.history[0] if self.history else None

    @property
    def success(self) -> Attempt | None:
        return next((one for one in self.history if one.result.succeeded), None)

    @property
    def runtime(self) -> float | None:
        return self.success.result.runtime if self.success else None

    @property
    def compiled_code(self) -> str | None:
        """Of the last success, else of the last attempt, else of the newest command that only compiled."""
        executed = [one.result for one in (self.success, self.last) if one]
        return next((one.compiled for one in (*executed, *self.compilations) if one.compiled), None)

    def mean_of_last(self, runs: int, scope: Scope | None = None) -> tuple[float, int] | None:
        """Mean runtime of the last runs that count, and how many there were; without a scope, the last one of any
        kind that succeeded stands for one run."""
        if runs == 1 and scope is None:
            return None if self.runtime is None else (self.runtime, 1)
        times = [one.result.execution_time for one in self.history if (scope or Scope()).counts(one)][:runs]
        return (fmean(times), len(times)) if times else None


@dataclass(frozen=True)
class Project:
    """One project in one environment, as its newest manifest and the runs that deploy to it have it."""

    id: str
    environment_id: int
    models: tuple[Model, ...] = field(hash=False)
    newest: Manifest = field(hash=False)
    runs: tuple[Run, ...] = field(hash=False)


@dataclass(frozen=True)
class Job:
    record: dict[str, Any] = field(hash=False)
    runs: tuple[Run, ...] = field(hash=False)

    @property
    def id(self) -> int:
        return int(self.record["id"])

    @property
    def environment_id(self) -> int:
        return int(self.record["environment_id"])

    @property
    def deciding_run(self) -> Run | None:
        """The newest of the last five runs that ended by itself and executed a model."""
        return next((run for run in self.runs[:LOOK_BACK] if run.is_completed and run.results), None)

    @property
    def built(self) -> dict[str, Result]:
        return self.deciding_run.results if self.deciding_run else {}

    def mean_of_last(self, wanted: int) -> tuple[float, int] | None:
        """Mean wall clock of the last runs that ended by themselves, and how many there were."""
        times = [run.runtime for run in self.runs if run.is_completed][:wanted]
        return (fmean(times), len(times)) if times else None


class Oracle:
    """The demo account. Lists are ordered as the gateway documents it: by id."""

    def __init__(self, archive: Path, runs: Sequence[Run] | None = None) -> None:
        """`runs` are those of the archive, if they have been read before."""
        self.record: dict[str, Any] = json.loads((archive / "account.json").read_bytes())
        self.runs = read_runs(archive) if runs is None else in_order(runs)
        self._job_records = {job["id"]: job for job in self.record["jobs"]}
        self.jobs = [self._job(record) for record in sorted(self.record["jobs"], key=lambda job: job["id"])]
        self.production = self._projects("production")
        self.staging = self._projects("staging")

    @property
    def models(self) -> list[Model]:
        """All models in production."""
        return sorted((model for project in self.production for model in project.models), key=lambda model: model.id)

    @property
    def production_jobs(self) -> list[Job]:
        places = {project.environment_id for project in self.production}
        return [job for job in self.jobs if job.environment_id in places]

    def project(self, project_id: str) -> Project:
        return next(project for project in self.production if project.id == project_id)

    def model(self, model_id: str) -> Model:
        return next(model for model in self.models if model.id == model_id)

    def job(self, job_id: int) -> Job:
        return next(job for job in self.jobs if job.id == job_id)

    def run(self, run_id: int) -> Run:
        return next(run for run in self.runs if run.id == run_id)

    @property
    def newest_daily_run(self) -> Run:
        """The newest run of the job that builds all of finance, for questions that any run would do for."""
        return self.job(301001).runs[0]

    def jobs_building(self, model: Model) -> list[Job]:
        here = [job for job in self.jobs if job.environment_id == model.environment_id]
        return [job for job in here if model.unique_id in job.built]

    def models_built_by(self, job: Job) -> list[Model]:
        here = [
            project for project in (*self.production, *self.staging) if project.environment_id == job.environment_id
        ]
        return [model for project in here for model in project.models if model.unique_id in job.built]

    def slowest(
        self, models: Iterable[Model], runs: int, first: int, scope: Scope | None = None
    ) -> list[tuple[str, float, int]]:
        """(model id, mean runtime, runs behind it), slowest first, ties by id."""
        return _top(((model.id, model.mean_of_last(runs, scope)) for model in models), first)

    def longest(self, jobs: Iterable[Job], runs: int, first: int) -> list[tuple[int, float, int]]:
        """(job id, mean wall clock, runs behind it), longest first, ties by id."""
        return _top(((job.id, job.mean_of_last(runs)) for job in jobs), first)

    def _job(self, record: dict[str, Any]) -> Job:
        return Job(record, tuple(run for run in reversed(self.runs) if run.job_id == record["id"]))

    def _projects(self, deployment: str) -> list[Project]:
        places = [one["id"] for one in self.record["environments"] if one["deployment_type"] == deployment]
        return sorted((self._project(place) for place in places), key=lambda project: project.id)

    def _project(self, environment_id: int) -> Project:
        runs = self._deployment_runs(environment_id)
        newest = max((manifest for run in runs for manifest in run.manifests), key=lambda one: one.generated_at)
        local = [unique_id.split(".", 2)[2] for unique_id in newest.models]
        models = [self._model(unique_id, newest, local, environment_id, runs) for unique_id in newest.models]
        ordered = tuple(sorted(models, key=lambda model: model.id))
        return Project(newest.project, environment_id, ordered, newest, tuple(runs))

    def _model(
        self, unique_id: str, newest: Manifest, local: list[str], environment_id: int, deploying: list[Run]
    ) -> Model:
        _, package, name = unique_id.split(".", 2)
        model_id = f"{newest.project}.{name}" if local.count(name) == 1 else f"{newest.project}.{package}.{name}"
        attempts = [
            Attempt(run, run.results[unique_id], self._job_records[run.job_id])
            for run in deploying
            if unique_id in run.results
        ]
        attempts.sort(key=lambda one: (one.result.generated_at, one.run.id), reverse=True)
        built = next((one.result.node for one in attempts if one.result.succeeded), newest.models[unique_id])
        compiled = [run.compiled[unique_id] for run in deploying if unique_id in run.compiled]
        compiled.sort(key=lambda one: one.generated_at, reverse=True)
        return Model(model_id, built, newest.project, environment_id, tuple(attempts), tuple(compiled))

    def _deployment_runs(self, environment_id: int) -> list[Run]:
        """CI jobs do not change an environment's state, unless it has no other jobs."""
        ci = {job["id"] for job in self.record["jobs"] if job["job_type"] == "ci"}
        here = [run for run in self.runs if run.environment_id == environment_id]
        return [run for run in here if run.job_id not in ci] or here


def meets(
    thing: Any, *, tags: Iterable[str] = (), all_tags: Iterable[str] = (), materialization: str | None = None
) -> bool:
    """Whether a model's node carries any of `tags`, all of `all_tags`, and the materialization."""
    node: Node = thing.node
    return (
        (not tags or bool(set(tags) & set(node.tags)))
        and set(all_tags) <= set(node.tags)
        and materialization in (None, node.materialization)
    )


def _top(measured: Iterable[tuple[Any, tuple[float, int] | None]], first: int) -> list[Any]:
    ranked = [(item, *figure) for item, figure in measured if figure is not None]
    return sorted(ranked, key=lambda row: (-row[1], row[0]))[:first]
