"""Keeps what series of runtimes show up to date with their runs, in transactions that others do not wait for long."""

from __future__ import annotations

from sqlalchemy import Connection, select

from gateway.archive.archive import Archive
from gateway.archive.changes.runtime_changes import look_again, touch
from gateway.archive.rollups.stale_series import mark_everything
from gateway.archive.tables.change_tables import stale_series


def look_at_new_runs(archive: Archive) -> int:
    """Looks at every series with runs that were not looked at; environments in which changes differ now get a new
    revision. Returns how many series were looked at."""
    total = 0
    while _is_any_stale(archive):
        with archive.writing() as connection:
            looked = look_again(connection)
            touch(connection, looked.environment_ids)
        total += looked.series
    return total


def look_at_everything(archive: Archive) -> int:
    """The same for every series there is. Changes keep their ids."""
    with archive.writing() as connection:
        mark_everything(connection)
    return look_at_new_runs(archive)


def look_while_writing(connection: Connection, touched: frozenset[int]) -> None:
    """Looks in the transaction that wrote the runs of the `touched` environments, which have a new revision by it."""
    touch(connection, look_again(connection).environment_ids - touched)


def _is_any_stale(archive: Archive) -> bool:
    with archive.reading() as connection:
        return connection.execute(select(stale_series.c.job_id).limit(1)).first() is not None
