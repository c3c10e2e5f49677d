"""Facts in a Redis by themselves: under which names they lie, how old they are, who reads them, what replicas hear."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any

import pytest
from redis.asyncio import Redis

from gateway.caching import shared_facts
from gateway.caching.redis_client import RedisClient
from gateway.caching.shared_facts import SCHEMA, SharedFacts, SharedValue
from gateway.caching.signer import Signer
from tests.sharing.conftest import OwnRedis

pytestmark = pytest.mark.external

SEAL = Signer(b"known to replicas")
PATIENCE = 20.0


class Replica:
    """One of several: its facts, and what it hears of the others."""

    def __init__(self, redis: OwnRedis, account: str = "cloud/1") -> None:
        self.link = RedisClient(redis.url, PATIENCE)
        self.facts = SharedFacts(self.link, SEAL, account)
        self.heard: list[bytes] = []

    async def __aenter__(self) -> Replica:
        self._listening = asyncio.create_task(self.facts.listen(self.heard.append))
        return self

    async def __aexit__(self, *_: Any) -> None:
        self._listening.cancel()
        await self.link.close()


@pytest.fixture
def long_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the machine is, no lease ends by itself."""
    monkeypatch.setattr(shared_facts, "_LEASE_MILLISECONDS", 10_000_000)


@pytest.fixture
async def two(redis: OwnRedis) -> AsyncIterator[list[Replica]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(Replica(redis)) for _ in range(2)]


async def waited_for(facts: SharedFacts, *names: str, old: bytes = b"") -> dict[str, bytes]:
    """What came, without what lay there before."""
    found: dict[str, bytes] = {}

    def take(values: Mapping[str, SharedValue]) -> set[str]:
        new = {name: value.payload for name, value in values.items() if value.payload != old}
        found.update(new)
        return set(new)

    await facts.wait_for(names, take)
    return found


async def until(is_so: Callable[[], bool], step: Callable[[], Any]) -> None:
    async with asyncio.timeout(60):
        while not is_so():
            await step()
            await asyncio.sleep(0.01)


async def test_a_fact_lies_under_its_account_its_kind_and_its_key(redis: OwnRedis) -> None:
    account = hashlib.sha256(b"cloud/1").hexdigest()[:16]
    async with Replica(redis) as one, Replica(redis, "cloud/2") as other:
        for key, text in (
            (b"7", "7"),
            (b"k" * 100, "k" * 100),
            (b"k" * 101, hashlib.sha256(b"k" * 101).hexdigest()),
            ("ä".encode(), hashlib.sha256("ä".encode()).hexdigest()),
            (b"\xff", hashlib.sha256(b"\xff").hexdigest()),
        ):
            assert one.facts.name("models", key) == f"dbt-gateway:{SCHEMA}:{account}:models:{text}"
            assert other.facts.name("models", key) != one.facts.name("models", key)
            assert one.facts.name("jobs", key) != one.facts.name("models", key)


async def test_what_one_writes_the_other_reads_with_its_age(redis: OwnRedis, two: list[Replica]) -> None:
    first, second = two
    await first.facts.write({"a": b"alpha", "b": b""}, age=2.5, seconds=1_000_000)
    async with Redis.from_url(redis.url) as client:
        stored = await client.get("a")
        assert SEAL.open("a", stored) == (2_500).to_bytes(8, "big") + (10**9).to_bytes(8, "big") + b"alpha"
        assert 0 < await client.pttl("a") <= 10**9
        found = await second.facts.read(["b", "nothing", "a"])
        assert {name: value.payload for name, value in found.items()} == {"a": b"alpha", "b": b""}
        # Time left in Redis is what reports the age: none of what there was has passed, or 400 of 1,000 seconds.
        await client.expire("a", 2_000_000)
        assert (await second.facts.read(["a"]))["a"].age == 2.5
        await client.expire("a", 999_600)
        assert 402.5 <= (await second.facts.read(["a"]))["a"].age < 1_000
        await client.persist("a")
        assert await second.facts.read(["a"]) == {}


async def test_what_is_too_short_or_under_another_name_is_not_read(redis: OwnRedis, two: list[Replica]) -> None:
    stamp = bytes(16)
    async with Redis.from_url(redis.url) as client:
        for name, closed in (
            ("short", SEAL.close("short", stamp[:15])),
            ("empty", SEAL.close("empty", stamp)),
            ("moved", SEAL.close("empty", stamp + b"x")),
            ("plain", stamp + b"x"),
        ):
            await client.set(name, closed, px=100_000)
    found = await two[0].facts.read(["short", "empty", "moved", "plain"])
    assert {name: value.payload for name, value in found.items()} == {"empty": b""}


async def test_what_is_too_large_is_not_written(redis: OwnRedis) -> None:
    async with Replica(redis) as one:
        one.facts = SharedFacts(one.link, Signer(b"s", most_unfolded=20), "cloud/1")
        await one.facts.write({"small": b"1234", "large": b"12345"}, 0, 100)
        assert set(await one.facts.read(["small", "large"])) == {"small"}


@pytest.mark.usefixtures("long_leases")
async def test_many_values_are_written_leased_and_read_in_turns(two: list[Replica]) -> None:
    first, second = two
    names = [f"n{number}" for number in range(450)]
    await first.facts.write({name: name.encode() for name in names}, 0, 100)
    found = await second.facts.read(names)
    assert {name: value.payload for name, value in found.items()} == {name: name.encode() for name in names}
    assert await first.facts.lease(names) == names
    assert await second.facts.lease([*names, "one more"]) == ["one more"]
    await first.facts.release(names)
    assert await second.facts.lease(names) == names


async def test_a_lease_ends(redis: OwnRedis, two: list[Replica]) -> None:
    await two[0].facts.lease(["a"])
    async with Redis.from_url(redis.url) as client:
        # -2 if this machine was so slow that it has ended already.
        assert -2 <= await client.pttl("a:lease") <= 15_000
        assert await client.pttl("a:lease") != -1


@pytest.mark.usefixtures("long_leases")
async def test_a_lease_is_given_back_by_its_holder_only(two: list[Replica]) -> None:
    first, second = two
    assert await first.facts.lease(["a", "b"]) == ["a", "b"]
    await second.facts.release(["a", "b"])
    assert await second.facts.lease(["a", "b", "c"]) == ["c"]
    await first.facts.release(["b"])
    assert await second.facts.lease(["a", "b"]) == ["b"]
    assert await first.facts.lease(["a"]) == [], "not even its holder has it twice"


@pytest.mark.usefixtures("long_leases")
async def test_what_another_one_reads_is_waited_for(two: list[Replica], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_facts, "_LEASE_WAIT", 60.0)
    first, second = two
    await first.facts.lease(["a", "b"])
    waiting = asyncio.create_task(waited_for(second.facts, "a", "b"))
    await first.facts.write({"a": b"alpha"}, 0, 100)
    await asyncio.sleep(0.1)
    assert not waiting.done()
    await first.facts.write({"b": b"beta"}, 0, 100)
    assert await waiting == {"a": b"alpha", "b": b"beta"}


@pytest.mark.usefixtures("long_leases")
async def test_what_will_not_do_ends_no_waiting(two: list[Replica], monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as five runs of a model of which twenty are being read."""
    monkeypatch.setattr(shared_facts, "_LEASE_WAIT", 60.0)
    first, second = two
    await first.facts.write({"a": b"five"}, 0, 100)
    await first.facts.lease(["a"])
    waiting = asyncio.create_task(waited_for(second.facts, "a", old=b"five"))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    await first.facts.write({"a": b"twenty"}, 0, 100)
    assert await waiting == {"a": b"twenty"}


@pytest.mark.usefixtures("long_leases")
async def test_who_gave_up_is_not_waited_for(two: list[Replica], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_facts, "_LEASE_WAIT", 10_000.0)
    first, second = two
    await first.facts.lease(["a", "b"])
    await first.facts.write({"a": b"alpha"}, 0, 100)
    waiting = asyncio.create_task(waited_for(second.facts, "a", "b"))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    await first.facts.release(["a", "b"])
    async with asyncio.timeout(60):
        assert set(await waiting) == {"a"}


@pytest.mark.usefixtures("long_leases")
async def test_who_is_slow_is_waited_for_a_while(two: list[Replica], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_facts, "_LEASE_WAIT", 0.2)
    await two[0].facts.lease(["a"])
    async with asyncio.timeout(60):
        assert await waited_for(two[1].facts, "a") == {}


async def test_replicas_hear_each_other_and_not_themselves_or_strangers(redis: OwnRedis, two: list[Replica]) -> None:
    first, second = two
    for teller, hearer in ((first, second), (second, first)):
        await until(lambda: bool(hearer.heard), lambda: teller.facts.tell(b"are you there"))  # noqa: B023
    channel = first.facts.name("x", b"").removesuffix(":x:") + ":news"
    async with Redis.from_url(redis.url) as client:
        for strange in (b"a stranger's", SEAL.close("another", b"0" * 16 + b"a stranger's") or b""):
            assert await client.publish(channel, strange) == 2
    await SharedFacts(first.link, SEAL, "cloud/2").tell(b"of another account")
    await first.facts.tell(b"of the first")
    await second.facts.tell(b"of the second")
    await until(lambda: b"of the second" in first.heard and b"of the first" in second.heard, lambda: asyncio.sleep(0))
    assert set(first.heard) == {b"are you there", b"of the second"}
    assert set(second.heard) == {b"are you there", b"of the first"}


async def test_without_redis_nothing_is_there_and_every_lease_is_granted(redis: OwnRedis, two: list[Replica]) -> None:
    one = two[0].facts
    assert await one.answers() is True
    await one.write({"a": b"alpha"}, 0, 100)
    redis.kill()
    names = [f"n{number}" for number in range(450)]
    assert await one.read(["a"]) == {}
    assert await one.lease(names) == names
    assert await one.answers() is False
    assert await waited_for(one, "a") == {}
    await one.write({"a": b"alpha"}, 0, 100)
    await one.release(["a"])
    await one.tell(b"hello")


async def test_what_is_done_later_is_waited_for_at_the_end(two: list[Replica]) -> None:
    done: list[int] = []

    async def work() -> None:
        await asyncio.sleep(0.05)
        done.append(1)

    one = two[0].facts
    await one.close()
    one.later(work())
    assert done == []
    await one.close()
    assert done == [1]
