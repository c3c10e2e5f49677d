"""An archive beside dbt that cannot be opened at the start: named, tried again, and used once it opens."""

from __future__ import annotations

import asyncio
import logging
import shutil
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from gateway.archive.archive import Archive
from gateway.history import awaited_archive
from gateway.ingest.folders import ingest_folder
from gateway.settings import Settings
from tests.archive.postgres import Server, missing, running_server
from tests.conftest import copied
from tests.history.test_archive_beside_dbt import RUNS, codes, most_run
from tests.identity.callers import reduced
from tests.oracle.account import Model, Oracle
from tests.serving import Gateway, Reply, serving


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second between attempts is too long to wait."""
    monkeypatch.setattr(awaited_archive, "_FIRST_SECONDS", 0.02)
    monkeypatch.setattr(awaited_archive, "_LONGEST_SECONDS", 0.02)


async def state_of(gateway: Gateway) -> str:
    """What a probe says of the archive."""
    checks: dict[str, str] = (await gateway.client.get("/readyz")).json()["checks"]
    return checks["archive"]


async def opened(gateway: Gateway) -> None:
    async with asyncio.timeout(30):
        while await state_of(gateway) != "open":
            await asyncio.sleep(0.02)


def ensure_told(reply: Reply, model: Model, sources: list[str]) -> None:
    assert reply.errors == []
    assert [one["run"]["id"] for one in reply.data["model"]["runs"]["nodes"]] == [
        str(attempt.run.id) for attempt in model.history[:20]
    ]
    assert reply.gateway["historySources"] == sources
    assert ("ARCHIVE_UNUSABLE" in codes(reply.gateway)) is (sources == ["DISCOVERY"])


@asynccontextmanager
async def without_archive(settings: Settings, model: Model) -> AsyncIterator[Gateway]:
    """A gateway that could not open its archive and reports the runs of a model as dbt does."""
    async with serving(settings) as gateway:
        assert "cannot be opened" in await state_of(gateway)
        ensure_told(await gateway.ask(RUNS, id=model.id), model, ["DISCOVERY"])
        yield gateway


@pytest.mark.slow
@pytest.mark.usefixtures("hasty")
async def test_a_file_that_is_mended_is_opened_without_a_restart(
    demo_store: str, tmp_path: Path, oracle: Oracle, caplog: pytest.LogCaptureFixture
) -> None:
    model, other = sorted(oracle.models, key=lambda one: len(one.history))[-2:]
    file = tmp_path / "beside.db"
    file.write_bytes(b"not a database at all" * 100)
    settings = Settings(store_url=demo_store, archive_url=f"sqlite:///{file}")
    with caplog.at_level(logging.WARNING):
        async with without_archive(settings, model) as gateway:
            shutil.copy(copied(demo_store, tmp_path).removeprefix("sqlite:///"), file)
            await opened(gateway)
            ensure_told(await gateway.ask(RUNS, id=other.id), other, ["ARCHIVE"])
    lines = [record.getMessage() for record in caplog.records if "archive" in record.getMessage()]
    assert all("file is not a database" in line for line in lines[:-1])
    assert lines[-1] == "the archive of archive_url is open now"
    assert not [line for line in lines if "cannot be read" in line], "one line for each attempt, none for each question"


@pytest.mark.slow
@pytest.mark.usefixtures("hasty")
async def test_a_locked_file_holds_up_no_start(
    demo_store: str, tmp_path: Path, oracle: Oracle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lock is waited for in the background: for half a minute, as everywhere."""
    monkeypatch.setattr(awaited_archive, "_PATIENCE_SECONDS", 0.05)
    model = most_run(oracle)
    archive = copied(demo_store, tmp_path)
    with closing(sqlite3.connect(archive.removeprefix("sqlite:///"), isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        async with serving(Settings(store_url=demo_store, archive_url=archive)) as gateway:
            assert await state_of(gateway) == "degraded: cannot be opened, being tried; the log says why"
            reply = await gateway.ask(RUNS, id=model.id)
            other.execute("ROLLBACK")
            await opened(gateway)
    ensure_told(reply, model, ["DISCOVERY"])


async def test_attempts_are_further_and_further_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second, two, four and so on, a minute at most."""
    waited: list[float] = []

    this_one, really = asyncio.current_task(), asyncio.sleep

    async def sleep(seconds: float) -> None:
        # What other tests have left running on this loop sleeps too.
        if asyncio.current_task() is not this_one:
            await really(seconds)
            return
        waited.append(seconds)
        if len(waited) == 9:
            raise asyncio.CancelledError

    def refuse() -> None:
        raise awaited_archive.UnusableArchive("down")

    archive = awaited_archive.AwaitedArchive(refuse, "account")
    monkeypatch.setattr(awaited_archive.asyncio, "sleep", sleep)
    with pytest.raises(asyncio.CancelledError):
        await archive._open(asyncio.Event())
    assert waited == [1, 2, 4, 8, 16, 32, 60, 60, 60]


@pytest.fixture
def own_postgres() -> Iterator[Server]:
    """A server that a test may stop."""
    if reason := missing():
        pytest.skip(reason)
    with running_server() as server:
        yield server


@pytest.mark.slow
@pytest.mark.external
@pytest.mark.usefixtures("hasty")
async def test_a_server_that_starts_late_is_used_from_then_on(
    own_postgres: Server, demo_folder: Path, demo_store: str, oracle: Oracle, tmp_path: Path
) -> None:
    """The archive holds one environment, which is read in a third of the time."""
    by_runs = sorted(oracle.models, key=lambda model: len(model.history))
    environment_id = by_runs[-1].environment_id
    other, model = [model for model in by_runs if model.environment_id == environment_id][-2:]
    database = own_postgres.new_database()
    archive = Archive.open(database)
    ingest_folder(archive, reduced(demo_folder, tmp_path / "runs", [environment_id]))
    archive.close()
    own_postgres.stop()
    async with without_archive(Settings(store_url=demo_store, archive_url=database), model) as gateway:
        await asyncio.to_thread(own_postgres.start)
        await opened(gateway)
        ensure_told(await gateway.ask(RUNS, id=other.id), other, ["ARCHIVE"])
