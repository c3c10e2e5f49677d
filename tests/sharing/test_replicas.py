"""Two gateways, one Redis: dbt is asked once, news reach both, and what lies in Redis is not just believed."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Connection, Redis

from gateway.settings import Settings
from tests.conftest import copied
from tests.freshness.conftest import ChangingDbt
from tests.freshness.test_webhooks import SECRET, signature
from tests.oracle.account import Oracle
from tests.serving import Call, Gateway, serving
from tests.sharing.conftest import OwnRedis

pytestmark = pytest.mark.external

QUESTION = """{ account {
  models(first: 100) { nodes { id runtime lastRunStatus } }
  jobs { nodes { id models { nodes { id } } runs(first: 3) { nodes { id status } } } }
  slowestModels(first: 100, lastRuns: 3) { runtime model { id } }
} }"""
RUNTIMES = "{ account { models(first: 100) { nodes { id runtime } } } }"


# A machine with better things to do may let a Redis that lives wait for long.
PATIENCE = 20.0


def sharing(store: str, redis: OwnRedis, **given: Any) -> Settings:
    return Settings(
        store_url=store,
        cache_url=redis.url,
        webhook_secret=SECRET,
        cache_seconds=PATIENCE,
        **{"cache_secret": "the replicas know it", **given},
    )


@asynccontextmanager
async def replicas(settings: Settings, count: int = 2) -> AsyncIterator[list[Gateway]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(serving(settings)) for _ in range(count)]


@pytest.fixture
async def right(warm_gateway: Gateway) -> Any:
    """The answer of a gateway that shares nothing."""
    return await warm_gateway.data(QUESTION)


def asked(*gateways: Gateway) -> Counter[tuple[Any, ...]]:
    """How often each single thing was asked of dbt, however the replicas shared things out into documents."""
    return Counter(thing for gateway in gateways for call in gateway.upstream.calls for thing in things(call))


def things(call: Call) -> Iterator[tuple[Any, ...]]:
    """Each environment that a document asks for, or of one that asks for histories each model with the number of runs;
    else the request."""
    environments = {name: value for name, value in call.variables.items() if re.fullmatch(r"e\d+", name)}
    for name, environment in environments.items():
        models = [v for n, v in call.variables.items() if re.fullmatch(rf"u{name[1:]}_\d+", n)]
        yield from ((call.operation, environment, model, call.variables.get("count")) for model in models or [None])
    if not environments:
        yield (call.operation, tuple(sorted(call.variables.items())), tuple(sorted(call.query.items())))


@pytest.mark.slow
async def test_what_one_replica_has_read_the_other_does_not_ask_for(
    demo_store: str, redis: OwnRedis, right: Any
) -> None:
    async with replicas(sharing(demo_store, redis)) as (first, second):
        assert await first.data(QUESTION) == right
        await asyncio.sleep(0.2)
        assert await second.count(QUESTION) == {}
        assert await second.data(QUESTION) == right


@pytest.mark.slow
async def test_what_both_ask_for_at_once_is_read_once(
    demo_store: str, redis: OwnRedis, warm_gateway: Gateway, oracle: Oracle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No thing is asked of dbt twice: the two together ask for what one gateway alone asks for. (Where questions need
    different amounts of the same list, as `QUESTION` does of runs, a replica may ask for its own amount beside the
    other.)"""
    # However slow the machine is, nobody loses patience and asks for himself.
    monkeypatch.setattr("gateway.caching.shared_facts._LEASE_WAIT", 3 * PATIENCE)
    monkeypatch.setattr("gateway.caching.shared_facts._LEASE_MILLISECONDS", int(4_000 * PATIENCE))
    question = "{ account { slowestModels(first: 100, lastRuns: 3) { runtime model { id jobs { nodes { id } } } } } }"
    right = await warm_gateway.data(question)
    async with replicas(sharing(demo_store, redis)) as (first, second), serving(Settings(store_url=demo_store)) as lone:
        await lone.data(question)
        assert await asyncio.gather(first.data(question), second.data(question)) == [right, right]
        together = asked(first, second)
        assert together == asked(lone)
        histories = {thing: times for thing, times in together.items() if thing[0] == "ModelHistories"}
        assert set(histories.values()) == {1}
        assert {thing[1:3] for thing in histories} == {(one.environment_id, one.unique_id) for one in oracle.models}


@pytest.mark.slow
@pytest.mark.parametrize("own_tokens", [False, True])
async def test_a_webhook_at_one_replica_outdates_the_facts_of_the_other(
    demo_store: str, redis: OwnRedis, oracle: Oracle, own_tokens: bool
) -> None:
    """Also what the other has read with its callers' own dbt tokens, which is not shared."""
    job = oracle.production_jobs[0]
    event = {
        "accountId": oracle.record["account"]["id"],
        "eventId": "wev_1",
        "timestamp": datetime.now(UTC).isoformat(),
        "eventType": "job.run.completed",
        "data": {"jobId": str(job.id), "runId": str(job.runs[0].id), "environmentId": str(job.environment_id)},
    }
    dbt = ChangingDbt()
    settings = sharing(demo_store, redis, stale_seconds=0, pass_through_tokens=own_tokens)
    async with replicas(settings) as (first, second):
        first.upstream.rewrite = second.upstream.rewrite = dbt
        for one in (first, second):
            one.client.headers["X-dbt-Token"] = "dbtu_anna"
        await first.data(RUNTIMES)
        await second.data(RUNTIMES)
        dbt.change(job.environment_id)
        body = json.dumps(event).encode()
        given = {"Authorization": signature(body)}
        assert (await first.client.post("/webhooks/dbt", content=body, headers=given)).status_code in (200, 202)
        expected = {
            model.id: None
            if model.runtime is None
            else pytest.approx(model.runtime + (1.0 if model.environment_id == job.environment_id else 0.0))
            for model in oracle.models
        }
        told: Any = None
        for _ in range(100):
            data = await second.data(RUNTIMES)
            told = {model["id"]: model["runtime"] for model in data["account"]["models"]["nodes"]}
            if told == expected:
                break
            await asyncio.sleep(0.05)
        assert told == expected


@pytest.mark.slow
@pytest.mark.parametrize("harm", ["cut", "changed", "swapped", "of another secret", "no bytes of ours"])
async def test_values_that_are_not_what_was_written_are_not_believed(
    demo_store: str, redis: OwnRedis, right: Any, harm: str
) -> None:
    async with serving(sharing(demo_store, redis)) as first:
        await first.data(QUESTION)
        await asyncio.sleep(0.2)
    values = await redis.values()
    assert len(values) > 10
    names = list(values)
    async with Redis.from_url(redis.url) as client:
        for place, name in enumerate(names):
            value = values[name]
            harmed = {
                "cut": value[:-1],
                "changed": value[:-1] + bytes([value[-1] ^ 1]),
                "swapped": values[names[place - 1]],
                "of another secret": value,
                "no bytes of ours": b"\x80\x04K\x01.",
            }[harm]
            await client.set(name, harmed, keepttl=True)
    other = {"cache_secret": "another"} if harm == "of another secret" else {}
    async with serving(sharing(demo_store, redis, **other)) as second:
        assert await second.data(QUESTION) == right
        assert second.upstream.operations["EnvironmentModels"] >= 1


@pytest.mark.slow
async def test_two_accounts_in_one_redis_do_not_meet(
    demo_store: str, redis: OwnRedis, tmp_path: Path, right: Any
) -> None:
    async with serving(sharing(demo_store, redis)) as first:
        await first.data(QUESTION)
    async with serving(sharing(copied(demo_store, tmp_path), redis)) as second:
        assert await second.data(QUESTION) == right
        assert second.upstream.operations["EnvironmentModels"] >= 1


@pytest.mark.slow
async def test_a_replica_that_dies_while_reading_holds_the_other_up_for_a_while_only(
    demo_store: str, redis: OwnRedis, right: Any
) -> None:
    """Its leases stay until they run out; the other waits some seconds and then asks for itself."""
    async with replicas(sharing(demo_store, redis)) as (first, second):

        async def silent(call: Call) -> None:
            if call.operation == "EnvironmentModels":
                await asyncio.sleep(60)

        first.upstream.fault = silent
        dying = asyncio.create_task(first.ask(QUESTION))
        while "EnvironmentModels" not in first.upstream.operations:
            await asyncio.sleep(0.02)
        async with asyncio.timeout(25):
            assert await second.data(QUESTION) == right
        dying.cancel()


@pytest.mark.slow
async def test_without_redis_each_replica_asks_for_itself(demo_store: str, redis: OwnRedis, right: Any) -> None:
    redis.kill()
    async with replicas(sharing(demo_store, redis)) as (first, second):
        assert await asyncio.gather(first.data(QUESTION), second.data(QUESTION)) == [right, right]


@pytest.mark.slow
async def test_a_lost_cancellation_keeps_no_gateway_from_leaving(
    demo_store: str, redis: OwnRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python 3.11 loses one that comes at the moment in which a command has been sent to Redis: so does this."""
    send, sending, lost = Connection.send_packed_command, asyncio.Event(), []

    async def deaf(connection: Connection, command: Any, **given: Any) -> None:
        await send(connection, command, **given)
        if b"SUBSCRIBE" in b"".join(command):
            sending.set()
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError as cancellation:
                lost.append(cancellation)

    monkeypatch.setattr(Connection, "send_packed_command", deaf)
    async with asyncio.timeout(30):
        async with serving(sharing(demo_store, redis)):
            await sending.wait()
    assert len(lost) == 1
