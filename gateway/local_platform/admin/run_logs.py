"""What a run and its steps logged, from the results of their nodes: dbt's own log is no artifact.

A failed run says what failed, and a step has one line for each of its nodes.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, func, null, select

from gateway.archive.contents import chunks
from gateway.archive.invocation import BAD_STATUSES
from gateway.archive.rows import AnyRow
from gateway.archive.tables import freshness, invocations, resources, results, texts
from gateway.archive.times import from_micros

MOST_LINES = 10_000
_LONGEST_MESSAGE = 2_000


def failure_messages(connection: Connection, run_ids: Sequence[int]) -> dict[int, str]:
    """By run: how many of its nodes failed, and the first of them with its message. Two statements for some hundred
    runs; nothing of runs whose results tell no failure."""
    first: dict[int, tuple[int, int]] = {}
    for part in chunks(run_ids):
        query = (
            select(invocations.c.run_id, func.count(), func.min(results.c.id))
            .join(results, results.c.invocation_id == invocations.c.id)
            .where(invocations.c.run_id.in_(part), invocations.c.failed, results.c.status.in_(BAD_STATUSES))
            .where(results.c.final)
            .group_by(invocations.c.run_id)
        )
        first.update({run_id: (count, result_id) for run_id, count, result_id in connection.execute(query)})
    described: dict[int, str] = {}
    for part in chunks([result_id for _, result_id in first.values()]):
        query_of = (
            select(results.c.id, resources.c.unique_id, texts.c.body.label("message"))
            .join(resources, resources.c.id == results.c.resource_id)
            .outerjoin(texts, texts.c.id == results.c.message_id)
            .where(results.c.id.in_(part))
        )
        described.update({row.id: _described(row) for row in connection.execute(query_of)})
    return {
        run_id: f"{count:,} node{'' if count == 1 else 's'} failed, first {described[result_id]}"
        for run_id, (count, result_id) in first.items()
    }


def _described(row: AnyRow) -> str:
    message = " ".join((row.message or "").split())[:_LONGEST_MESSAGE]
    return f"{row.unique_id}: {message}" if message else str(row.unique_id)


def step_logs(connection: Connection, run_id: int) -> dict[int, str]:
    """By the number of a run's step: its nodes in the order in which they ended, at most 10,000 of them in all, each
    with its time (UTC), status, runtime and, where it is not fine, its message. Sources that were checked for
    freshness as well. Two statements."""
    ended = func.coalesce(results.c.execute_completed_at, results.c.compile_completed_at, results.c.generated_at)
    query = (
        select(invocations.c.step, resources.c.unique_id, results.c.status, results.c.execution_time)
        .add_columns(ended.label("ended"), texts.c.body.label("message"))
        .join(results, results.c.invocation_id == invocations.c.id)
        .join(resources, resources.c.id == results.c.resource_id)
        .outerjoin(texts, texts.c.id == results.c.message_id)
        .where(invocations.c.run_id == run_id)
        .order_by(invocations.c.step, ended, results.c.id)
        .limit(MOST_LINES + 1)
    )
    checked = (
        select(invocations.c.step, resources.c.unique_id, freshness.c.status, null().label("execution_time"))
        .add_columns(func.coalesce(freshness.c.snapshotted_at, freshness.c.generated_at).label("ended"))
        .add_columns(texts.c.body.label("message"))
        .join(freshness, freshness.c.invocation_id == invocations.c.id)
        .join(resources, resources.c.id == freshness.c.resource_id)
        .outerjoin(texts, texts.c.id == freshness.c.error_id)
        .where(invocations.c.run_id == run_id)
        .order_by(invocations.c.step, freshness.c.id)
        .limit(MOST_LINES + 1)
    )
    lines: dict[int, list[str]] = {}
    for number, row in enumerate([*connection.execute(query), *connection.execute(checked)]):
        if number > MOST_LINES:
            break
        of_step = lines.setdefault(row.step, [])
        of_step.extend(_lines(row) if number < MOST_LINES else [f"… after {MOST_LINES:,} nodes the rest is left out."])
    return {step: "\n".join([*some, ""]) for step, some in lines.items()}


def _lines(row: AnyRow) -> list[str]:
    took = "" if row.execution_time is None else f" in {row.execution_time:.2f}s"
    line = f"{from_micros(row.ended):%H:%M:%S}  {(row.status or 'unknown').upper()} {row.unique_id}{took}"
    if row.status not in BAD_STATUSES or not row.message:
        return [line]
    return [line, *(f"          {part}" for part in row.message[:_LONGEST_MESSAGE].splitlines())]
