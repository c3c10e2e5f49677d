"""Maps dbt's nodes of a run other than models to the hierarchy's results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.hierarchy.measures.durations import seconds_or_none
from gateway.hierarchy.objects.node_result import NodeRun, TestRun
from gateway.hierarchy.vocabulary.resource_type import ResourceType, resource_type_of
from gateway.hierarchy.vocabulary.status import status_of_word
from gateway.services.rows.discovery_types import RunNode
from gateway.services.rows.mapping import Share, time_or_none, timed_interval, whole
from gateway.services.runs.run_rows import RunKey

_TESTS = frozenset({ResourceType.DATA_TEST, ResourceType.UNIT_TEST})


def to_node_run(row: RunNode, key: RunKey, share: Share) -> NodeRun | None:
    """One node in one run; None for a node that only stands in that run's manifest and was not touched."""
    # dbt writes the outcome of a freshness check with a capital, and that of everything else without.
    word = row.state.lower() if row.state is not None else row.status
    if word is None:
        return None
    status = status_of_word(word)
    start, end = timed_interval(row) if status.executed else (None, None)
    resource_type = resource_type_of(row.unique_id)
    fields: dict[str, Any] = {
        "unique_id": share[row.unique_id],
        "name": share[row.name or row.unique_id.split(".", 2)[-1]],
        "resource_type": resource_type,
        "environment_id": share[whole(row.environment_id)],
        "job_id": key.job_id,
        "run_id": key.run_id,
        "status": status,
        "status_text": share[word],
        "runtime": seconds_or_none(row.execution_time) if status.executed else None,
        "start_time": start,
        "end_time": end,
        "message": share[row.error or None],
        "thread": share[row.thread_id],
        "invocation_id": share[row.invocation_id],
        "ended_at": share[time_or_none(row.run_generated_at)],
        "step": row.step,
        "rows_affected": row.rows_affected,
    }
    if resource_type in _TESTS:
        return TestRun(**fields, failing_rows=row.failures if status.executed else None)
    return NodeRun(**fields, age_seconds=row.max_loaded_at_time_ago_in_s)


def weigh_nodes(nodes: Sequence[NodeRun]) -> int:
    """About how many bytes they take in memory. Runs are read several at once and share the nodes' names."""
    names = sum(len(node.unique_id) + len(node.name) + 130 for node in nodes) // 4
    return 380 * len(nodes) + names + sum(len(node.message) for node in nodes if node.message)


def weigh_parents(parents: Mapping[str, tuple[str, ...]]) -> int:
    """About how many bytes the parents of a run's resources take in memory."""
    return 230 * len(parents) + 25 * sum(map(len, parents.values()))
