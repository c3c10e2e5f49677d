"""Newest is by time: when a run was created (else started, else ended), then by id. Ids here are hashes of texts."""

from __future__ import annotations

import asyncio
import json
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
from pydantic import SecretStr
from starlette.testclient import TestClient

from benchmarks.platform_process import run_platform
from gateway.archive.archive import Archive
from gateway.archive.retention import Retention, forget_old_runs
from gateway.discovery_api.api import dbtAccount
from gateway.discovery_api.client import Client
from gateway.discovery_api.connection import ConnectionOptions
from gateway.ingest.folders import ingest_folder
from gateway.local_platform.app import create_platform
from gateway.settings import Settings
from gateway.settings.entries import ProjectSetting
from tests.history.statements import noted_statements
from tests.ordering.shop import MIDNIGHT, Told, daily, text_of, write
from tests.repetitions import daily_and_nightly
from tests.serving import serving
from tests.streaming.conftest import hear, live, subscribe, until

LISTS = """{ account {
  runs(first: 100) { nodes { id startTime runtime } }
  models { nodes { lastRun { runId runtime } runs(first: 100) { nodes { runId runtime } } } }
  jobs { nodes {
    lastRun { id } runs(first: 100) { nodes { id } }
    one: averageRuntime(lastRuns: 1) { runtime }
    two: averageRuntime(lastRuns: 2) { runtime }
    runtimes(lastRuns: 3) { runtime }
  } }
  longestRunningJobs(lastRuns: 1) { runtime }
  slowestModels(lastRuns: 2) { runtime }
} }"""


def stored(folder: Path, runs: Sequence[Told], *, store: Path | None = None) -> str:
    """An archive of these runs, read in the order given: its address."""
    url = f"sqlite:///{store or folder / 'runs.db'}"
    archive = Archive.open(url)
    for run in runs:
        ingest_folder(archive, write(folder / "runs", run))
    archive.close()
    return url


@contextmanager
def admin(store: str) -> Iterator[Callable[..., Any]]:
    """Asks the Admin API of the archive's account for a list of runs."""
    archive = Archive.open(store)
    with TestClient(create_platform(archive)) as client:
        account = client.get("/api/v3/accounts/").json()["data"][0]["id"]

        def ask(**params: str) -> list[dict[str, Any]]:
            answer = client.get(f"/api/v2/accounts/{account}/runs/", params=params)
            assert answer.status_code == 200, answer.text
            found: list[dict[str, Any]] = answer.json()["data"]
            return found

        yield ask
    archive.close()


def starts(runs: Sequence[dict[str, Any]]) -> list[str]:
    return [run["started_at"][:10] for run in runs]


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Eight daily runs of 10 … 80 seconds, read in no order."""
    runs = daily(8)
    return stored(tmp_path_factory.mktemp("week"), [runs[place] for place in (3, 0, 7, 5, 1, 6, 2, 4)])


@pytest.mark.slow
async def test_the_ids_of_the_week_show_no_order(week: str) -> None:
    """Otherwise the tests below could not fail."""
    async with serving(Settings(store_url=week)) as gateway:
        runs = (await gateway.data(LISTS))["account"]["runs"]["nodes"]
    ids = [int(run["id"]) for run in runs]
    assert ids not in (sorted(ids), sorted(ids, reverse=True))


@pytest.mark.slow
async def test_every_list_and_every_figure_takes_the_newest_by_time(week: str) -> None:
    async with serving(Settings(store_url=week)) as gateway:
        account = (await gateway.data(LISTS))["account"]
    runs = account["runs"]["nodes"]
    assert [run["runtime"] for run in runs] == [80.0, 70.0, 60.0, 50.0, 40.0, 30.0, 20.0, 10.0]
    assert [run["startTime"][:10] for run in runs[:3]] == ["2026-03-08", "2026-03-07", "2026-03-06"]
    ids = [run["id"] for run in runs]
    (job,), (model,) = account["jobs"]["nodes"], account["models"]["nodes"]
    assert job["lastRun"]["id"] == ids[0]
    assert [run["id"] for run in job["runs"]["nodes"]] == ids
    assert (job["one"]["runtime"], job["two"]["runtime"]) == (80.0, 75.0)
    assert [one["runtime"] for one in job["runtimes"]] == [80.0, 70.0, 60.0]
    assert account["longestRunningJobs"] == [{"runtime": 80.0}]
    assert account["slowestModels"] == [{"runtime": fmean([79.0, 69.0])}]
    assert model["lastRun"] == {"runId": ids[0], "runtime": 79.0}
    assert [run["runId"] for run in model["runs"]["nodes"]] == ids


@pytest.mark.slow
def test_the_library_takes_the_newest_by_time(week: str) -> None:
    with dbtAccount(client=Client(ConnectionOptions(Settings(store_url=week), 300.0))) as account:
        assert [run.runtime for run in account.get_runs(3)] == [80.0, 70.0, 60.0]
        (job,) = account.get_jobs()
        assert (job.get_average_job_runtime(1), job.get_average_job_runtime(2)) == (80.0, 75.0)
        assert [run.runtime for run in job.get_runs(3)] == [80.0, 70.0, 60.0]
        assert job.last_run_runtime == 80.0


@pytest.mark.slow
async def test_without_the_admin_api_newest_is_by_time_too(week: str) -> None:
    archive = Archive.open(week)
    with TestClient(create_platform(archive)) as client:
        account = client.get("/api/v3/accounts/").json()["data"][0]["id"]
        environment = client.get(f"/api/v3/accounts/{account}/environments/").json()["data"][0]["id"]
    archive.close()
    with run_platform(week) as platform:
        settings = Settings(
            discovery_url=f"{platform.url}/graphql",
            account_id=account,
            service_token=SecretStr("metadata only"),
            projects=(ProjectSetting(name="shop", production_environment_id=environment),),
        )
        async with serving(settings) as gateway:
            asked = "{ account { runs(first: 3) { nodes { runtime } } jobs { nodes { lastRun { runtime } } } } }"
            found = (await gateway.data(asked))["account"]
    assert found["runs"]["nodes"] == [{"runtime": 80.0}, {"runtime": 70.0}, {"runtime": 60.0}]
    assert found["jobs"]["nodes"] == [{"lastRun": {"runtime": 80.0}}]


@pytest.mark.slow
def test_the_admin_api_means_creation_by_id(week: str) -> None:
    days = [f"2026-03-0{day}" for day in range(8, 0, -1)]
    with admin(week) as ask:
        newest = ask(order_by="-id")
        assert starts(newest) == days
        assert starts(ask(order_by="id")) == starts(ask()) == days[::-1]
        assert starts(ask(order_by="-created_at")) == days
        pages = [run for offset in range(0, 8, 3) for run in ask(order_by="-id", limit="3", offset=str(offset))]
        assert [run["id"] for run in pages] == [run["id"] for run in newest]
        # What is new since a run that a client has seen, the way clients of dbt Cloud ask for it.
        assert starts(ask(id__gt=str(newest[2]["id"]), order_by="id")) == ["2026-03-07", "2026-03-08"]
        assert ask(id__gt=str(newest[0]["id"])) == []
        unknown = 5
        assert {run["id"] for run in ask(id__gt=str(unknown))} == {run["id"] for run in newest}


@pytest.mark.slow
@pytest.mark.parametrize("count", daily_and_nightly(130, 620))
async def test_of_many_runs_the_newest_are_the_true_ones(tmp_path: Path, count: int) -> None:
    """More are asked for than one page of dbt's list holds, and fewer than there are."""
    hour = timedelta(hours=1)
    runs = [Told(f"run {n}", MIDNIGHT + n * hour, 10.0 + n, f"job {n % 3}") for n in range(count)]
    store = stored(tmp_path, [])
    grown(store, tmp_path / "runs", runs)
    with dbtAccount(client=Client(ConnectionOptions(Settings(store_url=store), 300.0))) as account:
        newest = await asyncio.to_thread(account.get_runs, count - 20)
    assert [run.runtime for run in newest] == [run.seconds for run in reversed(runs)][: count - 20]


@pytest.mark.slow
def test_retention_keeps_the_newest(week: str, tmp_path: Path) -> None:
    shutil.copy(week.removeprefix("sqlite:///"), tmp_path / "runs.db")
    store = f"sqlite:///{tmp_path / 'runs.db'}"
    archive = Archive.open(store)
    forget_old_runs(archive, Retention(runs_per_job=3))
    archive.close()
    with admin(store) as ask:
        assert starts(ask(order_by="-id")) == ["2026-03-08", "2026-03-07", "2026-03-06"]


# The place of odd runs


async def runtimes(store: str) -> list[float | None]:
    async with serving(Settings(store_url=store)) as gateway:
        found = (await gateway.data(LISTS))["account"]
    listed = [run["runtime"] for run in found["runs"]["nodes"]]
    of_job = [run["id"] for run in found["jobs"]["nodes"][0]["runs"]["nodes"]]
    assert of_job == [run["id"] for run in found["runs"]["nodes"]], "a job's list and the account's agree"
    with admin(store) as ask:
        assert [str(run["id"]) for run in ask(order_by="-id")] == of_job, "and so does the Admin API"
    return listed


@pytest.mark.slow
async def test_a_late_run_takes_the_place_of_its_time(tmp_path: Path) -> None:
    first, late, last = daily(3)
    assert await runtimes(stored(tmp_path, [first, last, late])) == [30.0, 20.0, 10.0]


@pytest.mark.slow
async def test_simultaneous_runs_stand_by_number(tmp_path: Path) -> None:
    """9, 8, 7, 6 and then 10 before 9: numbers, not texts."""
    times = {"created_at": text_of(MIDNIGHT), "started_at": text_of(MIDNIGHT), "status": 10}
    runs = [Told(str(n), MIDNIGHT, float(n), "5", record=times) for n in (7, 10, 6, 9, 8)]
    store = stored(tmp_path, runs)
    assert await runtimes(store) == [10.0, 9.0, 8.0, 7.0, 6.0]
    async with serving(Settings(store_url=store)) as gateway:
        model = "{ account { models { nodes { runs(first: 100) { nodes { runId } } } } } }"
        (found,) = (await gateway.data(model))["account"]["models"]["nodes"]
    # A model's runs go by when they ended.
    assert [run["runId"] for run in found["runs"]["nodes"]] == ["10", "9", "8", "7", "6"]


@pytest.mark.slow
async def test_the_runs_of_a_model_that_ended_together_stand_by_number(tmp_path: Path) -> None:
    end = MIDNIGHT + timedelta(hours=1)
    runs = [Told(str(n), end - timedelta(seconds=5), 5.0, "5") for n in (9, 100, 10, 8)]
    async with serving(Settings(store_url=stored(tmp_path, runs))) as gateway:
        seen: list[str] = []
        after = None
        for _ in runs:
            asked = """query ($after: String) { account { models { nodes {
              runs(first: 1, after: $after) { nodes { runId } pageInfo { endCursor } } } } } }"""
            (model,) = (await gateway.data(asked, after=after))["account"]["models"]["nodes"]
            seen += [run["runId"] for run in model["runs"]["nodes"]]
            after = model["runs"]["pageInfo"]["endCursor"]
    assert seen == ["100", "10", "9", "8"]


@pytest.mark.slow
async def test_a_clock_that_steps_back_moves_a_run_to_the_time_it_reported(tmp_path: Path) -> None:
    """Ids and the order of reading say otherwise; the time that was told stands."""
    before, after = daily(2)
    stepped = Told("9", before.start + timedelta(hours=1), 90.0)
    assert await runtimes(stored(tmp_path, [before, after, stepped])) == [20.0, 90.0, 10.0]


@pytest.mark.slow
async def test_runs_without_times_are_the_oldest(tmp_path: Path) -> None:
    """dbt has not started them, and nobody recorded when they were asked for: on a queue that was only named."""
    bare = tmp_path / "runs" / "bare"
    known = daily(2)
    store = stored(tmp_path, known)
    for name in ("queued 1", "queued 2"):
        folder = bare / name
        folder.mkdir(parents=True)
        told = {"id": name, "job_definition_id": "nightly", "status": 1, "project_name": "shop"}
        (folder / "run.json").write_text(json.dumps(told))
    archive = Archive.open(store)
    ingest_folder(archive, bare)
    archive.close()
    found = await runtimes(store)
    assert found == [20.0, 10.0, None, None]
    with admin(store) as ask:
        ids = [run["id"] for run in ask(order_by="-id")]
        assert [run["id"] for run in ask(order_by="id")] == ids[::-1]
        assert ids[2] > ids[3], "among themselves by number"


# What subscribers are told

FINISHED = "subscription { runFinished { id runtime } }"


def impatient(store: str) -> Settings:
    return Settings(store_url=store, revision_interval=0.2, topology_seconds=0.2)


async def hears(gateway: Any, connection: Any, count: int, grow: Callable[[], object]) -> list[float]:
    """The runtimes of the runs that are told once `grow` has had them come in."""
    await subscribe(connection, "1", FINISHED)
    await until(lambda: gateway.services.poller.listeners == 1)
    with noted_statements(run_lists=True) as noted:
        await until(lambda: sum("FROM runs" in statement for statement in noted) >= 2)
    await asyncio.to_thread(grow)
    return [(await hear(connection))["payload"]["data"]["runFinished"]["runtime"] for _ in range(count)]


def grown(store: str, folder: Path, runs: Sequence[Told]) -> None:
    archive = Archive.open(store)
    for run in runs:
        write(folder, run)
    ingest_folder(archive, folder)
    archive.close()


@pytest.mark.slow
async def test_each_new_run_is_reported_in_the_order_of_time(tmp_path: Path) -> None:
    runs = daily(11)
    store = stored(tmp_path, runs[:8])
    async with live(impatient(store)) as gateway, gateway.talk() as connection:
        told = await hears(gateway, connection, 3, lambda: grown(store, tmp_path / "new", runs[8:]))
    assert told == [90.0, 100.0, 110.0]


@pytest.mark.slow
async def test_a_late_run_is_reported_where_every_run_is_looked_at(tmp_path: Path) -> None:
    """Older than all that were seen, or between them."""
    oldest, first, between, last = daily(4)
    store = stored(tmp_path, [first, last])
    late = [oldest, between]
    async with live(impatient(store)) as gateway, gateway.talk() as connection:
        told = await hears(gateway, connection, 2, lambda: grown(store, tmp_path / "new", late))
    assert sorted(told) == [10.0, 30.0]


@pytest.mark.slow
async def test_more_new_runs_at_once_than_a_look_reads_are_all_reported(tmp_path: Path) -> None:
    runs = [Told(f"run {n}", MIDNIGHT + timedelta(hours=n), 10.0 + n) for n in range(150)]
    store = stored(tmp_path, runs[:2])
    is_whole = threading.Event()

    async def wait_for_all(call: Any) -> None:
        """No look falls into the middle of the ingest."""
        while call.operation == "runs" and not is_whole.is_set():
            await asyncio.sleep(0.01)

    async with live(impatient(store)) as gateway, gateway.talk() as connection:

        def grow() -> None:
            gateway.upstream.fault = wait_for_all
            grown(store, tmp_path / "new", runs[2:])
            is_whole.set()

        told = await hears(gateway, connection, 148, grow)
    assert told == [run.seconds for run in runs[2:]]


@pytest.mark.slow
async def test_the_gateway_puts_in_order_what_an_upstream_lists_in_another(week: str) -> None:
    """An upstream that sorts by its numbers, where those do not rise with time."""

    def by_number(call: Any, answer: Any) -> Any:
        if call.operation == "runs" and answer.get("data"):
            answer["data"].sort(key=lambda run: run["id"])
        return answer

    async with serving(Settings(store_url=week)) as gateway:
        gateway.upstream.rewrite = by_number
        account = (await gateway.data(LISTS))["account"]
    assert [run["runtime"] for run in account["runs"]["nodes"]][:3] == [80.0, 70.0, 60.0]
    (job,) = account["jobs"]["nodes"]
    assert [one["runtime"] for one in job["runtimes"]] == [80.0, 70.0, 60.0]
