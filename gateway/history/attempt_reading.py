"""The attempts of resources that failed at some time, as an archive has them."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from gateway.archive.reading.attempt_rows import failed_nodes
from gateway.archive.times import from_micros
from gateway.hierarchy.runs.attempts import NodeAttempt, NodeAttempts
from gateway.services.rows.mapping import Share


def read_failed_nodes(connection: Connection, environment_ids: Sequence[int]) -> dict[int, tuple[NodeAttempts, ...]]:
    """The attempts of what failed in each environment, by unique id."""
    failed: dict[int, list[NodeAttempts]] = {environment_id: [] for environment_id in environment_ids}
    share = Share()
    for row in failed_nodes(connection, environment_ids):
        attempts = tuple(
            NodeAttempt(
                from_micros(attempt.ended_at), attempt.run_id, attempt.job_id, attempt.failed, share[attempt.code]
            )
            for attempt in row.attempts
        )
        moved = tuple(map(from_micros, row.data_moved_at))
        failed[row.environment_id].append(NodeAttempts(row.environment_id, row.unique_id, attempts, moved))
    return {
        environment_id: tuple(sorted(nodes, key=lambda node: node.unique_id))
        for environment_id, nodes in failed.items()
    }
