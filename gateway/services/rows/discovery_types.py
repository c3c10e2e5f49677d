"""The shapes of Discovery's answers, as far as our documents select them. Decoding checks every type."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec

BigInt = int | str
"""An id: dbt's BigInt comes as a number, some servers write it as text."""


R = TypeVar("R")


class Wired(msgspec.Struct, frozen=True, rename="camel", gc=False, omit_defaults=True):
    """Base of all response types: camelCase in JSON, unknown fields are skipped.

    A field has no default where every document selects it. Then a value says exactly what stood in the response, and
    a field that stood there twice is found quickly (see strict_answers).
    """


class PageInfo(Wired, frozen=True):
    has_next_page: bool
    end_cursor: str | None


class ExecutionInfo(Wired, frozen=True):
    last_run_id: BigInt | None
    last_job_definition_id: BigInt | None
    last_run_status: str | None
    last_run_error: str | None
    last_run_generated_at: datetime | None
    last_success_run_id: BigInt | None
    last_success_job_definition_id: BigInt | None
    execution_time: float | None
    compile_started_at: datetime | None
    compile_completed_at: datetime | None
    execute_started_at: datetime | None
    execute_completed_at: datetime | None


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


class ModelRow(Wired, frozen=True):
    """What identifies, filters and ranks a model."""

    unique_id: str
    name: str | None
    package_name: str | None
    tags: list[str]
    materialized_type: str | None
    execution_info: ExecutionInfo | None


class DescribedRow(ModelRow, frozen=True):
    """The same with some of the fields that are read when they are asked for."""

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


class TimedInfo(Wired, frozen=True):
    execution_time: float | None


class RuntimeRow(Wired, frozen=True):
    """As much of a model as a ranking by its last success needs."""

    unique_id: str
    execution_info: TimedInfo | None


class JobsInfo(Wired, frozen=True):
    last_job_definition_id: BigInt | None
    last_success_job_definition_id: BigInt | None


class TracedModel(Wired, frozen=True):
    """A model and the jobs that built it last."""

    unique_id: str
    execution_info: JobsInfo | None


class DetailedModel(Wired, frozen=True):
    """What is heavy about a model, as far as it is selected."""

    unique_id: str
    raw_code: str | None = None
    compiled_code: str | None = None
    tests: list[AppliedTest] = []


class ModelEdge(Wired, Generic[R], frozen=True):
    node: R


class ModelPage(Wired, Generic[R], frozen=True):
    edges: list[ModelEdge[R]]
    page_info: PageInfo | None = None
    total_count: int | None = None


class PagedState(Wired, Generic[R], frozen=True):
    models: ModelPage[R] | None
    last_updated_at: datetime | None = None


class PagedEnvironment(Wired, Generic[R], frozen=True):
    """An environment with a page of its models, each read as an R."""

    applied: PagedState[R] | None


class CommandTimes(Wired, frozen=True):
    """When a command of a run ended, and how many seconds it took."""

    run_generated_at: datetime | None
    run_elapsed_time: float | None


class RunModel(Wired, frozen=True):
    """A ModelNode: one model in one run. `run_results` are the commands of the run that executed it. Only an archive
    sends the fields after them."""

    unique_id: str
    run_id: BigInt
    job_id: BigInt
    environment_id: BigInt
    name: str | None
    package_name: str | None
    tags: list[str] | None
    materialized_type: str | None
    status: str | None
    error: str | None
    execution_time: float | None
    compile_started_at: datetime | None
    compile_completed_at: datetime | None
    execute_started_at: datetime | None
    execute_completed_at: datetime | None
    thread_id: str | None
    invocation_id: str | None
    run_generated_at: datetime | None
    run_elapsed_time: float | None = None
    pagination_cursor: str | None = None
    run_results: list[CommandTimes] = []
    step: int | None = None
    rows_affected: int | None = None


class AppliedState(Wired, frozen=True):
    last_updated_at: datetime | None
    packages: list[str] | None


class Environment(Wired, frozen=True):
    """An environment's header."""

    applied: AppliedState | None
    dbt_project_name: str | None
    adapter_type: str | None


class CriteriaInfo(Wired, frozen=True):
    count: int | None = None
    period: str | None = None


class FreshnessCriteria(Wired, frozen=True):
    warn_after: CriteriaInfo | None = None
    error_after: CriteriaInfo | None = None


class FreshnessInfo(Wired, frozen=True):
    freshness_status: str | None = None
    freshness_checked: bool | None = None
    max_loaded_at: datetime | None = None
    max_loaded_at_time_ago_in_s: float | None = None
    snapshotted_at: datetime | None = None
    criteria: FreshnessCriteria | None = None


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
    total_count: int | None = None


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
    page_info: PageInfo
    edges: list[GroupEdge]
    total_count: int | None = None


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
    rows: list[RunModel]


class OutlineRow(Wired, frozen=True):
    """The fields of a ModelNode that show what a run built."""

    unique_id: str
    status: str | None = None
    tags: list[str] | None = None
    materialized_type: str | None = None
    execution_time: float | None = None
    pagination_cursor: str | None = None


class ArgumentsRow(Wired, frozen=True):
    """The arguments of the invocation that executed a model, as JSON text."""

    args: str | None


class JobArguments(Wired, frozen=True):
    model: ArgumentsRow | None


class CodeRow(Wired, frozen=True):
    """A model's code in one run."""

    status: str | None = None
    raw_code: str | None = None
    compiled_code: str | None = None


class JobCode(Wired, frozen=True):
    model: CodeRow | None


class WordRow(Wired, frozen=True):
    """dbt's word for what became of a model in a run."""

    unique_id: str
    status: str | None
    pagination_cursor: str | None


class RunWords(Wired, frozen=True):
    id: BigInt
    run_id: BigInt
    rows: list[WordRow]


class JobOutline(Wired, frozen=True):
    rows: list[OutlineRow]


class RunNode(Wired, frozen=True):
    """A TestNode, SeedNode, SnapshotNode, ExposureNode or SourceNode in one run.

    Sources have a `state` and the age of their newest row in seconds, all others a `status`. Only an archive sends the
    fields after `pagination_cursor`, except the invocation of tests.
    """

    unique_id: str
    environment_id: BigInt
    name: str | None
    run_generated_at: datetime | None = None
    status: str | None = None
    state: str | None = None
    error: str | None = None
    execution_time: float | None = None
    compile_started_at: datetime | None = None
    compile_completed_at: datetime | None = None
    execute_started_at: datetime | None = None
    execute_completed_at: datetime | None = None
    thread_id: str | None = None
    max_loaded_at_time_ago_in_s: float | None = None
    pagination_cursor: str | None = None
    invocation_id: str | None = None
    step: int | None = None
    failures: int | None = None
    rows_affected: int | None = None


class NamedNode(Wired, frozen=True):
    unique_id: str


class JobNodes(Wired, frozen=True):
    """One list, or several of one run."""

    id: BigInt
    run_id: BigInt
    rows: list[RunNode]
    rows1: list[RunNode] | None = None
    rows2: list[RunNode] | None = None
    rows3: list[RunNode] | None = None
    rows4: list[RunNode] | None = None
