"""The shapes of Discovery's answers, as far as our documents select them. Decoding checks every type."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

BigInt = int | str
"""An id: dbt's BigInt comes as a number, some servers write it as text."""


class Wired(msgspec.Struct, frozen=True, rename="camel", gc=False):
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


class TestExecutionInfo(Wired, frozen=True):
    last_run_status: str | None = None
    last_run_error: str | None = None
    last_run_failures: BigInt | None = None
    last_run_generated_at: datetime | None = None
    execution_time: float | None = None


class AppliedTest(Wired, frozen=True):
    unique_id: str
    execution_info: TestExecutionInfo
    test_type: str
    name: str | None = None
    column_name: str | None = None


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
    tests: list[AppliedTest] = []


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
    packages: list[str] = []
    models: AppliedModels | None = None


class Environment(Wired, frozen=True):
    applied: AppliedState | None
    dbt_project_name: str | None = None
    adapter_type: str | None = None


class CriteriaInfo(Wired, frozen=True):
    count: int | None = None
    period: str | None = None


class Criteria(Wired, frozen=True):
    warn_after: CriteriaInfo | None = None
    error_after: CriteriaInfo | None = None


class FreshnessInfo(Wired, frozen=True):
    freshness_status: str | None = None
    freshness_checked: bool | None = None
    max_loaded_at: datetime | None = None
    max_loaded_at_time_ago_in_s: float | None = None
    snapshotted_at: datetime | None = None
    criteria: Criteria | None = None


class AppliedSource(Wired, frozen=True):
    unique_id: str
    freshness: FreshnessInfo
    name: str | None = None
    source_name: str | None = None


class AppliedSourceEdge(Wired, frozen=True):
    node: AppliedSource


class AppliedSources(Wired, frozen=True):
    edges: list[AppliedSourceEdge]
    page_info: PageInfo


class SourcesState(Wired, frozen=True):
    sources: AppliedSources


class EnvironmentSources(Wired, frozen=True):
    applied: SourcesState | None


class LineageNode(Wired, frozen=True):
    unique_id: str
    parent_ids: list[str]


class LineageState(Wired, frozen=True):
    lineage: list[LineageNode]


class EnvironmentLineage(Wired, frozen=True):
    applied: LineageState | None


class Group(Wired, frozen=True):
    name: str | None = None
    owner_name: str | None = None
    owner_email: str | None = None


class GroupEdge(Wired, frozen=True):
    node: Group


class Groups(Wired, frozen=True):
    edges: list[GroupEdge]


class DefinitionGroups(Wired, frozen=True):
    groups: Groups


class EnvironmentGroups(Wired, frozen=True):
    definition: DefinitionGroups | None


class EnvironmentHistories(Wired, frozen=True):
    """An environment whose applied state holds one list of runs under each alias we chose."""

    applied: Mapping[str, list[RunModel]] | None


class JobModels(Wired, frozen=True):
    id: BigInt
    run_id: BigInt
    models: list[RunModel]


class OutlineRow(Wired, frozen=True):
    """As much of a ModelNode as tells what a run built."""

    unique_id: str
    status: str | None = None
    tags: list[str] | None = None
    materialized_type: str | None = None
    execution_time: float | None = None
    pagination_cursor: str | None = None


class JobOutline(Wired, frozen=True):
    models: list[OutlineRow]
