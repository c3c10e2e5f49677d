"""The SQL archive of runs: opens it, brings its tables up to date, and hands out transactions.

Readers see the state of the moment they began, whatever is being written meanwhile; writers wait for each other. On
SQLite that is WAL mode, on PostgreSQL repeatable reads and one advisory lock.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, Engine, Table, func, select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, NoSuchModuleError

from gateway.archive.columnar.compacted_files import VerifiedFiles, with_files
from gateway.archive.migrations.versions import migrate
from gateway.archive.tables.run_tables import accounts, environments, invocations, jobs, projects, runs
from gateway.archive.times import from_micros
from gateway.errors import ConfigurationError
from gateway.sql.transactions import Writers, open_engine, writing

_BUSY_SECONDS = 30
_MOST_CONNECTIONS = 40  # as many as there are worker threads, so that none waits for another's connection
# Not read-only for PostgreSQL: questions about compacted months have temporary tables.
_POSTGRES_READING = {"isolation_level": "REPEATABLE READ"}
_LOCK_NOT_AVAILABLE = "55P03"
_WRITERS_LOCK = 0x64627467  # any number will do, as long as every writer takes the same


class UnusableArchive(ConfigurationError):
    """An archive that is where its address says, or may be again, and cannot be opened now: damaged, locked, newer than
    this program, on a server that cannot be reached."""


@dataclass(frozen=True)
class ArchiveSummary:
    """What an archive holds; the run times are those of the first and the last run, UTC, None when there are none."""

    account_id: int | None
    account_name: str | None
    projects: int
    environments: int
    jobs: int
    runs: int
    model_results: int
    first_run_at: datetime | None
    last_run_at: datetime | None


class Archive:
    """An opened archive. Thread-safe: every `reading` and `writing` block has a connection of its own."""

    def __init__(self, engine: Engine, files: VerifiedFiles | None = None) -> None:
        self._engine = engine
        on_disk = engine.url.database if engine.dialect.name == "sqlite" else None
        self._files = files or VerifiedFiles(on_disk)
        self._name = _shown(engine.url)
        self._on_postgres = engine.dialect.name == "postgresql"
        self._read_options = _POSTGRES_READING if self._on_postgres else {}

    @classmethod
    def open(cls, url: str, *, create: bool = True) -> Archive:
        """Opens `sqlite:///…` or `postgresql+psycopg://…`, creating or migrating its tables.

        Raises ConfigurationError when the address is wrong, and UnusableArchive when the archive is damaged, locked or
        newer than this program; unless `create`, ConfigurationError also for an SQLite file that does not exist.
        """
        if not create:
            _require_file(url)
        engine = _create_engine(url)
        archive = cls(engine)
        try:
            with archive._transaction() as connection:
                archive._check_encoding(connection)
                migrate(connection)
        except ConfigurationError as error:
            engine.dispose()
            raise UnusableArchive(error.message) from error
        except DBAPIError as error:
            engine.dispose()
            raise UnusableArchive(f"The archive {archive._name} cannot be opened: {reason_of(error)}.") from error
        return archive

    @property
    def url(self) -> URL:
        """The address, with its password."""
        return self._engine.url

    @property
    def name(self) -> str:
        """The address, without its password."""
        return self._name

    def account_ids(self) -> frozenset[int]:
        """The accounts whose runs are in it. Raises ConfigurationError when it cannot be read."""
        with self.reading() as connection:
            return frozenset(connection.scalars(select(accounts.c.id)))

    def read_only(self, connections: int) -> Archive:
        """The same archive through connections of its own, at most so many, that cannot write. Closed apart."""
        engine = _create_engine(self._engine.url, connections=connections, read_only=True)
        return Archive(engine, self._files)

    def _check_encoding(self, connection: Connection) -> None:
        """A database without an encoding gives text back as bytes."""
        if not self._on_postgres:
            return
        encoding = connection.exec_driver_sql("SHOW server_encoding").scalar()
        if encoding in ("SQL_ASCII", b"SQL_ASCII"):
            raise ConfigurationError(
                f"The archive {self._name} cannot be opened: its database has no encoding (SQL_ASCII). "
                "Make one with CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0."
            )

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One consistent view of the archive.

        Raises ConfigurationError when it cannot be read, and DataError for a value that it could not even hold.
        """
        try:
            with self._engine.connect().execution_options(**self._read_options) as connection, connection.begin():
                with_files(connection, self._files)
                yield connection
        except DataError:
            raise
        except DBAPIError as error:
            raise ConfigurationError(f"The archive {self._name} cannot be read: {reason_of(error)}.") from error

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction: all of it is stored, or nothing. Writers wait for each other.

        Raises ConfigurationError when the archive cannot be written: locked, damaged, on a full or a read-only disk;
        DataError and IntegrityError for rows that it does not take.
        """
        try:
            with self._transaction() as connection:
                with_files(connection, self._files)
                yield connection
        except (DataError, IntegrityError):
            raise
        except DBAPIError as error:
            raise ConfigurationError(f"The archive {self._name} cannot be written: {reason_of(error)}.") from error

    @contextmanager
    def supposing(self) -> Iterator[Connection]:
        """A transaction that is undone at its end: a view of what the archive would hold. Writers wait meanwhile.

        Raises what `writing` raises.
        """
        with self.writing() as connection:
            savepoint = connection.begin_nested()
            yield connection
            savepoint.rollback()

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with writing(self._engine, _writers()) as connection:
            yield connection

    def describe(self) -> ArchiveSummary:
        """What the archive holds, counted now. Raises ConfigurationError when it cannot be read, or is damaged."""
        try:
            return self._describe()
        except (TypeError, ValueError, OverflowError) as error:
            raise ConfigurationError(
                f"The archive {self._name} is damaged: a column of numbers holds something else. "
                "Restore a backup, or read the artifacts into a new one."
            ) from error

    def _describe(self) -> ArchiveSummary:
        with self.reading() as connection:
            account = connection.execute(select(accounts.c.id, accounts.c.name).order_by(accounts.c.id)).first()
            first, last = connection.execute(select(func.min(_RUN_START), func.max(_RUN_START))).one()
            return ArchiveSummary(
                account_id=account.id if account else None,
                account_name=account.name if account else None,
                projects=_count(connection, projects),
                environments=_count(connection, environments),
                jobs=_count(connection, jobs),
                runs=_count(connection, runs),
                model_results=connection.scalar(select(func.sum(invocations.c.model_results))) or 0,
                first_run_at=from_micros(first) if first is not None else None,
                last_run_at=from_micros(last) if last is not None else None,
            )

    def close(self) -> None:
        """Gives back every connection. The archive must not be used afterwards."""
        self._engine.dispose()


_RUN_START = func.coalesce(runs.c.started_at, runs.c.created_at)


def reason_of(error: DBAPIError) -> str:
    """The database's own words, in one line; of a lock that was not to be had, ours: PostgreSQL's name no cause."""
    if getattr(error.orig, "sqlstate", None) == _LOCK_NOT_AVAILABLE:
        return f"it is locked; others have been writing to it for {_BUSY_SECONDS} seconds. Try again when they are done"
    return " ".join(str(error.orig).split()).rstrip(".")


def _count(connection: Connection, table: Table) -> int:
    return connection.scalar(select(func.count()).select_from(table)) or 0


def _require_file(url: str) -> None:
    try:
        address = make_url(url)
    except ArgumentError:
        return  # named when it is opened
    names_file = address.get_backend_name() == "sqlite" and address.database not in (None, "", ":memory:")
    if names_file and not Path(str(address.database)).exists():
        raise ConfigurationError(
            f"{_shown(url)} does not exist: correct the address, or make it with `gateway ingest DIR --store URL`."
        )


def _writers() -> Writers:
    return Writers(_WRITERS_LOCK, _BUSY_SECONDS)


def _create_engine(url: str | URL, connections: int = 5 + _MOST_CONNECTIONS, *, read_only: bool = False) -> Engine:
    try:
        backend = make_url(url).get_backend_name()
        if backend == "sqlite" and make_url(url).database in (None, "", ":memory:"):
            raise ConfigurationError("An archive in memory cannot be shared between threads: name a file.")
        return open_engine(url, _writers(), connections, read_only=read_only)
    except ModuleNotFoundError as error:
        if backend != "postgresql":
            raise ConfigurationError(_no_archive_address(url, f"there is no Python module {error.name}")) from error
        raise ConfigurationError(
            f"{_shown(url)} needs the Python module {error.name}, which is not installed: for PostgreSQL install the "
            "extra, pip install 'dbt-gateway[postgres]', and write postgresql+psycopg://user@host/name."
        ) from error
    except (ArgumentError, NoSuchModuleError) as error:
        raise ConfigurationError(_no_archive_address(url, str(error))) from error


def _no_archive_address(url: str | URL, reason: str) -> str:
    return (
        f"{_shown(url)} is no archive address ({reason}): "
        "use sqlite:///path/to/runs.db or postgresql+psycopg://host/name."
    )


def _shown(url: str | URL) -> str:
    """The address without its password."""
    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return "The given text"
