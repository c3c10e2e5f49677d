"""What subscribers are told while an account really grows: runs come in, and only the watch notices."""

from __future__ import annotations

import asyncio
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.responses import Response
from websockets.asyncio.client import ClientConnection

from gateway.archive.archive import Archive
from gateway.ingest.folders import ingest_folder
from gateway.settings import Settings
from tests.clock import Clock
from tests.conftest import stored
from tests.demo_archive import folder_of_runs
from tests.oracle.account import Oracle, Run
from tests.serving import Call
from tests.streaming.conftest import LiveGateway, hear, live, subscribe, until

pytestmark = pytest.mark.slow

LAST = 12


@pytest.fixture(scope="module")
def late_runs(oracle: Oracle) -> list[Run]:
    """The newest runs of the demo."""
    return sorted(oracle.runs, key=lambda run: run.created)[-LAST:]


@pytest.fixture(scope="module")
def lacking(demo_folder: Path, oracle: Oracle, late_runs: list[Run], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of a store that lacks the newest runs."""
    place = tmp_path_factory.mktemp("lacking")
    earlier = [run.id for run in oracle.runs if run.created < late_runs[0].created]
    stored(folder_of_runs(demo_folder, place, earlier), place)
    return place / "runs.db"


@pytest.fixture(scope="module")
def late_folder(demo_folder: Path, late_runs: list[Run], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the newest runs alone."""
    return folder_of_runs(demo_folder, tmp_path_factory.mktemp("late"), [run.id for run in late_runs])


@pytest.fixture
def growing(lacking: Path, tmp_path: Path) -> str:
    """A store that lacks the newest runs."""
    return f"sqlite:///{shutil.copy(lacking, tmp_path / 'runs.db')}"


def grow(store: str, late_folder: Path) -> None:
    archive = Archive.open(store)
    ingest_folder(archive, late_folder)
    archive.close()


def patient(store: str) -> Settings:
    """Lists of runs are asked of dbt, whose requests show when it was looked at; see tests/ordering for an archive."""
    return Settings(store_url=store, revision_interval=0.2, topology_seconds=0.2, history_source="discovery")


RUNS = "subscription { runFinished { id status } }"
SLOWEST = "subscription { slowestModelsChanged(first: 5, lastRuns: 3, sendInitial: true) { runtime model { id } } }"
LONGEST = "subscription { longestRunningJobsChanged(first: 5, lastRuns: 3, sendInitial: true) { runtime job { id } } }"


class Told:
    """What three subscribers on one connection have been told, by what they asked for."""

    def __init__(self, gateway: LiveGateway, connection: ClientConnection) -> None:
        self._gateway = gateway
        self._connection = connection
        self.answers: dict[str, list[Any]] = {"runs": [], "slowest": [], "longest": []}

    async def begin(self) -> None:
        """Subscribes, and hears the rankings as they are."""
        await subscribe(self._connection, "runs", RUNS)
        for name, query in (("slowest", SLOWEST), ("longest", LONGEST)):
            await subscribe(self._connection, name, query)
        while not (self.answers["slowest"] and self.answers["longest"]):
            await self._hear()
        await until(lambda: self._gateway.services.poller.listeners == 3)

    async def hear_of(self, oracle: Oracle, late_runs: list[Run], *wanted: str) -> None:
        """Listens until all of these runs and the rankings with them have been told."""
        jobs = oracle.longest(oracle.production_jobs, 3, 5)
        models = oracle.slowest(oracle.models, 3, 5)
        told = {
            "runs": lambda answers: {run["id"] for run in answers} == {str(run.id) for run in late_runs},
            "slowest": lambda answers: (
                answers[-1] == [{"runtime": runtime, "model": {"id": name}} for name, runtime, _ in models]
            ),
            "longest": lambda answers: (
                answers[-1] == [{"runtime": runtime, "job": {"id": str(name)}} for name, runtime, _ in jobs]
            ),
        }
        while not all(told[name](self.answers[name]) for name in wanted or told):
            await self._hear()
        assert len(self.answers["runs"]) == len(late_runs), "each run is told once"
        for name in ("slowest", "longest"):
            assert all(one != other for one, other in pairwise(self.answers[name]))
        assert all(len(self.answers[name]) > 1 for name in wanted or told)

    async def _hear(self) -> None:
        message = await hear(self._connection)
        (answer,) = message["payload"]["data"].values()
        self.answers[message["id"]].append(answer)


async def looks(gateway: LiveGateway, clock: Clock, count: int = 1) -> None:
    """Has dbt looked at so often, from beginning to end, and once more, at the clock's time."""
    gateway.upstream.calls.clear()
    for number in range(count + 1):
        clock.now += 1
        await until(lambda seen=number: gateway.upstream.operations.get("runs", 0) > seen)  # type: ignore[misc]


async def test_runs_that_come_in_and_the_rankings_they_change_are_reported(
    growing: str, late_folder: Path, oracle: Oracle, late_runs: list[Run]
) -> None:
    async with live(patient(growing)) as gateway, gateway.talk() as connection:
        told = Told(gateway, connection)
        await told.begin()
        # What is news differs from what the first look saw: that must be over.
        seen = len(_looks(gateway))
        await until(lambda: len(_looks(gateway)) >= seen + 2)
        await asyncio.to_thread(grow, growing, late_folder)
        await told.hear_of(oracle, late_runs)


async def test_what_was_read_just_before_a_run_ended_is_no_news(
    growing: str, late_folder: Path, oracle: Oracle, late_runs: list[Run]
) -> None:
    """Facts count for an event that were true half an interval ago, but not those that the event has outdated."""
    clock = Clock()
    settings = Settings(
        store_url=growing, revision_interval=0.2, topology_seconds=3600, least_max_age=0, history_source="discovery"
    )
    longest = "{ account { longestRunningJobs(first: 5, lastRuns: 3) { runtime job { id } } } }"
    newest = f'{{ run(id: "{late_runs[-1].id}") {{ id }} }}'
    async with live(settings, clock) as gateway, gateway.talk() as connection, httpx2.AsyncClient() as http:
        told = Told(gateway, connection)
        await told.begin()
        await looks(gateway, clock)
        clock.now += 0.06
        for query in (longest, newest):
            await http.post(gateway.url, json={"query": query}, headers={"Cache-Control": "max-age=0"})
        await asyncio.to_thread(grow, growing, late_folder)
        clock.now += 0.06
        await told.hear_of(oracle, late_runs, "runs", "longest")
        # The first of those questions has read the headers too, so that revisions are news at the next look.
        clock.now += 1
        await told.hear_of(oracle, late_runs)


async def test_what_dbt_does_not_say_at_once_is_reported_later(
    growing: str, late_folder: Path, oracle: Oracle, late_runs: list[Run]
) -> None:
    """Nothing else happens that would have it read again."""
    failed: set[str] = set()

    async def fail_once(call: Call) -> Response | None:
        is_told_of = call.operation.startswith("runs/") or call.operation in ("ModelHistories", "jobs")
        if not is_told_of or call.operation in failed or len(failed) > 4:
            return None
        failed.add(call.operation)
        return Response(status_code=500)

    async with live(patient(growing)) as gateway, gateway.talk() as connection:
        told = Told(gateway, connection)
        await told.begin()
        seen = len(_looks(gateway))
        await until(lambda: len(_looks(gateway)) >= seen + 2)
        await asyncio.to_thread(grow, growing, late_folder)
        gateway.upstream.fault = fail_once
        await told.hear_of(oracle, late_runs)
    assert any(one.startswith("runs/") for one in failed)


async def test_a_look_is_two_requests_however_many_listen(growing: str) -> None:
    clock = Clock()
    settings = Settings(store_url=growing, revision_interval=0.2, topology_seconds=3600, history_source="discovery")
    async with live(settings, clock) as gateway, gateway.talk() as connection:
        await Told(gateway, connection).begin()
        await looks(gateway, clock)
        await looks(gateway, clock, 3)
        assert gateway.upstream.operations == {"EnvironmentHeaders": 4, "runs": 4}


async def test_dbt_is_looked_at_only_while_somebody_listens(growing: str) -> None:
    async with live(patient(growing)) as gateway:
        await asyncio.sleep(0.5)
        assert gateway.upstream.calls == []
        async with gateway.talk() as connection:
            await subscribe(connection, "1", "subscription { runFinished { id } }")
            await until(lambda: len(_looks(gateway)) >= 3)
        await until(lambda: gateway.services.poller.listeners == 0)
        await asyncio.sleep(0.1)
        seen = len(gateway.upstream.calls)
        await asyncio.sleep(0.6)
        assert len(gateway.upstream.calls) == seen


def _looks(gateway: LiveGateway) -> list[str]:
    return [call.operation for call in gateway.upstream.calls if call.operation == "EnvironmentHeaders"]


async def test_a_ranking_from_which_a_project_is_missing_is_not_reported(growing: str) -> None:
    """It would differ from the one before for that reason only."""
    async with live(patient(growing)) as gateway, gateway.talk() as connection:
        query = "subscription { slowestModelsChanged(first: 3, sendInitial: true) { model { id } } }"
        await subscribe(connection, "1", query)
        await hear(connection)

        async def unreadable(call: object) -> Response | None:
            return Response(status_code=500) if "Environment" in call.operation else None  # type: ignore[attr-defined]

        gateway.upstream.fault = unreadable
        await asyncio.sleep(0.8)
        gateway.upstream.fault = None
        await subscribe(connection, "2", "{ __typename }")
        assert (await hear(connection))["id"] == "2"


async def test_a_ranking_that_could_not_be_read_is_read_again_and_reported(growing: str) -> None:
    """Although nothing changes."""
    asked: list[str] = []

    async def unreadable(call: Call) -> Response | None:
        if call.operation != "EnvironmentModels":
            return None
        asked.append(call.operation)
        return Response(status_code=500)

    async with live(patient(growing)) as gateway, gateway.talk() as connection:
        gateway.upstream.fault = unreadable
        await subscribe(connection, "1", SLOWEST)
        await until(lambda: bool(asked))
        await subscribe(connection, "2", "{ __typename }")
        assert [(await hear(connection))["id"] for _ in range(2)] == ["2", "2"]
        gateway.upstream.fault = None
        told = (await hear(connection))["payload"]["data"]["slowestModelsChanged"]
        assert len(told) == 5
