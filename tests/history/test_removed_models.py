"""Models that were renamed or removed, over the archive and over Discovery: found by id, listed, with their history."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from benchmarks.platform_process import run_platform
from gateway.discovery_api.api import dbtAccount
from gateway.discovery_api.client import Client
from gateway.discovery_api.connection import ConnectionOptions
from gateway.settings import Settings
from gateway.settings.entries import ProjectSetting
from tests.conftest import stored
from tests.figures.small_archive import DAY, STAGING, Command, Did, SmallArchive
from tests.history.statements import noted_statements
from tests.identity.callers import Holder, known_to
from tests.serving import Gateway, serving

DAILY, CHANGES, STAGED = 1, 2, 3
DAYS, RENAMED, SLOWER = 30, 24, 12
"""Runs of the daily job; the first without `old_orders`, and the first in which that was slow."""
LAST_OF_LEGACY, LAST_OF_TWINS = 15, 20

ONE = """query ($id: ID!) { model(id: $id) { id uniqueId name packageName removed lastRunStatus lastRunError runtime
  tags materialization description lastSeenRun { id } project { id } } }"""
GONE = '{ project(id: "shop") { removedModels { totalCount nodes { id removed lastSeenRun { id } } } } }'
HISTORY = """{ model(id: "shop.old_orders") { runs(first: 100) { totalCount nodes { run { id } runtime } }
  runtimeSeries { points { runId runtime } job { id } } changePoints { firstRun { id } }
  lastRun { run { id } } lastSuccess { runtime } rawCode upstream { id } downstream { id } tests { id } owner { name }
  freshness { status } jobs { nodes { id } } lineage { resources { resource { id } } } } }"""


def built(day: int) -> list[Did]:
    """What the daily job built on a day."""
    did = [Did("customers"), Did("dates", package="util")]
    if day < RENAMED:
        did.append(Did("old_orders", seconds=seconds_of(day), node={"tags": ["daily"]}))
    else:
        did.append(Did("orders"))
    if day <= LAST_OF_LEGACY:
        last = day == LAST_OF_LEGACY
        did.append(Did("legacy", "error" if last else "success", 2.0, result={"message": "gone"} if last else {}))
    if day <= LAST_OF_TWINS:
        did += [Did("twin"), Did("twin", package="util"), Did("only", package="left")]
    return did


def seconds_of(day: int) -> float:
    """Of `old_orders`."""
    return (10.0 if day < SLOWER else 40.0) + day * 7 % 5 / 10


def run_of(day: int) -> str:
    return str(100 + day)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("removed")
    archive = SmallArchive(folder / "account").account(
        {DAILY: {}, CHANGES: {"job_type": "ci"}, STAGED: {"environment_id": STAGING}}
    )
    for day in range(DAYS):
        archive.run(100 + day, DAILY, DAY + timedelta(days=day), Command(built(day)))
    late = DAY + timedelta(days=DAYS - 1, hours=-2)
    archive.run(900, CHANGES, late, Command([Did("proposal"), Did("old_orders"), Did("customers")]))
    archive.run(700, STAGED, late, Command([Did("customers")]), environment_id=STAGING)
    return stored(folder / "account", folder)


@pytest.fixture(params=["archive", "discovery"])
async def gateway(store: str, request: pytest.FixtureRequest) -> AsyncIterator[Gateway]:
    async with serving(Settings(store_url=store, history_source=request.param)) as opened:
        yield opened


@pytest.mark.slow
@pytest.mark.parametrize("given", ["shop.old_orders", "model.shop.old_orders", "shop.shop.old_orders"])
async def test_a_renamed_model_is_found_by_each_of_its_names(gateway: Gateway, given: str) -> None:
    last = RENAMED - 1
    assert (await gateway.data(ONE, id=given))["model"] == {
        "id": "shop.old_orders",
        "uniqueId": "model.shop.old_orders",
        "name": "old_orders",
        "packageName": "shop",
        "removed": True,
        "lastRunStatus": "SUCCESS",
        "lastRunError": None,
        "runtime": seconds_of(last),
        "tags": ["daily"],
        "materialization": "table",
        "description": None,
        "lastSeenRun": {"id": run_of(last)},
        "project": {"id": "shop"},
    }


@pytest.mark.slow
async def test_what_failed_last_shows_its_last_success_too(gateway: Gateway) -> None:
    found = (await gateway.data(ONE, id="shop.legacy"))["model"]
    assert (found["lastRunStatus"], found["lastRunError"], found["runtime"]) == ("FAILURE", "gone", 2.0)
    assert found["lastSeenRun"] == {"id": run_of(LAST_OF_LEGACY)}


async def test_a_model_that_is_there_says_so_and_its_last_run(gateway: Gateway) -> None:
    found = (await gateway.data(ONE, id="shop.orders"))["model"]
    assert (found["removed"], found["lastSeenRun"]) == (False, {"id": run_of(DAYS - 1)})


@pytest.mark.slow
async def test_ids_of_removed_models_are_told_apart(gateway: Gateway) -> None:
    reply = await gateway.ask(ONE, id="shop.twin")
    assert reply.codes == {"model": "AMBIGUOUS_ID"}
    assert reply.errors[0]["extensions"]["candidates"] == ["shop.shop.twin", "shop.util.twin"]
    asked = {
        "shop.util.twin": "shop.util.twin",
        "model.util.twin": "shop.util.twin",
        "model.left.only": "shop.left.only",
        "shop.left.only": "shop.left.only",
    }
    for given, expected in asked.items():
        assert (await gateway.data(ONE, id=given))["model"]["id"] == expected


@pytest.mark.slow
@pytest.mark.parametrize("given", ["shop.proposal", "model.shop.proposal", "shop.old_order", "model.other.old_orders"])
async def test_what_no_run_outside_ci_had_is_unknown(gateway: Gateway, given: str) -> None:
    reply = await gateway.ask(ONE, id=given)
    assert reply.codes == {"model": "NOT_FOUND"}
    assert reply.errors[0]["extensions"]["closest"] or "There are" in reply.errors[0]["message"]


@pytest.mark.slow
async def test_the_history_of_a_removed_model_is_whole(gateway: Gateway) -> None:
    found = (await gateway.data(HISTORY))["model"]
    days = range(RENAMED)
    expected: list[Any] = [{"run": {"id": "900"}, "runtime": 1.0}]
    expected += [{"run": {"id": run_of(day)}, "runtime": seconds_of(day)} for day in reversed(days)]
    assert found.pop("runs") == {"totalCount": RENAMED + 1, "nodes": expected}
    series = found.pop("runtimeSeries")
    assert series == {
        "points": [{"runId": run_of(day), "runtime": seconds_of(day)} for day in days],
        "job": {"id": str(DAILY)},
    }
    assert found == {
        "changePoints": [{"firstRun": {"id": run_of(SLOWER)}}],
        "lastRun": {"run": {"id": run_of(RENAMED - 1)}},
        "lastSuccess": {"runtime": seconds_of(RENAMED - 1)},
        "rawCode": None,
        "upstream": [],
        "downstream": [],
        "tests": [],
        "owner": None,
        "freshness": {"status": "NEVER_CHECKED"},
        "jobs": {"nodes": [{"id": str(CHANGES)}]},
        "lineage": {"resources": [{"resource": {"id": "shop.old_orders"}}]},
    }


@pytest.mark.slow
async def test_a_project_lists_its_removed_models_last_seen_first(gateway: Gateway, store: str) -> None:
    listed = (await gateway.data(GONE))["project"]["removedModels"]
    last = {
        "shop.old_orders": RENAMED - 1,
        "shop.left.only": LAST_OF_TWINS,
        "shop.shop.twin": LAST_OF_TWINS,
        "shop.util.twin": LAST_OF_TWINS,
        "shop.legacy": LAST_OF_LEGACY,
    }
    assert listed == {
        "totalCount": 5,
        "nodes": [{"id": one, "removed": True, "lastSeenRun": {"id": run_of(day)}} for one, day in last.items()],
    }


@pytest.mark.slow
async def test_pages_of_removed_models_hold_each_once(gateway: Gateway) -> None:
    page = """query ($after: String) { project(id: "shop") { removedModels(first: 2, after: $after) {
      nodes { id } pageInfo { hasNextPage endCursor } } } }"""
    ids: list[str] = []
    after, more = None, True
    while more:
        found = (await gateway.data(page, after=after))["project"]["removedModels"]
        ids += [one["id"] for one in found["nodes"]]
        after, more = found["pageInfo"]["endCursor"], found["pageInfo"]["hasNextPage"]
    assert ids == ["shop.old_orders", "shop.left.only", "shop.shop.twin", "shop.util.twin", "shop.legacy"]


@pytest.mark.slow
async def test_references_to_removed_models_are_resolved_by_their_own_id_only(gateway: Gateway) -> None:
    query = "query ($refs: [_Any!]!) { _entities(representations: $refs) { ... on Model { id removed } } }"
    refs = [{"__typename": "Model", "id": one} for one in ("shop.old_orders", "model.shop.old_orders", "shop.nothing")]
    reply = await gateway.ask(query, refs=refs)
    assert reply.data["_entities"] == [{"id": "shop.old_orders", "removed": True}, None, None]
    assert set(reply.codes.values()) == {"NOT_FOUND"}


@pytest.mark.slow
async def test_hundreds_of_unknown_references_have_no_more_histories_read_than_a_hundred(store: str) -> None:
    query = "query ($refs: [_Any!]!) { _entities(representations: $refs) { ... on Model { id } } }"
    refs = [{"__typename": "Model", "id": f"shop.nothing_{n}"} for n in range(300)]
    async with serving(Settings(store_url=store, history_source="discovery")) as gateway:
        asked = await gateway.ask(query, refs=refs)
        assert set(asked.codes.values()) == {"NOT_FOUND"}
        # Each may be of any of the two packages.
        assert gateway.upstream.operations["ModelHistories"] == 2


@pytest.mark.slow
async def test_what_an_archive_is_read_by(store: str) -> None:
    async with serving(Settings(store_url=store, history_source="archive")) as gateway:
        with noted_statements() as statements:
            await gateway.data(ONE.replace("lastSeenRun { id }", ""), id="shop.old_orders")
        assert len(statements) == 3, "since when there are runs, the histories of what may be meant, and their nodes"
    async with serving(Settings(store_url=store, history_source="archive")) as gateway:
        with noted_statements() as statements:
            await gateway.data(GONE.replace("lastSeenRun { id }", ""))
        assert len(statements) == 4, "which are gone, since when there are runs, their histories, and their nodes"
        with noted_statements() as statements:
            await gateway.data(GONE)
        assert statements == [], "all of it is cached"


@pytest.mark.slow
async def test_what_discovery_is_asked(store: str) -> None:
    known = {"projects": 1, "environments": 1, "EnvironmentHeaders": 1, "jobs": 1}
    async with serving(Settings(store_url=store, history_source="discovery")) as gateway:
        asked = await gateway.count(ONE.replace("lastSeenRun { id }", ""), id="shop.old_orders")
        assert asked == {**known, "EnvironmentModels": 2, "ModelHistories": 1}
        assert await gateway.count(ONE.replace("lastSeenRun { id }", ""), id="shop.customers") == {}
    async with serving(Settings(store_url=store, history_source="discovery")) as gateway:
        asked = await gateway.count(GONE.replace("lastSeenRun { id }", ""))
        assert asked == {**known, "EnvironmentModels": 1, "runs": 1, "RunModels": 1, "ModelHistories": 1}


@pytest.mark.slow
@pytest.mark.parametrize("source", ["archive", "discovery"])
async def test_who_may_not_see_an_environment_learns_of_none_of_its_removed_models(store: str, source: str) -> None:
    every, staging = Holder("every"), Holder("staging", environments=(STAGING,))
    async with serving(known_to(Settings(store_url=store, history_source=source), every, staging)) as gateway:
        for given in ("shop.old_orders", "model.shop.old_orders", "shop@12.old_orders"):
            known = (await every.ask(gateway, ONE, id=given)).data["model"]
            assert (known is None) is (given == "shop@12.old_orders"), "staging never had it"
            hidden = await staging.ask(gateway, ONE, id=given)
            assert [error["extensions"]["code"] for error in hidden.errors] == ["NOT_FOUND"]
            assert "shop.old_orders" not in hidden.errors[0]["extensions"]["closest"]
        assert len((await every.ask(gateway, GONE)).data["project"]["removedModels"]["nodes"]) == 5
        assert (await staging.ask(gateway, GONE)).data["project"] is None
        own = await staging.ask(gateway, GONE.replace('"shop"', '"shop@12"'))
        assert own.data["project"]["removedModels"] == {"totalCount": 0, "nodes": []}


@pytest.mark.slow
@pytest.mark.parametrize("source", ["archive", "discovery"])
def test_python_finds_the_same(store: str, source: str) -> None:
    settings = Settings(store_url=store, history_source=source)
    with dbtAccount(client=Client(ConnectionOptions(settings, 300.0))) as opened:
        project = opened.project("shop")
        ids = [one.model_id for one in project.get_removed_models()]
        assert ids == ["shop.old_orders", "shop.left.only", "shop.shop.twin", "shop.util.twin", "shop.legacy"]
        model = opened.model("shop.old_orders")
        run = model.get_last_seen_run()
        assert (model.removed, run.run_id if run else None) == (True, run_of(RENAMED - 1))
        assert model.refresh().runtime == seconds_of(RENAMED - 1)
        assert len(model.get_runs(100)) == RENAMED + 1


@pytest.mark.slow
async def test_without_the_admin_api_nobody_says_what_was_ci(store: str) -> None:
    with run_platform(store) as platform:
        settings = Settings(
            discovery_url=f"{platform.url}/graphql",
            account_id=platform.account_id,
            service_token=SecretStr("metadata only"),
            projects=(ProjectSetting(name="Shop", production_environment_id=11),),
        )
        async with serving(settings) as gateway:
            listed = (await gateway.data(GONE))["project"]["removedModels"]["nodes"]
    assert {one["id"]: one["lastSeenRun"]["id"] for one in listed} == {
        "shop.old_orders": "900",
        "shop.proposal": "900",
        "shop.left.only": run_of(LAST_OF_TWINS),
        "shop.shop.twin": run_of(LAST_OF_TWINS),
        "shop.util.twin": run_of(LAST_OF_TWINS),
        "shop.legacy": run_of(LAST_OF_LEGACY),
    }
