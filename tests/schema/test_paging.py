"""Connections: every item on exactly one page, forwards and backwards, with cursors that keep their place."""

from __future__ import annotations

from typing import Any

import pytest

from tests.oracle.account import Oracle
from tests.repetitions import daily_and_nightly
from tests.serving import Gateway

PAGE = "totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor }"

LISTS = {
    "projects": "account { list: projects(%s) { %s edges { cursor node { id } } nodes { id } } }",
    "models": "account { list: models(%s) { %s edges { cursor node { id } } nodes { id } } }",
    "filtered models": 'account { list: models(%s, filter: {tags: ["daily"]}) '
    "{ %s edges { cursor node { id } } nodes { id } } }",
    "jobs": "account { list: jobs(%s) { %s edges { cursor node { id } } nodes { id } } }",
    "project models": 'account: project(id: "finance") '
    "{ list: models(%s) { %s edges { cursor node { id } } nodes { id } } }",
    "model runs": 'account: model(id: "marketing.int_sessions") '
    "{ list: runs(%s) { %s edges { cursor node { id: runId } } nodes { id: runId } } }",
    "model jobs": 'account: model(id: "marketing.int_sessions") '
    "{ list: jobs(%s) { %s edges { cursor node { id } } nodes { id } } }",
    "job runs": 'account: job(id: "301002") { list: runs(%s) { %s edges { cursor node { id } } nodes { id } } }',
    "job models": 'account: job(id: "301001") { list: models(%s) { %s edges { cursor node { id } } nodes { id } } }',
    "run models": 'account: run(id: "NEWEST_DAILY_RUN") '
    "{ list: modelRuns(%s) { %s edges { cursor node { id: uniqueId } } nodes { id: uniqueId } } }",
}


def expected(name: str, oracle: Oracle) -> list[str]:
    """The whole list in its order."""
    sessions = oracle.model("marketing.int_sessions")
    lists: dict[str, list[Any]] = {
        "projects": [project.id for project in oracle.production],
        "models": [model.id for model in oracle.models],
        "filtered models": [model.id for model in oracle.models if "daily" in model.node.tags],
        "jobs": [job.id for job in oracle.production_jobs],
        "project models": [model.id for model in oracle.project("finance").models],
        "model runs": [one.run.id for one in sessions.history],
        "model jobs": [job.id for job in oracle.jobs_building(sessions)],
        "job runs": [run.id for run in oracle.job(301002).runs],
        "job models": [model.id for model in oracle.models_built_by(oracle.job(301001))],
        "run models": sorted(oracle.newest_daily_run.results),
    }
    return [str(one) for one in lists[name]]


async def page(answers: Gateway, oracle: Oracle, name: str, arguments: str) -> Any:
    query = f"{{ {LISTS[name] % (arguments, PAGE)} }}"
    data = await answers.data(query.replace("NEWEST_DAILY_RUN", str(oracle.newest_daily_run.id)))
    found = data["account"]["list"]
    assert found["nodes"] == [edge["node"] for edge in found["edges"]], "nodes and edges are the same page"
    cursors = [edge["cursor"] for edge in found["edges"]]
    assert found["pageInfo"]["startCursor"] == (cursors[0] if cursors else None)
    assert found["pageInfo"]["endCursor"] == (cursors[-1] if cursors else None)
    return found


@pytest.mark.slow
# Pages of one are read backwards by day.
@pytest.mark.parametrize("size", [pytest.param(1, marks=pytest.mark.nightly), 2, 7])
@pytest.mark.parametrize("name", LISTS)
async def test_pages_read_forwards_hold_every_item_once(answers: Gateway, oracle: Oracle, name: str, size: int) -> None:
    whole = expected(name, oracle)
    seen: list[str] = []
    after = ""
    for _ in range(len(whole) + 1):
        found = await page(answers, oracle, name, f"first: {size}{after}")
        assert found["totalCount"] == len(whole)
        assert found["pageInfo"]["hasPreviousPage"] is bool(seen)
        seen += [node["id"] for node in found["nodes"]]
        assert found["pageInfo"]["hasNextPage"] is (len(seen) < len(whole))
        if not found["pageInfo"]["hasNextPage"]:
            break
        after = f', after: "{found["pageInfo"]["endCursor"]}"'
    assert seen == whole


@pytest.mark.parametrize("size", [pytest.param(1, marks=pytest.mark.nightly), 2, 7])
@pytest.mark.parametrize("name", LISTS)
async def test_pages_read_backwards_hold_every_item_once(
    answers: Gateway, oracle: Oracle, name: str, size: int
) -> None:
    whole = expected(name, oracle)
    seen: list[str] = []
    before = ""
    for _ in range(len(whole) + 1):
        found = await page(answers, oracle, name, f"last: {size}{before}")
        assert found["totalCount"] == len(whole)
        assert found["pageInfo"]["hasNextPage"] is bool(seen)
        seen = [node["id"] for node in found["nodes"]] + seen
        assert found["pageInfo"]["hasPreviousPage"] is (len(seen) < len(whole))
        if not found["pageInfo"]["hasPreviousPage"]:
            break
        before = f', before: "{found["pageInfo"]["startCursor"]}"'
    assert seen == whole


@pytest.mark.slow
@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("every", daily_and_nightly(3, 1))
async def test_every_cursor_is_a_place_to_go_on_from(answers: Gateway, oracle: Oracle, name: str, every: int) -> None:
    whole = expected(name, oracle)
    everything = await page(answers, oracle, name, "first: 100")
    assert [edge["node"]["id"] for edge in everything["edges"]] == whole
    for place, edge in list(enumerate(everything["edges"]))[::every]:
        behind = await page(answers, oracle, name, f'first: 2, after: "{edge["cursor"]}"')
        assert [node["id"] for node in behind["nodes"]] == whole[place + 1 : place + 3]
        ahead = await page(answers, oracle, name, f'last: 2, before: "{edge["cursor"]}"')
        assert [node["id"] for node in ahead["nodes"]] == whole[max(0, place - 2) : place]


async def test_after_and_before_together_bound_a_page(answers: Gateway, oracle: Oracle) -> None:
    whole = expected("models", oracle)
    cursors = [edge["cursor"] for edge in (await page(answers, oracle, "models", "first: 100"))["edges"]]
    within = f'after: "{cursors[3]}", before: "{cursors[9]}"'
    assert [node["id"] for node in (await page(answers, oracle, "models", within))["nodes"]] == whole[4:9]
    assert [node["id"] for node in (await page(answers, oracle, "models", f"first: 2, {within}"))["nodes"]] == whole[
        4:6
    ]
    assert [node["id"] for node in (await page(answers, oracle, "models", f"last: 2, {within}"))["nodes"]] == whole[7:9]
    crossed = f'after: "{cursors[9]}", before: "{cursors[3]}"'
    assert (await page(answers, oracle, "models", crossed))["nodes"] == []


async def test_without_arguments_the_first_hundred_come(answers: Gateway, oracle: Oracle) -> None:
    data = await answers.data("{ account { models { nodes { id } pageInfo { hasNextPage } } } }")
    assert [node["id"] for node in data["account"]["models"]["nodes"]] == expected("models", oracle)
    assert data["account"]["models"]["pageInfo"] == {"hasNextPage": False}


@pytest.mark.parametrize("slice", ["first: 0", "last: 0"])
@pytest.mark.parametrize("name", LISTS)
async def test_a_page_of_nothing_is_empty(answers: Gateway, oracle: Oracle, name: str, slice: str) -> None:
    found = await page(answers, oracle, name, slice)
    assert found["nodes"] == []
    assert found["totalCount"] == len(expected(name, oracle))
    assert found["pageInfo"]["hasNextPage"] is (slice == "first: 0")
    assert found["pageInfo"]["hasPreviousPage"] is (slice == "last: 0")
