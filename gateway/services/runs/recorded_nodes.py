"""What Discovery's lists of a job tell of a run whose artifacts cannot be had: its models and tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.errors import GatewayError
from gateway.services.discovery.base_query import BaseQuery, BatchOperation
from gateway.services.rows.discovery_types import Wired
from gateway.services.runs.run_rows import JobList, RunKey, read_runs

_COMMON = """uniqueId paginationCursor status error executionTime threadId invocationId dbtVersion runGeneratedAt
  runElapsedTime compileStartedAt compileCompletedAt executeStartedAt executeCompletedAt compiledCode"""
_LISTS = (
    JobList.of("models", "ModelNode", f"{_COMMON} args"),
    JobList.of("tests", "TestNode", _COMMON),
)


class RecordedNode(Wired, frozen=True):
    """A node in a run, as dbt writes it; `args` of models alone."""

    unique_id: str
    status: str | None = None
    error: str | None = None
    execution_time: float | None = None
    thread_id: str | None = None
    invocation_id: str | None = None
    dbt_version: str | None = None
    run_generated_at: str | None = None
    run_elapsed_time: float | None = None
    compile_started_at: str | None = None
    compile_completed_at: str | None = None
    execute_started_at: str | None = None
    execute_completed_at: str | None = None
    compiled_code: str | None = None
    args: str | None = None
    pagination_cursor: str | None = None


class _Lists(Wired, frozen=True):
    rows: list[RecordedNode]
    rows1: list[RecordedNode] | None = None
    rows2: list[RecordedNode] | None = None
    rows3: list[RecordedNode] | None = None
    rows4: list[RecordedNode] | None = None


_OPERATION = BatchOperation("RecordedNodes", "", _Lists, nullable=True)


@dataclass(frozen=True, slots=True)
class RecordedNodes:
    """Reads them, a document a run. One list has every row, however many."""

    query: BaseQuery

    async def read(self, job_id: int, run_id: int) -> Sequence[RecordedNode]:
        """The models and tests of a run; none where dbt has no metadata of it. Raises GatewayError."""
        key = RunKey(job_id, run_id)
        lists = await read_runs(self.query, _OPERATION, [(key, job_list) for job_list in _LISTS], len(_LISTS))
        nodes: list[RecordedNode] = []
        for rows in lists.values():
            if isinstance(rows, GatewayError):
                raise rows
            nodes += rows.rows
        return nodes
