"""Answers to GET that others keep: for how long, for whom, and when they are told that they hold them still."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import quote

import pytest
from msgspec.structs import replace
from starlette.applications import Starlette

from gateway.execution.request import Answer, Caller, GraphQLParams
from gateway.http.authentication import EverybodyAuthenticator
from gateway.http.edge import EdgePolicy, create_edge
from gateway.http.graphql import EndpointPolicy
from gateway.http.server.raw_hook import RawHook
from gateway.settings import Settings
from tests.http.conftest import Readable
from tests.http.raw_http import RawResponse, post, send
from tests.http.test_known_requests import Opened
from tests.http.test_response_cache import ROOM, ByKey, Connection, Counting, connected, edge, served

GREETING = "/graphql?query=%7Bgreeting%7D"
PROJECTS = "/graphql?query=" + quote("{ account { projects { nodes { id } } } }")
KEPT_TIMES = 3


class Changing(Counting):
    """Its greeting, what it says of it, and whether it may be given again can be changed."""

    def __init__(self) -> None:
        super().__init__()
        self.greeting = "hello"
        self.told: dict[str, Any] = {}
        self.lasts = True

    async def execute(self, params: GraphQLParams, caller: Caller) -> Answer:
        answer = await super().execute(params, caller)
        if answer.errors or not answer.executed:
            return answer
        gateway = {**answer.extensions["gateway"], **self.told}
        changed = replace(answer, data={**(answer.data or {}), "greeting": self.greeting})
        return replace(changed, extensions={"gateway": gateway}, lasting=answer.lasting if self.lasts else lambda: None)


@pytest.fixture
def executor() -> Changing:
    return Changing()


@pytest.fixture(params=[0, ROOM], ids=["nothing kept", "answers kept"])
def app(executor: Changing, request: pytest.FixtureRequest) -> Starlette:
    return edge(executor, ByKey(), room=request.param)


async def get(app: Starlette, target: str = GREETING, key: str = "ada", **headers: str) -> RawResponse:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return await send(app, "GET", target, {"X-API-Key": key, **given})


async def test_an_answer_is_fresh_while_its_facts_are_believed(app: Starlette, executor: Changing) -> None:
    told = []
    for left in (20.9, 7.2, 3_600.0, float("inf"), 0.9, -1.0):
        executor.facts.left = left
        told.append((await get(app)).headers["cache-control"])
    fresh = ["max-age=20", "max-age=7", "max-age=60", "max-age=60", "no-cache", "no-cache"]
    assert told == [f"private, {one}" for one in fresh]


async def test_each_caller_and_media_type_has_its_own(app: Starlette) -> None:
    replies = [await get(app) for _ in range(KEPT_TIMES)]
    varying = {one.strip().lower() for one in replies[-1].headers["vary"].split(",")}
    assert varying == {"accept", "accept-encoding", "origin", "authorization", "x-api-key", "x-dbt-token"}
    assert len({one.headers["etag"] for one in replies}) == 1
    other = await get(app, accept="application/graphql-response+json")
    assert other.headers["etag"] != replies[0].headers["etag"]


async def test_an_open_gateway_lets_shared_caches_keep_answers(executor: Changing) -> None:
    policy = EdgePolicy(endpoint=EndpointPolicy(), authenticator=EverybodyAuthenticator())
    reply = await send(create_edge(executor, policy, Readable()), "GET", GREETING)
    assert (reply.headers["cache-control"], reply.headers["vary"]) == (
        "public, max-age=20",
        "Accept, Accept-Encoding, Origin",
    )


async def test_who_holds_the_answer_hears_so_without_it(app: Starlette, executor: Changing) -> None:
    first = await get(app)
    tag = first.headers["etag"]
    assert tag.startswith('W/"')
    for held in (tag, tag.removeprefix("W/"), f'"other", {tag}', "*"):
        for _ in range(KEPT_TIMES):
            reply = await get(app, if_none_match=held)
            assert (reply.status, reply.body) == (304, b"")
            assert reply.headers == {name: first.headers[name] for name in ("cache-control", "etag", "vary")}
    for other in ('"other"', "", tag[:-2] + '"', "*, *"):
        reply = await get(app, if_none_match=other)
        assert (reply.status, reply.json["data"]) == (200, first.json["data"])


async def test_what_has_changed_is_answered_anew(app: Starlette, executor: Changing) -> None:
    tag = (await get(app)).headers["etag"]
    for _ in range(KEPT_TIMES):
        await get(app, if_none_match=tag)
    executor.facts.true, executor.greeting = False, "good morning"
    changed = await get(app, if_none_match=tag)
    assert (changed.status, changed.json["data"]["greeting"]) == (200, "good morning")
    executor.told = {"incomplete": [{"project": "finance"}]}
    less = await get(app, if_none_match=changed.headers["etag"])
    assert less.status == 200
    assert less.headers["etag"] != changed.headers["etag"]


async def test_nobody_hears_what_others_hold(app: Starlette) -> None:
    tag = (await get(app)).headers["etag"]
    for _ in range(KEPT_TIMES):
        await get(app)
    assert (await get(app, key="eve", if_none_match=tag)).status == 200
    assert (await get(app, key="nobody", if_none_match="*")).status == 401


async def test_an_answer_that_was_read_for_the_question_is_asked_for_again(app: Starlette, executor: Changing) -> None:
    executor.lasts = False
    first = await get(app)
    assert first.headers["cache-control"] == "private, no-cache"
    assert (await get(app, if_none_match=first.headers["etag"])).status == 304


@pytest.mark.parametrize("query", ["{greeting broken}", "{nothing}", "{greeting"])
async def test_errors_are_kept_by_nobody(app: Starlette, query: str) -> None:
    for accept in ("application/json", "application/graphql-response+json"):
        reply = await get(app, f"/graphql?query={quote(query)}", accept=accept, if_none_match="*")
        assert reply.status in (200, 400)
        assert reply.codes
        assert reply.headers["cache-control"] == "no-store"
        assert "etag" not in reply.headers


async def test_a_post_is_kept_by_nobody(app: Starlette) -> None:
    for _ in range(KEPT_TIMES):
        reply = await post(app, {"query": "{ greeting }"}, {"X-API-Key": "ada", "If-None-Match": "*"})
        assert (reply.status, reply.headers["cache-control"]) == (200, "no-store")
        assert "etag" not in reply.headers


def request(target: str, *headers: str) -> bytes:
    lines = [f"GET {target} HTTP/1.1", "Host: localhost", "X-API-Key: ada", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


async def ask(connection: Connection, target: str, *headers: str) -> tuple[int, dict[str, str], Any]:
    """Status, headers and JSON of one answer, read as HTTP frames it."""
    connection.writer.write(request(target, *headers))
    head = (await asyncio.wait_for(connection.reader.readuntil(b"\r\n\r\n"), 10)).decode()
    first, *lines = head.rstrip().split("\r\n")
    assert len({line.partition(":")[0].lower() for line in lines}) == len(lines), "each header once"
    named = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    status = int(first.split()[1])
    body = b"" if status == 304 else await connection.reader.readexactly(int(named["content-length"]))
    return status, named, json.loads(body) if body else None


async def test_bytes_that_came_before_are_answered_with_304_before_they_are_parsed(executor: Changing) -> None:
    raw_hook = RawHook()
    app = edge(executor, ByKey())
    async with served(app, raw_hook) as port, connected(port) as connection:
        _, first, _ = await ask(connection, GREETING)
        held = f"If-None-Match: {first['etag']}"
        for _ in range(KEPT_TIMES):
            assert (await ask(connection, GREETING, held))[0] == 304
        ran = len(executor.seen)
        executor.facts.left = 5.5
        app.middleware_stack = refuse_all  # type: ignore[assignment]
        status, again, body = await ask(connection, GREETING, held)
        assert (status, body, again["etag"], again["cache-control"]) == (304, None, first["etag"], "private, max-age=5")
        assert "content-length" not in again
        assert len(executor.seen) == ran


async def refuse_all(*_: Any) -> None:
    raise AssertionError("the request was parsed")


@pytest.mark.slow
@pytest.mark.parametrize("room", [0, 1_000_000], ids=["run again", "kept"])
async def test_facts_of_dbt_are_fresh_until_the_next_look_at_them(demo_store: str, room: int) -> None:
    opened = Opened(Settings(store_url=demo_store, open=True, response_cache_bytes=room))
    async with opened.connect() as connection:
        _, cold, first = await ask(connection, PROJECTS)
        assert (cold["cache-control"], first["extensions"]["gateway"]["upstreamRequests"] > 0) == (
            "public, no-cache",
            True,
        )
        held = f"If-None-Match: {cold['etag']}"
        opened.upstream.calls.clear()
        for seconds in (30, 20, 10):
            status, told, body = await ask(connection, PROJECTS)
            assert (status, told["cache-control"], body["data"]) == (200, f"public, max-age={seconds}", first["data"])
            for _ in range(2):
                status, told, _ = await ask(connection, PROJECTS, held)
                assert (status, told["cache-control"]) == (304, f"public, max-age={seconds}")
                assert (await ask(connection, PROJECTS, 'If-None-Match: "other"'))[0] == 200
            opened.clock.now += 10.0
        assert opened.upstream.calls == []
        opened.clock.now += 10_000.0
        assert (await ask(connection, PROJECTS, held))[0] == 304
        assert opened.upstream.calls != []
