"""Lists of runs, newest first (see run_order), and how many runs there are."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, func, select

from gateway.archive.tables.many_keys import chunks
from gateway.archive.tables.rows import AnyRow
from gateway.archive.tables.run_order import NEWEST_FIRST
from gateway.archive.tables.run_tables import jobs, runs


@dataclass(frozen=True, slots=True)
class RunScope:
    """Which runs of an account are listed: of an environment, of a job, of these states, created in a window of time in
    microseconds since 1970, both ends in it; None is no constraint."""

    account_id: int
    environment_id: int | None = None
    job_id: int | None = None
    codes: Collection[int] | None = None
    created_since: int | None = None
    created_until: int | None = None

    @property
    def conditions(self) -> list[ColumnElement[bool]]:
        """What a row must meet."""
        conditions = [runs.c.account_id == self.account_id]
        if self.environment_id is not None:
            conditions.append(runs.c.environment_id == self.environment_id)
        if self.job_id is not None:
            conditions.append(runs.c.job_id == self.job_id)
        if self.codes is not None:
            conditions.append(runs.c.status.in_(list(self.codes)))
        if self.created_since is not None:
            conditions.append(runs.c.created_at >= self.created_since)
        if self.created_until is not None:
            conditions.append(runs.c.created_at <= self.created_until)
        return conditions


def newest_runs(connection: Connection, scope: RunScope, count: int) -> list[AnyRow]:
    """The newest `count` runs, newest first."""
    return list(connection.execute(select(runs).where(*scope.conditions).order_by(*NEWEST_FIRST).limit(count)))


def count_runs(connection: Connection, scope: RunScope) -> int:
    """How many runs there are."""
    return connection.scalar(select(func.count()).select_from(runs).where(*scope.conditions)) or 0


def newest_runs_of_jobs(
    connection: Connection, account_id: int, job_ids: Iterable[int], count: int
) -> Iterator[AnyRow]:
    """The newest `count` runs of each job. One statement for five hundred jobs."""
    of_job = runs.alias("of_job")
    newest = (
        select(of_job.c.id)
        .where(of_job.c.job_id == jobs.c.id)
        .order_by(of_job.c.created_at.desc().nulls_last(), of_job.c.id.desc())
        .limit(count)
        .correlate(jobs)
    )
    for part in chunks(sorted(job_ids)):
        query = select(runs).join(jobs, jobs.c.id == runs.c.job_id)
        yield from connection.execute(
            query.where(runs.c.account_id == account_id, jobs.c.id.in_(part), runs.c.id.in_(newest))
        )


def count_runs_of_jobs(connection: Connection, account_id: int, job_ids: Iterable[int]) -> dict[int, int]:
    """How many runs each job has; jobs without runs are missing. One statement for five hundred jobs."""
    counts: dict[int, int] = {}
    for part in chunks(sorted(job_ids)):
        query = select(runs.c.job_id, func.count()).where(runs.c.account_id == account_id, runs.c.job_id.in_(part))
        counts.update((job_id, count) for job_id, count in connection.execute(query.group_by(runs.c.job_id)))
    return counts


def runs_by_id(connection: Connection, account_id: int, run_ids: Iterable[int]) -> Iterator[AnyRow]:
    """Those of these runs that the account has. One statement for five hundred runs."""
    for part in chunks(sorted(set(run_ids))):
        yield from connection.execute(select(runs).where(runs.c.account_id == account_id, runs.c.id.in_(part)))
