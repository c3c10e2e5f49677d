"""A model as its environment knows it now, and one model in one run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from gateway.hierarchy.vocabulary.resource_type import ResourceType
from gateway.hierarchy.vocabulary.status import RunStatus

UNTOLD = "unknown"
"""Stands for dbt's word of a status where dbt has none, or does not say it."""


@dataclass(frozen=True, slots=True)
class LastRun:
    """The latest attempt to build a model, whatever its outcome. `status_text` is dbt's own word, or UNTOLD."""

    run_id: int | None
    job_id: int | None
    status: RunStatus
    status_text: str
    error: str | None
    generated_at: datetime | None


@dataclass(frozen=True, slots=True)
class Model:
    """The latest applied state of one model.

    `runtime` (seconds), `start_time` and `end_time` belong to the last *successful* run, `last_run` to the last
    attempt; each is None where there was none. Fields from `description` on are filled only when they were asked for.
    `removed`: its environment no longer holds it, and only its runs mention it.
    """

    id: str
    unique_id: str
    name: str
    package_name: str
    project_id: str
    environment_id: int
    tags: tuple[str, ...]
    materialization: str | None
    runtime: float | None
    start_time: datetime | None
    end_time: datetime | None
    last_success_run_id: int | None
    last_success_job_id: int | None
    last_run: LastRun | None
    description: str | None = None
    database: str | None = None
    schema: str | None = None
    alias: str | None = None
    relation_name: str | None = None
    access: str | None = None
    group: str | None = None
    language: str | None = None
    version: str | None = None
    file_path: str | None = None
    contract_enforced: bool | None = None
    meta: Mapping[str, Any] | None = field(default=None, hash=False)
    removed: bool = False

    @property
    def last_run_status(self) -> RunStatus | None:
        return self.last_run.status if self.last_run else None

    @property
    def outcome(self) -> RunStatus | None:
        """What filters take for how it ended: the last attempt."""
        return self.last_run_status

    @property
    def last_run_time(self) -> datetime | None:
        """When the command of the last attempt ended."""
        return self.last_run.generated_at if self.last_run else None

    @property
    def last_run_error(self) -> str | None:
        return self.last_run.error if self.last_run else None


@dataclass(frozen=True, slots=True)
class Owner:
    """Who owns a model."""

    name: str | None
    email: str | None


class Owned(Protocol):
    """What shows who owns a model."""

    @property
    def group(self) -> str | None: ...

    @property
    def meta(self) -> Mapping[str, Any] | None: ...


def owner_of(model: Owned, owners: Mapping[str, Owner]) -> Owner | None:
    """The owner of the model's group; else the `owner` that its meta names; None when neither does. `owners` own the
    groups of its project, by group name."""
    owner = owners.get(model.group) if model.group is not None else None
    if owner is not None:
        return owner
    named = (model.meta or {}).get("owner")
    return Owner(named, None) if isinstance(named, str) else None


@dataclass(frozen=True, slots=True)
class ModelTest:
    """A test of a model and how it last ended. `failures` counts the rows it found; `runtime` is in seconds.

    `project_id` is that of the model it was read with; facts that all callers share do not say.
    """

    unique_id: str
    name: str
    column_name: str | None
    kind: str
    status: RunStatus | None
    status_text: str | None
    error: str | None
    failures: int | None
    last_run_time: datetime | None
    runtime: float | None
    project_id: str = ""

    @property
    def id(self) -> str:
        """Unique in the account, once its project is known."""
        return f"{self.project_id}/{self.unique_id}"


@dataclass(frozen=True, slots=True)
class ModelDetails:
    """What is heavy about a model: code as written and as last compiled, tests ordered by unique id."""

    raw_code: str | None
    compiled_code: str | None
    tests: tuple[ModelTest, ...]


@dataclass(frozen=True, slots=True)
class CodeInRun:
    """The code of a model in one run: as written, and as compiled. None where it is not known, or the run did not touch
    the model."""

    raw_code: str | None
    compiled_code: str | None


@dataclass(frozen=True, slots=True)
class BuiltModel:
    """A model that a run touched, as far as filters look at it; `runtime` as in ModelRun."""

    unique_id: str
    tags: tuple[str, ...]
    materialization: str | None
    runtime: float | None
    outcome: RunStatus


@dataclass(frozen=True, slots=True)
class ModelRun:
    """One model in one run.

    `runtime` is the model's own execution time in seconds, None when it did not execute (skipped, cancelled before it
    began). `tags` and `materialization` are those of that run. `ended_at` is when its invocation ended. `superseded`: a
    later step of the same run has a result for the model too. `step` is the place of its invocation among the run's,
    from 1, and `rows_affected` what the warehouse reports as written; only an archive knows them.
    """

    unique_id: str
    name: str
    package_name: str | None
    environment_id: int
    job_id: int
    run_id: int
    tags: tuple[str, ...]
    materialization: str | None
    status: RunStatus
    status_text: str
    runtime: float | None
    start_time: datetime | None
    end_time: datetime | None
    error: str | None
    thread: str | None
    invocation_id: str | None
    ended_at: datetime | None
    superseded: bool = False
    step: int | None = None
    rows_affected: int | None = None

    @property
    def resource_type(self) -> ResourceType:
        """What it is among the results of a run."""
        return ResourceType.MODEL

    @property
    def message(self) -> str | None:
        """What results of every type have: dbt's message where it ended in a failure or a warning."""
        return self.error

    @property
    def id(self) -> str:
        """Unique in the account. dbt does not number the steps in a history, so an earlier one has its invocation."""
        of_run = f"{self.run_id}/{self.unique_id}"
        return f"{of_run}/{self.invocation_id}" if self.superseded else of_run

    @property
    def recency(self) -> tuple[float, int]:
        """Greater is newer: by when its invocation ended, then by run. One that has no time is the oldest."""
        return (float("-inf") if self.ended_at is None else self.ended_at.timestamp(), self.run_id)

    @property
    def outcome(self) -> RunStatus:
        """What filters take for how it ended: its status in this run."""
        return self.status
