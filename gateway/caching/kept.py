"""Facts that never change, in a SQL database across restarts: finished runs outlive what dbt keeps of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, TextClause, bindparam, text
from sqlalchemy.exc import SQLAlchemyError

from gateway.concurrency.background_tasks import BackgroundTasks
from gateway.errors import ConfigurationError
from gateway.sql.transactions import Writers, open_engine, writing

T = TypeVar("T")

# Each entry brings a database from the version of its place to the next; entries are only ever added.
_MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE kept_facts (account VARCHAR(64) NOT NULL, kind VARCHAR(32) NOT NULL, name VARCHAR(200) NOT NULL, "
        "payload {bytes} NOT NULL, PRIMARY KEY (account, kind, name))",
        "CREATE TABLE kept_model_runs (account VARCHAR(64) NOT NULL, environment_id BIGINT NOT NULL, "
        "unique_id VARCHAR(1000) NOT NULL, run_id BIGINT NOT NULL, payload {bytes} NOT NULL, "
        "PRIMARY KEY (account, environment_id, unique_id, run_id))",
    ),
    # Rows from before have no time: they are read whatever the count, and get their time when they are written again.
    ("ALTER TABLE kept_model_runs ADD COLUMN ended_at BIGINT",),
)

_READ = text(
    "SELECT name, payload FROM kept_facts WHERE account = :account AND kind = :kind AND name IN :names"
).bindparams(bindparam("names", expanding=True))
_WRITE = text(
    "INSERT INTO kept_facts (account, kind, name, payload) VALUES (:account, :kind, :name, :payload) "
    "ON CONFLICT DO NOTHING"
)
_READ_RUNS = text(
    "SELECT unique_id, payload FROM (SELECT unique_id, payload, run_id, ended_at, row_number() OVER "
    "(PARTITION BY unique_id ORDER BY COALESCE(ended_at, 0) DESC, run_id DESC) AS place FROM kept_model_runs "
    "WHERE account = :account AND environment_id = :environment AND unique_id IN :names) AS newest "
    "WHERE place <= :count OR ended_at IS NULL ORDER BY unique_id, COALESCE(ended_at, 0) DESC, run_id DESC"
).bindparams(bindparam("names", expanding=True))
_WRITE_RUNS = text(
    "INSERT INTO kept_model_runs (account, environment_id, unique_id, run_id, payload, ended_at) "
    "VALUES (:account, :environment, :unique_id, :run, :payload, :ended) "
    "ON CONFLICT (account, environment_id, unique_id, run_id) DO UPDATE SET ended_at = excluded.ended_at "
    "WHERE kept_model_runs.ended_at IS NULL"
)

_CHUNK = 400
# Several workers open the database at the same moment, and what two of them keep at once may be the same. Among
# PostgreSQL's advisory locks, which all programs of a database share, this one is ours.
_WRITERS = Writers(lock=0x64677761_6B657074, seconds=5)

log = logging.getLogger(__name__)

ModelRunKey = tuple[int, str, int]
"""Environment, unique id, run."""


@dataclass(frozen=True, slots=True)
class KeptModelRun:
    """What a model did in a run, and when that ended, in microseconds since 1970; 0 is not known."""

    ended_at: int
    payload: bytes


class KeptFacts:
    """A database of facts of one account. Its work is done in threads; when it fails, that is logged, nothing is found
    and nothing is kept."""

    def __init__(self, engine: Engine, account: str) -> None:
        self._engine = engine
        self._account = account
        self._tasks = BackgroundTasks()

    @classmethod
    def open(cls, url: str, account: str) -> KeptFacts:
        """Opens a database and brings its tables up to date.

        Raises ConfigurationError, in one line, when it cannot be read or comes from a newer gateway.
        """
        try:
            engine = open_engine(url, _WRITERS)
            try:
                with writing(engine, _WRITERS) as connection:
                    _migrate(connection)
            except BaseException:
                engine.dispose()
                raise
        except (SQLAlchemyError, ImportError) as failure:
            reason = _reason(failure)
            raise ConfigurationError(
                f"history_url names a database that cannot be used: {reason}. Move it away, or name another one."
            ) from None
        return cls(engine, account)

    async def close(self) -> None:
        """Waits for what is still being written, and closes the database."""
        await self._tasks.wait(10.0)
        await asyncio.to_thread(self._engine.dispose)

    async def read(self, kind: str, names: Sequence[str]) -> dict[str, bytes]:
        """The payloads of those names that are kept."""

        def work(connection: Connection) -> dict[str, bytes]:
            payloads: dict[str, bytes] = {}
            for some in _chunks(names):
                parameters = {"account": self._account, "kind": kind, "names": some}
                rows = connection.execute(_READ, parameters)
                payloads.update((name, bytes(payload)) for name, payload in rows)
            return payloads

        return await self._run(work, {})

    async def write(self, kind: str, payloads: Mapping[str, bytes]) -> None:
        """Keeps payloads; those that are kept already stay."""
        rows = [{"account": self._account, "kind": kind, "name": n, "payload": p} for n, p in payloads.items()]
        await self._insert(_WRITE, rows)

    async def model_runs(self, environment_id: int, unique_ids: Sequence[str], count: int) -> dict[str, list[bytes]]:
        """The newest `count` kept runs of each model, newest first; and all whose time was not kept with them, last."""

        def work(connection: Connection) -> dict[str, list[bytes]]:
            payloads: dict[str, list[bytes]] = {}
            for some in _chunks(unique_ids):
                parameters = {"account": self._account, "environment": environment_id, "count": count, "names": some}
                for unique_id, payload in connection.execute(_READ_RUNS, parameters):
                    payloads.setdefault(unique_id, []).append(bytes(payload))
            return payloads

        return await self._run(work, {})

    async def write_model_runs(self, runs: Mapping[ModelRunKey, KeptModelRun]) -> None:
        """Keeps what models did in runs; what is kept already stays."""
        rows = [
            {
                "account": self._account,
                "environment": key[0],
                "unique_id": key[1],
                "run": key[2],
                "payload": run.payload,
                "ended": run.ended_at,
            }
            for key, run in runs.items()
        ]
        await self._insert(_WRITE_RUNS, rows)

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        """Does something that nobody has to wait for."""
        self._tasks.start(work)

    async def _insert(self, statement: TextClause, rows: Sequence[Mapping[str, Any]]) -> None:
        def work(connection: Connection) -> None:
            if rows:
                connection.execute(statement, list(map(dict, rows)))

        await self._run(work, None, writes=True)

    async def _run(self, work: Callable[[Connection], T], otherwise: T, *, writes: bool = False) -> T:
        def in_thread() -> T:
            with writing(self._engine, _WRITERS) if writes else self._engine.begin() as connection:
                return work(connection)

        try:
            return await asyncio.to_thread(in_thread)
        except SQLAlchemyError as failure:
            log.warning("the kept history cannot be used now: %s", _reason(failure))
            return otherwise


def _reason(failure: Exception) -> str:
    """The database's own words, in one line."""
    return str(getattr(failure, "orig", None) or failure).splitlines()[0]


def _migrate(connection: Connection) -> None:
    connection.execute(text("CREATE TABLE IF NOT EXISTS kept_version (version INTEGER NOT NULL)"))
    version = connection.execute(text("SELECT max(version) FROM kept_version")).scalar() or 0
    if version > len(_MIGRATIONS):
        raise SQLAlchemyError(f"it is of version {version}, made by a newer gateway")
    kind = "BYTEA" if connection.dialect.name == "postgresql" else "BLOB"
    for place, statements in enumerate(_MIGRATIONS[version:], start=version + 1):
        for statement in statements:
            connection.execute(text(statement.format(bytes=kind)))
        connection.execute(text("INSERT INTO kept_version (version) VALUES (:version)"), {"version": place})


def _chunks(names: Iterable[str]) -> Iterator[Sequence[str]]:
    listed = list(names)
    for start in range(0, len(listed), _CHUNK):
        yield listed[start : start + _CHUNK]
