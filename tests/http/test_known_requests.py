"""Requests that came before, to the last byte: run without being read, for who asks now, of facts as they are now."""

from __future__ import annotations

import gc
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from weakref import ref

import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from gateway.app import create_app
from gateway.http.response_cache import known_requests
from gateway.http.response_cache.known_requests import KnownRequests
from gateway.http.server.raw_hook import RawHook
from gateway.settings import Settings
from tests.clock import Clock
from tests.http.test_response_cache import Connection, connected, raw, served
from tests.identity.callers import Holder, known_to
from tests.oracle.account import Oracle
from tests.serving import UpstreamTap

PROJECTS = b'{"query":"{ account { projects { nodes { id } } models(first: 2) { nodes { id } } } }"}'


class Opened:
    """A gateway on a socket, its front, its clock and the tap on its upstream."""

    def __init__(self, settings: Settings) -> None:
        self.clock, self.upstream, self.raw_hook = Clock(), UpstreamTap(), RawHook()
        self.app: Starlette = create_app(settings, wrap_platform=self.upstream.wrap, clock=self.clock)

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Connection]:
        async with (
            self.app.router.lifespan_context(self.app),
            served(self.app, self.raw_hook) as port,
            connected(port) as connection,
        ):
            yield connection


def endpoint_of(opened: Opened) -> Any:
    (endpoint,) = [one.endpoint for one in opened.app.routes if isinstance(one, Route) and one.path == "/graphql"]
    return endpoint


def requests_of(opened: Opened) -> KnownRequests:
    requests: KnownRequests = endpoint_of(opened).replay.requests
    return requests


@pytest.fixture
def quick(demo_store: str) -> Settings:
    """Without kept answers: what is given again from bytes is not run."""
    return Settings(store_url=demo_store, open=True, response_cache_bytes=0)


async def warm(connection: Connection, request: bytes, times: int = 4) -> Any:
    for _ in range(times):
        _, answer = await connection.ask(request)
    return answer


@pytest.mark.slow
async def test_a_known_request_is_run_without_being_read(quick: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Opened(quick)
    async with opened.connect() as connection:
        first_head, first = await connection.ask(raw(PROJECTS))
        await warm(connection, raw(PROJECTS))
        monkeypatch.setattr(opened.app, "middleware_stack", None)
        opened.clock.now += 5.0
        head, again = await connection.ask(raw(PROJECTS))
    assert again["data"] == first["data"]
    told = again["extensions"]["gateway"]
    assert (told["upstreamRequests"], told["oldestFactSeconds"]) == (0, 5.0)
    assert told["cacheHits"] > 0
    assert again["extensions"]["cost"] == first["extensions"]["cost"]
    assert names(head) == names(first_head)


def names(head: bytes) -> list[bytes]:
    return sorted(line.partition(b":")[0].lower() for line in head.split(b"\r\n")[1:])


@pytest.mark.slow
async def test_facts_past_their_time_are_asked_about_once_and_then_known_again(quick: Settings) -> None:
    opened = Opened(quick)
    async with opened.connect() as connection:
        await warm(connection, raw(PROJECTS))
        opened.upstream.calls.clear()
        opened.clock.now += quick.topology_seconds + quick.stale_seconds + 1
        _, later = await connection.ask(raw(PROJECTS))
        assert later["extensions"]["gateway"]["upstreamRequests"] == len(opened.upstream.calls) > 0
        assert (await warm(connection, raw(PROJECTS)))["data"] == later["data"]


@pytest.mark.slow
async def test_a_document_that_is_let_go_is_not_kept_alive_for_requests_that_may_come_again(quick: Settings) -> None:
    opened = Opened(quick)
    async with opened.connect() as connection:
        await warm(connection, raw(PROJECTS))
        assert opened.raw_hook.answer is not None
        assert opened.raw_hook.answer("127.0.0.1", raw(PROJECTS)) is not None
        endpoint = endpoint_of(opened)
        kept = ref(endpoint._documents.read(json.loads(PROJECTS)["query"]).ast)
        endpoint._documents.forget(json.loads(PROJECTS)["query"])
        gc.collect()
        assert kept() is None
        assert opened.raw_hook.answer("127.0.0.1", raw(PROJECTS)) is None
        await warm(connection, raw(PROJECTS), times=2)
        assert opened.raw_hook.answer("127.0.0.1", raw(PROJECTS)) is not None, "known again"


@pytest.mark.slow
async def test_each_sees_what_he_may_and_who_may_no_longer_ask_is_refused(quick: Settings, oracle: Oracle) -> None:
    holders = [Holder(project.id, (project.id,)) for project in oracle.production]
    opened = Opened(known_to(quick.model_copy(update={"open": False}), *holders))
    async with opened.connect() as connection:
        for _ in range(4):
            for holder in holders:
                _, answer = await connection.ask(raw(PROJECTS, key=holder.key))
                assert [one["id"] for one in answer["data"]["account"]["projects"]["nodes"]] == [holder.name]
        assert opened.raw_hook.answer is not None
        answered = opened.raw_hook.answer("127.0.0.1", raw(PROJECTS, key=holders[0].key))
        assert answered is not None
        assert opened.raw_hook.answer("127.0.0.1", raw(PROJECTS, key="unknown")) is None
        head, _ = await connection.ask(raw(PROJECTS, key="unknown"))
        assert b" 401 " in head


@pytest.mark.slow
async def test_answers_that_are_kept_are_given_before_anything_is_run(quick: Settings) -> None:
    opened = Opened(quick.model_copy(update={"response_cache_bytes": 1_000_000}))
    async with opened.connect() as connection:
        again = await warm(connection, raw(PROJECTS), times=6)
        assert again["extensions"]["gateway"]["cacheHits"] == 0, "from bytes"
        opened.clock.now += 1.0
        fresher = raw(PROJECTS, "Cache-Control: max-age=60")
        assert (await warm(connection, fresher))["extensions"]["gateway"]["cacheHits"] > 0
        _, shown = await connection_text(connection)
    assert ways(shown)["repeated"] >= 3


@pytest.mark.slow
async def test_the_server_shows_requests_to_one_hook_whatever_answers_them(quick: Settings) -> None:
    """The same bytes are answered by a kept answer while it holds, and by a synchronous run when it does not."""
    opened = Opened(quick.model_copy(update={"response_cache_bytes": 1_000_000}))
    async with opened.connect() as connection:
        await warm(connection, raw(PROJECTS), times=2)
        hook = opened.raw_hook.answer
        assert hook is not None
        await warm(connection, raw(PROJECTS), times=3)
        fresher = raw(PROJECTS, "Cache-Control: max-age=60")
        await warm(connection, fresher, times=3)
        assert opened.raw_hook.answer is hook, "one hook for both"
        for request, from_bytes in ((raw(PROJECTS), True), (fresher, False)):
            answered = hook("127.0.0.1", request)
            assert answered is not None
            usage = json.loads(answered.start + answered.end)["extensions"]["gateway"]
            assert (usage["upstreamRequests"], usage["cacheHits"] == 0) == (0, from_bytes)
        endpoint_of(opened).replay.responses._answers.clear()
        answered = hook("127.0.0.1", raw(PROJECTS))
        assert answered is not None, "its operation is known too"
        assert json.loads(answered.start + answered.end)["extensions"]["gateway"]["cacheHits"] > 0


async def connection_text(connection: Connection) -> tuple[bytes, str]:
    connection.writer.write(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
    head = await connection.reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
    return head, (await connection.reader.readexactly(length)).decode()


def ways(shown: str) -> dict[str, float]:
    return {way: float(n) for way, n in re.findall(r'gateway_answers_total\{way="(\w+)"\} ([0-9.]+)', shown)}


@pytest.mark.slow
async def test_no_more_requests_are_known_than_there_is_room_for(
    quick: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_requests, "_MOST_BYTES", 20_000)
    opened = Opened(quick)
    async with opened.connect() as connection:
        await warm(connection, raw(PROJECTS))
        known = requests_of(opened)
        for number in range(30):
            await warm(connection, raw(PROJECTS, f"X-Number: {number}"), times=2)
            assert len(known) <= 20_000 // 3_000
        assert known.bytes_kept <= 20_000
        opened.raw_hook.close()
        assert opened.raw_hook.answer is None
        await connection.ask(raw(PROJECTS))
