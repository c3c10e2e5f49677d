"""The graphql-transport-ws protocol over a real socket: what is said, what is answered, and how it ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest
import websockets
from websockets.typing import Subprotocol

from gateway.http.streaming.live_connections import LivePolicy
from gateway.services.environments.event_bus import Change, ChangeKind
from gateway.settings import Settings
from tests.oracle.account import Oracle
from tests.streaming.conftest import LiveGateway, closed, hear, live, say, subscribe, until

FINISHED = "subscription { runFinished { id status job { id } } }"


def finished(oracle: Oracle, place: int = 0) -> tuple[Change, Mapping[str, Any]]:
    """A run of the demo as news, and as a subscriber is told of it."""
    job = oracle.production_jobs[place]
    run = job.runs[-1]
    change = Change(ChangeKind.RUN_FINISHED, job.environment_id, job.id, run.id)
    return change, {"id": str(run.id), "job": {"id": str(job.id)}}


@pytest.mark.slow
async def test_a_run_that_finishes_is_sent_to_who_subscribed(live_gateway: LiveGateway, oracle: Oracle) -> None:
    change, told = finished(oracle)
    async with live_gateway.talk() as connection:
        await subscribe(connection, "1", FINISHED)
        await until(lambda: live_gateway.services.poller.listeners == 1)
        live_gateway.services.events.publish(change)
        live_gateway.services.events.publish(change)
        message = await hear(connection)
        assert (message["type"], message["id"]) == ("next", "1")
        run = message["payload"]["data"]["runFinished"]
        assert {name: run[name] for name in told} == told
        assert message["payload"]["extensions"]["gateway"]["incomplete"] == []
        # The same run is not told again, and nothing comes after the client's complete.
        await say(connection, type="complete", id="1")
        await until(lambda: live_gateway.services.poller.listeners == 0)
        await say(connection, type="ping", payload={"n": 1})
        assert await hear(connection) == {"type": "pong", "payload": {"n": 1}}


@pytest.mark.slow
async def test_only_the_runs_asked_for_are_sent(live_gateway: LiveGateway, oracle: Oracle) -> None:
    job = oracle.production_jobs[0]
    others = [finished(oracle, place) for place in range(1, len(oracle.production_jobs))]
    change, told = finished(oracle)
    query = "subscription ($job: ID, $projects: [ID!]) { runFinished(jobId: $job, projectIds: $projects) { id } }"
    project = next(one.id for one in oracle.production if one.environment_id == job.environment_id)
    async with live_gateway.talk() as connection:
        await subscribe(connection, "job", query, job=str(job.id))
        await subscribe(connection, "project", query, projects=[project])
        await until(lambda: live_gateway.services.poller.listeners == 2)
        for other, _ in others:
            live_gateway.services.events.publish(other)
        live_gateway.services.events.publish(change)
        of_project = sum(one.environment_id == job.environment_id for one in oracle.production_jobs)
        heard = [await hear(connection) for _ in range(1 + of_project)]
    assert [one["payload"]["data"]["runFinished"]["id"] for one in heard if one["id"] == "job"] == [told["id"]]
    assert sum(one["id"] == "project" for one in heard) == of_project


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("subscription { runFinished { nonsense } }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription { runFinished { id ", "GRAPHQL_PARSE_FAILED"),
        ('subscription { runFinished(projectIds: ["nowhere"]) { id } }', "BAD_USER_INPUT"),
        ('subscription { runFinished(jobId: "1") { id } }', "NOT_FOUND"),
        ("subscription { slowestModelsChanged(first: 0) { rank } }", "BAD_USER_INPUT"),
        ("subscription ($n: Int!) { slowestModelsChanged(first: $n) { rank } }", "BAD_USER_INPUT"),
        ("{ account { jobs { nodes { models { nodes { jobs { nodes { " * 5, "GRAPHQL_PARSE_FAILED"),
        ("{" + " ".join(f"a{n}: __typename" for n in range(100)) + "}", "QUERY_TOO_LARGE"),
    ],
)
async def test_what_cannot_be_begun_is_an_error_and_the_socket_stays(
    live_gateway: LiveGateway, query: str, code: str
) -> None:
    async with live_gateway.talk() as connection:
        await subscribe(connection, "1", query)
        message = await hear(connection)
        assert (message["type"], message["id"]) == ("error", "1")
        assert [error["extensions"]["code"] for error in message["payload"]] == [code]
        await subscribe(connection, "1", "{ __typename }")
        assert (await hear(connection))["payload"]["data"] == {"__typename": "Query"}
        assert await hear(connection) == {"type": "complete", "id": "1"}


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        (["not json"], 4400),
        (["[]"], 4400),
        (['{"type": "start", "id": "1", "payload": {}}'], 4400),
        (['{"type": "connection_init", "payload": 7}'], 4400),
        (['{"type": "connection_init", "payload": {"authorization": 7}}'], 4400),
        (['{"type": "connection_init", "type": "ping"}'], 4400),
        (['{"type": "connection_init"}', '{"type": "subscribe", "payload": {"query": "{ __typename }"}}'], 4400),
        (['{"type": "connection_init"}', '{"type": "subscribe", "id": "", "payload": {"query": "{ a }"}}'], 4400),
        (['{"type": "connection_init"}', '{"type": "subscribe", "id": "1"}'], 4400),
        (['{"type": "connection_init"}', '{"type": "subscribe", "id": "1", "payload": {"query": 1}}'], 4400),
        (['{"type": "connection_init"}', b"\x00"], 4400),
        (['{"type": "subscribe", "id": "1", "payload": {"query": "{ __typename }"}}'], 4401),
        (['{"type": "connection_init"}', '{"type": "connection_init"}'], 4429),
        (
            [
                '{"type": "connection_init"}',
                *['{"type": "subscribe", "id": "1", "payload": {"query": "subscription { runFinished { id } }"}}'] * 2,
            ],
            4409,
        ),
        (['{"type": "connection_init"}', json.dumps({"type": "ping", "payload": {"x": "y" * 70_000}})], 1009),
        (['{"type": "connection_init"}', '{"type": "ping", "payload": ' + '{"a":' * 100 + "1" + "}" * 101], 4400),
    ],
)
async def test_what_breaks_the_protocol_closes_the_socket(
    live_gateway: LiveGateway, messages: list[str | bytes], code: int
) -> None:
    async with live_gateway.connect() as connection:
        for message in messages:
            await connection.send(message)
        assert await closed(connection) == code
    await until(lambda: live_gateway.services.poller.listeners == 0)


@pytest.mark.slow
async def test_who_says_nothing_is_let_go(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.app.LivePolicy", lambda *_: LivePolicy(init_seconds=0.1))
    async with live(settings) as gateway, gateway.connect() as connection:
        assert await closed(connection) == 4408


async def test_a_socket_opens_with_a_slash_behind_the_path_too(live_gateway: LiveGateway) -> None:
    url = f"ws://127.0.0.1:{live_gateway.port}/graphql/"
    async with websockets.connect(url, subprotocols=[Subprotocol("graphql-transport-ws")]) as connection:
        await say(connection, type="connection_init")
        assert (await hear(connection))["type"] == "connection_ack"
        await say(connection, type="subscribe", id="1", payload={"query": "{ __typename }", "operationName": ""})
        assert (await hear(connection))["payload"]["data"] == {"__typename": "Query"}


@pytest.mark.parametrize("subprotocols", [None, ["graphql-ws"], ["soap", "wamp"]])
async def test_only_one_protocol_is_spoken(live_gateway: LiveGateway, subprotocols: list[str] | None) -> None:
    async with live_gateway.connect(subprotocols=subprotocols) as connection:
        assert connection.subprotocol is None
        assert await closed(connection) == 4406


@pytest.mark.slow
@pytest.mark.parametrize(
    ("origin", "lets_in"),
    [
        ("https://evil.example", False),
        ("null", False),
        ("https://127.0.0.1:1", False),
        ("https://allowed.example", True),
        (None, True),
    ],
)
async def test_pages_of_other_sites_cannot_open_a_socket(settings: Settings, origin: str | None, lets_in: bool) -> None:
    allowing = settings.model_copy(update={"cors_origins": ("https://allowed.example",)})
    async with live(allowing) as gateway:
        if lets_in:
            async with gateway.talk(origin=origin) as connection:
                await subscribe(connection, "1", "{ __typename }")
                assert (await hear(connection))["type"] == "next"
            own = f"http://127.0.0.1:{gateway.port}"
            async with gateway.talk(origin=own):
                pass
            return
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with gateway.connect(origin=origin):
                pass
        assert refused.value.response.status_code == 403
        assert b"CSRF_PREVENTED" in refused.value.response.body


@pytest.mark.slow
async def test_sockets_and_operations_are_counted_and_places_are_given_back(settings: Settings) -> None:
    small = settings.model_copy(
        update={
            "live_connections": 3,
            "live_connections_per_caller": 2,
            "live_operations": 2,
            "revision_interval": 3600,
        }
    )
    async with live(small) as gateway:
        for _ in range(3):
            async with gateway.talk() as first, gateway.talk(), gateway.connect() as third:
                await say(third, type="connection_init")
                assert await closed(third) == 4429
                for number in ("1", "2", "3"):
                    await subscribe(first, number, FINISHED)
                message = await hear(first)
                assert (message["type"], message["id"]) == ("error", "3")
                assert message["payload"][0]["extensions"]["code"] == "TOO_MANY_STREAMS"
                await until(lambda: gateway.services.poller.listeners == 2)
                await say(first, type="complete", id="1")
                await subscribe(first, "4", FINISHED)
                await until(lambda: gateway.services.poller.listeners == 2)
            await until(lambda: gateway.services.poller.listeners == 0)


async def test_beyond_the_limit_a_socket_is_refused_before_its_handshake(settings: Settings) -> None:
    async with live(settings.model_copy(update={"live_connections": 1})) as gateway, gateway.talk():
        with pytest.raises(websockets.InvalidStatus) as full:
            async with gateway.connect():
                pass
        assert full.value.response.status_code == 429


@pytest.mark.slow
async def test_a_flood_of_sockets_that_vanish_leaves_nothing_behind(live_gateway: LiveGateway) -> None:
    before = len(asyncio.all_tasks())

    async def vanish() -> None:
        async with live_gateway.talk() as connection:
            for number in range(5):
                await subscribe(connection, str(number), FINISHED)
            connection.transport.abort()

    for _ in range(8):
        await asyncio.gather(*(vanish() for _ in range(25)))
    await until(lambda: live_gateway.services.poller.listeners == 0)
    await until(lambda: len(asyncio.all_tasks()) <= before + 2)


@pytest.mark.slow
async def test_a_client_that_does_not_read_holds_up_nobody_else(live_gateway: LiveGateway, oracle: Oracle) -> None:
    many = "subscription { slowestModelsChanged(first: 100, sendInitial: true) { model { id description } } }"
    async with live_gateway.talk(max_queue=1) as deaf, live_gateway.talk() as other:
        for number in range(20):
            await subscribe(deaf, str(number), many)
        change, told = finished(oracle)
        await subscribe(other, "1", FINISHED)
        await until(lambda: live_gateway.services.poller.listeners == 21)
        live_gateway.services.events.publish(change)
        assert (await hear(other))["payload"]["data"]["runFinished"]["id"] == told["id"]


async def test_a_gateway_that_leaves_says_so(live_gateway: LiveGateway) -> None:
    async with live_gateway.talk() as connection:
        await subscribe(connection, "1", FINISHED)
        await until(lambda: live_gateway.services.poller.listeners == 1)
        live_gateway.leaving.set()
        assert await hear(connection) == {"type": "complete", "id": "1"}
        assert await closed(connection) == 1001
