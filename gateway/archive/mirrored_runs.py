"""What the mirror of dbt Cloud has read, by its tables: run by run, how far back, and who mirrors now."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, delete, func, insert, or_, select, update

from gateway.archive.leases import lease_of
from gateway.archive.tables.many_keys import chunks
from gateway.archive.tables.mirror_tables import MirrorCause, MirrorOutcome, ended_runs, mirrored_runs, mirrors


@dataclass(frozen=True, slots=True)
class MirroredRun:
    """What was read of a run; `reason` says what could not be, `cause` the kind of reason. Times are microseconds since
    1970."""

    run_id: int
    account_id: int
    created_at: int | None
    outcome: MirrorOutcome
    reason: str | None
    tries: int
    tried_at: int
    cause: MirrorCause | None = None


@dataclass(frozen=True, slots=True)
class MirrorPlace:
    """How far a mirror has come: see the table `mirrors`."""

    since: int | None = None
    until: int | None = None
    listed: int | None = None


def place_of_mirror(connection: Connection, account_id: int) -> MirrorPlace:
    """How far the mirror of an account has come."""
    row = connection.execute(select(mirrors).where(mirrors.c.account_id == account_id)).first()
    return MirrorPlace(row.since, row.until, row.listed) if row else MirrorPlace()


def note_run(connection: Connection, run: MirroredRun) -> None:
    """Writes what was read of a run, over what was noted before."""
    values = {
        "account_id": run.account_id,
        "created_at": run.created_at,
        "outcome": run.outcome.value,
        "reason": run.reason,
        "tries": run.tries,
        "tried_at": run.tried_at,
        "cause": run.cause,
    }
    here = mirrored_runs.c.run_id == run.run_id
    if not connection.execute(update(mirrored_runs).where(here).values(values)).rowcount:
        connection.execute(insert(mirrored_runs).values(run_id=run.run_id, **values))


def noted_runs(connection: Connection, run_ids: Iterable[int]) -> dict[int, MirroredRun]:
    """What was noted of these runs. One statement for five hundred."""
    return {
        row.run_id: _mirrored(row)
        for part in chunks(sorted(set(run_ids)))
        for row in connection.execute(select(mirrored_runs).where(mirrored_runs.c.run_id.in_(part)))
    }


def unread_runs(connection: Connection, account_id: int, most_tries: int) -> list[MirroredRun]:
    """The runs that could not be read yet, and those that were read in part fewer than so many times; the newest
    first."""
    unread = mirrored_runs.c.outcome == MirrorOutcome.UNREAD.value
    in_part = and_(
        mirrored_runs.c.outcome.in_((MirrorOutcome.PARTIAL.value, MirrorOutcome.DISCOVERED.value)),
        mirrored_runs.c.tries < most_tries,
    )
    query = select(mirrored_runs).where(mirrored_runs.c.account_id == account_id, or_(unread, in_part))
    ordered = query.order_by(mirrored_runs.c.created_at.desc(), mirrored_runs.c.run_id)
    return [_mirrored(row) for row in connection.execute(ordered)]


@dataclass(frozen=True, slots=True)
class MirrorFigures:
    """How the mirror of an account stands: how many runs are noted by outcome and cause, how many that dbt lists are
    not dealt with yet (None before it asked), when a pass last came to its end, and requests to dbt of all passes."""

    runs: Mapping[tuple[str, str], int]
    remaining: int | None
    swept_at: int | None
    requests: int


def mirror_figures(connection: Connection, account_id: int) -> MirrorFigures | None:
    """The figures of an account; None where nobody ever mirrored it. Two statements."""
    row = connection.execute(select(mirrors).where(mirrors.c.account_id == account_id)).first()
    if row is None:
        return None
    cause = func.coalesce(mirrored_runs.c.cause, "")
    query = select(mirrored_runs.c.outcome, cause, func.count()).group_by(mirrored_runs.c.outcome, cause)
    counts = connection.execute(query.where(mirrored_runs.c.account_id == account_id))
    runs = {(outcome, named): count for outcome, named, count in counts}
    return MirrorFigures(runs, row.remaining, row.swept_at, row.requests)


def note_ended(connection: Connection, account_id: int, run_id: int) -> None:
    """Has the mirror look for a run that has ended, where one runs. Again changes nothing."""
    lease = lease_of(connection, mirrors, account_id)
    if lease is None or lease.holder is None:
        return
    if connection.scalar(select(ended_runs.c.run_id).where(ended_runs.c.run_id == run_id)) is None:
        connection.execute(insert(ended_runs).values(run_id=run_id, account_id=account_id))


def told_as_ended(connection: Connection, account_id: int) -> Sequence[int]:
    """The runs that the mirror is to look for."""
    return connection.scalars(select(ended_runs.c.run_id).where(ended_runs.c.account_id == account_id)).all()


def forget_ended(connection: Connection, run_ids: Collection[int]) -> None:
    """The mirror has looked for these."""
    for part in chunks(run_ids):
        connection.execute(delete(ended_runs).where(ended_runs.c.run_id.in_(part)))


def _mirrored(row: Any) -> MirroredRun:
    cause = None if row.cause is None else MirrorCause(row.cause)
    outcome = MirrorOutcome(row.outcome)
    return MirroredRun(row.run_id, row.account_id, row.created_at, outcome, row.reason, row.tries, row.tried_at, cause)
