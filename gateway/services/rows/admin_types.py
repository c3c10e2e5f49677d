"""The shapes of the Admin API's answers, as far as we read them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

import msgspec

T = TypeVar("T")


class Pagination(msgspec.Struct, frozen=True):
    """`total_count` fits GraphQL's Int: what does not is no number of rows. Old bodies have none."""

    total_count: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)] | None = None


class Extra(msgspec.Struct, frozen=True):
    pagination: Pagination | None = None

    @property
    def total(self) -> int | None:
        """How many rows the list has, where dbt says so."""
        return self.pagination.total_count if self.pagination else None


class Status(msgspec.Struct, frozen=True):
    """What every envelope says of itself."""

    is_success: bool | None = None
    user_message: str | None = None


class AdminPage(msgspec.Struct, Generic[T], frozen=True):
    """The envelope of a list. Documented bodies have all three parts; some old ones have no `extra`."""

    data: list[T]
    extra: Extra | None = None
    status: Status | None = None

    @property
    def total(self) -> int | None:
        """How many rows the list has, where dbt says so."""
        return self.extra.total if self.extra else None


class Single(msgspec.Struct, frozen=True):
    """The envelope of one thing."""

    data: Any = None


class AdminAccount(msgspec.Struct, frozen=True):
    id: int
    name: str | None = None


class AdminProject(msgspec.Struct, frozen=True):
    id: int
    name: str
    state: int | None = 1


class AdminEnvironment(msgspec.Struct, frozen=True):
    id: int
    project_id: int
    name: str | None = None
    type: str | None = None
    deployment_type: str | None = None
    state: int | None = 1


class AdminTrigger(msgspec.Struct, frozen=True):
    cause: str | None = None
    cause_category: str | None = None
    steps_override: list[str] | None = None


class AdminStep(msgspec.Struct, frozen=True):
    index: int
    status: int
    name: str | None = None
    status_humanized: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None


class AdminRun(msgspec.Struct, frozen=True):
    id: int
    status: int
    environment_id: int | None = None
    job_definition_id: int | None = None
    status_humanized: str | None = None
    status_message: str | None = None
    created_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    git_sha: str | None = None
    git_branch: str | None = None
    dbt_version: str | None = None
    href: str | None = None
    trigger: AdminTrigger | None = None
    run_steps: list[AdminStep] | None = None


class Schedule(msgspec.Struct, frozen=True):
    cron: str | None = None


class AdminJob(msgspec.Struct, frozen=True):
    id: int
    environment_id: int
    project_id: int | None = None
    name: str | None = None
    description: str | None = None
    job_type: str | None = None
    schedule: Schedule | None = None
    execute_steps: list[str] | None = None
    state: int | None = 1
    most_recent_run: AdminRun | None = None
    most_recent_completed_run: AdminRun | None = None
