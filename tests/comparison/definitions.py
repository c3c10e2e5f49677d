"""The definitions of docs/hierarchy.md over the facts of the files: models, jobs, histories, means and rankings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import fsum
from pathlib import Path
from typing import Any

from tests.comparison.reading import Files, Manifest, Node, Result, Run, read_archive, to_milliseconds

LOOK_BACK = 5


@dataclass(frozen=True)
class Attempt:
    """One model in one run."""

    run: Run
    result: Result
    job: Mapping[str, Any] = field(hash=False)

    @property
    def is_ci(self) -> bool:
        return self.job.get("job_type") in ("ci", "merge")


@dataclass(frozen=True)
class Scope:
    """What a mean takes in beside ordinary successful runs; `ci` too where jobs' kinds are not known."""

    full_refresh: bool = False
    ci: bool = False
    failed: bool = False

    def counts(self, attempt: Attempt) -> bool:
        result = attempt.result
        if result.runtime is None or (result.status == "FAILURE" and not self.failed):
            return False
        if result.special or (attempt.is_ci and not self.ci):
            return False
        node = result.node
        rebuilt = result.full_refresh and node is not None and node.materialization == "incremental"
        return self.full_refresh or not rebuilt


@dataclass(frozen=True)
class Model:
    """A model of one environment. `history` holds every attempt, newest first; `applied` those that deploy."""

    id: str
    project: str
    node: Node
    history: tuple[Attempt, ...] = field(hash=False)
    applied: tuple[Attempt, ...] = field(hash=False)

    @property
    def unique_id(self) -> str:
        return self.node.unique_id

    @property
    def last(self) -> Attempt | None:
        return self.applied[0] if self.applied else None

    @property
    def success(self) -> Attempt | None:
        return next((one for one in self.applied if one.result.succeeded and not one.result.special), None)

    @property
    def runtime(self) -> float | None:
        return self.success.result.runtime if self.success else None

    @property
    def outcome(self) -> str | None:
        return self.last.result.status if self.last else None

    def times(self, runs: int, scope: Scope | None = None) -> list[float]:
        """The runtimes behind the mean of the last `runs`: of one without a scope, that of the last success."""
        if runs == 1 and scope is None:
            return [] if self.runtime is None else [self.runtime]
        counted = [one for one in self.history if (scope or Scope()).counts(one)]
        return [one.result.runtime for one in counted if one.result.runtime is not None][:runs]


@dataclass(frozen=True)
class Project:
    """One project in one environment."""

    id: str
    environment_id: int
    models: tuple[Model, ...] = field(hash=False)

    def names(self, unique_ids: Iterable[str]) -> dict[str, str]:
        """The ids of models, of which some may have been removed: those never bear the id of one that is there."""
        known = {model.unique_id: model.id for model in self.models}
        return _ids(self.id, known.keys() | set(unique_ids)) | known


@dataclass(frozen=True)
class Job:
    """A job and its runs, newest first."""

    record: Mapping[str, Any] = field(hash=False)
    runs: tuple[Run, ...] = field(hash=False)

    @property
    def id(self) -> int:
        return int(self.record["id"])

    @property
    def deciding_run(self) -> Run | None:
        return next((run for run in self.runs[:LOOK_BACK] if run.is_completed and run.results), None)

    @property
    def built(self) -> Mapping[str, Result]:
        return self.deciding_run.results if self.deciding_run else {}

    def ended(self, wanted: int) -> list[Run]:
        """The newest runs that ended by themselves and have a wall clock."""
        return [run for run in self.runs if run.is_completed and run.runtime is not None][:wanted]

    def window(self, wanted: int, full_refresh: bool = False) -> list[Run]:
        """The newest runs that count: special ones only where there are no others."""
        ended = self.ended(len(self.runs))
        ordinary = [run for run in ended if not is_special(run, full_refresh)]
        return (ordinary or ended)[:wanted]


def is_special(run: Run, full_refresh: bool) -> bool:
    """Whether its commands build no rows or a sample, rebuild everything (unless that is asked for), or only clone."""
    typed = [command.replace("=", " ").split() for command in run.commands]
    options = {word for words in typed for word in words}
    if options & {"--empty", "--sample"} or (not full_refresh and options & {"--full-refresh", "-f"}):
        return True
    building = {"build", "run", "seed", "snapshot", "clone"}
    return bool(options & building) and options & building == {"clone"}


class Definitions:
    """The right answers over one archive folder. Lists are ordered by id."""

    def __init__(self, folder: Path) -> None:
        self.files: Files = read_archive(folder)
        self.runs = sorted(self.files.runs, key=lambda run: run.recency, reverse=True)
        by_job = {one: tuple(run for run in self.runs if run.job_id == one) for one in self.files.jobs}
        self.jobs = [Job(self.files.jobs[one], by_job[one]) for one in sorted(by_job)]
        self.projects = {kind: self._projects(kind) for kind in ("production", "staging")}

    def models(self, kind: str) -> list[Model]:
        return sorted((model for project in self.projects[kind] for model in project.models), key=lambda one: one.id)

    def jobs_of(self, kind: str) -> list[Job]:
        places = {project.environment_id for project in self.projects[kind]}
        return [job for job in self.jobs if job.record["environment_id"] in places]

    def runs_of(self, kind: str) -> list[Run]:
        places = {project.environment_id for project in self.projects[kind]}
        return [run for run in self.runs if run.environment_id in places]

    def project_at(self, environment_id: int) -> Project | None:
        found = [one for projects in self.projects.values() for one in projects]
        return next((one for one in found if one.environment_id == environment_id), None)

    def jobs_building(self, model: Model, kind: str) -> list[Job]:
        place = next(one for one in self.projects[kind] if model in one.models).environment_id
        return [one for one in self.jobs if one.record["environment_id"] == place and model.unique_id in one.built]

    def _projects(self, kind: str) -> list[Project]:
        places = [one for one, deployed in self.files.environments.items() if deployed == kind]
        found = [project for place in places if (project := self._project(place))]
        return sorted(found, key=lambda one: one.id)

    def _project(self, environment_id: int) -> Project | None:
        here = [run for run in self.runs if run.environment_id == environment_id]
        ci = {one for one, job in self.files.jobs.items() if job.get("job_type") == "ci"}
        deploying = [run for run in here if run.job_id not in ci]
        others = [job for one, job in self.files.jobs.items() if one not in ci]
        if not deploying and not any(job["environment_id"] == environment_id for job in others):
            deploying = here
        newest = max(_manifests(deploying or here), key=lambda one: one.generated_at, default=None)
        if newest is None:
            return None
        names = _ids(newest.project, newest.models)
        models = [self._model(names[one], newest, one, here, deploying) for one in newest.models]
        return Project(newest.project, environment_id, tuple(sorted(models, key=lambda one: one.id)))

    def _model(
        self, model_id: str, newest: Manifest, unique_id: str, here: Sequence[Run], deploying: Sequence[Run]
    ) -> Model:
        history = self._attempts(unique_id, here)
        applied = self._attempts(unique_id, deploying)
        model = Model(model_id, newest.project, newest.models[unique_id], tuple(history), tuple(applied))
        built = model.success.result.node if model.success else None
        return replace(model, node=built) if built else model

    def _attempts(self, unique_id: str, runs: Sequence[Run]) -> list[Attempt]:
        found = [
            Attempt(run, results[unique_id], self.files.jobs[run.job_id])
            for run in runs
            if unique_id in (results := run.results)
        ]
        return sorted(found, key=lambda one: (to_milliseconds(one.result.ended), one.run.id), reverse=True)


def _manifests(runs: Iterable[Run]) -> list[Manifest]:
    return [one.manifest for run in runs for one in run.invocations if one.manifest]


def _ids(project: str, unique_ids: Iterable[str]) -> dict[str, str]:
    """`project.model`, and with the package between where two packages have a model of one name."""
    local = {one: one.split(".", 2)[2] for one in unique_ids}
    names = list(local.values())
    return {
        one: f"{project}.{name}" if names.count(name) == 1 else f"{project}.{one.split('.')[1]}.{name}"
        for one, name in local.items()
    }


def mean(times: Sequence[float]) -> float | None:
    return fsum(times) / len(times) if times else None


def top(measured: Iterable[tuple[Any, Sequence[float]]], first: int) -> list[tuple[Any, float, int]]:
    """(id, mean, runs behind it), greatest first, ties by id; what has no runtime is left out."""
    ranked = [(one, value, len(times)) for one, times in measured if (value := mean(times)) is not None]
    return sorted(ranked, key=lambda row: (-row[1], row[0]))[:first]


def averaged(results: Mapping[str, Sequence[Result]], first: int) -> float | None:
    """The mean of the greatest means, of the results that succeeded."""
    means = [
        value
        for found in results.values()
        if (value := mean([one.runtime for one in found if one.succeeded and one.runtime is not None])) is not None
    ]
    return mean(sorted(means, reverse=True)[:first])
