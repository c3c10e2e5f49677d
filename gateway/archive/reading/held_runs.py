"""Which finished runs an archive holds: those that an orchestrator's record says have ended, with what they left."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, and_, exists, func, or_, select

from gateway.archive.artifacts.run_bundle import ENDED, SUCCESS
from gateway.archive.tables.many_keys import chunks
from gateway.archive.tables.mirror_tables import COUNTS_AS_HELD, mirrored_runs
from gateway.archive.tables.run_tables import invocations, runs

# Of a run that nobody recorded only those commands are known whose artifacts were found.
_ENDED = and_(runs.c.status.in_(ENDED), runs.c.inferred.is_(False))


def whole_runs(connection: Connection, run_ids: Iterable[int]) -> dict[int, int]:
    """The job of each of these runs that ended and left artifacts here, by run. One statement for five hundred."""
    return dict(_of(connection, run_ids, _left_artifacts()))


def held_runs(connection: Connection, run_ids: Iterable[int]) -> frozenset[int]:
    """Those of these runs that are whole, or ended badly without artifacts: they failed before dbt wrote any. Of runs
    that were mirrored, those of which dbt can report no more."""
    return frozenset(key for key, _ in _of(connection, run_ids, _is_held()))


def first_held(connection: Connection, environment_ids: Iterable[int]) -> dict[int, int]:
    """When the first held run of each environment was created, in microseconds since 1970."""
    query = select(runs.c.environment_id, func.min(runs.c.created_at)).group_by(runs.c.environment_id)
    return {
        environment_id: first
        for part in chunks(sorted(environment_ids))
        for environment_id, first in connection.execute(query.where(runs.c.environment_id.in_(part), _is_held()))
        if first is not None
    }


def first_runs(connection: Connection, environment_ids: Iterable[int]) -> dict[int, int]:
    """When the first run of each environment was created, recorded or inferred."""
    query = select(runs.c.environment_id, func.min(runs.c.created_at)).group_by(runs.c.environment_id)
    return {
        environment_id: first
        for part in chunks(sorted(environment_ids))
        for environment_id, first in connection.execute(query.where(runs.c.environment_id.in_(part)))
        if first is not None
    }


def count_held(connection: Connection, created_since: Mapping[int, int]) -> dict[int, int]:
    """How many held runs of each environment were created since the microsecond given for it."""
    counts: dict[int, int] = {}
    for environment_id, since in created_since.items():
        query = select(func.count()).where(
            runs.c.environment_id == environment_id, runs.c.created_at >= since, _is_held()
        )
        counts[environment_id] = connection.scalar(query) or 0
    return counts


def _of(connection: Connection, run_ids: Iterable[int], which: Any) -> Iterable[tuple[int, int]]:
    for part in chunks(sorted(set(run_ids))):
        query = select(runs.c.id, runs.c.job_id).where(runs.c.id.in_(part), which)
        yield from ((row.id, row.job_id) for row in connection.execute(query))


def _left_artifacts() -> Any:
    return and_(_ENDED, exists().where(invocations.c.run_id == runs.c.id), ~_mirrored(in_part=True))


def _is_held() -> Any:
    """A mirror says of a run that succeeded whether dbt keeps anything of it at all."""
    left = exists().where(invocations.c.run_id == runs.c.id)
    return and_(_ENDED, or_(runs.c.status != SUCCESS, left, _mirrored(in_part=False)), ~_mirrored(in_part=True))


def _mirrored(*, in_part: bool) -> Any:
    """Whether the mirror read a run in part, or all that dbt keeps of it."""
    whole = mirrored_runs.c.outcome.in_([outcome.value for outcome in COUNTS_AS_HELD])
    return exists().where(mirrored_runs.c.run_id == runs.c.id, ~whole if in_part else whole)
