"""When projects, environments and jobs were first and last seen: artifacts do not say when they were made."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Table, func, select

from gateway.archive.tables.many_keys import chunks
from gateway.archive.tables.run_order import NEWEST_FIRST
from gateway.archive.tables.run_tables import environments, jobs, runs

_RUNS_OF = {environments: runs.c.environment_id, jobs: runs.c.job_id}


@dataclass(frozen=True, slots=True)
class Lifetime:
    """The creation of the first and of the newest run, in microseconds since 1970, and the newest run's dbt version."""

    created_at: int | None = None
    updated_at: int | None = None
    dbt_version: str | None = None


def lifetimes(connection: Connection, table: Table, ids: Iterable[int]) -> dict[int, Lifetime]:
    """By id, of the environments or jobs with these ids: one statement for some hundred of them."""
    return {row.id: Lifetime(row.first, row.last, row.version) for row in _rows(connection, table, table.c.id, ids)}


def project_lifetimes(connection: Connection, ids: Iterable[int]) -> dict[int, Lifetime]:
    """By id, of projects: from the first to the newest run of all their environments. One statement as well."""
    lifetimes: dict[int, Lifetime] = {}
    for row in _rows(connection, environments, environments.c.project_id, ids):
        known = lifetimes.get(row.id, Lifetime())
        first = min((time for time in (known.created_at, row.first) if time is not None), default=None)
        last = max((time for time in (known.updated_at, row.last) if time is not None), default=None)
        lifetimes[row.id] = Lifetime(first, last)
    return lifetimes


def _rows(connection: Connection, table: Table, key: ColumnElement[int], ids: Iterable[int]) -> list[_Row]:
    of = _RUNS_OF[table] == table.c.id
    first = select(func.min(runs.c.created_at)).where(of).scalar_subquery()
    last = select(func.max(runs.c.created_at)).where(of).scalar_subquery()
    newest = select(runs.c.dbt_version).where(of).order_by(*NEWEST_FIRST).limit(1).scalar_subquery()
    rows: list[_Row] = []
    for part in chunks(sorted(set(ids))):
        query = select(key.label("id"), first.label("first"), last.label("last"), newest.label("version"))
        rows += [_Row(*row) for row in connection.execute(query.where(key.in_(part)))]
    return rows


@dataclass(frozen=True, slots=True)
class _Row:
    id: int
    first: int | None
    last: int | None
    version: str | None
