"""What the commands of environments executed in a window of time, for figures over many runs.

A statement each for commands, results, freshness checks and runs, whatever the number of environments.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from sqlalchemy import Connection, func, select

from gateway.archive.columnar.visible_results import of_commands, visible_rows
from gateway.archive.tables.many_keys import among
from gateway.archive.tables.rows import AnyRow
from gateway.archive.tables.run_tables import freshness, invocations, resources, results, runs


def commands_between(
    connection: Connection, environment_ids: Collection[int], since: int, until: int
) -> Iterator[AnyRow]:
    """Commands that ended from `since` on and before `until`, the newest first."""
    columns = (invocations.c.id, invocations.c.environment_id, invocations.c.run_id, invocations.c.job_id)
    yield from connection.execute(
        select(
            *columns,
            invocations.c.manifest_id,
            invocations.c.variant,
            invocations.c.generated_at,
            invocations.c.executing,
            invocations.c.model_results,
        )
        .where(among(connection, invocations.c.environment_id, environment_ids))
        .where(invocations.c.generated_at >= since, invocations.c.generated_at < until)
        .order_by(invocations.c.generated_at.desc(), invocations.c.id.desc())
    )


def results_of_commands(connection: Connection, invocation_ids: Sequence[int]) -> Iterator[AnyRow]:
    """What these commands reported of resources, also what a later command of the run replaced."""
    query = (
        select(
            results.c.invocation_id,
            resources.c.unique_id,
            results.c.status,
            results.c.execution_time,
            results.c.compile_started_at,
            results.c.compile_completed_at,
            results.c.execute_started_at,
            results.c.execute_completed_at,
            results.c.builds,
            results.c.deploys,
            results.c.bytes_billed,
        )
        .join(resources, resources.c.id == results.c.resource_id)
        .where(among(connection, results.c.invocation_id, invocation_ids))
    )
    yield from visible_rows(connection, query, of_commands(connection, invocation_ids))


def checks_of_commands(connection: Connection, invocation_ids: Sequence[int]) -> Iterator[AnyRow]:
    """What these commands found of sources."""
    yield from connection.execute(
        select(
            freshness.c.invocation_id,
            resources.c.unique_id,
            freshness.c.status,
            freshness.c.execution_time,
            freshness.c.started_at,
            freshness.c.completed_at,
            freshness.c.max_loaded_at,
            freshness.c.snapshotted_at,
        )
        .join(resources, resources.c.id == freshness.c.resource_id)
        .where(among(connection, freshness.c.invocation_id, invocation_ids))
    )


def runs_between(
    connection: Connection, environment_ids: Collection[int], since: int, until: int, most: int
) -> Iterator[AnyRow]:
    """The newest `most` runs that were created (else started, else ended) from `since` on and before `until`, the
    newest first."""
    created = func.coalesce(runs.c.created_at, runs.c.started_at, runs.c.finished_at)
    yield from connection.execute(
        select(
            runs.c.id,
            runs.c.job_id,
            runs.c.environment_id,
            runs.c.status,
            created.label("created_at"),
            runs.c.dequeued_at,
            runs.c.started_at,
            runs.c.finished_at,
        )
        .where(among(connection, runs.c.environment_id, environment_ids))
        .where(created >= since, created < until)
        .order_by(created.desc(), runs.c.id.desc())
        .limit(most)
    )


def runs_started_between(
    connection: Connection, environment_ids: Collection[int], since: int, until: int
) -> Iterator[AnyRow]:
    """When runs started and ended that started from `since` on and before `until`, those that have both, whether they
    left artifacts or not."""
    yield from connection.execute(
        select(runs.c.id, runs.c.environment_id, runs.c.started_at, runs.c.finished_at)
        .where(among(connection, runs.c.environment_id, environment_ids))
        .where(runs.c.started_at >= since, runs.c.started_at < until, runs.c.finished_at >= runs.c.started_at)
    )
