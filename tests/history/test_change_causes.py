"""The cause of a lasting change: each that was planted is found, and none is claimed where nothing speaks for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.archive.archive import Archive
from gateway.discovery_api.api import dbtAccount
from gateway.discovery_api.client import Client
from gateway.discovery_api.connection import ConnectionOptions
from gateway.ingest.folders import ingest_folder
from gateway.settings import Settings
from tests.archive.postgres import Server
from tests.conftest import stored
from tests.history.changing_runs import STEP, DailyRun
from tests.history.planted_causes import FEW_STEP, HEAVY, MIXED, PLANTED, STEPS, TOGETHER, run_id, write_planted
from tests.history.statements import noted_statements
from tests.serving import Gateway, serving

pytestmark = pytest.mark.slow

CHANGES = """query($id: ID!, $job: ID!) { model(id: $id) { changePoints(jobId: $job) {
  cause evidence firstRun { id } } } }"""


@pytest.fixture(scope="module")
def planted_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("planted") / "account"
    write_planted(folder)
    return folder


@pytest.fixture(scope="module")
def planted(planted_folder: Path) -> str:
    return stored(planted_folder, planted_folder.parent)


@pytest.fixture(scope="module")
async def over_archive(planted: str) -> AsyncIterator[Gateway]:
    async with serving(Settings(store_url=planted, history_source="archive")) as gateway:
        yield gateway


@pytest.mark.parametrize("name", PLANTED)
async def test_a_planted_cause_is_found(over_archive: Gateway, name: str) -> None:
    one = PLANTED[name]
    first = run_id(one.job, STEPS[name] if one.job == MIXED else FEW_STEP)
    answer = await over_archive.data(CHANGES, id=f"shop.{name}", job=str(one.job))
    (change,) = answer["model"]["changePoints"]
    assert abs(int(change["firstRun"]["id"]) - first) <= 3
    assert change["cause"] == one.cause, change
    if one.evidence is None:
        assert change["evidence"] == []
    else:
        assert change["evidence"][0].startswith(one.evidence.format(run=first)), change


async def test_a_job_changes_by_what_most_of_its_models_share(over_archive: Gateway) -> None:
    """Its wall clock is the same in every run of the mixed job; none is claimed to change."""
    query = "query($id: ID!) { job(id: $id) { changePoints { cause evidence } } }"
    assert (await over_archive.data(query, id=str(MIXED)))["job"]["changePoints"] == []


async def test_a_job_changes_by_what_its_models_changed_by(over_archive: Gateway) -> None:
    """Nothing differs for the job as a whole; its model, which has new code, comes to all of its change."""
    query = "query($id: ID!) { job(id: $id) { changePoints { cause evidence beforeSeconds afterSeconds } } }"
    (change,) = (await over_archive.data(query, id=str(HEAVY)))["job"]["changePoints"]
    assert change["cause"] == "CODE"
    assert change["evidence"][0].startswith("model.shop.heavy: ")
    assert change["afterSeconds"] > 1.8 * change["beforeSeconds"]


async def test_causes_of_a_list_are_read_together(planted: str) -> None:
    """Two statements for each model's results; few for all their commands and nodes, and some for each pair of
    manifests that differ: here those of every run do; three more for a job. Once read they are kept."""
    query = """{ account { regressions(since: "2026-01-01T00:00:00Z", certainty: SUSPECTED, first: 20) {
      totalCount nodes { cause evidence } } } }"""
    async with serving(Settings(store_url=planted, history_source="archive")) as gateway:
        with noted_statements() as noted:
            answer = await gateway.ask(query)
        nodes = answer.data["account"]["regressions"]["nodes"]
        assert len(nodes) == len(PLANTED) + 5, "four models more that changed together, and a job"
        around = [text for text in noted if "results.compiled_id" in text]
        assert len(around) == 2 * (len(nodes) - 1)
        manifests = [text for text in noted if "manifest_nodes" in text or "FROM manifests" in text]
        assert len(noted) - len(around) - len(manifests) <= 15, noted
        with noted_statements() as noted:
            assert (await gateway.ask(query)).data == answer.data
        assert not noted


@pytest.mark.slow
async def test_a_commit_alone_is_no_cause_and_dbts_api_says_what_it_lacks(
    gateway: tuple[Gateway, str], account: tuple[str, list[DailyRun]]
) -> None:
    runs = account[1]
    (change,) = (await gateway[0].data('{ model(id: "shop.orders") { changePoints { cause evidence } } }'))["model"][
        "changePoints"
    ]
    assert change["cause"] == "UNKNOWN"
    assert change["evidence"][0] == f"The commit differs: {runs[STEP - 1].sha} before, {runs[STEP].sha} since."
    assert ["an archive" in text for text in change["evidence"][1:]] == [True] * (gateway[1] == "DISCOVERY")


@pytest.mark.external
async def test_postgresql_reports_the_same(postgres: Server, planted_folder: Path) -> None:
    database = postgres.new_database()
    archive = Archive.open(database)
    ingest_folder(archive, planted_folder)
    archive.close()
    query = """{ account { regressions(since: "2026-01-01T00:00:00Z", certainty: SUSPECTED, first: 20) {
      nodes { cause model { id } } } } }"""
    async with serving(Settings(store_url=database, history_source="archive")) as gateway:
        nodes = (await gateway.data(query))["account"]["regressions"]["nodes"]
    found = {one["model"]["id"].removeprefix("shop."): one["cause"] for one in nodes if one["model"]}
    assert {name: found[name] for name in PLANTED} == {name: one.cause for name, one in PLANTED.items()}


async def test_threads_are_known_from_dbts_api_too(planted: str) -> None:
    async with serving(Settings(store_url=planted, history_source="discovery")) as gateway:
        answer = await gateway.data(CHANGES, id="shop.fewer_threads", job=str(PLANTED["fewer_threads"].job))
        (change,) = answer["model"]["changePoints"]
        assert change["cause"] == "ENGINE"
        assert change["evidence"][0].startswith("The number of threads differs: 8 before, 2 since")


async def test_rows_stand_beside_the_runtimes(over_archive: Gateway) -> None:
    query = '{ model(id: "shop.more_rows") { runtimeSeries { points { rowsAffected } } } }'
    points = (await over_archive.data(query))["model"]["runtimeSeries"]["points"]
    rows = [point["rowsAffected"] for point in points]
    assert all(900 <= one <= 1100 for one in rows[: STEPS["more_rows"]])
    assert all(1800 <= one <= 2200 for one in rows[STEPS["more_rows"] :])


def test_the_library_reports_the_same(planted: str) -> None:
    settings = Settings(store_url=planted, history_source="archive")
    with dbtAccount(client=Client(ConnectionOptions(settings, 300.0))) as opened:
        (change,) = opened.model("shop.own_code").get_change_points(MIXED)
        assert change.cause == "code"
        assert change.evidence == [f"The model's own code differs, from run {run_id(MIXED, STEPS['own_code'])} on."]
        assert opened.model("shop.own_code").get_runtime_series(MIXED).change_points == [change]
        (together, *_) = opened.model("shop.together_1").get_change_points(TOGETHER)
        assert together.cause == "engine"
        assert opened.model("shop.more_rows").get_runtime_series(MIXED).points[0].rows_affected
