"""Answers given again as bytes: only to the same audience, only while they hold, and never one with errors."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
from msgspec.structs import replace
from starlette.applications import Starlette

from gateway.caching.cache_validator import lasting
from gateway.caching.generations import Generations
from gateway.execution.request import Answer, Caller, GraphQLParams
from gateway.hierarchy.objects.visibility import Visibility
from gateway.http.authentication import Credentials
from gateway.http.edge import EdgePolicy, create_edge
from gateway.http.graphql import EndpointPolicy
from gateway.http.server.context import ReceivingLimits, ServerContext
from gateway.http.server.draining import Draining
from gateway.http.server.http_protocol import GuardedProtocol
from gateway.http.server.raw_hook import RawAnswer, RawHook
from gateway.identity.errors import Unauthenticated
from gateway.settings import Settings
from gateway.telemetry.usage import Usage
from tests.http.conftest import Readable, SmallExecutor
from tests.http.raw_http import RawResponse, post, send
from tests.serving import serving
from tests.sockets import listening

GREETING = {"query": "{ greeting }"}
ROOM = 1024 * 1024


@dataclass
class Believed:
    """Stands for the facts behind every answer; `age` is told in its extensions."""

    true: bool = True
    age: float = 1.5
    left: float = 20.9

    def holds(self) -> bool:
        return self.true

    def seconds(self) -> float:
        return self.left

    def extensions(self) -> Mapping[str, Any]:
        return {"gateway": {"upstreamRequests": 0, "oldestFactSeconds": self.age}}


class Counting(SmallExecutor):
    """Counts what is really executed; every answer may be given again while `facts` say so, whole or not."""

    def __init__(self) -> None:
        super().__init__()
        self.facts = Believed()

    async def execute(self, params: GraphQLParams, caller: Caller) -> Answer:
        answer = await super().execute(params, caller)
        extensions = {"gateway": {"upstreamRequests": 3, "oldestFactSeconds": 0.0}}
        data = {**(answer.data or {}), "for": caller.name} if answer.executed else None
        return replace(answer, data=data, extensions=extensions, lasting=lambda: self.facts)


class ByKey:
    """Callers by their key: two of one team, one who sees less, one whose key was revoked."""

    def __init__(self) -> None:
        team = Visibility(projects=frozenset({"finance"}))
        self.callers = {
            b"ada": Caller("team", team),
            b"bob": Caller("team", Visibility(projects=frozenset({"finance"}))),
            b"eve": Caller("eve", Visibility(projects=frozenset())),
            b"ops": Caller("ops"),
        }

    def known_caller(self, credentials: Credentials) -> Caller | None:
        return self.callers.get(credentials.api_key or b"")

    async def caller(self, credentials: Credentials) -> Caller:
        known = self.known_caller(credentials)
        if known is None:
            raise Unauthenticated("Nobody has this key.")
        return known


@pytest.fixture
def executor() -> Counting:
    return Counting()


@pytest.fixture
def callers() -> ByKey:
    return ByKey()


def edge(executor: Counting, callers: ByKey, room: int = ROOM, **policy: Any) -> Starlette:
    endpoint = EndpointPolicy(response_cache_bytes=room, **policy)
    return create_edge(executor, EdgePolicy(endpoint=endpoint, authenticator=callers), Readable())


@pytest.fixture
def app(executor: Counting, callers: ByKey) -> Starlette:
    return edge(executor, callers)


async def ask(app: Starlette, content: Any = GREETING, key: str = "ada", **headers: str) -> RawResponse:
    return await post(app, content, {"X-API-Key": key, **headers})


async def executions(executor: Counting, ask_once: Callable[[], Any], times: int = 4) -> int:
    """How often asking so many times runs an operation."""
    before = len(executor.seen)
    for _ in range(times):
        await ask_once()
    return len(executor.seen) - before


async def test_a_question_is_answered_from_bytes_from_the_third_time_on(app: Starlette, executor: Counting) -> None:
    first = await ask(app)
    assert await executions(executor, lambda: ask(app), 3) == 1
    again = await ask(app)
    assert again.status == first.status == 200
    assert json.loads(again.body)["data"] == json.loads(first.body)["data"]
    assert sorted(again.headers) == sorted(first.headers)
    assert again.headers["content-type"] == first.headers["content-type"]
    assert int(again.headers["content-length"]) == len(again.body)


async def test_what_it_says_of_itself_is_true(app: Starlette, executor: Counting) -> None:
    await executions(executor, lambda: ask(app), 2)
    executor.facts.age = 7.25
    told = json.loads((await ask(app)).body)["extensions"]["gateway"]
    assert told == {"upstreamRequests": 0, "oldestFactSeconds": 7.25}


async def test_callers_of_equal_visibility_share_and_others_do_not(app: Starlette, executor: Counting) -> None:
    await executions(executor, lambda: ask(app, key="ada"))
    assert await executions(executor, lambda: ask(app, key="bob"), 1) == 0
    assert await executions(executor, lambda: ask(app, key="eve"), 1) == 1
    assert json.loads((await ask(app, key="eve")).body)["data"]["for"] == "eve"


async def test_a_revoked_key_gets_nothing_and_a_changed_one_its_own(
    app: Starlette, executor: Counting, callers: ByKey
) -> None:
    await executions(executor, lambda: ask(app))
    assert (await ask(app, key="nobody")).status == 401
    callers.callers[b"ada"] = callers.callers[b"eve"]
    assert json.loads((await ask(app)).body)["data"]["for"] == "eve"
    del callers.callers[b"ada"]
    assert (await ask(app)).status == 401


async def test_an_answer_that_holds_no_longer_is_made_anew(app: Starlette, executor: Counting) -> None:
    await executions(executor, lambda: ask(app))
    executor.facts.true = False
    assert await executions(executor, lambda: ask(app), 3) == 3


@pytest.mark.parametrize(
    "content",
    [
        {"query": "{ greeting broken }"},
        {"query": "{ nothing }"},
        {"query": "{ double(number: 1.5) }"},
        {"query": "{ greeting"},
        {"query": 'mutation { rename(name: "a") }'},
    ],
    ids=["error at a field", "invalid", "bad value", "no document", "mutation"],
)
async def test_what_is_not_a_whole_answer_to_a_query_is_never_kept(
    app: Starlette, executor: Counting, content: Any
) -> None:
    replies = [(await ask(app, content)).body for _ in range(5)]
    assert len(executor.seen) in (0, 5)
    assert all(b'"upstreamRequests":0' not in reply for reply in replies)


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        ({"query": '{ greeting(name: "you") }'}, {}),
        ({"query": "{ greeting }", "variables": {"a": 1}}, {}),
        ({"query": "query A { greeting } query B { slow }", "operationName": "A"}, {}),
        (GREETING, {"Accept": "application/json"}),
        (GREETING, {"Content-Type": "application/json; charset=utf-8"}),
        (GREETING, {"Origin": "https://elsewhere.test"}),
    ],
    ids=["document", "variables", "operation", "media type", "content type", "origin"],
)
async def test_another_request_is_another_question(
    app: Starlette, executor: Counting, content: Any, headers: dict[str, str]
) -> None:
    await executions(executor, lambda: ask(app))
    assert await executions(executor, lambda: ask(app, content, **headers), 1) == 1


async def test_media_types_keep_their_own_answers(app: Starlette, executor: Counting) -> None:
    for accept in ("application/json", "application/graphql-response+json"):
        assert await executions(executor, partial(ask, app, Accept=accept)) == 2
        assert (await ask(app, Accept=accept)).headers["content-type"].startswith(accept)


@pytest.mark.parametrize("header", [{"Cache-Control": "no-cache"}, {"Pragma": "no-cache"}])
async def test_who_asks_for_fresh_facts_is_not_answered_from_bytes(
    app: Starlette, executor: Counting, header: dict[str, str]
) -> None:
    await executions(executor, lambda: ask(app))
    assert await executions(executor, lambda: ask(app, **header)) == 4


async def test_get_is_kept_too_and_head_is_refused(app: Starlette, executor: Counting) -> None:
    target = "/graphql?query=%7Bgreeting%7D"
    assert await executions(executor, lambda: send(app, "GET", target, {"X-API-Key": "ada"})) == 2
    assert (await send(app, "HEAD", target, {"X-API-Key": "ada"})).status == 405
    foreign = {"X-API-Key": "ada", "Origin": "https://elsewhere.test", "Sec-Fetch-Site": "cross-site"}
    assert (await send(app, "GET", target, foreign)).status == 403


async def test_an_answer_is_kept_at_the_path_with_a_slash_too(app: Starlette, executor: Counting) -> None:
    target = "/graphql/?query=%7Bgreeting%7D"
    assert await executions(executor, lambda: send(app, "GET", target, {"X-API-Key": "ada"})) == 2


async def test_a_body_in_pieces_is_one_question_and_a_large_one_is_none(app: Starlette, executor: Counting) -> None:
    headers = {"Content-Type": "application/json", "X-API-Key": "ada"}
    body = json.dumps(GREETING).encode()
    assert await executions(executor, lambda: send(app, "POST", "/graphql", headers, [body[:7], body[7:]])) == 2
    large = [b'{"query": "{ greeting }", "variables": {"a": "', *[b"a" * 1000] * 150, b'"}}']
    assert await executions(executor, lambda: send(app, "POST", "/graphql", headers, large)) == 4


async def test_a_query_by_its_hash_is_kept_like_its_text(app: Starlette, executor: Counting) -> None:
    claim = {"version": 1, "sha256Hash": hashlib.sha256(b"{ greeting }").hexdigest()}
    by_hash = {"extensions": {"persistedQuery": claim}}
    assert json.loads((await ask(app, by_hash)).body)["errors"][0]["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"
    await ask(app, {**by_hash, **GREETING})
    assert await executions(executor, lambda: ask(app, by_hash)) <= 2
    assert json.loads((await ask(app, by_hash)).body)["data"]["greeting"] == "hello world"


async def test_a_document_that_is_trusted_no_longer_is_not_answered(
    executor: Counting, callers: ByKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = tmp_path / "trusted.json"
    manifest.write_text(json.dumps({"a": "{ greeting }"}))
    app = edge(executor, callers, trusted_documents=manifest, only_trusted_documents=True)
    await executions(executor, lambda: ask(app))
    assert len(executor.seen) == 2
    manifest.write_text(json.dumps({"b": "{ slow }"}))
    monkeypatch.setattr("gateway.http.request.persisted._CHECK_SECONDS", 0)
    assert (await ask(app)).status == 403


@pytest.mark.slow
async def test_what_is_kept_is_bounded_in_bytes(executor: Counting, callers: ByKey) -> None:
    app = edge(executor, callers, room=20_000)

    def question(number: int) -> dict[str, str]:
        return {"query": f'{{ greeting(name: "{number}") }}'}

    for number in range(30):
        await executions(executor, partial(ask, app, question(number)), 2)
    assert await executions(executor, partial(ask, app, question(29)), 1) == 0
    assert await executions(executor, partial(ask, app, question(0)), 1) == 1


async def test_an_answer_larger_than_its_share_is_not_kept(executor: Counting, callers: ByKey) -> None:
    app = edge(executor, callers, room=20_000)
    assert await executions(executor, lambda: ask(app, {"query": f'{{ greeting(name: "{"a" * 3000}") }}'})) == 4


async def test_a_long_answer_is_given_again_whole(app: Starlette, executor: Counting) -> None:
    question = {"query": "query ($name: String!) { greeting(name: $name) }", "variables": {"name": "a" * 70_000}}
    first = await ask(app, question)
    assert await executions(executor, lambda: ask(app, question)) == 1
    again = await ask(app, question)
    assert json.loads(again.body)["data"] == json.loads(first.body)["data"]
    assert int(again.headers["content-length"]) == len(again.body) > 70_000


async def test_it_can_be_switched_off(executor: Counting, callers: ByKey) -> None:
    app = edge(executor, callers, room=0)
    assert await executions(executor, lambda: ask(app)) == 4


async def test_who_watches_requests_sees_them(app: Starlette, executor: Counting) -> None:
    await executions(executor, lambda: ask(app), 5)
    shown = (await send(app, "GET", "/metrics", {"X-API-Key": "ops"})).body.decode()
    assert 'gateway_requests_total{status="200"} 5.0' in shown
    assert "gateway_request_seconds_count 5.0" in shown


def test_only_whole_answers_of_standing_facts_last() -> None:
    now = 100.0
    generations = Generations()

    def usage(**given: Any) -> Usage:
        return Usage(**{"clock": lambda: now, "valid_until": 160.0, "environments": {1, 2}, "cache_hits": 4, **given})

    for unfit in (
        usage(stale=True),
        usage(incomplete=[{"project": "finance"}]),
        usage(discovery_requests=1),
        usage(admin_requests=1),
        usage(shared=1),
    ):
        assert lasting(unfit, generations, generations.total) is None
    kept = lasting(usage(), generations, generations.total)
    assert kept is not None
    assert kept.holds()
    assert kept.extensions()["gateway"]["cacheHits"] == 0
    generations.advance([3])
    assert kept.holds()
    before = generations.total
    generations.advance([2])
    assert not kept.holds()
    assert lasting(usage(), generations, before) is None
    fresh = lasting(usage(), generations, generations.total)
    assert fresh is not None
    now = 160.0
    assert not fresh.holds()


@pytest.mark.slow
async def test_the_gateway_keeps_answers_while_their_facts_are_believed(settings: Settings) -> None:
    question = "{ account { models(first: 5) { nodes { id } } } }"
    async with serving(settings) as gateway:
        cold = await gateway.ask(question)
        warm = await gateway.ask(question)
        again = await gateway.ask(question)
    assert cold.gateway["upstreamRequests"] > 0
    assert warm.gateway["cacheHits"] > 0
    assert again.data == warm.data
    assert (again.gateway["cacheHits"], again.gateway["upstreamRequests"]) == (0, 0)
    assert again.gateway["oldestFactSeconds"] >= warm.gateway["oldestFactSeconds"]
    impatient = settings.model_copy(update={"revision_interval": 1e-9, "topology_seconds": 1e-9})
    async with serving(impatient) as gateway:
        replies = [await gateway.ask(question) for _ in range(4)]
    assert all(reply.gateway["upstreamRequests"] > 0 or reply.gateway["stale"] for reply in replies)


@asynccontextmanager
async def served(app: Starlette, raw_hook: RawHook) -> AsyncIterator[int]:
    """The application as the gateway serves it; the port."""
    http = partial(GuardedProtocol, ServerContext(ReceivingLimits(head_seconds=0.5), raw_hook))
    draining = Draining(app, 0.0, raw_hook)
    async with listening(uvicorn.Config(draining, http=http, log_level="error", lifespan="off")) as port:
        yield port


def raw(body: bytes = b'{"query":"{ greeting }"}', *headers: str, key: str = "ada") -> bytes:
    lines = ["POST /graphql HTTP/1.1", "Host: localhost", "Content-Type: application/json", f"X-API-Key: {key}"]
    lines += [f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Connection:
    """One connection that is kept."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def ask(self, *parts: bytes) -> tuple[bytes, Any]:
        """The head and the JSON of one answer."""
        for part in parts:
            self.writer.write(part)
            await asyncio.sleep(0.05 if len(parts) > 1 else 0)
        return await self.read()

    async def read(self) -> tuple[bytes, Any]:
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 10)
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
        return head, json.loads(await self.reader.readexactly(length))


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Connection]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Connection(reader, writer)
    finally:
        writer.close()
        await writer.wait_closed()


@pytest.fixture
def raw_hook() -> RawHook:
    return RawHook()


async def test_the_same_bytes_are_answered_before_they_are_parsed(
    app: Starlette, raw_hook: RawHook, executor: Counting
) -> None:
    async with served(app, raw_hook) as port, connected(port) as connection:
        first, data = await connection.ask(raw())
        for _ in range(2):
            await connection.ask(raw())
        early = noted(raw_hook)
        executor.facts.age = 9.0
        again, kept = await connection.ask(raw())
        assert early == [True]
    assert len(executor.seen) == 2
    assert kept["data"] == data["data"]
    assert kept["extensions"] == {"gateway": {"upstreamRequests": 0, "oldestFactSeconds": 9.0}}
    assert names(again) == names(first)


async def test_requests_that_their_names_alone_tell_apart_are_answered_before_they_are_parsed(
    app: Starlette, raw_hook: RawHook, executor: Counting
) -> None:
    """As behind a proxy or a tracer, each of which names every request."""

    def request(number: int) -> bytes:
        trace = f"traceparent: 00-{number:032x}-{number:016x}-01"
        return raw(b'{"query":"{ greeting }"}', f"X-Request-ID: {number}", "Accept: application/json", trace)

    async with served(app, raw_hook) as port, connected(port) as connection:
        answers = [await connection.ask(request(number)) for number in range(3)]
        early = noted(raw_hook)
        answers.append(await connection.ask(request(4)))
        assert early == [False, True], "first to the last byte, then without the names"
        answers.append(await connection.ask(raw(b'{"query":"{ greeting }"}', "Accept: application/json")))
        assert early == [False, True, True]
    assert len(executor.seen) == 2
    assert [answer["data"] for _, answer in answers] == [answers[0][1]["data"]] * 5


def noted(raw_hook: RawHook) -> list[bool]:
    """Whether each request from now on is answered before it is parsed."""
    found: list[bool] = []
    answer = raw_hook.answer
    assert answer is not None

    def noting(peer: str, request: bytes) -> RawAnswer | None:
        told = answer(peer, request)
        found.append(told is not None)
        return told

    raw_hook.answer = noting
    return found


def names(head: bytes) -> list[bytes]:
    return sorted(line.partition(b":")[0].lower() for line in head.split(b"\r\n")[1:])


async def test_who_asks_and_what_holds_are_looked_at_each_time(
    app: Starlette, raw_hook: RawHook, executor: Counting, callers: ByKey
) -> None:
    async with served(app, raw_hook) as port, connected(port) as connection:
        for _ in range(3):
            await connection.ask(raw())
        early = noted(raw_hook)
        await connection.ask(raw())
        assert (len(executor.seen), early) == (2, [True])
        assert (await connection.ask(raw(key="eve")))[1]["data"]["for"] == "eve"
        executor.facts.true = False
        await connection.ask(raw())
        assert (len(executor.seen), early) == (4, [True, False, False])
        executor.facts.true = True
        for _ in range(4):
            await connection.ask(raw())
        early = noted(raw_hook)
        callers.callers[b"ada"] = callers.callers[b"eve"]
        assert (await connection.ask(raw()))[1]["data"]["for"] == "eve"
        del callers.callers[b"ada"]
        assert b" 401 " in (await connection.ask(raw()))[0]
        assert early == [False, False]


async def test_requests_in_pieces_behind_each_other_or_for_the_last_time_go_the_long_way(
    app: Starlette, raw_hook: RawHook, executor: Counting
) -> None:
    async with served(app, raw_hook) as port, connected(port) as connection:
        for _ in range(4):
            await connection.ask(raw())
        whole = raw()
        assert (await connection.ask(whole[:40], whole[40:]))[1]["data"]["greeting"] == "hello world"
        connection.writer.write(whole + whole)
        for _ in range(2):
            assert (await connection.read())[1]["data"]["greeting"] == "hello world"
        for _ in range(2):
            async with connected(port) as last:
                head, _ = await last.ask(raw(b'{"query":"{ greeting }"}', "Connection: close"))
                assert b"connection: close" in head.lower()


async def test_a_body_is_not_taken_for_a_request(app: Starlette, raw_hook: RawHook, executor: Counting) -> None:
    """Bytes that are a known request, but come as the body of another, are that body."""
    async with served(app, raw_hook) as port, connected(port) as connection:
        for _ in range(4):
            await connection.ask(raw())
        outer = raw(raw())
        head, refused = await connection.ask(outer[: -len(raw())], raw())
        assert b" 400 " in head
        assert refused["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


async def test_nothing_is_answered_early_once_the_gateway_is_to_leave(
    app: Starlette, raw_hook: RawHook, executor: Counting
) -> None:
    async with served(app, raw_hook) as port, connected(port) as connection:
        for _ in range(4):
            await connection.ask(raw())
        raw_hook.close()
        await connection.ask(raw())
        assert raw_hook.answer is None


@pytest.mark.slow
async def test_foreign_pages_get_their_own_headers(executor: Counting, callers: ByKey, raw_hook: RawHook) -> None:
    endpoint = EndpointPolicy(response_cache_bytes=ROOM)
    policy = EdgePolicy(endpoint=endpoint, authenticator=callers, allowed_origins=("https://a.test", "https://b.test"))
    app = create_edge(executor, policy, Readable())
    async with served(app, raw_hook) as port, httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        for _ in range(4):
            for origin in ("https://a.test", "https://b.test"):
                reply = await client.post("/graphql", json=GREETING, headers={"Origin": origin, "X-API-Key": "ada"})
                assert reply.headers["Access-Control-Allow-Origin"] == origin
