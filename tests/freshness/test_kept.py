"""Finished runs outlive the process, and what dbt still tells of them."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from gateway.caching.kept import KeptFacts
from gateway.errors import ConfigurationError
from gateway.settings import Settings
from tests.oracle.account import Model, Oracle
from tests.serving import Call, serving

RUNS = "query ($id: ID!) { model(id: $id) { runs(first: 20) { nodes { runtime status run { id } } } } }"
RUN = "query ($id: ID!) { run(id: $id) { status modelRuns { nodes { name status runtime } } } }"


@pytest.fixture
def history(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'history.db'}"


def most_run(oracle: Oracle) -> Model:
    return max(oracle.models, key=lambda model: len(model.history))


def forget_all_but_newest(call: Call, answer: Any) -> Any:
    """dbt has forgotten all but the newest run of each model."""
    if call.operation == "ModelHistories":
        for environment in answer["data"].values():
            for runs in environment["applied"].values():
                del runs[1:]
    return answer


async def test_a_finished_run_is_not_read_again_after_a_restart(demo_store: str, history: str, oracle: Oracle) -> None:
    settings = Settings(store_url=demo_store, history_url=history)
    run_id = str(oracle.production_jobs[0].runs[0].id)
    async with serving(settings) as before:
        first = await before.data(RUN, id=run_id)
    async with serving(settings) as after:
        assert await after.count(RUN, id=run_id) in ({}, {"projects": 1, "environments": 1, "jobs": 1})
        assert await after.data(RUN, id=run_id) == first


async def test_a_history_outlives_what_dbt_tells(demo_store: str, history: str, oracle: Oracle) -> None:
    settings = Settings(store_url=demo_store, history_url=history)
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


async def test_other_accounts_in_one_database_do_not_meet(
    demo_store: str, demo_folder: Path, history: str, oracle: Oracle
) -> None:
    model = most_run(oracle)
    async with serving(Settings(store_url=demo_store, history_url=history)) as first:
        await first.data(RUNS, id=model.id)
    async with serving(Settings(artifacts=demo_folder, history_url=history)) as second:
        second.upstream.rewrite = forget_all_but_newest
        assert len((await second.data(RUNS, id=model.id))["model"]["runs"]["nodes"]) == 1


def test_a_file_that_is_no_database_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "history.db").write_bytes(b"not a database at all" * 100)
    with pytest.raises(ConfigurationError, match=r"cannot be used: .*Move it away") as refused:
        KeptFacts.open(f"sqlite:///{tmp_path / 'history.db'}", "account")
    assert "\n" not in refused.value.message


def test_a_database_of_a_newer_gateway_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "history.db") as database:
        database.execute("CREATE TABLE kept_version (version INTEGER NOT NULL)")
        database.execute("INSERT INTO kept_version VALUES (99)")
    database.close()
    with pytest.raises(ConfigurationError, match="version 99, made by a newer gateway"):
        KeptFacts.open(f"sqlite:///{tmp_path / 'history.db'}", "account")


async def test_a_database_that_breaks_costs_its_facts_and_nothing_else(
    demo_store: str, history: str, oracle: Oracle
) -> None:
    settings = Settings(store_url=demo_store, history_url=history)
    model = most_run(oracle)
    async with serving(settings) as before:
        whole = await before.data(RUNS, id=model.id)
    with sqlite3.connect(history.removeprefix("sqlite:///")) as database:
        database.execute("UPDATE kept_facts SET payload = x'c1'")
        database.execute("UPDATE kept_model_runs SET payload = x'c1'")
    database.close()
    async with serving(settings) as after:
        assert await after.data(RUNS, id=model.id) == whole
    with sqlite3.connect(history.removeprefix("sqlite:///")) as database:
        database.execute("DROP TABLE kept_model_runs")
        database.execute("DROP TABLE kept_facts")
    database.close()
    async with serving(settings) as broken:
        assert await broken.data(RUNS, id=model.id) == whole
