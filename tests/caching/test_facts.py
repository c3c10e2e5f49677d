"""The facts cache: one flight for many, nobody's leaving harms the others, errors are not kept, the bound holds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.caching.facts import FactsCache, Kind
from gateway.caching.memory import Fact, Memory
from gateway.caching.tiers import Tiers
from gateway.caching.validity import FINAL, UNFIT, Validity, for_seconds
from gateway.concurrency.deadline import deadline_in
from gateway.errors import GatewayError, NotFound, UpstreamCallsExceeded, UpstreamTimeout, UpstreamUnavailable

Answers = Mapping[str, str | GatewayError]


class Upstream:
    """Answers when it is let to; notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.open = asyncio.Event()
        self.answer: Callable[[str], str | GatewayError] = str.upper

    async def __call__(self, keys: list[str]) -> Answers:
        self.asked.append(keys)
        await self.open.wait()
        return {key: self.answer(key) for key in keys}


def always(_: str, fact: Fact[str]) -> Validity:
    return FINAL


def cache_of(capacity: int, **given: Any) -> FactsCache[str, Any]:
    """A cache whose facts weigh one byte each."""
    return FactsCache(Tiers(Memory(capacity), **given), Kind("test", weigh=lambda _: 1))


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_those_who_ask_at_once_share_one_flight() -> None:
    cache = cache_of(100)
    upstream = Upstream()
    first = asyncio.create_task(cache.get_many(["a", "b"], upstream, always))
    await settle()
    second = asyncio.create_task(cache.get_many(["b", "c", "b"], upstream, always))
    await settle()
    assert upstream.asked == [["a", "b"], ["c"]]
    upstream.open.set()
    assert await first == {"a": "A", "b": "B"}
    assert await second == {"b": "B", "c": "C"}
    assert await cache.get_many(["a", "b", "c"], upstream, always) == {"a": "A", "b": "B", "c": "C"}
    assert len(upstream.asked) == 2


@pytest.mark.parametrize("leaver", ["leader", "follower"])
async def test_who_leaves_does_not_take_the_answer_from_the_others(leaver: str) -> None:
    cache = cache_of(100)
    upstream = Upstream()
    tasks = {}
    for name in ("leader", "follower"):
        tasks[name] = asyncio.create_task(cache.get_many(["a"], upstream, always))
        await settle()
    tasks.pop(leaver).cancel()
    await settle()
    upstream.open.set()
    (other,) = tasks.values()
    assert await other == {"a": "A"}
    assert upstream.asked == [["a"]]


async def test_a_flight_that_all_have_left_still_lands_in_the_cache() -> None:
    cache = cache_of(100)
    upstream = Upstream()
    only = asyncio.create_task(cache.get_many(["a"], upstream, always))
    await settle()
    only.cancel()
    await settle()
    upstream.open.set()
    await settle()
    assert await cache.get_many(["a"], upstream, always) == {"a": "A"}
    assert upstream.asked == [["a"]]


async def test_an_error_goes_to_all_who_waited_and_is_not_kept() -> None:
    cache = cache_of(100)
    upstream = Upstream()
    failure = UpstreamUnavailable("down")
    upstream.answer = lambda key: failure if key == "a" else key.upper()
    waiting = [asyncio.create_task(cache.get_many(["a", "b"], upstream, always)) for _ in range(3)]
    await settle()
    upstream.open.set()
    assert [await one for one in waiting] == [{"a": failure, "b": "B"}] * 3
    upstream.answer = str.upper
    assert await cache.get_many(["a", "b"], upstream, always) == {"a": "A", "b": "B"}
    assert upstream.asked == [["a", "b"], ["a"]]


async def test_an_operation_at_the_end_of_its_calls_ends_no_other_one() -> None:
    cache = cache_of(100)
    leading, following = Upstream(), Upstream()
    exceeded = UpstreamCallsExceeded("too many", most=1)
    leading.answer = lambda _: exceeded
    leader = asyncio.create_task(cache.get_many(["a"], leading, always))
    await settle()
    follower = asyncio.create_task(cache.get_many(["a"], following, always))
    await settle()
    assert following.asked == []
    leading.open.set()
    following.open.set()
    assert await leader == {"a": exceeded}
    assert await follower == {"a": "A"}


async def test_a_fetch_that_breaks_raises_for_all_and_leaves_the_key_free() -> None:
    cache = cache_of(100)

    async def broken(_: list[str]) -> Answers:
        await asyncio.sleep(0)
        raise ZeroDivisionError

    waiting = [asyncio.create_task(cache.get_many(["a"], broken, always)) for _ in range(2)]
    assert [type(one) for one in await asyncio.gather(*waiting, return_exceptions=True)] == [ZeroDivisionError] * 2
    upstream = Upstream()
    upstream.open.set()
    assert await cache.get_many(["a"], upstream, always) == {"a": "A"}


async def test_one_key_raises_what_its_fetch_raises() -> None:
    cache = cache_of(100)

    async def failing() -> str:
        raise UpstreamUnavailable("down")

    with pytest.raises(UpstreamUnavailable, match="down"):
        await cache.get("a", failing, lambda _: FINAL)


async def test_a_key_that_the_fetch_forgets_is_a_fault_of_its_own() -> None:
    cache = cache_of(100)

    async def forgetful(keys: list[str]) -> Answers:
        return {"b": "B"}

    with pytest.raises(KeyError):
        await cache.get_many(["a", "b"], forgetful, always)
    assert cache.peek("b") is not None


async def test_who_needs_more_than_a_flight_brings_asks_again() -> None:
    """A history of three runs is under way; somebody wants ten."""
    cache = cache_of(100)
    started = asyncio.Event()
    asked: list[int] = []

    def fetching(count: int) -> Any:
        async def fetch(keys: list[str]) -> Mapping[str, tuple[str, ...] | GatewayError]:
            asked.append(count)
            await started.wait()
            return dict.fromkeys(keys, ("run",) * count)

        return fetch

    async def ask(count: int) -> object:
        found = await cache.get_many(
            ["a"], fetching(count), lambda _, fact: FINAL if len(fact.value) >= count else UNFIT
        )
        return found["a"]

    tasks = [asyncio.create_task(ask(count)) for count in (3, 10, 2)]
    await settle()
    started.set()
    assert [await one for one in tasks] == [("run",) * 3, ("run",) * 10, ("run",) * 3]
    assert asked == [3, 10]


async def test_who_comes_between_a_flights_end_and_its_landing_departs_anew() -> None:
    """A flight that has ended stands among those under way until its callback runs. Who boarded it then and needed more
    than it brings would board it for ever, without letting the callback run."""
    cache = cache_of(100)
    arrived = asyncio.Event()
    asked: list[int] = []
    judged = 0

    async def ask(count: int) -> object:
        async def fetch(keys: list[str]) -> Mapping[str, tuple[str, ...] | GatewayError]:
            asked.append(count)
            await arrived.wait()
            return dict.fromkeys(keys, ("run",) * count)

        def validate(_: str, fact: Fact[Any]) -> Validity:
            nonlocal judged
            judged += 1
            assert judged < 100, "it goes round and round"
            return FINAL if len(fact.value) >= count else UNFIT

        return (await cache.get_many(["a"], fetch, validate))["a"]

    first = asyncio.create_task(ask(3))
    await settle()
    # The flight goes on, and ends, right before the second one asks; its callback comes after both.
    arrived.set()
    second = asyncio.create_task(ask(10))
    assert await second == ("run",) * 10
    assert await first == ("run",) * 3
    assert asked == [3, 10]


async def test_a_fact_is_believed_by_the_clock_it_was_read_by() -> None:
    now = 100.0
    cache = cache_of(100, clock=lambda: now)
    upstream = Upstream()
    upstream.open.set()

    async def ask() -> int:
        await cache.get_many(["a"], upstream, lambda _, fact: for_seconds(fact.read_at, 30, now))
        return len(upstream.asked)

    assert await ask() == 1
    now = 129.9
    assert await ask() == 1
    now = 130.0
    assert await ask() == 2
    now = 159.0
    assert await ask() == 2


@pytest.mark.slow
@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(1, 5)), max_size=40), st.integers(1, 12))
def test_the_weight_stays_within_the_bound_and_the_least_used_goes_first(
    puts: list[tuple[str, int]], capacity: int
) -> None:
    cache: FactsCache[str, int] = FactsCache(Tiers(Memory(capacity)), Kind("test", weigh=lambda weight: weight))
    expected: dict[str, int] = {}
    for key, weight in puts:
        cache.put(key, weight)
        expected.pop(key, None)
        expected[key] = weight
        while sum(expected.values()) > capacity and len(expected) > 1:
            del expected[next(iter(expected))]
        assert {key: fact.value for key in "abcdefgh" if (fact := cache.peek(key))} == expected


async def test_what_is_looked_up_counts_as_used() -> None:
    cache = cache_of(2)
    upstream = Upstream()
    upstream.open.set()
    await cache.get_many(["a", "b"], upstream, always)
    await cache.get_many(["a"], upstream, always)
    await cache.get_many(["c"], upstream, always)
    assert [key for key in "abc" if cache.peek(key)] == ["a", "c"]


async def test_a_follower_does_not_share_the_leaders_deadline() -> None:
    cache = cache_of(100)
    upstream = Upstream()

    async def ask(seconds: float) -> object:
        with deadline_in(seconds):
            return (await cache.get_many(["a"], upstream, always))["a"]

    leader = asyncio.create_task(ask(0.02))
    await settle()
    follower = asyncio.create_task(ask(5.0))
    assert isinstance(await leader, UpstreamTimeout)
    upstream.open.set()
    assert await follower == "A"
    assert upstream.asked == [["a"]]


async def test_what_does_not_exist_is_believed_for_some_seconds() -> None:
    now = 100.0
    cache = cache_of(100, clock=lambda: now, negative_seconds=5.0)
    upstream = Upstream()
    upstream.open.set()
    absence = NotFound("no such thing")
    upstream.answer = lambda _: absence
    for moment, asked in ((100.0, 1), (104.9, 1), (105.0, 2)):
        now = moment
        assert await cache.get_many(["a"], upstream, always) == {"a": absence}
        assert len(upstream.asked) == asked


async def test_what_is_outdated_while_it_is_read_is_not_kept() -> None:
    cache = cache_of(100)
    upstream = Upstream()
    early = asyncio.create_task(cache.get_many(["a"], upstream, always))
    await settle()
    cache.invalidate("a")
    upstream.open.set()
    assert await early == {"a": "A"}
    assert cache.peek("a") is None
    await cache.get_many(["a"], upstream, always)
    assert len(upstream.asked) == 2


async def test_all_caches_share_one_bound() -> None:
    memory = Memory(3)
    first, second = (FactsCache[str, str](Tiers(memory), Kind(name, weigh=lambda _: 1)) for name in ("one", "two"))
    for key in "abc":
        first.put(key, key)
    second.put("a", "other")
    assert [key for key in "abc" if first.peek(key)] == ["b", "c"]
    assert (memory.bytes, len(memory)) == (3, 3)
