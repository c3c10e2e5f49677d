"""What subscribers are told while an account really grows: runs come in, and only the watch notices."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from gateway.local_platform.archive import Archive
from gateway.local_platform.ingest import ingest_folder
from gateway.settings import Settings
from tests.conftest import stored
from tests.live.conftest import LiveGateway, hear, live, subscribe, until
from tests.oracle.account import Oracle, Run

LAST = 12


@pytest.fixture(scope="module")
def late_runs(oracle: Oracle) -> list[Run]:
    """The newest runs of the demo."""
    return sorted(oracle.runs, key=lambda run: run.id)[-LAST:]


@pytest.fixture
def growing(demo_folder: Path, oracle: Oracle, late_runs: list[Run], tmp_path: Path) -> str:
    """A store that lacks the newest runs."""
    folder = tmp_path / "runs"
    folder.mkdir()
    os.link(demo_folder / "account.json", folder / "account.json")
    for run in oracle.runs:
        if run.id < late_runs[0].id:
            (found,) = demo_folder.glob(f"*/*/{run.id}")
            shutil.copytree(found, folder / found.relative_to(demo_folder), copy_function=os.link)
    return stored(folder, tmp_path)


def grow(store: str, demo_folder: Path) -> None:
    archive = Archive.open(store)
    ingest_folder(archive, demo_folder)
    archive.close()


def patient(store: str) -> Settings:
    return Settings(store_url=store, revision_interval=0.2, topology_seconds=0.2)


async def test_runs_that_come_in_and_the_rankings_they_change_are_told(
    growing: str, demo_folder: Path, oracle: Oracle, late_runs: list[Run]
) -> None:
    ranking = (
        "subscription { slowestModelsChanged(first: 5, lastRuns: 3, beginWithCurrent: true) { runtime model { id } } }"
    )
    jobs = "subscription { longestRunningJobsChanged(first: 5, lastRuns: 3) { runtime job { id } } }"
    async with live(patient(growing)) as gateway, gateway.talk() as connection:
        await subscribe(connection, "ranking", ranking)
        before = (await hear(connection))["payload"]["data"]["slowestModelsChanged"]
        await subscribe(connection, "runs", "subscription { runFinished { id status } }")
        await subscribe(connection, "jobs", jobs)
        await until(lambda: gateway.services.watch.listeners == 3)
        await asyncio.sleep(0.5)
        await asyncio.to_thread(grow, growing, demo_folder)
        told: dict[str, list[object]] = {"runs": [], "ranking": [], "jobs": []}
        ended = {str(run.id) for run in late_runs}
        slowest = [
            {"runtime": runtime, "model": {"id": name}} for name, runtime, _ in oracle.slowest(oracle.models, 3, 5)
        ]
        longest = [
            {"runtime": runtime, "job": {"id": str(name)}}
            for name, runtime, _ in oracle.longest(oracle.production_jobs, 3, 5)
        ]
        async with asyncio.timeout(30):
            while not (
                {run["id"] for run in told["runs"]} == ended  # type: ignore[index]
                and told["ranking"][-1:] == [slowest]
                and told["jobs"][-1:] == [longest]
            ):
                message = await hear(connection)
                (answer,) = message["payload"]["data"].values()
                told[message["id"]].append(answer)
    assert before != slowest
    assert len(told["runs"]) == LAST, "each run is told once"
    assert all(one != other for one, other in zip(told["ranking"], told["ranking"][1:], strict=False))


async def test_dbt_is_looked_at_only_while_somebody_listens(growing: str) -> None:
    async with live(patient(growing)) as gateway:
        await asyncio.sleep(0.5)
        assert gateway.upstream.calls == []
        async with gateway.talk() as connection:
            await subscribe(connection, "1", "subscription { runFinished { id } }")
            await until(lambda: len(_looks(gateway)) >= 3)
        await until(lambda: gateway.services.watch.listeners == 0)
        await asyncio.sleep(0.1)
        seen = len(gateway.upstream.calls)
        await asyncio.sleep(0.6)
        assert len(gateway.upstream.calls) == seen


def _looks(gateway: LiveGateway) -> list[str]:
    return [call.operation for call in gateway.upstream.calls if call.operation == "EnvironmentHeaders"]


async def test_a_ranking_from_which_a_project_is_missing_is_not_told(growing: str, demo_folder: Path) -> None:
    """It would differ from the one before for that reason only."""
    from starlette.responses import Response

    async with live(patient(growing)) as gateway, gateway.talk() as connection:
        query = "subscription { slowestModelsChanged(first: 3, beginWithCurrent: true) { model { id } } }"
        await subscribe(connection, "1", query)
        await hear(connection)

        async def unreadable(call: object) -> Response | None:
            return Response(status_code=500) if "Environment" in call.operation else None  # type: ignore[attr-defined]

        gateway.upstream.fault = unreadable
        await asyncio.sleep(0.8)
        gateway.upstream.fault = None
        await subscribe(connection, "2", "{ __typename }")
        assert (await hear(connection))["id"] == "2"
