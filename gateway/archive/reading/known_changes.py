"""Reads what was seen of the series of runtimes of environments: their lasting changes, and how much was looked at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlalchemy import Connection, and_, func, or_, select

from gateway.analysis.change_points import CONFIRMED
from gateway.archive.reading.applied_state import applied_models
from gateway.archive.tables.change_tables import runtime_changes, runtime_series
from gateway.archive.tables.many_keys import chunks
from gateway.archive.tables.rows import AnyRow
from gateway.archive.tables.run_tables import resources


def changes_of(connection: Connection, environment_ids: Iterable[int]) -> Iterator[AnyRow]:
    """The changes of jobs, and of models that their environment holds, the newest first; with `unique_id`, null for a
    job, and whether they are certain enough to alert on."""
    changes = runtime_changes.c
    for part in chunks(sorted(set(environment_ids))):
        applied = applied_models(part)
        held = select(applied.c.resource_id).where(applied.c.resource_id.is_not(None))
        query = (
            select(runtime_changes, resources.c.unique_id, (changes.chance <= CONFIRMED).label("is_confirmed"))
            .outerjoin(resources, and_(resources.c.id == changes.resource_id, changes.resource_id != 0))
            .where(changes.environment_id.in_(part), or_(changes.resource_id == 0, changes.resource_id.in_(held)))
            .order_by(changes.since.desc(), changes.resource_id, changes.job_id, changes.found_run_id)
        )
        yield from connection.execute(query)


def series_of(connection: Connection, environment_ids: Iterable[int]) -> Iterator[AnyRow]:
    """Of each environment how many `runs` its series have, when the oldest ended, and the runs a day (`alarming`) of
    those slow enough to show a change."""
    series = runtime_series.c
    query = select(
        series.environment_id,
        func.sum(series.runs).label("runs"),
        func.min(series.oldest_at).label("oldest_at"),
        func.sum(series.runs_a_day).label("alarming"),
    ).group_by(series.environment_id)
    for part in chunks(sorted(set(environment_ids))):
        yield from connection.execute(query.where(series.environment_id.in_(part)))
