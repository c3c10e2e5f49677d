"""Memories that lose facts between questions: the fast path against graphql-core alone, whatever is at hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.caching.memory import Memory
from gateway.concurrency.only_if_cached import NotCached, is_only_if_cached, only_if_cached, run_sync
from gateway.execution.fast_path.operations import Operations
from gateway.loading.loaders import Loaders
from tests.execution.pair import Pair, lasting_pair
from tests.generated.demo import demo_values, read_schema
from tests.generated.queries import QueryGenerator, Shape
from tests.oracle.account import Oracle
from tests.repetitions import daily_and_nightly
from tests.serving import Call, Gateway

RANKING = "{ account { slowestModels(first: 2) { rank runtime model { id } } } }"
HEADERS = "{ account { projects { nodes { id } } } }"


@pytest.fixture
async def pair(demo_store: str) -> AsyncIterator[Pair]:
    """Two gateways that keep no answers, and believe their facts for as long as they have them."""
    async with lasting_pair(demo_store, response_cache_bytes=0) as both:
        yield both


def memory_of(gateway: Gateway) -> Memory:
    return gateway.services.tiers.memory


def forget_some(pair: Pair, chance: Random) -> None:
    """Both lose the same facts: none, some, all of one kind, or all but one kind."""
    fast, slow = memory_of(pair.fast), memory_of(pair.slow)
    places = sorted(fast.places, key=repr)
    assert places == sorted(slow.places, key=repr), "both have read the same"
    kinds = sorted({kind for kind, _ in places})
    if not kinds:
        return
    kind, share = chance.choice(kinds), chance.random()
    lost = {
        0: [],
        1: [place for place in places if chance.random() < share],
        2: [place for place in places if place[0] == kind],
        3: [place for place in places if place[0] != kind],
    }[chance.randrange(4)]
    for place in lost:
        fast.forget(place)
        slow.forget(place)


def notice_work(gateway: Gateway) -> list[str]:
    """The tasks begun and the requests sent to dbt from now on within `only_if_cached`: there must be none, since the
    attempt is dropped and the operation run again."""
    began: list[str] = []

    async def notice_request(call: Call) -> None:
        if is_only_if_cached():
            began.append(call.operation)

    gateway.upstream.fault = notice_request

    def factory(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any], **given: Any) -> asyncio.Task[Any]:
        if is_only_if_cached():
            began.append(repr(work))
        return asyncio.Task(work, loop=loop, **given)

    asyncio.get_running_loop().set_task_factory(factory)  # type: ignore[arg-type]  # of coroutines only, as ours are
    return began


@pytest.mark.slow
@pytest.mark.parametrize("count", daily_and_nightly(25, 200))
async def test_generated_queries_get_the_same_bytes_whatever_is_at_hand(pair: Pair, oracle: Oracle, count: int) -> None:
    generator = QueryGenerator(41, read_schema(), demo_values(oracle), Shape(fields=12, depth=6))
    chance, began, same = Random(41), notice_work(pair.fast), 0  # noqa: S311
    for _ in range(count):
        query, variables = generator.query()
        forget_some(pair, chance)
        same += await pair.same_questions(query, **variables)
    assert began == []
    assert same >= 0.9 * count


@pytest.mark.slow
@pytest.mark.parametrize("before", ['{ job(id: "301001") { name } }', HEADERS, RANKING])
async def test_models_that_are_read_ahead_of_their_headers_are_not_begun_at_once(pair: Pair, before: str) -> None:
    began = notice_work(pair.fast)
    await pair.same(before)
    assert "errors" not in await pair.same(RANKING)
    assert began == []


@pytest.mark.slow
async def test_details_that_no_cache_holds_are_never_attempted(
    pair: Pair, oracle: Oracle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plan knows beforehand: the work before them would be done twice."""
    attempts, attempt = [], Operations.run_sync

    def counted(operations: Operations, *given: Any) -> Any:
        attempts.append(given)
        return attempt(operations, *given)

    monkeypatch.setattr(Operations, "run_sync", counted)
    for fields, expected in (("id", 3), ("id rawCode", 0), ("id tests { name }", 0)):
        attempts.clear()
        for _ in range(3):
            await pair.same(f'{{ model(id: "{oracle.models[0].id}") {{ {fields} }} }}')
        assert len(attempts) == expected


@pytest.mark.slow
async def test_where_headers_are_missing_the_attempt_begins_no_reading_beside_them(pair: Pair) -> None:
    await pair.same(HEADERS)
    for memory in (memory_of(pair.fast), memory_of(pair.slow)):
        for place in [place for place in memory.places if place[1] != "topology"]:
            memory.forget(place)
    began = notice_work(pair.fast)
    assert "errors" not in await pair.same(RANKING)
    assert began == []


async def test_details_are_refused_before_dbt_is_asked_for_them(pair: Pair, oracle: Oracle) -> None:
    model: Any = SimpleNamespace(environment_id=1, unique_id=oracle.models[0].id)
    began = notice_work(pair.fast)
    with only_if_cached(), pytest.raises(NotCached):
        run_sync(Loaders(pair.fast.services).details(model))
    assert began == []
