"""Runtimes over time and their lasting changes, over the archive and over Discovery."""

from __future__ import annotations

import pytest

from gateway.discovery_api.api import dbtAccount
from gateway.discovery_api.client import Client
from gateway.discovery_api.connection import ConnectionOptions
from gateway.discovery_api.exceptions import InvalidArgumentError
from gateway.settings import Settings
from tests.archive.written_runs import CHANGES, DAILY
from tests.history.changing_runs import FAILED, RUNS, STEP, DailyRun, medians
from tests.history.statements import noted_statements
from tests.serving import Gateway, serving

SERIES = """query($job: ID, $n: Int! = 100) { model(id: "shop.orders") { runtimeSeries(jobId: $job, lastRuns: $n) {
  points { runId runtime status leftOut gitSha }
  segments { firstPoint lastPoint runtimes { count p50 } }
  changePoints { id certainty beforeSeconds afterSeconds secondsPerDay lastGoodSha firstBadSha
    firstRun { id gitSha } firstRunRange { id } model { id } job { id } }
  trend { percentPer30Days } isElevated job { id } basis { source runCount missing } } } }"""

CHANGES_OF_BOTH = """{ model(id: "shop.orders") { changePoints { id since } }
  steady: model(id: "shop.customers") { changePoints { id } runtimeSeries { trend { pValue } isElevated } } }"""


@pytest.mark.slow
async def test_a_model_that_got_slower_shows_when_by_how_much_and_at_which_commit(
    gateway: tuple[Gateway, str], account: tuple[str, list[DailyRun]]
) -> None:
    runs = account[1]
    series = (await gateway[0].data(SERIES))["model"]["runtimeSeries"]
    assert [point["runId"] for point in series["points"]] == [str(run.id) for run in runs]
    assert [point["runtime"] for point in series["points"]] == [run.slowed for run in runs]
    assert [point["gitSha"] for point in series["points"]] == [run.sha for run in runs]
    assert [n for n, point in enumerate(series["points"]) if point["leftOut"] == "FAILED"] == [FAILED]
    before, after = medians(runs)
    (change,) = series["changePoints"]
    possible = [one.pop("id") for one in change["firstRunRange"]]
    assert change == {
        "id": f"shop.orders/{DAILY}/{runs[STEP].id}",
        "certainty": "CONFIRMED",
        "beforeSeconds": pytest.approx(before),
        "afterSeconds": pytest.approx(after),
        "secondsPerDay": pytest.approx((after - before) * (RUNS - 2) / (RUNS - 1)),
        "lastGoodSha": runs[STEP - 1].sha,
        "firstBadSha": runs[STEP].sha,
        "firstRun": {"id": str(runs[STEP].id), "gitSha": runs[STEP].sha},
        "firstRunRange": [{}] * len(possible),
        "model": {"id": "shop.orders"},
        "job": {"id": str(DAILY)},
    }
    assert {str(runs[STEP - 1].id), str(runs[STEP + 1].id)} >= set(possible) - {str(runs[STEP].id)}
    assert series["segments"] == [
        {"firstPoint": 0, "lastPoint": STEP - 1, "runtimes": {"count": STEP - 1, "p50": pytest.approx(before)}},
        {"firstPoint": STEP, "lastPoint": RUNS - 1, "runtimes": {"count": RUNS - STEP, "p50": pytest.approx(after)}},
    ]
    assert series["job"] == {"id": str(DAILY)}, "CI builds it too, and does not count"
    assert series["basis"] == {"source": gateway[1], "runCount": RUNS, "missing": []}


@pytest.mark.slow
async def test_the_changes_are_those_of_the_series_and_a_steady_model_has_none(
    gateway: tuple[Gateway, str], account: tuple[str, list[DailyRun]]
) -> None:
    answer = await gateway[0].data(CHANGES_OF_BOTH)
    ids = [one["id"] for one in answer["model"]["changePoints"]]
    assert ids == [f"shop.orders/{DAILY}/{account[1][STEP].id}"]
    assert answer["steady"] == {"changePoints": [], "runtimeSeries": {"trend": None, "isElevated": False}}


@pytest.mark.slow
async def test_a_series_of_another_job_is_its_own(gateway: tuple[Gateway, str]) -> None:
    series = (await gateway[0].data(SERIES, job=str(CHANGES), n=10))["model"]["runtimeSeries"]
    assert series["job"] == {"id": str(CHANGES)}
    assert len(series["points"]) == 10
    assert {point["leftOut"] for point in series["points"]} == {None}, "a CI job counts in its own series"
    assert series["changePoints"] == []


async def test_the_wall_clock_of_a_job_has_a_series_too(gateway: tuple[Gateway, str]) -> None:
    query = """query($id: ID!) { job(id: $id) { changePoints { id } runtimeSeries(lastRuns: 20) {
      points { runtime status leftOut } segments { firstPoint lastPoint runtimes { mean count } }
      basis { runCount } } } }"""
    job = (await gateway[0].data(query, id=str(DAILY)))["job"]
    # From nine minutes before its only command ended to its end.
    assert job["runtimeSeries"] == {
        "points": [{"runtime": 540, "status": "SUCCESS", "leftOut": None}] * 20,
        "segments": [{"firstPoint": 0, "lastPoint": 19, "runtimes": {"mean": 540, "count": 20}}],
        "basis": {"runCount": 20},
    }
    assert job["changePoints"] == []


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ({"n": 9}, "BAD_USER_INPUT", "lastRuns must be from 10 to 1000"),
        ({"job": "nine"}, "BAD_USER_INPUT", "dbt's number"),
        ({"job": "4711"}, "NOT_FOUND", "4711"),
    ],
)
async def test_what_is_no_series_is_refused(
    gateway: tuple[Gateway, str], arguments: dict[str, object], code: str, words: str
) -> None:
    reply = await gateway[0].ask(SERIES, **arguments)
    assert reply.codes == {"model.runtimeSeries": code}
    assert words in reply.errors[0]["message"]


@pytest.mark.slow
async def test_series_of_many_models_are_read_together(account: tuple[str, list[DailyRun]]) -> None:
    """One statement for the list of models, three for the runs of all models and since when there are some, one for
    their commands, two for what is known of their changes; in Discovery a document of each kind."""
    query = "{ account { models { nodes { id runtimeSeries { isElevated } changePoints { id } } } } }"
    async with serving(Settings(store_url=account[0], history_source="archive")) as gateway:
        with noted_statements() as noted:
            reply = await gateway.ask(query)
        assert [len(one["changePoints"]) for one in reply.data["account"]["models"]["nodes"]] == [0, 0, 1]
        assert len(noted) == 7, noted
    async with serving(Settings(store_url=account[0], history_source="discovery")) as gateway:
        asked = await gateway.count(query)
    assert {name: asked[name] for name in ("ModelHistories", "InvocationArguments")} == {
        "ModelHistories": 1,
        "InvocationArguments": 1,
    }


@pytest.mark.slow
def test_the_library_reports_the_same(account: tuple[str, list[DailyRun]]) -> None:
    runs = account[1]
    settings = Settings(store_url=account[0], history_source="archive")
    with dbtAccount(client=Client(ConnectionOptions(settings, 300.0))) as opened:
        model = opened.model("shop.orders")
        series = model.get_runtime_series()
        assert [point.runtime for point in series.points] == [run.slowed for run in runs]
        assert series.points[FAILED].left_out == "failed"
        (change,) = series.change_points
        assert (change.certainty, change.first_run_id) == ("confirmed", str(runs[STEP].id))
        assert (series.segments[1].p50, series.source, series.missing) == (change.after_seconds, "archive", [])
        assert model.get_change_points(DAILY, "confirmed") == [change]
        assert model.get_change_points(CHANGES) == []
        with pytest.raises(InvalidArgumentError, match="suspected or confirmed"):
            model.get_change_points(certainty="sure")
        job = opened.job(DAILY)
        assert [point.runtime for point in job.get_runtime_series(10).points] == [540] * 10
        assert job.get_change_points() == []
