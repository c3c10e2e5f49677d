"""Sources of the account and of a project: how fresh they are, which are stale, and what stands on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from gateway.settings import Settings
from tests.oracle.account import Oracle
from tests.oracle.graph import Graph
from tests.serving import Gateway, serving

SOURCES = """query($filter: SourceFilter, $order: SourceOrder) { account { sources(filter: $filter, orderBy: $order) {
    totalCount nodes { uniqueId project { id } freshness { status ageSeconds } models { nodes { id } } } } } }"""


@pytest.fixture(scope="module")
def graphs(oracle: Oracle) -> Mapping[str, Graph]:
    return {project.id: Graph(project) for project in oracle.production}


def expected(oracle: Oracle, graphs: Mapping[str, Graph]) -> list[dict[str, Any]]:
    """Every source as the artifacts have it, by project and unique id."""
    return [
        {
            "uniqueId": source["uniqueId"],
            "project": {"id": project.id},
            "freshness": {"status": source["status"], "ageSeconds": source["ageSeconds"]},
            "models": {
                "nodes": [
                    {"id": model.id}
                    for model in sorted(project.models, key=lambda model: model.id)
                    if source["uniqueId"] in graphs[project.id].sources_behind(model.unique_id)
                ]
            },
        }
        for project in sorted(oracle.production, key=lambda project: project.id)
        for source in graphs[project.id].sources()
    ]


async def test_every_source_is_listed_with_what_stands_on_it(
    answers: Gateway, oracle: Oracle, graphs: Mapping[str, Graph]
) -> None:
    found = (await answers.data(SOURCES))["account"]["sources"]
    assert found["nodes"] == expected(oracle, graphs)
    assert found["totalCount"] == len(found["nodes"]) > 5
    assert any(one["models"]["nodes"] for one in found["nodes"])


async def test_the_stale_ones_come_oldest_first(answers: Gateway, oracle: Oracle, graphs: Mapping[str, Graph]) -> None:
    everything = expected(oracle, graphs)
    for statuses in (["WARN", "STALE"], ["FRESH"], ["NEVER_CHECKED"], []):
        found = await answers.data(SOURCES, filter={"statuses": statuses}, order={"field": "AGE", "direction": "DESC"})
        wanted = [one for one in everything if one["freshness"]["status"] in statuses]
        wanted.sort(key=lambda one: -(one["freshness"]["ageSeconds"] or float("-inf")))
        assert found["account"]["sources"]["nodes"] == wanted, statuses
    assert {one["freshness"]["status"] for one in everything} > {"FRESH"}


async def test_sources_are_found_by_a_part_of_source_and_table(
    answers: Gateway, oracle: Oracle, graphs: Mapping[str, Graph]
) -> None:
    everything = expected(oracle, graphs)
    for part in ("RAW_ord", "shop.", "p.raw_o", "no such source"):
        names = {one["uniqueId"]: ".".join(one["uniqueId"].split(".")[-2:]) for one in everything}
        said = await answers.data(SOURCES, filter={"nameContains": part})
        matching = [one for one in everything if part.lower() in names[one["uniqueId"]].lower()]
        assert said["account"]["sources"]["nodes"] == matching, part
        assert bool(matching) is (part != "no such source")
    both = {"nameContains": "raw", "statuses": ["NEVER_CHECKED"]}
    said = await answers.data(SOURCES, filter=both)
    assert said["account"]["sources"]["nodes"] == [
        one for one in everything if "raw" in one["uniqueId"] and one["freshness"]["status"] == "NEVER_CHECKED"
    ]
    reply = await answers.ask(SOURCES, filter={"nameContains": " "})
    assert reply.codes == {"account.sources": "BAD_USER_INPUT"}


@pytest.mark.slow
async def test_all_sources_take_one_request_more_than_the_account(settings: Settings) -> None:
    async with serving(settings) as gateway:
        await gateway.data("{ account { projects { nodes { id } } } }")
        once = await gateway.count("{ account { sources { nodes { uniqueId freshness { status } } } } }")
        assert once == {"EnvironmentSources": 1}
        assert await gateway.count('{ project(id: "finance") { sources { totalCount } } }') == {}
