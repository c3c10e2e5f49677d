"""Engines for SQLite and PostgreSQL on which readers see the state of the moment they began, and writers take turns.

On SQLite that is WAL mode and transactions that begin as what they are; on PostgreSQL an advisory lock for writers.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, func, select
from sqlalchemy.engine import URL, make_url

# Rows of a kilobyte and more, contents of nodes, leave less of a page empty than at SQLite's own 4 KiB.
_PAGE_BYTES = 8192
# By SQLite's own 2 MB one model's history in a large file has most of its pages read twice.
_CACHE_KIBIBYTES = 8192


@dataclass(frozen=True, slots=True)
class Writers:
    """Those who write to one kind of database: PostgreSQL's advisory lock that each of them takes, and for how many
    seconds one waits for another."""

    lock: int
    seconds: float


def open_engine(url: str | URL, writers: Writers, connections: int | None = None, *, read_only: bool = False) -> Engine:
    """An engine with at most so many connections (15 where nothing is said); `read_only` ones refuse to write.

    Raises ArgumentError or NoSuchModuleError for what is no address, ModuleNotFoundError where its driver is missing.
    """
    # Text comes as text even where the database has no encoding, or nothing could be said of it.
    connect = {"client_encoding": "utf8"} if make_url(url).get_backend_name() == "postgresql" else {}
    kept = 5 if connections is None else min(5, connections)
    overflow = 10 if connections is None else connections - kept
    # A connection that was killed while it lay in the pool is replaced before it is used.
    engine = create_engine(url, pool_size=kept, max_overflow=overflow, pool_pre_ping=True, connect_args=connect)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", lambda connection, _record: _prepare_sqlite(connection, writers.seconds))
        event.listen(engine, "begin", _begin_sqlite)
        if read_only:
            event.listen(engine, "connect", _forbid_writing)
    return engine


@contextmanager
def writing(engine: Engine, writers: Writers) -> Iterator[Connection]:
    """A transaction that writes, of whatever process. Raises DBAPIError, also where others write for too long."""
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = {max(1, int(writers.seconds * 1000))}")
            connection.execute(select(func.pg_advisory_xact_lock(writers.lock)))
        yield connection


def _prepare_sqlite(connection: Any, seconds: float) -> None:
    connection.isolation_level = None  # transactions are begun below, so that readers and writers begin differently
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")
    cursor.execute(f"PRAGMA page_size = {_PAGE_BYTES}")  # of a file that is not there yet
    cursor.execute(f"PRAGMA cache_size = {-_CACHE_KIBIBYTES}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA temp_store = MEMORY")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _forbid_writing(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA query_only = ON")
