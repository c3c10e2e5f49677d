"""The demo under run ids that say nothing of time, as those of dbt Core runs and of schedulers with names for them."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.settings import Settings
from tests.oracle.account import Oracle
from tests.serving import Gateway, serving


def renumbered(run_id: int) -> int:
    """Another id: 48 bits of a hash, the size of those that the archive derives from names."""
    return int.from_bytes(hashlib.blake2b(f"renumbered {run_id}".encode(), digest_size=6).digest())


@pytest.fixture(scope="session")
def oracle(oracle: Oracle, demo_folder: Path) -> Oracle:
    """The right answers; the files are not read again."""
    return Oracle(demo_folder, [replace(run, record={**run.record, "id": renumbered(run.id)}) for run in oracle.runs])


@pytest.fixture(scope="session")
def settings(demo_store: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings over a copy of the demo's archive with the other ids. Reading the demo again would take seconds."""
    store = tmp_path_factory.mktemp("renumbered") / "runs.db"
    with (
        closing(sqlite3.connect(demo_store.removeprefix("sqlite:///"))) as shipped,
        closing(sqlite3.connect(store)) as copied,
    ):
        shipped.backup(copied)
        _renumber(copied)
        copied.commit()
    return Settings(store_url=f"sqlite:///{store}")


def _renumber(connection: sqlite3.Connection) -> None:
    """Gives every run its other id, wherever the archive names it."""
    connection.create_function("renumbered", 1, renumbered, deterministic=True)
    columns = connection.execute(
        "SELECT t.name, c.name FROM sqlite_master AS t, pragma_table_info(t.name) AS c"
        " WHERE t.type = 'table' AND ((t.name = 'runs' AND c.name = 'id') OR c.name = 'run_id')"
    ).fetchall()
    assert {table for table, _ in columns} > {"runs", "invocations", "results", "freshness"}
    for table, column in columns:
        connection.execute(f"UPDATE {table} SET {column} = renumbered({column})")  # noqa: S608  # our own tables


@pytest.fixture(scope="session")
async def answers(settings: Settings) -> AsyncIterator[Gateway]:
    """One gateway for all tests that ask for values only."""
    async with serving(settings) as opened:
        yield opened


@pytest.fixture
async def gateway(settings: Settings) -> AsyncIterator[Gateway]:
    """A gateway with cold caches."""
    async with serving(settings) as opened:
        yield opened
