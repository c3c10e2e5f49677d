"""Histories of many models: read by model or by run, whichever needs fewer requests, and the same either way."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from benchmarks.account import Size, write_account
from gateway.hierarchy.job import Run
from gateway.hierarchy.status import RunStatus
from gateway.loading.histories import window_of
from gateway.services.admin_facts import RunListing
from gateway.settings import Settings
from tests.conftest import stored
from tests.oracle.account import Oracle
from tests.serving import Gateway, serving

SLOWEST = "{ account { slowestModels(first: 25, lastRuns: 5) { runtime runs model { id } } } }"


@pytest.fixture(scope="module", params=[24, 115], ids=["all runs listed", "more runs than a list holds"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("account") / "account"
    write_account(where, Size(environments=1, models=340, runs=request.param))
    return where


@pytest.fixture(scope="module")
def store(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    return stored(folder, tmp_path_factory.mktemp("store"))


@pytest.fixture
async def cold(store: str) -> AsyncIterator[Gateway]:
    async with serving(Settings(store_url=store)) as opened:
        yield opened


async def test_the_ranking_is_the_one_the_artifacts_tell(cold: Gateway, folder: Path) -> None:
    oracle = Oracle(folder)

    data = await cold.data(SLOWEST)

    found = [(one["model"]["id"], one["runs"]) for one in data["account"]["slowestModels"]]
    means = [one["runtime"] for one in data["account"]["slowestModels"]]
    expected = oracle.slowest(oracle.models, 5, 25)
    assert found == [(model_id, runs) for model_id, _, runs in expected]
    assert means == pytest.approx([mean for _, mean, _ in expected])


async def test_runs_are_read_instead_of_histories_where_that_spares_requests(cold: Gateway, folder: Path) -> None:
    asked = await cold.count(SLOWEST)

    by_model = 4
    assert asked.get("RunModels", 0) >= 1
    assert asked["runs"] == 1
    assert asked["RunModels"] + asked["runs"] + asked.get("ModelHistories", 0) <= by_model + 1


async def test_few_models_are_read_by_model(cold: Gateway) -> None:
    asked = await cold.count("{ account { models(first: 50) { nodes { runs(first: 5) { nodes { runtime } } } } } }")

    assert asked["ModelHistories"] == 1
    assert "RunModels" not in asked


NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def run(number: int, job: int, began: timedelta, lasted: timedelta = timedelta(minutes=5)) -> Run:
    start = NOON + began
    fields = dict.fromkeys(("error", "git_sha", "git_branch", "dbt_version", "url"))
    return Run(number, job, 1, RunStatus.SUCCESS, "Success", start, start, start + lasted, **fields)


def test_a_run_that_began_before_the_window_and_ended_in_it_is_read() -> None:
    hourly = [run(10 * n, 1, timedelta(hours=n)) for n in range(60)]
    long = run(555, 2, timedelta(hours=55, minutes=30), lasted=timedelta(hours=2))
    listing = RunListing(tuple(sorted([*hourly, long], key=lambda one: -one.id)), complete=False)

    window = window_of(listing, 3)

    assert window is not None
    assert window.since == NOON + timedelta(hours=57)
    assert {one.id for one in window.runs} == {555, 570, 580, 590}


def test_without_a_day_of_runs_before_the_window_nothing_can_be_told() -> None:
    hourly = tuple(run(200 - n, 1, timedelta(hours=-n)) for n in range(20))

    assert window_of(RunListing(hourly, complete=False), 3) is None
    assert window_of(RunListing(hourly, complete=True), 3) is not None
