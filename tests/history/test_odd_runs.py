"""Analysis of runs that lack something or contradict themselves, through the application and over both sources."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.settings import Settings
from tests.conftest import stored
from tests.figures.small_archive import DAY, Command, Did, SmallArchive, iso
from tests.serving import Gateway, serving

ANALYSIS = """query($id: ID!) { run(id: $id) { runtime
  timeline { wallSeconds headSeconds tailSeconds overlapSeconds lanes threads basis { source missing }
    bars { uniqueId startSeconds runtime slackSeconds lane } }
  criticalPath { runtime results { uniqueId } }
  observedChain { wallSeconds overlapSeconds links { gapSeconds runtime waitedFor result { uniqueId } } }
  utilization { threads share idle { reason seconds } }
  weightedSeconds { key weightedSeconds }
  whatIf(change: {threads: 2}) { verdict thenSeconds nowSeconds }
  compare { differenceSeconds differences { uniqueId rowsChange contributionSeconds
    before { status runtime } after { status runtime } } } } }"""
JOB, LONELY, HUGE, REPEATING = 1, 2, 3, 4
NORMAL, REUSING, UNTIMED, NO_THREADS, NO_MANIFEST, NO_START, OVERLAPPING, STEPPING, CIRCLE = range(10, 19)
SINGLE, TWICE = 30, 40
SECOND = timedelta(seconds=1)


def did(name: str, seconds: float = 10.0, parents: tuple[str, ...] = (), **result: Any) -> Did:
    node = {"depends_on": {"nodes": [f"model.shop.{one}" for one in parents]}}
    status = result.pop("status", "success")
    return Did(name, status, seconds, node=node, result=result)


def at(second: float, seconds: float, end: timedelta = timedelta(0)) -> dict[str, Any]:
    """A result that began so many seconds after the day did, and its timing ended so much later than it says."""
    began = DAY + second * SECOND
    return {
        "timing": [{"name": "execute", "started_at": iso(began), "completed_at": iso(began + seconds * SECOND + end)}]
    }


def write_odd_runs(folder: Path) -> None:
    archive = SmallArchive(folder).account({JOB: {}, LONELY: {}, REPEATING: {}})
    threads = {"threads": 1}

    def run(run_id: int, *done: Did, args: Any = None, facts: Any = None, job: int = JOB, **more: Any) -> None:
        start = DAY + timedelta(hours=run_id)
        later = timedelta(hours=run_id)
        moved = [replace(one, result=_moved(one.result, later)) for one in done]
        command = Command(moved, ends=60 * SECOND, args=threads if args is None else args, **more)
        archive.run(run_id, job, start, command, **(facts or {}))

    rows = {"adapter_response": {"rows_affected": 100}}
    run(NORMAL, did("a", 10, **at(5, 10), **rows), did("b", 20, ("a",), **at(16, 20)))
    rows = {"adapter_response": {"rows_affected": 150}}
    run(REUSING, did("a", 30, **at(5, 30), **rows), did("b", 0.0, ("a",), status="reused", timing=[]))
    run(UNTIMED, did("a", 10, timing=[]), did("b", 20, ("a",), timing=[]))
    run(NO_THREADS, did("a", 10, **at(5, 10)), did("b", 20, ("a",), **at(16, 20)), args={"threads": None})
    run(NO_MANIFEST, did("a", 10, **at(5, 10)), did("b", 20, ("a",), **at(16, 20)))
    _remove_manifest(folder, NO_MANIFEST)
    run(NO_START, did("a", 10, **at(5, 10)), facts={"started_at": None, "finished_at": None})
    # On one thread, the second begins before the first has ended.
    run(OVERLAPPING, did("a", 10, **at(5, 10)), did("b", 20, ("a",), **at(10, 20)))
    # The clock steps back by a minute while `a` runs: its timing ends before it began, and `b` begins before it.
    run(STEPPING, did("a", 10, **at(65, 10, -60 * SECOND)), did("b", 20, ("a",), **at(16, 20)))
    run(CIRCLE, did("a", 10, ("b",), **at(5, 10)), did("b", 20, ("a",), **at(16, 20)))
    run(SINGLE, did("a", 10, **at(5, 10)), job=LONELY)
    # Two commands execute `a`, the second one alone.
    first = Command([did("a", 10, **at(5, 10)), did("b", 20, ("a",), **at(16, 20))], ends=40 * SECOND, args=threads)
    second = Command([did("a", 15, **at(50, 15))], ends=70 * SECOND, args=threads)
    archive.run(TWICE, REPEATING, DAY, first, second)


def _moved(result: Any, by: timedelta) -> dict[str, Any]:
    timing = [
        {**one, **{word: iso(datetime.fromisoformat(one[word]) + by) for word in ("started_at", "completed_at")}}
        for one in result.get("timing", ())
    ]
    return {**result, "timing": timing}


def _remove_manifest(folder: Path, run_id: int) -> None:
    (folder / "shop" / str(JOB) / str(run_id) / "step_1" / "manifest.json").unlink()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("odd")
    write_odd_runs(folder / "account")
    return stored(folder / "account", folder)


@pytest.fixture(scope="module", params=["archive", "discovery"])
async def gateway(store: str, request: pytest.FixtureRequest) -> AsyncIterator[Gateway]:
    async with serving(Settings(store_url=store, history_source=request.param)) as opened:
        yield opened


async def analysed(gateway: Gateway, run_id: int) -> dict[str, Any]:
    """The analysis of a run, which sums that hold for every run are checked of."""
    run: dict[str, Any] = (await gateway.data(ANALYSIS, id=str(run_id)))["run"]
    if run["timeline"] is None:
        return run
    chain, bars = run["observedChain"], run["timeline"]["bars"]
    assert sum(one["runtime"] + one["gapSeconds"] for one in chain["links"]) == pytest.approx(chain["wallSeconds"])
    assert min(one["gapSeconds"] for one in chain["links"]) >= 0
    assert min(bar["startSeconds"] for bar in bars) == 0
    shared = sum(one["weightedSeconds"] for one in run["weightedSeconds"])
    assert shared <= run["timeline"]["wallSeconds"] + 1e-6
    assert 0 < run["utilization"]["share"] <= 1
    return run


@pytest.mark.slow
async def test_a_run_against_one_reports_rows_and_what_was_reused(gateway: Gateway) -> None:
    run = await analysed(gateway, REUSING)
    found = {one["uniqueId"]: one for one in run["compare"]["differences"]}
    in_archive = run["timeline"]["basis"]["source"] == "ARCHIVE"
    assert found["model.shop.a"]["rowsChange"] == (50 if in_archive else None)
    assert found["model.shop.b"] == {
        "uniqueId": "model.shop.b",
        "rowsChange": None,
        "contributionSeconds": pytest.approx(-21),
        "before": {"status": "SUCCESS", "runtime": 20},
        "after": {"status": "REUSED", "runtime": None},
    }


async def test_a_run_without_times_has_no_analysis(gateway: Gateway) -> None:
    run = await analysed(gateway, UNTIMED)
    names = ("timeline", "criticalPath", "observedChain", "utilization", "whatIf")
    assert {run[name] for name in names} == {None}
    assert run["weightedSeconds"] == []
    assert run["compare"]["differences"], "of the other run"


async def test_a_run_without_threads_has_as_many_lanes_as_it_needs(gateway: Gateway) -> None:
    run = await analysed(gateway, NO_THREADS)
    assert (run["timeline"]["lanes"], run["timeline"]["threads"], run["utilization"]["threads"]) == (1, None, 1)
    assert "number of threads of 1 of 1 steps" in run["timeline"]["basis"]["missing"]


async def test_a_run_without_a_manifest_has_no_critical_path(gateway: Gateway) -> None:
    run = await analysed(gateway, NO_MANIFEST)
    if run["timeline"]["basis"]["source"] == "DISCOVERY":
        return  # which lists the nodes of a run by its manifest: dbt knows none of such a run
    assert run["criticalPath"] is None
    assert {bar["slackSeconds"] for bar in run["timeline"]["bars"]} == {None}
    assert run["whatIf"]["verdict"] == "CANNOT_TELL"
    assert run["whatIf"]["thenSeconds"] is None
    assert "no manifest: what depends on what is not known" in run["timeline"]["basis"]["missing"]


async def test_a_run_without_start_and_end_has_no_margins(gateway: Gateway) -> None:
    timeline = (await analysed(gateway, NO_START))["timeline"]
    assert timeline["wallSeconds"] == 10
    assert timeline["headSeconds"] is None or timeline["headSeconds"] >= 0


async def test_nodes_that_overlap_on_one_thread_get_a_lane_each(gateway: Gateway) -> None:
    run = await analysed(gateway, OVERLAPPING)
    assert run["timeline"]["lanes"] == 2
    assert sum(one["weightedSeconds"] for one in run["weightedSeconds"]) == pytest.approx(25)
    assert run["observedChain"]["overlapSeconds"] == pytest.approx(5)
    assert "1 steps ran more resources at once than they had threads" in run["timeline"]["basis"]["missing"]


async def test_clocks_that_step_back_give_no_negative_times(gateway: Gateway) -> None:
    run = await analysed(gateway, STEPPING)
    assert all(bar["runtime"] >= 0 for bar in run["timeline"]["bars"])
    assert run["observedChain"]["wallSeconds"] == run["timeline"]["wallSeconds"]


async def test_dependencies_in_a_circle_are_cut(gateway: Gateway) -> None:
    run = await analysed(gateway, CIRCLE)
    assert [one["uniqueId"] for one in run["criticalPath"]["results"]] == ["model.shop.a", "model.shop.b"]
    assert "1 dependencies that run in a circle" in run["timeline"]["basis"]["missing"]


async def test_a_single_run_has_nothing_to_be_compared_with(gateway: Gateway) -> None:
    run = await analysed(gateway, SINGLE)
    assert run["compare"] is None
    query = (
        'query($c: WhatIfChange!) { job(id: "2") { whatIf(change: $c) { noiseSeconds basis { runCount missing } } } }'
    )
    found = (await gateway.data(query, c={"threads": 2}))["job"]["whatIf"]
    assert (found["noiseSeconds"], found["basis"]["runCount"]) == (None, 1)
    assert any("fewer than 5 successful runs" in one for one in found["basis"]["missing"])


async def test_of_two_results_of_a_resource_the_last_counts(gateway: Gateway) -> None:
    """The first one is counted as missing where an archive knows of it; in the account's sums both count."""
    run = await analysed(gateway, TWICE)
    bars = {bar["uniqueId"]: (bar["startSeconds"], bar["runtime"]) for bar in run["timeline"]["bars"]}
    assert bars == {"model.shop.b": (0, 20), "model.shop.a": (34, 15)}
    if run["timeline"]["basis"]["source"] == "DISCOVERY":
        return
    assert "1 results that a later step replaced" in run["timeline"]["basis"]["missing"]
    steps = [
        (await gateway.data("query($s: Int!) { run(id: 40) { timeline(step: $s) { bars { uniqueId } } } }", s=step))[
            "run"
        ]
        for step in (1, 2)
    ]
    assert [[bar["uniqueId"] for bar in step["timeline"]["bars"]] for step in steps] == [
        ["model.shop.b"],
        ["model.shop.a"],
    ]
    query = """{ account { weightedSeconds(by: JOB, since: "2026-03-01T00:00:00Z", until: "2026-03-01T00:02:00Z") {
      key weightedSeconds } } }"""
    seconds = {
        group["key"]: group["weightedSeconds"] for group in (await gateway.data(query))["account"]["weightedSeconds"]
    }
    assert seconds["job 4"] == pytest.approx(10 + 20 + 15)


async def test_over_all_of_them_the_account_is_answered(gateway: Gateway) -> None:
    query = """{ account {
      weightedSeconds(by: NODE, since: "2026-03-01T00:00:00Z", until: "2026-03-04T00:00:00Z") { weightedSeconds isIdle }
      wastedBuilds(since: "2026-03-01T00:00:00Z", until: "2026-03-04T00:00:00Z") { models { buildCount } }
      concurrency(since: "2026-03-01T00:00:00Z", until: "2026-03-04T00:00:00Z") { peakRuns jobs { jobId } } } }"""
    account = (await gateway.data(query))["account"]
    assert min(one["weightedSeconds"] for one in account["weightedSeconds"]) > 0
    assert [one["jobId"] for one in account["concurrency"]["jobs"]] == ["1", "2", "4"]


@pytest.mark.nightly
async def test_a_hundred_thousand_nodes(tmp_path: Path) -> None:
    count = 100_000
    chains = [
        did(
            f"m{n}",
            1.0,
            (f"m{n - 50}",) if n >= 50 else (),
            compiled_code="select 1 " * 60,
            **_moved(at(n // 50 * 1.1, 1.0), timedelta(0)),
        )
        for n in range(count)
    ]
    archive = SmallArchive(tmp_path / "account").account({HUGE: {}})
    archive.run(99, HUGE, DAY, Command(chains, ends=timedelta(hours=1), args={"threads": 50}, elapsed=3600.0))
    url = stored(tmp_path / "account", tmp_path)
    async with serving(Settings(store_url=url, history_source="archive", request_seconds=120)) as gateway:
        run = await analysed(gateway, 99)
    assert len(run["timeline"]["bars"]) == 5000
    assert run["criticalPath"]["runtime"] == pytest.approx(count / 50)
    assert run["timeline"]["wallSeconds"] == pytest.approx((count // 50 - 1) * 1.1 + 1.0, abs=0.01)
