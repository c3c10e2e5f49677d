"""Pages of the account's models by id from an archive: which projects are read for them, and what they report."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response

from benchmarks.account import Size, write_account
from gateway.archive.archive import Archive
from gateway.ingest.folders import ingest_folder
from gateway.settings import Settings
from tests.conftest import stored
from tests.history.statements import noted_statements
from tests.oracle.account import Oracle
from tests.serving import Call, Gateway, serving

BY_RUNTIME = """query($first: Int!, $after: String, $direction: Direction) { account {
  models(first: $first, after: $after, orderBy: {field: RUNTIME, direction: $direction}) {
    totalCount nodes { id runtime tags } pageInfo { hasNextPage endCursor } } } }"""
SIZE = Size(environments=4, models=20, runs=2)
PAGE = """query($first: Int!, $after: String) { account { models(first: $first, after: $after) {
  totalCount nodes { id runtime } pageInfo { hasNextPage hasPreviousPage endCursor } } } }"""


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> tuple[Oracle, str]:
    place = tmp_path_factory.mktemp("pages")
    write_account(place / "account", SIZE)
    return Oracle(place / "account"), stored(place / "account", place)


@pytest.fixture
async def gateway(account: tuple[Oracle, str]) -> AsyncIterator[Gateway]:
    async with serving(Settings(store_url=account[1], history_source="archive", response_cache_bytes=0)) as opened:
        yield opened


def in_order(oracle: Oracle) -> list[dict[str, Any]]:
    return sorted(({"id": one.id, "runtime": one.runtime} for one in oracle.models), key=lambda one: str(one["id"]))


def environments_read(gateway: Gateway) -> set[int]:
    """Of which all models were asked for."""
    found: set[int] = set()
    for call in gateway.upstream.calls:
        if call.operation == "EnvironmentModels":
            found.update(number for number in call.variables.values() if isinstance(number, int))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("first", [7, 20, 21, 100])
async def test_pages_from_the_start_to_the_end_are_the_whole_list(
    gateway: Gateway, account: tuple[Oracle, str], first: int
) -> None:
    models, cursor, pages = [], None, 0
    while True:
        page = (await gateway.ask(PAGE, first=first, after=cursor)).data["account"]["models"]
        assert page["totalCount"] == 80
        assert page["pageInfo"]["hasPreviousPage"] is (pages > 0)
        models += page["nodes"]
        pages += 1
        if not page["pageInfo"]["hasNextPage"]:
            break
        cursor = page["pageInfo"]["endCursor"]
    assert models == in_order(account[0])
    assert pages == -(-80 // first)


@pytest.mark.parametrize(("first", "projects"), [(0, 0), (1, 1), (20, 1), (21, 2), (80, 4)])
async def test_those_projects_are_read_in_which_the_page_lies(gateway: Gateway, first: int, projects: int) -> None:
    with noted_statements() as noted:
        reply = await gateway.ask(PAGE, first=first)
    assert len(reply.data["account"]["models"]["nodes"]) == first
    assert reply.data["account"]["models"]["totalCount"] == 80
    assert len(environments_read(gateway)) == projects
    assert len(noted) == 1, "one statement counts the models of all projects"


@pytest.mark.slow
async def test_behind_a_cursor_the_projects_before_it_are_not_read(
    gateway: Gateway, account: tuple[Oracle, str]
) -> None:
    models = in_order(account[0])
    async with serving(Settings(store_url=account[1], history_source="archive")) as other:
        cursor = (await other.ask(PAGE, first=33)).data["account"]["models"]["pageInfo"]["endCursor"]
    page = (await gateway.ask(PAGE, first=5, after=cursor)).data["account"]["models"]
    assert page["nodes"] == models[33:38]
    assert page["pageInfo"]["hasPreviousPage"]
    assert len(environments_read(gateway)) == 2, (
        "the one that the cursor is in, and the next: the first may be at its end"
    )


@pytest.mark.slow
async def test_a_project_that_cannot_be_read_is_said_and_the_page_is_filled_from_others(
    gateway: Gateway, account: tuple[Oracle, str]
) -> None:
    models = in_order(account[0])
    hidden = str(models[0]["id"]).partition(".")[0]
    number = next(one.environment_id for one in account[0].production if one.id == hidden)

    async def refuse(call: Call) -> Response | None:
        if call.operation == "EnvironmentModels" and number in call.variables.values():
            return JSONResponse({"errors": [{"message": "no", "extensions": {"code": "FORBIDDEN"}}]}, 200)
        return None

    gateway.upstream.fault = refuse
    reply = await gateway.ask(PAGE, first=25)
    nodes = reply.data["account"]["models"]["nodes"]
    assert [one["project"] for one in reply.gateway["incomplete"]] == [hidden]
    assert nodes == [one for one in models if not str(one["id"]).startswith(f"{hidden}.")][:25]


@pytest.mark.slow
async def test_a_cursor_of_another_list_is_refused(gateway: Gateway) -> None:
    for cursor in ("nonsense", "WzFd", "WzEsMl0"):
        reply = await gateway.ask(PAGE, first=5, after=cursor)
        assert "not a cursor" in reply.errors[0]["message"]


def by_runtime(oracle: Oracle, direction: str) -> list[dict[str, Any]]:
    models = sorted(oracle.models, key=lambda one: one.id)
    timed = [one for one in models if one.runtime is not None]
    timed.sort(key=lambda one: one.runtime or 0.0, reverse=direction == "DESC")
    untimed = [one for one in models if one.runtime is None]
    return [{"id": one.id, "runtime": one.runtime} for one in timed + untimed]


@pytest.mark.slow
@pytest.mark.parametrize("direction", ["ASC", "DESC"])
async def test_pages_by_runtime_are_the_whole_list_and_read_what_they_show(
    gateway: Gateway, account: tuple[Oracle, str], direction: str
) -> None:
    models: list[dict[str, Any]] = []
    cursor = None
    while True:
        gateway.upstream.calls.clear()
        page = (await gateway.ask(BY_RUNTIME, first=30, after=cursor, direction=direction)).data["account"]["models"]
        asked = [call for call in gateway.upstream.calls if "uniqueIds" in str(call.variables)]
        filters = [value for call in asked for name, value in call.variables.items() if name.startswith("filter")]
        named = {name for one in filters for name in one["uniqueIds"]}
        assert len(named) == len(page["nodes"]), "whole models are read of the page alone"
        assert page["totalCount"] == 80
        assert all("daily" in node["tags"] for node in page["nodes"])
        models += ({"id": node["id"], "runtime": node["runtime"]} for node in page["nodes"])
        if not page["pageInfo"]["hasNextPage"]:
            break
        cursor = page["pageInfo"]["endCursor"]
    assert models == by_runtime(account[0], direction)


@pytest.mark.slow
@pytest.mark.parametrize("source", ["archive", "discovery"])
async def test_an_order_that_is_kept_goes_with_the_runs_it_is_of(tmp_path: Path, source: str) -> None:
    """Asked for twice, after the next run, and twice again."""
    for runs in (1, 3):
        write_account(tmp_path / str(runs), Size(environments=2, models=8, runs=runs))
    store = stored(tmp_path / "1", tmp_path)
    settings = Settings(
        store_url=store,
        history_source=source,
        response_cache_bytes=0,
        revision_interval=1e-9,
        topology_seconds=1e-9,
        stale_seconds=0,
    )
    expected = [by_runtime(Oracle(tmp_path / str(runs)), "DESC")[:5] for runs in (1, 3)]
    assert expected[0] != expected[1]
    async with serving(settings) as gateway:

        async def shown() -> list[dict[str, Any]]:
            nodes = (await gateway.data(BY_RUNTIME, first=5, direction="DESC"))["account"]["models"]["nodes"]
            return [{"id": node["id"], "runtime": node["runtime"]} for node in nodes]

        assert [await shown(), await shown()] == [expected[0]] * 2
        archive = Archive.open(store)
        ingest_folder(archive, tmp_path / "3")
        archive.close()
        assert [await shown(), await shown()] == [expected[1]] * 2
