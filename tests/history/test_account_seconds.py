"""Where the time of all runs of the demo went, against the artifacts themselves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from gateway.discovery_api.api import dbtAccount
from gateway.discovery_api.client import Client
from gateway.discovery_api.connection import ConnectionOptions
from gateway.discovery_api.exceptions import InvalidArgumentError
from gateway.settings import Settings
from tests.history.statements import noted_statements
from tests.oracle.account import Oracle
from tests.oracle.nodes import NodeResult, read_every_result
from tests.serving import Gateway, serving

SECONDS = """query($by: TimeDimension!, $first: Int! = 1000, $since: DateTime!, $until: DateTime) { account {
  weightedSeconds(by: $by, since: $since, until: $until, first: $first) {
    key weightedSeconds runtime resultCount isIdle cost { amount currency } } } }"""
SINCE, UNTIL = "2026-03-03T00:00:00Z", "2026-03-10T00:00:00Z"
WINDOW = {"since": SINCE, "until": UNTIL}
OF_NODES = ("NODE", "TAG", "FOLDER", "GROUP", "OWNER", "MATERIALIZATION", "PACKAGE", "RESOURCE_TYPE")


def shares(results: list[NodeResult]) -> list[float]:
    """Each instant divided among what ran in it."""
    moments = sorted({moment for one in results for moment in (one.start, one.end) if moment})
    found = [0.0] * len(results)
    for begin, end in pairwise(moments):
        running = [
            n for n, one in enumerate(results) if one.start and one.end and one.start <= begin and end <= one.end
        ]
        for n in running:
            found[n] += (end - begin).total_seconds() / len(running)
    return found


@pytest.fixture(scope="module")
def expected(demo_folder: Path, oracle: Oracle) -> Mapping[str, Any]:
    """Seconds by node, by job, and idle ones, of the runs of production within the window."""
    production = {job.id: job.record["name"] for job in oracle.production_jobs}
    since, until = (datetime.fromisoformat(one) for one in (SINCE, UNTIL))
    nodes: dict[str, float] = {}
    jobs: dict[str, float] = {}
    idle, count = 0.0, 0
    for path in sorted(demo_folder.glob("*/*/*/run.json")):
        record = json.loads(path.read_bytes())
        if record["job_definition_id"] not in production:
            continue
        timed = [one for one in read_every_result(path.parent) if one.start and one.end]
        name = production[record["job_definition_id"]]
        for one, share in zip(timed, shares(timed), strict=True):
            if one.start and since <= one.start < until:
                nodes[one.unique_id] = nodes.get(one.unique_id, 0.0) + share
                jobs[name] = jobs.get(name, 0.0) + share
                count += 1
        if record["started_at"] and record["finished_at"]:
            start, end = (datetime.fromisoformat(record[word]) for word in ("started_at", "finished_at"))
            if since <= start < until:
                idle += max(0.0, (end - start).total_seconds() - sum(shares(timed)))
    return {"NODE": nodes, "JOB": jobs, "idle": idle, "count": count}


@pytest.fixture(scope="module")
async def costing(settings: Settings) -> Any:
    prices = {"history_source": "archive", "cost_per_hour": 7.2, "cost_currency": "EUR"}
    async with serving(settings.model_copy(update=prices)) as opened:
        yield opened


@pytest.mark.slow
async def test_groups_come_to_what_the_artifacts_report(costing: Gateway, expected: Mapping[str, Any]) -> None:
    for by in ("NODE", "JOB"):
        rows = (await costing.data(SECONDS, by=by, **WINDOW))["account"]["weightedSeconds"]
        told = {one["key"]: one["weightedSeconds"] for one in rows if not one["isIdle"]}
        assert told == pytest.approx(expected[by], abs=1e-4)
        assert [one["weightedSeconds"] for one in rows if one["isIdle"]] == [pytest.approx(expected["idle"], abs=1e-3)]
        for one in rows:
            assert one["cost"] == {"amount": pytest.approx(one["weightedSeconds"] * 0.002), "currency": "EUR"}
        if by == "NODE":
            assert sum(one["resultCount"] for one in rows) == expected["count"]


@pytest.mark.slow
async def test_groups_add_up_whatever_they_are_grouped_by(costing: Gateway, expected: Mapping[str, Any]) -> None:
    for by in (*OF_NODES, "PROJECT", "JOB"):
        rows = (await costing.data(SECONDS, by=by, **WINDOW))["account"]["weightedSeconds"]
        busy = sum(one["weightedSeconds"] for one in rows if not one["isIdle"])
        assert busy == pytest.approx(sum(expected["NODE"].values()), abs=1e-3), by
        assert {one["key"] for one in rows if not one["isIdle"]} - {None}, by
        sizes = [one["weightedSeconds"] for one in rows]
        assert sizes == sorted(sizes, reverse=True)
    two = (await costing.data(SECONDS, by="TAG", first=2, **WINDOW))["account"]["weightedSeconds"]
    assert len(two) == 2


@pytest.mark.slow
async def test_without_a_price_there_is_no_cost(warm_gateway: Gateway) -> None:
    rows = (await warm_gateway.data(SECONDS, by="PROJECT", **WINDOW))["account"]["weightedSeconds"]
    assert {one["key"] for one in rows} == {"finance", "logistics", "marketing", "storefront", None}
    assert {one["cost"] for one in rows} == {None}


@pytest.mark.slow
async def test_a_run_has_its_cost_too(costing: Gateway, oracle: Oracle) -> None:
    query = """query($id: ID!) { run(id: $id) {
      weightedSeconds(by: JOB) { key weightedSeconds isIdle cost { amount } } } }"""
    (row,) = (await costing.data(query, id=str(oracle.newest_daily_run.id)))["run"]["weightedSeconds"]
    assert row["cost"]["amount"] == pytest.approx(row["weightedSeconds"] * 0.002)
    assert (row["isIdle"], row["key"] in {job.record["name"] for job in oracle.jobs}) == (False, True)


@pytest.mark.slow
@pytest.mark.parametrize(("by", "statements"), [("NODE", 4), ("MATERIALIZATION", 5), ("TAG", 6)])
async def test_all_projects_are_read_together(settings: Settings, by: str, statements: int) -> None:
    """Commands, results, checks and runs; nodes of manifests and their contents where they are needed."""
    async with serving(settings.model_copy(update={"history_source": "archive"})) as gateway:
        with noted_statements() as noted:
            await gateway.data(SECONDS, by=by, **WINDOW)
        assert len(noted) == statements, noted
        with noted_statements() as noted:
            await gateway.data(SECONDS, by=by, **WINDOW)
        assert noted == []


@pytest.mark.slow
async def test_dbts_api_reports_the_newest_runs_and_says_so(settings: Settings) -> None:
    async with serving(settings.model_copy(update={"history_source": "discovery"})) as gateway:
        reply = await gateway.ask(SECONDS, by="RESOURCE_TYPE", since="2026-02-01T00:00:00Z")
    assert {one["key"] for one in reply.data["account"]["weightedSeconds"]} >= {"MODEL", "DATA_TEST", None}
    assert any("runs before the newest 40" in note.get("note", "") for note in reply.gateway["notes"])
    assert {name: gateway.upstream.operations[name] for name in ("RunModels", "RunNodes", "runs")} == {
        "RunModels": 2,
        "RunNodes": 2,
        "runs": 1,
    }


@pytest.mark.slow
def test_the_library_reports_the_same(settings: Settings, expected: Mapping[str, Any]) -> None:
    with dbtAccount(client=Client(ConnectionOptions(settings, 300.0))) as opened:
        since = datetime(2026, 3, 3, tzinfo=UTC)
        rows = opened.get_weighted_seconds("job", since, since.replace(day=10))
        assert {one.key: one.weighted_seconds for one in rows if not one.is_idle} == pytest.approx(
            expected["JOB"], abs=1e-4
        )
        with pytest.raises(InvalidArgumentError, match="by"):
            opened.get_weighted_seconds("colour", since)
