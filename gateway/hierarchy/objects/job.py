"""Jobs and their runs, as the Admin API reports them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from gateway.hierarchy.measures.durations import between
from gateway.hierarchy.vocabulary.status import RunStatus


@dataclass(frozen=True, slots=True)
class RunTrigger:
    """Why a run was started: dbt's category (scheduled, ci, api, ui, other …) and its words for it."""

    category: str | None
    cause: str | None


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a job. Times are UTC; `queued_at` is when it was created, before any worker took it.

    `inferred`: known from its models in Discovery, not by the Admin API; its times are those of the invocations that
    ran models, and a cancelled run passes for a success. `commands` are those that it ran in the place of its job's
    steps; () where it ran those, or where that is not known. `trigger` is known from lists that were asked for it,
    else None.
    """

    id: int
    job_id: int
    environment_id: int
    status: RunStatus
    status_text: str
    queued_at: datetime | None
    start_time: datetime | None
    end_time: datetime | None
    error: str | None
    git_sha: str | None
    git_branch: str | None
    dbt_version: str | None
    url: str | None
    inferred: bool = False
    commands: tuple[str, ...] = ()
    # Not every list reports it: a run is the same run without.
    trigger: RunTrigger | None = field(default=None, compare=False)

    @property
    def created_at(self) -> datetime | None:
        """When it was created, else started, else ended: the time that runs are ordered by."""
        return self.queued_at or self.start_time or self.end_time

    @property
    def recency(self) -> tuple[float, int]:
        """Greater is newer: by `created_at`, then by id. A run without any time is older than all that have one."""
        created = self.created_at
        return (float("-inf") if created is None else created.timestamp(), self.id)

    @property
    def runtime(self) -> float | None:
        """Wall clock in seconds, started → finished, queue time excluded; None while it has not finished, and where
        it is said to have finished before it started."""
        return between(self.start_time, self.end_time)

    @property
    def queue_seconds(self) -> float | None:
        """Seconds between creation and start."""
        return between(self.queued_at, self.start_time)


def newest_first(runs: Iterable[Run]) -> tuple[Run, ...]:
    """Runs by when they were created (else started, else ended), then by id; those without any time come last.

    Ids alone say nothing about order: those of dbt Core runs are hashes, or texts that a scheduler gave.
    """
    return tuple(sorted(runs, key=lambda run: run.recency, reverse=True))


@dataclass(frozen=True, slots=True)
class RunStep:
    """One command of a run. `runtime` is its wall clock in seconds, None when it did not run or has not ended."""

    index: int
    name: str | None
    status: RunStatus
    status_text: str
    start_time: datetime | None
    end_time: datetime | None

    @property
    def runtime(self) -> float | None:
        return between(self.start_time, self.end_time)


@dataclass(frozen=True, slots=True)
class RunDetails:
    """What only a run's own page in the Admin API reports; steps in the order they ran."""

    trigger: RunTrigger | None
    steps: tuple[RunStep, ...]


@dataclass(frozen=True, slots=True)
class Job:
    """A job definition. `kind` is dbt's job type (scheduled, ci, merge, other …); `last_run` its newest run.

    `inferred`: known only by its traces in Discovery, so without a name, kind, schedule or steps.
    """

    id: int
    name: str | None
    description: str | None
    environment_id: int
    kind: str | None
    schedule: str | None
    steps: tuple[str, ...]
    last_run: Run | None
    last_finished_run: Run | None
    inferred: bool = False

    @property
    def is_ci(self) -> bool:
        """Whether the job tests proposed changes instead of building what people use."""
        return self.kind in ("ci", "merge")

    @property
    def is_full_refresh(self) -> bool:
        """Whether one of the job's steps rebuilds incremental models from nothing."""
        return any(word in ("--full-refresh", "-f") for step in self.steps for word in step.split())
