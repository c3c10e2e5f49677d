"""Rankings and counts from the archive: the statements they take, what they read of dbt beside, what makes them new."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import event

from benchmarks.account import Size, write_account
from gateway.archive.archive import Archive
from gateway.archive.reading.model_results import last_results
from gateway.ingest.folders import ingest_folder
from gateway.settings import Settings
from tests.conftest import copied, stored
from tests.history.statements import noted_statements
from tests.identity.callers import Holder, known_to, reduced
from tests.oracle.account import Oracle
from tests.serving import Gateway, serving

RANKING = "query($n: Int!) { account { slowestModels(first: 3, lastRuns: $n) { runtime runCount model { id } } } }"
COUNTS = "{ account { projects { nodes { id modelCount jobCount } } } }"


@pytest.fixture
async def gateway(settings: Settings) -> AsyncIterator[Gateway]:
    async with serving(settings.model_copy(update={"history_source": "archive"})) as opened:
        yield opened


def ranking_of(oracle: Oracle, last_runs: int) -> list[dict[str, object]]:
    return [
        {"runtime": runtime, "runCount": runs, "model": {"id": model_id}}
        for model_id, runtime, runs in oracle.slowest(oracle.models, last_runs, 3)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("last_runs", [3, 20])
async def test_one_statement_reports_the_runs_of_all_models_of_the_account(
    gateway: Gateway, oracle: Oracle, last_runs: int
) -> None:
    with noted_statements() as noted:
        reply = await gateway.ask(RANKING, n=last_runs)
    assert reply.data["account"]["slowestModels"] == ranking_of(oracle, last_runs)
    sums = [one for one in noted if "recent_results" in one]
    assert len(sums) == 1, "one statement tells of every run of the account"
    assert len(noted) <= 8, "the others read the foremost models' runs, an environment at a time"
    assert gateway.upstream.operations.keys().isdisjoint({"ModelHistories", "RunModels", "InvocationArguments"})


def test_the_newest_results_of_a_model_are_gone_through_once(tmp_path: Path) -> None:
    """SQLite finds them, and each by its key then. By the resource too it went through them again for every one."""
    archive = Archive.open(f"sqlite:///{tmp_path / 'runs.db'}")
    noted: list[tuple[str, tuple[object, ...]]] = []
    with archive.reading() as connection:
        event.listen(connection, "before_cursor_execute", lambda *said: noted.append((said[2], said[3])))
        assert list(last_results(connection, 1, ["model.a.b"], 100)) == []
        statement, values = noted[0]
        plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)]
    archive.close()
    assert "SEARCH results USING INTEGER PRIMARY KEY (rowid=?)" in plan
    assert "SEARCH newest USING INDEX results_by_time (resource_id=?)" in plan


@pytest.mark.slow
async def test_of_all_models_the_foremost_alone_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "account"
    write_account(folder, Size(environments=2, models=20, runs=6))
    oracle = Oracle(folder)
    async with serving(Settings(store_url=stored(folder, tmp_path), history_source="archive")) as gateway:
        reply = await gateway.ask(RANKING, n=3)
    assert reply.data["account"]["slowestModels"] == ranking_of(oracle, 3)
    (asked,) = [call.variables for call in gateway.upstream.calls if call.operation == "EnvironmentModels"]
    foremost = {oracle.model(model_id).unique_id for model_id, _, _ in oracle.slowest(oracle.models, 3, 3)}
    filters = [value for name, value in asked.items() if name.startswith("filter")]
    assert {unique_id for one in filters for unique_id in one["uniqueIds"]} == foremost


@pytest.mark.slow
async def test_the_same_ranking_again_asks_for_nothing(gateway: Gateway) -> None:
    first = await gateway.ask(RANKING, n=5)
    gateway.upstream.calls.clear()
    with noted_statements() as noted:
        again = await gateway.ask(RANKING, n=5)
    assert again.data == first.data
    assert noted == gateway.upstream.calls == []


@pytest.mark.slow
async def test_models_are_counted_by_one_statement_and_none_is_read(gateway: Gateway, oracle: Oracle) -> None:
    with noted_statements() as noted:
        reply = await gateway.ask(COUNTS)
    counts = {one["id"]: one["modelCount"] for one in reply.data["account"]["projects"]["nodes"]}
    assert counts == {project.id: len(project.models) for project in oracle.production}
    assert len(noted) == 1
    assert "EnvironmentModels" not in gateway.upstream.operations
    assert reply.gateway["historySources"] == ["ARCHIVE"]


@pytest.mark.slow
async def test_a_run_that_arrives_shows_when_its_environment_is_checked_again(
    demo_folder: Path, oracle: Oracle, tmp_path: Path
) -> None:
    job = max(oracle.production_jobs, key=lambda job: job.runs[0].created)
    folder = reduced(demo_folder, tmp_path / "runs", [job.environment_id])
    (arriving,) = folder.glob(f"*/*/{job.runs[0].id}")
    elsewhere = arriving.rename(tmp_path / "arriving")
    store, earlier = stored(folder, tmp_path), Oracle(folder)
    impatient = Settings(
        store_url=store, revision_interval=1e-9, topology_seconds=1e-9, stale_seconds=0, history_source="archive"
    )
    async with serving(impatient) as gateway:
        before = await gateway.ask(RANKING, n=20)
        assert before.data["account"]["slowestModels"] == ranking_of(earlier, 20)
        archive = Archive.open(store)
        elsewhere.rename(arriving)
        ingest_folder(archive, folder)
        archive.close()
        with noted_statements() as noted:
            after = await gateway.ask(RANKING, n=20)
    assert after.data["account"]["slowestModels"] == ranking_of(Oracle(folder), 20)
    assert after.data != before.data
    assert any("recent_results" in one for one in noted)


@pytest.mark.slow
async def test_a_caller_of_one_project_ranks_its_models_alone(settings: Settings, oracle: Oracle) -> None:
    """Facts are shared by all callers: what somebody else had added up before must not show."""
    everything, finance = Holder("everything"), Holder("finance", ("finance",))
    archive = settings.model_copy(update={"history_source": "archive"})
    async with serving(known_to(archive, everything, finance)) as gateway:
        whole = await everything.ask(gateway, RANKING, n=5)
        part = await finance.ask(gateway, RANKING, n=5)
        counted = await finance.ask(gateway, COUNTS)
    assert whole.data["account"]["slowestModels"] == ranking_of(oracle, 5)
    assert part.data["account"]["slowestModels"] == [
        {"runtime": runtime, "runCount": runs, "model": {"id": model_id}}
        for model_id, runtime, runs in oracle.slowest(oracle.project("finance").models, 5, 3)
    ]
    assert [one["id"] for one in counted.data["account"]["projects"]["nodes"]] == ["finance"]


@pytest.mark.slow
async def test_an_archive_that_cannot_be_read_is_named(demo_store: str, tmp_path: Path) -> None:
    store = copied(demo_store, tmp_path)
    async with serving(Settings(store_url=store, history_source="archive")) as gateway:
        await gateway.ask("{ account { name projects { nodes { id } } } }")
        archive = Archive.open(store)
        with archive.writing() as connection:
            connection.exec_driver_sql("ALTER TABLE recent_results RENAME TO mislaid")
        archive.close()
        reply = await gateway.ask(RANKING, n=5)
    assert reply.data == {"account": {"slowestModels": None}}
    assert reply.codes == {"account.slowestModels": "UPSTREAM_UNAVAILABLE"}
    assert "no such table" in reply.errors[0]["message"]
    assert "archive" in reply.errors[0]["message"]
