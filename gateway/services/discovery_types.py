"""The shapes of Discovery's answers, as far as our documents select them. Decoding checks every type."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

BigInt = int | str
"""An id: dbt's BigInt comes as a number, some servers write it as text."""


class Wired(msgspec.Struct, frozen=True, rename="camel"):
    """What all shapes share: camelCase on the wire, unknown fields skipped."""


class PageInfo(Wired, frozen=True):
    has_next_page: bool
    end_cursor: str | None = None


class ExecutionInfo(Wired, frozen=True):
    last_run_id: BigInt | None = None
    last_job_definition_id: BigInt | None = None
    last_run_status: str | None = None
    last_run_error: str | None = None
    last_run_generated_at: datetime | None = None
    last_success_run_id: BigInt | None = None
    last_success_job_definition_id: BigInt | None = None
    execution_time: float | None = None
    execute_started_at: datetime | None = None
    execute_completed_at: datetime | None = None


class AppliedModel(Wired, frozen=True):
    unique_id: str
    name: str | None = None
    package_name: str | None = None
    tags: list[str] = []
    materialized_type: str | None = None
    execution_info: ExecutionInfo | None = None
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
    meta: Mapping[str, Any] | None = None
    raw_code: str | None = None
    compiled_code: str | None = None


class AppliedModelEdge(Wired, frozen=True):
    node: AppliedModel


class AppliedModels(Wired, frozen=True):
    edges: list[AppliedModelEdge]
    page_info: PageInfo | None = None
    total_count: int | None = None


class RunModel(Wired, frozen=True):
    """A ModelNode: one model in one run."""

    unique_id: str
    run_id: BigInt
    job_id: BigInt
    environment_id: BigInt
    name: str | None = None
    package_name: str | None = None
    tags: list[str] | None = None
    materialized_type: str | None = None
    status: str | None = None
    error: str | None = None
    execution_time: float | None = None
    execute_started_at: datetime | None = None
    execute_completed_at: datetime | None = None
    thread_id: str | None = None
    invocation_id: str | None = None
    run_generated_at: datetime | None = None
    run_elapsed_time: float | None = None
    pagination_cursor: str | None = None


class AppliedState(Wired, frozen=True):
    last_updated_at: datetime | None = None
    models: AppliedModels | None = None


class Environment(Wired, frozen=True):
    dbt_project_name: str | None = None
    adapter_type: str | None = None
    applied: AppliedState | None = None


class EnvironmentHistories(Wired, frozen=True):
    """An environment whose applied state holds one list of runs under each alias we chose."""

    applied: Mapping[str, list[RunModel]] | None = None


class JobModels(Wired, frozen=True):
    id: BigInt
    run_id: BigInt
    models: list[RunModel]
