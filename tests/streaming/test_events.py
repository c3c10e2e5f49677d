"""Subscriptions and other operations as server-sent events, one connection each."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest

from gateway.http.streaming.live_connections import LivePolicy
from gateway.settings import Settings
from tests.oracle.account import Oracle
from tests.streaming.conftest import SECONDS, LiveGateway, hear, live, subscribe, until
from tests.streaming.test_socket import FINISHED, finished

EVENTS = {"Accept": "text/event-stream"}


@asynccontextmanager
async def events(http: httpx2.AsyncClient, url: str, query: str, **headers: str) -> AsyncIterator[AsyncIterator[Any]]:
    async with http.stream("POST", url, json={"query": query}, headers={**EVENTS, **headers}) as response:
        assert response.status_code == 200, await response.aread()
        assert response.headers["content-type"] == "text/event-stream"
        assert response.headers["cache-control"] == "no-store"
        assert "gzip" in response.request.headers["accept-encoding"]
        assert "content-encoding" not in response.headers, "an event that waits for more to compress is late"
        yield _read(response)


async def _read(response: httpx2.Response) -> AsyncIterator[Any]:
    """Each event's name and content; comments are left out."""
    name = ""
    async for line in response.aiter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data:"):
            text = line.removeprefix("data:").strip()
            yield name, json.loads(text) if text else None


async def test_a_run_that_finishes_is_an_event(
    live_gateway: LiveGateway, http: httpx2.AsyncClient, oracle: Oracle
) -> None:
    change, told = finished(oracle)
    async with events(http, live_gateway.url, FINISHED) as heard:
        await until(lambda: live_gateway.services.poller.listeners == 1)
        live_gateway.services.events.publish(change)
        name, content = await asyncio.wait_for(anext(heard), SECONDS)
        assert (name, content["data"]["runFinished"]["id"]) == ("next", told["id"])
        live_gateway.leaving.set()
        assert await asyncio.wait_for(anext(heard), SECONDS) == ("complete", None)
    await until(lambda: live_gateway.services.poller.listeners == 0)


async def test_a_client_that_leaves_is_forgotten(live_gateway: LiveGateway, http: httpx2.AsyncClient) -> None:
    async with events(http, live_gateway.url, FINISHED):
        await until(lambda: live_gateway.services.poller.listeners == 1)
    await until(lambda: live_gateway.services.poller.listeners == 0)


async def test_a_browser_may_subscribe_by_get(live_gateway: LiveGateway, http: httpx2.AsyncClient) -> None:
    """An EventSource knows nothing else; a foreign page's is refused like every other simple request of its."""
    asked = {"query": FINISHED}
    async with http.stream("GET", live_gateway.url, params=asked, headers=EVENTS) as response:
        assert response.status_code == 200
        await until(lambda: live_gateway.services.poller.listeners == 1)
    foreign = {**EVENTS, "Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    refused = await http.get(live_gateway.url, params=asked, headers=foreign)
    assert (refused.status_code, refused.json()["errors"][0]["extensions"]["code"]) == (403, "CSRF_PREVENTED")


async def test_a_query_is_one_event_for_who_takes_nothing_else(
    live_gateway: LiveGateway, http: httpx2.AsyncClient
) -> None:
    async with events(http, live_gateway.url, "{ __typename }") as heard:
        found = [event async for event in heard]
    assert [(name, content and content["data"]) for name, content in found] == [
        ("next", {"__typename": "Query"}),
        ("complete", None),
    ]


async def test_what_cannot_be_streamed_is_refused_in_json(live_gateway: LiveGateway, http: httpx2.AsyncClient) -> None:
    async def code(query: str, accept: str) -> tuple[int, str]:
        reply = await http.post(live_gateway.url, json={"query": query}, headers={"Accept": accept})
        assert "json" in reply.headers["content-type"]
        return reply.status_code, reply.json()["errors"][0]["extensions"]["code"]

    assert await code(FINISHED, "application/json") == (406, "NOT_ACCEPTABLE")
    assert await code(FINISHED, "*/*") == (406, "NOT_ACCEPTABLE")
    assert await code("subscription { nonsense }", "text/event-stream") == (400, "GRAPHQL_VALIDATION_FAILED")
    assert await code("subscription {", "text/event-stream") == (400, "GRAPHQL_PARSE_FAILED")
    assert await code("{ __typename }", "image/png") == (406, "NOT_ACCEPTABLE")


@pytest.mark.slow
async def test_event_streams_take_places_and_give_them_back(settings: Settings) -> None:
    small = settings.model_copy(update={"live_connections": 1, "revision_interval": 3600.0})
    async with live(small) as gateway, httpx2.AsyncClient(timeout=SECONDS) as http:
        for _ in range(3):
            async with events(http, gateway.url, FINISHED):
                full = await http.post(gateway.url, json={"query": FINISHED}, headers=EVENTS)
                assert (full.status_code, full.json()["errors"][0]["extensions"]["code"]) == (429, "TOO_MANY_STREAMS")
                wrong = await http.post(gateway.url, json={"query": "{ __typename }"})
                assert wrong.status_code == 200
            await until(lambda: gateway.services.poller.listeners == 0)


@pytest.mark.slow
async def test_a_silent_stream_shows_that_it_lives(settings: Settings, monkeypatch: Any) -> None:
    monkeypatch.setattr("gateway.app.LivePolicy", lambda *_: LivePolicy(heartbeat_seconds=0.05))
    async with (
        live(settings) as gateway,
        httpx2.AsyncClient(timeout=SECONDS) as http,
        http.stream("POST", gateway.url, json={"query": FINISHED}, headers=EVENTS) as response,
    ):
        beats = 0
        async for line in response.aiter_lines():
            beats += line == ":"
            if beats == 4:
                break


@pytest.mark.slow
async def test_an_answer_that_is_too_long_is_an_error_and_the_next_is_reported(settings: Settings) -> None:
    """As over HTTP (docs/edge.md)."""
    long = "{ account { models(first: 40) { nodes { id description rawCode } } } }"
    async with live(settings.model_copy(update={"response_bytes": 5_000})) as gateway:
        async with httpx2.AsyncClient(timeout=SECONDS) as http, events(http, gateway.url, long) as heard:
            (_, content), _ = [event async for event in heard]
        async with gateway.talk() as connection:
            await subscribe(connection, "1", long)
            message = await hear(connection)
            assert message["type"] == "error"
            for errors in (message["payload"], content["errors"]):
                extensions = errors[0]["extensions"]
                assert extensions == {"code": "QUERY_TOO_LARGE", "limit": "response_bytes", "most": 5_000}
            await subscribe(connection, "2", "{ __typename }")
            assert (await hear(connection))["payload"]["data"] == {"__typename": "Query"}
