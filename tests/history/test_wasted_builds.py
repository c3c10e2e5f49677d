"""Builds that changed nothing, through the application, over an account whose every run is known."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.archive.archive import Archive
from gateway.discovery_api.api import dbtAccount
from gateway.discovery_api.client import Client
from gateway.discovery_api.connection import ConnectionOptions
from gateway.discovery_api.exceptions import InvalidArgumentError
from gateway.ingest.folders import ingest_folder
from gateway.settings import Settings
from tests.archive.postgres import Server
from tests.conftest import stored
from tests.figures.small_archive import DAY
from tests.history.statements import noted_statements
from tests.history.wasting_runs import write_wasting_runs
from tests.serving import Gateway, serving

WASTED = """query($since: DateTime, $until: DateTime, $first: Int! = 10) {
  account { wastedBuilds(since: $since, until: $until, first: $first) {
    buildsPerDay weightedSecondsPerDay costPerDay { amount currency } reuse { resultCount savedSeconds }
    models { uniqueId certainty buildCount weightedSeconds model { id } } basis { source runCount missing } } } }"""
WINDOW = {"since": "2026-03-01T00:00:00Z", "until": "2026-03-11T00:00:00Z"}

# By hand: run 11 built five models over what stood still, run 14 what run 13 was building, and run 13 what nothing
# changed since run 11.
EXPECTED = {
    ("dates", "CERTAIN"): (2, 60.0),
    ("dates", "CONCURRENT"): (1, 30.0),
    ("stg_orders", "CERTAIN"): (1, 10.0),
    ("orders", "CERTAIN"): (1, 20.0),
    ("stg_events", "LIKELY"): (1, 10.0),
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("wasting")
    write_wasting_runs(folder / "account")
    return stored(folder / "account", folder)


@pytest.fixture(scope="module", params=["archive", "discovery"])
async def gateway(store: str, request: pytest.FixtureRequest) -> AsyncIterator[tuple[Gateway, str]]:
    settings = Settings(store_url=store, history_source=request.param, cost_per_hour=36.0, cost_currency="EUR")
    async with serving(settings) as opened:
        yield opened, request.param.upper()


def _told(found: Any) -> dict[tuple[str, str], tuple[int, float]]:
    return {
        (one["uniqueId"].rpartition(".")[2], one["certainty"]): (one["buildCount"], round(one["weightedSeconds"], 3))
        for one in found["models"]
    }


@pytest.mark.slow
@pytest.mark.external
async def test_postgresql_reports_the_same(postgres: Server, tmp_path: Path) -> None:
    write_wasting_runs(tmp_path / "account")
    database = postgres.new_database()
    archive = Archive.open(database)
    ingest_folder(archive, tmp_path / "account")
    archive.close()
    async with serving(Settings(store_url=database, history_source="archive")) as gateway:
        assert _told((await gateway.data(WASTED, **WINDOW))["account"]["wastedBuilds"]) == EXPECTED


@pytest.mark.slow
async def test_builds_that_changed_nothing_are_listed_by_model_and_certainty(gateway: tuple[Gateway, str]) -> None:
    found = (await gateway[0].data(WASTED, **WINDOW))["account"]["wastedBuilds"]
    assert found["basis"]["source"] == gateway[1]
    assert found["reuse"] == {"resultCount": 2, "savedSeconds": pytest.approx(30.0 + 20.0)}
    if gateway[1] == "DISCOVERY":
        assert "checksums of code" in found["basis"]["missing"][0]
        assert found["models"] == []
        assert found["buildsPerDay"] is found["weightedSecondsPerDay"] is found["costPerDay"] is None
        return
    assert _told(found) == EXPECTED
    assert [one["weightedSeconds"] for one in found["models"]] == sorted(
        (one["weightedSeconds"] for one in found["models"]), reverse=True
    )
    assert {one["model"]["id"] for one in found["models"]} == {f"shop.{name}" for name, _ in EXPECTED}
    assert found["buildsPerDay"] == pytest.approx(0.6)
    assert found["weightedSecondsPerDay"] == pytest.approx(13.0)
    assert found["costPerDay"] == {"amount": pytest.approx(0.13), "currency": "EUR"}
    assert found["basis"]["runCount"] == 8
    assert found["basis"]["missing"] == []


async def test_what_lies_before_the_window_shows_what_is_wasted_in_it(gateway: tuple[Gateway, str]) -> None:
    if gateway[1] == "DISCOVERY":
        return
    later = {"since": "2026-03-02T00:00:00Z", "until": "2026-03-03T12:00:00Z"}
    found = (await gateway[0].data(WASTED, **later, first=2))["account"]["wastedBuilds"]
    assert [one["uniqueId"] for one in found["models"]] == ["model.shop.dates", "model.shop.orders"]
    assert found["buildsPerDay"] == pytest.approx(4 / 1.5), "of all models, not of the two"


@pytest.mark.parametrize(
    ("window", "words"),
    [
        ({"since": "2026-03-02T00:00:00Z", "until": "2026-03-02T00:00:00Z"}, "nothing can match both"),
        ({"since": "2999-01-01T00:00:00Z"}, "in the future"),
        ({"since": "2026-03-02T00:00:00Z", "first": 0}, "first must be from 1 to 1000"),
    ],
)
async def test_a_window_without_a_moment_is_refused(
    gateway: tuple[Gateway, str], window: dict[str, object], words: str
) -> None:
    reply = await gateway[0].ask(WASTED, **window)
    assert reply.codes == {"account.wastedBuilds": "BAD_USER_INPUT"}
    assert words in reply.errors[0]["message"]


@pytest.mark.slow
async def test_all_projects_are_read_together_and_once(store: str) -> None:
    """Commands, results, checks, runs and the nodes of manifests: a statement each."""
    async with serving(Settings(store_url=store, history_source="archive")) as gateway:
        with noted_statements() as noted:
            await gateway.data(WASTED, **WINDOW)
        assert len(noted) == 5, noted
        with noted_statements() as noted:
            await gateway.data(WASTED, **WINDOW)
        assert noted == []


@pytest.mark.slow
async def test_of_too_many_results_the_newest_are_read(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.history.execution_reading.MOST_MODEL_RESULTS", 12)
    async with serving(Settings(store_url=store, history_source="archive")) as gateway:
        found = (await gateway.data(WASTED, **WINDOW))["account"]["wastedBuilds"]
    cut, reused = found["basis"]["missing"]
    assert cut.startswith("commands that ended before 2026-03-02T23:59:00")
    assert reused == "the builds before 1 of the 2 reused results"


def test_the_library_reports_the_same(store: str) -> None:
    settings = Settings(store_url=store, history_source="archive", cost_per_hour=36.0)
    with dbtAccount(client=Client(ConnectionOptions(settings, 300.0))) as opened:
        found = opened.get_wasted_builds(DAY, DAY.replace(day=11, tzinfo=None))
        told = {(one.unique_id.rpartition(".")[2], one.certainty.upper()): one.build_count for one in found.models}
        assert told == {name: count for name, (count, _) in EXPECTED.items()}
        assert found.cost_per_day is not None
        assert found.cost_per_day.amount == pytest.approx(0.13)
        assert (found.reused_count, found.missing) == (2, [])
        with pytest.raises(InvalidArgumentError, match="nothing can match both"):
            opened.get_wasted_builds(DAY, DAY)
