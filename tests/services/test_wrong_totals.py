"""Lists whose pages contradict what dbt says of them: reported as such, after few requests, never as a whole answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from tests.services.conftest import ServedPlatform, serving_over_http
from tests.serving import Call, Gateway, UpstreamTap

PROJECTS = "{ account { projects { totalCount nodes { id } } } }"
JOBS = "{ account { jobs { totalCount } } }"
MODELS = '{ project(id: "finance") { models { totalCount } } }'
SOURCES = '{ project(id: "finance") { sources { totalCount } } }'

INVALID = "UPSTREAM_INVALID_RESPONSE"


def listed(rows: Sequence[Mapping[str, Any]], total: int) -> dict[str, Any]:
    return {"data": rows, "extra": {"pagination": {"count": len(rows), "total_count": total}}}


def one_row_of_a_hundred_million(call: Call, body: Any) -> Any:
    return listed(body["data"][:1], 100_000_000)


def nothing_of_a_hundred_million(call: Call, body: Any) -> Any:
    return listed([], 100_000_000)


def the_first_page_again_and_again(call: Call, body: Any) -> Any:
    return listed([{"id": 1, "name": "x"}, {"id": 2, "name": "y"}], 1_000)


def fewer_than_there_are(call: Call, body: Any) -> Any:
    return listed(body["data"], 1)


def more_than_numbers_hold(call: Call, body: Any) -> Any:
    return listed(body["data"], 2**40)


@pytest.mark.parametrize(
    ("lie", "most_calls"),
    [
        # The first page and one batch of five.
        (one_row_of_a_hundred_million, 6),
        (the_first_page_again_and_again, 6),
        (nothing_of_a_hundred_million, 1),
        (fewer_than_there_are, 1),
        (more_than_numbers_hold, 1),
    ],
)
async def test_a_total_that_the_pages_contradict_is_an_error(
    gateway: Gateway, lie: Callable[[Call, Any], Any], most_calls: int
) -> None:
    gateway.upstream.rewrite = lambda call, body: lie(call, body) if call.operation == "projects" else body
    got = await gateway.ask(PROJECTS)
    assert got.data in (None, {"account": None}, {"account": {"projects": None}})
    assert set(got.codes.values()) == {INVALID}
    assert gateway.upstream.operations["projects"] <= most_calls

    gateway.upstream.rewrite = None
    assert (await gateway.data(PROJECTS))["account"]["projects"]["totalCount"] == 4


async def test_the_message_reports_both_numbers(gateway: Gateway) -> None:
    gateway.upstream.rewrite = lambda call, body: (
        nothing_of_a_hundred_million(call, body) if call.operation == "projects" else body
    )
    (error,) = (await gateway.ask(PROJECTS)).errors
    assert "/projects/ has 100,000,000 entries and gives 0" in error["message"]


async def test_a_list_beyond_the_calls_of_an_operation_is_not_begun(platform_server: ServedPlatform) -> None:
    async with serving_over_http(platform_server, calls_per_operation=20) as gateway:
        gateway.upstream.rewrite = lambda call, body: (
            one_row_of_a_hundred_million(call, body) if call.operation == "projects" else body
        )
        got = await gateway.ask(PROJECTS)
        assert set(got.codes.values()) == {"UPSTREAM_CALLS_EXCEEDED"}
        assert gateway.upstream.operations["projects"] == 1
        assert "100,000,000" in got.errors[0]["message"]


async def test_a_count_of_runs_without_runs_is_no_count(gateway: Gateway) -> None:
    gateway.upstream.rewrite = lambda call, body: (
        nothing_of_a_hundred_million(call, body) if call.operation == "runs" else body
    )
    got = await gateway.ask('{ job(id: "301001") { runs(first: 5) { totalCount nodes { id } } } }')
    assert set(got.codes.values()) == {INVALID}


class LongList:
    """A list of jobs that is longer than a page; `served` shows which rows there are when it is asked the n-th time."""

    def __init__(self, tap: UpstreamTap, served: Callable[[int], Sequence[int]], page: int = 100) -> None:
        self.asked = 0
        self._served = served
        self._page = page
        self._pattern: Mapping[str, Any] = {}
        tap.rewrite = self.rewrite

    def rewrite(self, call: Call, body: Any) -> Any:
        if call.operation != "jobs":
            return body
        ids = self._served(self.asked)
        self.asked += 1
        offset, limit = int(call.query["offset"]), min(self._page, int(call.query["limit"]))
        self._pattern = self._pattern or body["data"][0]
        return listed([{**self._pattern, "id": one, "name": f"job {one}"} for one in ids[offset:][:limit]], len(ids))


async def _jobs(gateway: Gateway) -> int:
    total: int = (await gateway.data(JOBS))["account"]["jobs"]["totalCount"]
    return total


@pytest.mark.slow
@pytest.mark.parametrize("page", [100, 30, 1])
async def test_a_long_list_is_read_whole_whatever_the_size_of_its_pages(gateway: Gateway, page: int) -> None:
    ids = range(1, 106)
    jobs = LongList(gateway.upstream, lambda _: ids, page)
    assert await _jobs(gateway) == 105
    assert jobs.asked == -(-len(ids) // page)


@pytest.mark.slow
async def test_a_row_that_is_pushed_onto_the_next_page_counts_once(gateway: Gateway) -> None:
    """After the first page somebody adds a job in front: the hundredth is on the second page too."""
    LongList(gateway.upstream, lambda asked: [*([999] if asked else []), *range(1, 151)])
    assert await _jobs(gateway) == 150


@pytest.mark.slow
async def test_rows_that_go_while_a_list_is_read_are_no_contradiction(gateway: Gateway) -> None:
    LongList(gateway.upstream, lambda asked: range(1, 102 - bool(asked)))
    assert await _jobs(gateway) == 100


@pytest.mark.slow
async def test_a_row_before_the_next_page_that_goes_costs_no_other_row(gateway: Gateway) -> None:
    """After the first page its fifth job is deleted, so the hundred-and-first moves onto the page that was read."""
    jobs = LongList(gateway.upstream, lambda asked: [one for one in range(1, 151) if not asked or one != 5])
    assert await _jobs(gateway) == 149
    assert jobs.asked == 4, "two pages, and both again"


@pytest.mark.slow
async def test_a_list_that_shrinks_whenever_it_is_read_is_an_error(gateway: Gateway) -> None:
    jobs = LongList(gateway.upstream, lambda asked: range(1, 151 - asked))
    got = await gateway.ask(JOBS)
    assert set(got.codes.values()) == {INVALID}
    assert "deleted" in got.errors[0]["message"]
    assert jobs.asked in (6, 12), "two pages, three times, by each of up to two who ask"


def environments_with(connection: str, change: Callable[[Any], None]) -> Callable[[Call, Any], Any]:
    """Changes a connection of every environment in an answer of Discovery."""

    def rewrite(call: Call, body: Any) -> Any:
        for environment in (body.get("data") or {}).values() if isinstance(body.get("data"), dict) else ():
            found = ((environment or {}).get("applied") or {}).get(connection)
            if found is not None:
                change(found)
        return body

    return rewrite


def _more_than_given(models: Any) -> None:
    models["totalCount"] = 100_000_000


class _Endless:
    """Pages that are empty, and never the last one."""

    def __init__(self) -> None:
        self.pages = 0

    def __call__(self, connection: Any) -> None:
        self.pages += 1
        connection["edges"] = []
        connection["pageInfo"] = {"hasNextPage": True, "endCursor": f"page {self.pages}"}


class _Repeating:
    """The first page again and again."""

    def __init__(self) -> None:
        self.pages: list[Any] = []

    def __call__(self, connection: Any) -> None:
        self.pages.append({**connection})
        connection.update(self.pages[0])
        connection["pageInfo"]["hasNextPage"] = True


@pytest.mark.slow
async def test_models_that_dbt_counts_and_does_not_give_are_missed(gateway: Gateway) -> None:
    gateway.upstream.rewrite = environments_with("models", _more_than_given)
    got = await gateway.ask(MODELS)
    assert got.codes == {"project.models": INVALID}
    assert "has 100,000,000 models and gives 16" in got.errors[0]["message"]


@pytest.mark.slow
@pytest.mark.parametrize(("question", "connection"), [(MODELS, "models"), (SOURCES, "sources")])
async def test_pages_that_never_end_are_left(gateway: Gateway, question: str, connection: str) -> None:
    endless = _Endless()
    gateway.upstream.rewrite = environments_with(connection, endless)
    got = await gateway.ask(question)
    assert got.codes == {f"project.{connection}": INVALID}
    assert endless.pages == 1

    repeating = _Repeating()
    gateway.upstream.rewrite = environments_with(connection, repeating)
    got = await gateway.ask(question)
    assert got.codes == {f"project.{connection}": INVALID}
    assert len(repeating.pages) == 2
