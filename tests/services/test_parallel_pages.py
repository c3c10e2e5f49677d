"""Pages are read side by side where the last reading shows how; the list is whole, whatever has changed since."""

from __future__ import annotations

import json
from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
from starlette.responses import Response

from tests.freshness.conftest import Aging, aging  # noqa: F401  # the fixture
from tests.oracle.account import Oracle
from tests.serving import Call, Gateway

PAGE = 3
QUESTION = '{ project(id: "finance") { models(first: 100) { nodes { uniqueId } } } }'
REST = {"name": None, "packageName": None, "tags": [], "materializedType": None, "executionInfo": None}


class Pages:
    """Stands for dbt's lists of models, a few on a page; cursors name the last model of a page, or its place."""

    def __init__(self, cursors: str) -> None:
        self.unique_ids: list[str] = []
        self.by_place = cursors == "place"

    async def __call__(self, call: Call) -> Response | None:
        if call.operation != "EnvironmentModels":
            return None
        aliases = [name for name in call.variables if name.startswith("e")]
        data = {one: {"applied": {"models": self._page(call.variables[f"after{one[1:]}"])}} for one in aliases}
        return Response(json.dumps({"data": data}))

    def _page(self, after: str | None) -> dict[str, Any]:
        ordered = sorted(self.unique_ids)
        start = int(after or 0) if after is None or self.by_place else sum(one <= after for one in ordered)
        rows = ordered[start : start + PAGE]
        end = start + len(rows)
        info = {"hasNextPage": end < len(ordered), "endCursor": (str(end) if self.by_place else rows[-1:] and rows[-1])}
        edges = [{"node": {"uniqueId": one, **REST}} for one in rows]
        return {"totalCount": len(ordered), "pageInfo": info | {"endCursor": info["endCursor"] or None}, "edges": edges}


async def listed(gateway: Gateway) -> list[str]:
    return [model["uniqueId"] for model in (await gateway.data(QUESTION))["project"]["models"]["nodes"]]


def documents(gateway: Gateway) -> list[int]:
    """How many pages each document asked for, in order."""
    read = [call.document for call in gateway.upstream.calls if call.operation == "EnvironmentModels"]
    return [document.count("models(") for document in read]


async def listed_anew(aging: Aging, oracle: Oracle) -> list[str]:  # noqa: F811
    """What is listed when time has passed and dbt reports another revision."""
    aging.dbt.change(oracle.project("finance").models[0].environment_id)
    aging.clock.now += 31.0
    aging.gateway.upstream.calls.clear()
    # The old list is told while the new one is read.
    await listed(aging.gateway)
    await aging.settle()
    return await listed(aging.gateway)


def names(count: int) -> list[str]:
    return [f"model.finance.m_{number:03}" for number in range(0, count * 10, 10)]


@pytest.mark.slow
@pytest.mark.parametrize("cursors", ["name", "place"])
async def test_a_second_reading_asks_for_all_pages_at_once(aging: Aging, oracle: Oracle, cursors: str) -> None:  # noqa: F811
    pages = Pages(cursors)
    pages.unique_ids = names(11)
    aging.gateway.upstream.fault = pages
    assert await listed(aging.gateway) == names(11)
    assert documents(aging.gateway) == [1, 1, 1, 1]
    assert await listed_anew(aging, oracle) == names(11)
    assert documents(aging.gateway) == [4]


CHANGES: Sequence[tuple[list[str], list[str], list[int]]] = [
    # Added, removed, and the pages that each document asks for, where cursors name the last model of a page.
    (["model.finance.m_999"], [], [4]),  # on the last page, which was not full
    ([], ["model.finance.m_100"], [4]),
    (["model.finance.a"], [], [4, 1, 1, 1]),  # on the first page: no page ends where it did
    ([], ["model.finance.m_050"], [4, 1, 1]),  # the second page ends elsewhere, and what is behind it
    ([], names(11)[3:], [4]),  # one page is left
    (names(20)[11:], [], [4, 1, 1, 1]),
]


@pytest.mark.slow
@pytest.mark.parametrize(("added", "removed", "asked"), CHANGES)
async def test_behind_a_page_that_ends_elsewhere_it_is_read_on_in_turn(
    aging: Aging,  # noqa: F811
    oracle: Oracle,
    added: list[str],
    removed: list[str],
    asked: list[int],
) -> None:
    pages = Pages("name")
    pages.unique_ids = names(11)
    aging.gateway.upstream.fault = pages
    await listed(aging.gateway)
    pages.unique_ids = [one for one in [*names(11), *added] if one not in removed]
    assert await listed_anew(aging, oracle) == sorted(pages.unique_ids)
    assert documents(aging.gateway) == asked


@pytest.mark.slow
@pytest.mark.parametrize("cursors", ["name", "place"])
async def test_whatever_comes_and_goes_the_list_is_whole(aging: Aging, oracle: Oracle, cursors: str) -> None:  # noqa: F811
    chance = Random(cursors)  # noqa: S311
    pages = Pages(cursors)
    aging.gateway.upstream.fault = pages
    for _ in range(25):
        pages.unique_ids = [one for one in names(16) if chance.random() < chance.choice([0.2, 0.8, 0.95])]
        assert await listed_anew(aging, oracle) == sorted(pages.unique_ids)
        rounds = max(1, -(-len(pages.unique_ids) // PAGE))
        assert len(documents(aging.gateway)) <= rounds, "never more requests than one page after the other"
