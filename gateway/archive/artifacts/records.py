"""What an orchestrator may write beside the artifacts: `account.json` for an account, `run.json` for one run.

Field names follow dbt's Admin API. Every field is optional; what is missing is inferred from the artifacts.
"""

from __future__ import annotations

from typing import Any

import msgspec

Identifier = int | str | None


class StepRecord(msgspec.Struct, frozen=True):
    """One command of a run, as the orchestrator saw it."""

    index: int | None = None
    name: str | None = None
    status: int | str | None = None
    status_humanized: str | None = None
    exit_code: int | None = None
    started_at: str | None = None
    finished_at: str | None = None


PULL_REQUEST = "pull_request"
"""The category of a run that a proposed change started, as a scheduler's variables report it."""


class TriggerRecord(msgspec.Struct, frozen=True):
    """Why a run started."""

    cause: str | None = None
    cause_category: str | None = None
    git_branch: str | None = None


class RunRecord(msgspec.Struct, frozen=True):
    """One run.json."""

    id: Identifier = None
    job_definition_id: Identifier = None
    job_id: Identifier = None
    job_name: str | None = None
    project_id: Identifier = None
    project_name: str | None = None
    environment_id: Identifier = None
    environment_name: str | None = None
    account_id: Identifier = None
    status: int | str | None = None
    status_message: str | None = None
    trigger: TriggerRecord = TriggerRecord()
    git_sha: str | None = None
    git_branch: str | None = None
    href: str | None = None
    dbt_version: str | None = None
    created_at: str | None = None
    dequeued_at: str | None = None
    started_at: str | None = None
    finished_at: str | None = None
    run_steps: list[StepRecord] = []


class NamedRecord(msgspec.Struct, frozen=True):
    """An account or a project."""

    id: Identifier = None
    name: str | None = None


class EnvironmentRecord(msgspec.Struct, frozen=True):
    """An environment of account.json."""

    id: Identifier
    project_id: Identifier
    name: str | None = None
    type: str | None = None
    deployment_type: str | None = None


class JobRecord(msgspec.Struct, frozen=True):
    """A job of account.json."""

    id: Identifier
    environment_id: Identifier
    project_id: Identifier
    name: str | None = None
    execute_steps: list[str] = []
    schedule: dict[str, Any] | None = None
    job_type: str | None = None


class AccountRecord(msgspec.Struct, frozen=True):
    """One account.json."""

    account: NamedRecord = NamedRecord()
    projects: list[NamedRecord] = []
    environments: list[EnvironmentRecord] = []
    jobs: list[JobRecord] = []
