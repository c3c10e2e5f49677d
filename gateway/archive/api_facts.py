"""Finished runs as dbt's API gave them, each fact as it was read: what an archive keeps beside runs with artifacts.

They are no rows of results. Only what somebody asked for is here, so no mean, count or roll-up is made of it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, TextClause, bindparam, inspect, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

from gateway.concurrency.background_tasks import BackgroundTasks
from gateway.sql.transactions import Writers, open_engine, writing

T = TypeVar("T")

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
# Writing waits for nobody for long: what is not stored now is read again another time. The lock is not the one that
# those who read artifacts take, who may hold it for minutes.
_WRITERS = Writers(lock=0x64677761_6B657074, seconds=5)

log = logging.getLogger(__name__)


class ApiFacts:
    """The facts of one account in an archive, which was opened before and so has the tables.

    Work is done in threads; when it fails, that is logged, nothing is given and nothing is stored.
    """

    def __init__(self, url: URL, account: str) -> None:
        self._engine: Engine = open_engine(url, _WRITERS)
        self._account = account
        self._tasks = BackgroundTasks()

    async def close(self) -> None:
        """Waits for what is still being written, and closes the connections."""
        await self._tasks.wait(10.0)
        await asyncio.to_thread(self._engine.dispose)

    async def read(self, kind: str, names: Sequence[str]) -> dict[str, bytes]:
        """The payloads of those names that are stored."""

        def work(connection: Connection) -> dict[str, bytes]:
            payloads: dict[str, bytes] = {}
            for some in _chunks(names):
                parameters = {"account": self._account, "kind": kind, "names": some}
                rows = connection.execute(_READ, parameters)
                payloads.update((name, bytes(payload)) for name, payload in rows)
            return payloads

        return await self._run(work, {})

    async def write(self, kind: str, payloads: Mapping[str, bytes]) -> None:
        """Stores payloads; those that are stored already stay."""
        rows = [{"account": self._account, "kind": kind, "name": n, "payload": p} for n, p in payloads.items()]
        await self._insert(_WRITE, rows)

    async def model_runs(self, environment_id: int, unique_ids: Sequence[str], count: int) -> dict[str, list[bytes]]:
        """The newest `count` runs of each model, newest first; and all whose time was not stored with them, last."""

        def work(connection: Connection) -> dict[str, list[bytes]]:
            payloads: dict[str, list[bytes]] = {}
            for some in _chunks(unique_ids):
                parameters = {"account": self._account, "environment": environment_id, "count": count, "names": some}
                for unique_id, payload in connection.execute(_READ_RUNS, parameters):
                    payloads.setdefault(unique_id, []).append(bytes(payload))
            return payloads

        return await self._run(work, {})

    async def write_model_runs(self, runs: Mapping[tuple[int, str, int], tuple[int, bytes]]) -> None:
        """Stores what models did in runs, with the microsecond at which each ended; what is stored already stays."""
        rows = [
            {
                "account": self._account,
                "environment": environment_id,
                "unique_id": unique_id,
                "run": run_id,
                "payload": payload,
                "ended": ended_at,
            }
            for (environment_id, unique_id, run_id), (ended_at, payload) in runs.items()
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
            log.warning("the archive cannot be used for finished runs now: %s", _reason(failure))
            return otherwise


def adopt_earlier_facts(connection: Connection) -> None:
    """Brings the tables of a database that `history_url` named to the shape of the archive's."""
    inspector = inspect(connection)
    if not inspector.has_table("kept_version"):
        return
    if "ended_at" not in {column["name"] for column in inspector.get_columns("kept_model_runs")}:
        # Rows from before have no time: they are read whatever the count, and get theirs when they are written again.
        connection.execute(text("ALTER TABLE kept_model_runs ADD COLUMN ended_at BIGINT"))
    connection.execute(text("DROP TABLE kept_version"))


def _reason(failure: Exception) -> str:
    """The database's own words, in one line."""
    return str(getattr(failure, "orig", None) or failure).splitlines()[0]


def _chunks(names: Iterable[str]) -> Iterator[Sequence[str]]:
    listed = list(names)
    for start in range(0, len(listed), _CHUNK):
        yield listed[start : start + _CHUNK]
