"""Histories of many models: read by model or by run, whichever needs fewer requests, and the same either way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from benchmarks.account import Size, write_account
from gateway.hierarchy.objects.job import Run
from gateway.hierarchy.vocabulary.status import RunStatus
from gateway.loading import histories
from gateway.loading.histories import window_of
from gateway.services.admin.admin_facts import RunListing
from gateway.services.models.model_service import ModelService
from gateway.services.runs.model_histories import HistoryKey
from gateway.settings import Settings
from tests.conftest import stored
from tests.oracle.account import Oracle
from tests.serving import Call, Gateway, serving

SLOWEST = "{ account { slowestModels(first: 25, lastRuns: 5) { runtime runCount model { id } } } }"


FILL = "{ account { jobs { nodes { runtimes(lastRuns: 60, byModel: true) { runId } } } } }"


@dataclass(frozen=True)
class Made:
    """A made-up account, reckoned and stored."""

    oracle: Oracle
    settings: Settings


def make(factory: pytest.TempPathFactory, runs: int) -> Made:
    folder = factory.mktemp("account") / "account"
    write_account(folder, Size(environments=1, models=210, runs=runs))
    return Made(Oracle(folder), Settings(store_url=stored(folder, factory.mktemp("store"))))


@pytest.fixture(scope="module")
def young(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """All of its runs fit into one list."""
    return make(tmp_path_factory, runs=12)


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """It has more runs than one list holds."""
    return make(tmp_path_factory, runs=115)


def check(data: Any, oracle: Oracle) -> None:
    ranked = data["account"]["slowestModels"]
    expected = oracle.slowest(oracle.models, 5, 25)
    counts = [(model_id, runs) for model_id, _, runs in expected]
    assert [(one["model"]["id"], one["runCount"]) for one in ranked] == counts
    assert [one["runtime"] for one in ranked] == pytest.approx([mean for _, mean, _ in expected])


@pytest.mark.slow
async def test_runs_are_read_instead_of_histories_where_that_spares_requests(young: Made) -> None:
    async with serving(young.settings) as cold:
        check(await cold.data(SLOWEST), young.oracle)
        operations = cold.upstream.operations

    assert operations["RunModels"] == 1, "three documents of histories are spared"
    assert operations["runs"] == 1
    assert "ModelHistories" not in operations


@pytest.mark.slow
async def test_runs_that_are_known_spare_every_request_but_the_list_of_runs(old: Made) -> None:
    async with serving(old.settings) as gateway:
        await gateway.data(FILL)
        gateway.upstream.calls.clear()
        check(await gateway.data(SLOWEST), old.oracle)
        operations = gateway.upstream.operations

    assert operations.pop("EnvironmentModels", 1) == 1
    assert operations == {"runs": 1, "InvocationArguments": 1}


@pytest.mark.slow
@pytest.mark.parametrize("at_once", [2_000, 100])
async def test_where_runs_would_bring_many_more_rows_models_are_read(
    old: Made, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(histories, "_HISTORIES_AT_ONCE", at_once)
    sizes: list[int] = []
    read = ModelService.histories

    async def counted(self: ModelService, keys: Sequence[HistoryKey], count: int) -> Any:
        sizes.append(len(keys))
        return await read(self, keys, count)

    monkeypatch.setattr(ModelService, "histories", counted)
    async with serving(old.settings) as cold:
        check(await cold.data(SLOWEST), old.oracle)
        operations = cold.upstream.operations

    assert sizes
    assert max(sizes) <= at_once, "what is done with all in one go keeps everybody else waiting"
    assert "RunModels" not in operations
    assert operations["ModelHistories"] == 3, "210 models, a hundred in a document"


@pytest.mark.slow
async def test_few_models_are_read_by_model(young: Made) -> None:
    async with serving(young.settings) as cold:
        asked = await cold.count("{ account { models(first: 50) { nodes { runs(first: 5) { nodes { runtime } } } } } }")

    assert asked["ModelHistories"] == 1
    assert "RunModels" not in asked


NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def run(number: int, job: int, began: timedelta, lasted: timedelta = timedelta(minutes=5)) -> Run:
    start = NOON + began
    fields = dict.fromkeys(("error", "git_sha", "git_branch", "dbt_version", "url"))
    return Run(number, job, 1, RunStatus.SUCCESS, "Success", start, start, start + lasted, **fields)


def _last_ended_first(one: Run) -> float:
    assert one.end_time is not None
    return -one.end_time.timestamp()


def test_a_run_that_began_before_the_window_and_ended_in_it_is_read() -> None:
    hourly = [run(10 * n, 1, timedelta(hours=n)) for n in range(60)]
    long = run(555, 2, timedelta(hours=55, minutes=30), lasted=timedelta(hours=2))
    listing = RunListing(tuple(sorted([*hourly, long], key=_last_ended_first)), complete=False)

    window = window_of(listing, 3)

    assert window is not None
    assert window.since == NOON + timedelta(hours=57)
    assert {one.id for one in window.runs} == {555, 570, 580, 590}


def test_a_list_that_ends_within_the_window_says_nothing_of_it() -> None:
    hourly = tuple(run(200 - n, 1, timedelta(hours=-n)) for n in range(3))

    assert window_of(RunListing(hourly, complete=False), 3) is None
    assert window_of(RunListing(hourly, complete=True), 3) is not None


def test_a_run_of_thirty_hours_moves_the_window_back_to_its_beginning() -> None:
    hourly = [run(500 + n, 1, timedelta(hours=n)) for n in range(20, 60)]
    slow = [run(n, 2, timedelta(hours=55), lasted=timedelta(minutes=n)) for n in (1, 2)]
    long = run(3, 2, timedelta(hours=28), lasted=timedelta(hours=30))
    listing = RunListing(tuple(sorted([*hourly, *slow, long], key=_last_ended_first)), complete=False)

    window = window_of(listing, 3)

    assert window is not None
    assert window.since == NOON + timedelta(hours=28)


@pytest.mark.slow
async def test_an_earlier_result_of_a_run_ends_in_its_invocation_and_the_last_keeps_the_short_id(
    gateway: Gateway, oracle: Oracle
) -> None:
    """dbt Cloud lists a model that two commands of a run executed twice, in no order that it documents."""
    newest = oracle.model("finance.rpt_ar_aging").history[0].run.id

    def twice(call: Call, body: Any) -> Any:
        histories = body["data"]["e0"]["applied"].values() if call.operation == "ModelHistories" else ()
        for rows in histories:
            earlier = {**rows[0], "invocationId": "earlier", "runGeneratedAt": "2020-01-01T00:00:00.000Z"}
            rows[:] = [rows[0], earlier, *rows[1:]]
            rows.reverse()
        return body

    gateway.upstream.rewrite = twice
    query = '{ model(id: "finance.rpt_ar_aging") { lastRun { id } runs(first: %d) { nodes { id } } } }'
    for first in (100, 1):
        model = (await gateway.data(query % first))["model"]
        ids = [run["id"] for run in model["runs"]["nodes"]]
        assert ids[0] == model["lastRun"]["id"] == f"{newest}/model.finance.rpt_ar_aging"
        assert len(set(ids)) == len(ids)
        assert [one for one in ids if one.count("/") > 1] == [f"{ids[0]}/earlier"] * (first > 1)
