"""Finished runs outlive the process, and what dbt still reports of them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from gateway.archive.api_facts import ApiFacts
from gateway.archive.archive import Archive
from gateway.caching.history_store import StoredModelRun
from gateway.settings import Settings
from tests.archive.postgres import Server
from tests.conftest import copied
from tests.oracle.account import Model, Oracle
from tests.serving import Call, serving

RUNS = "query ($id: ID!) { model(id: $id) { runs(first: 20) { nodes { runtime status run { id } } } } }"
RUN = "query ($id: ID!) { run(id: $id) { status modelRuns { nodes { name status runtime } } } }"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.external)])
def history(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a new database, on each engine in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'history.db'}"
    server: Server = request.getfixturevalue("postgres")
    return server.new_database()


def change(database: str, *statements: str, **given: bytes) -> None:
    """Somebody else's doing."""
    engine = create_engine(database)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement), given)
    engine.dispose()


def opened_facts(database: str, account: str) -> ApiFacts:
    """The facts of an account in an archive, which is made where there is none."""
    archive = Archive.open(database)
    archive.close()
    return ApiFacts(archive.url, account)


def most_run(oracle: Oracle) -> Model:
    return max(oracle.models, key=lambda model: len(model.history))


def forget_all_but_newest(call: Call, answer: Any) -> Any:
    """dbt has forgotten all but the newest run of each model."""
    if call.operation == "ModelHistories":
        for environment in answer["data"].values():
            for runs in environment["applied"].values():
                del runs[1:]
    return answer


@pytest.mark.slow
async def test_a_finished_run_is_not_read_again_after_a_restart(demo_store: str, history: str, oracle: Oracle) -> None:
    settings = Settings(store_url=demo_store, archive_url=history)
    run_id = str(oracle.production_jobs[0].runs[0].id)
    async with serving(settings) as before:
        first = await before.data(RUN, id=run_id)
    async with serving(settings) as after:
        assert await after.count(RUN, id=run_id) in ({}, {"projects": 1, "environments": 1})
        assert await after.data(RUN, id=run_id) == first


@pytest.mark.slow
async def test_a_history_outlives_what_dbt_reports(demo_store: str, history: str, oracle: Oracle) -> None:
    settings = Settings(store_url=demo_store, archive_url=history)
    model = most_run(oracle)
    assert len(model.history) > 5
    async with serving(settings) as before:
        whole = await before.data(RUNS, id=model.id)
    expected = [str(attempt.run.id) for attempt in model.history[:20]]
    assert [run["run"]["id"] for run in whole["model"]["runs"]["nodes"]] == expected
    async with serving(settings) as after:
        after.upstream.rewrite = forget_all_but_newest
        assert await after.data(RUNS, id=model.id) == whole
    async with serving(Settings(store_url=demo_store)) as without:
        without.upstream.rewrite = forget_all_but_newest
        assert len((await without.data(RUNS, id=model.id))["model"]["runs"]["nodes"]) == 1


@pytest.mark.slow
async def test_other_accounts_in_one_database_do_not_meet(
    demo_store: str, tmp_path: Path, history: str, oracle: Oracle
) -> None:
    model = most_run(oracle)
    async with serving(Settings(store_url=demo_store, archive_url=history)) as first:
        await first.data(RUNS, id=model.id)
    async with serving(Settings(store_url=copied(demo_store, tmp_path), archive_url=history)) as second:
        second.upstream.rewrite = forget_all_but_newest
        assert len((await second.data(RUNS, id=model.id))["model"]["runs"]["nodes"]) == 1


@pytest.mark.slow
async def test_several_processes_open_it_and_keep_the_same_at_once(history: str) -> None:
    """As workers do when they start together; each has connections of its own."""
    opened = await asyncio.gather(*(asyncio.to_thread(opened_facts, history, "account") for _ in range(5)))
    facts = {f"{number:03d}": b"%d" % number for number in range(300)}
    backwards = dict(reversed(facts.items()))
    runs = {(1, f"model.{n}", n % 7): StoredModelRun(n, b"%d" % n) for n in range(300)}
    await asyncio.gather(
        *(one.write("run", facts if n % 2 else backwards) for n, one in enumerate(opened)),
        *(one.write_model_runs(runs if n % 2 else dict(reversed(runs.items()))) for n, one in enumerate(opened)),
    )
    for one in opened:
        assert await one.read("run", list(facts)) == facts
        found = await one.model_runs(1, [f"model.{n}" for n in range(300)], 10)
        assert found == {f"model.{n}": [b"%d" % n] for n in range(300)}
        assert await one.read("another kind", list(facts)) == {}
        await one.close()
    other = opened_facts(history, "another account")
    assert await other.read("run", list(facts)) == {}
    await other.close()


@pytest.mark.slow
async def test_a_database_that_breaks_costs_its_facts_and_nothing_else(
    demo_store: str, history: str, oracle: Oracle
) -> None:
    settings = Settings(store_url=demo_store, archive_url=history)
    model = most_run(oracle)
    async with serving(settings) as before:
        whole = await before.data(RUNS, id=model.id)
    change(history, "UPDATE kept_facts SET payload = :b", "UPDATE kept_model_runs SET payload = :b", b=b"\xc1")
    async with serving(settings) as after:
        assert await after.data(RUNS, id=model.id) == whole
    change(history, "DROP TABLE kept_model_runs", "DROP TABLE kept_facts")
    async with serving(settings) as without:
        assert await without.data(RUNS, id=model.id) == whole
