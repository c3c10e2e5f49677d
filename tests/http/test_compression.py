"""Compressed answers: for whom, which, and that they are the same in every content coding."""

from __future__ import annotations

import json
import zlib
from typing import Any

import brotli
import pytest
import zstandard
from starlette.applications import Starlette

from gateway.http.compression.content_coding import CODINGS, ContentCoding, compress
from gateway.http.server.raw_hook import RawHook
from gateway.settings import Settings
from tests.http.raw_http import RawResponse, post, send
from tests.http.test_conditional_requests import refuse_all, request
from tests.http.test_kept_answers import Manifest, cache_of, keep
from tests.http.test_known_requests import Opened
from tests.http.test_response_cache import ROOM, ByKey, Connection, Counting, connected, edge, executions, served

LONG = {"query": "query ($name: String!) { greeting(name: $name) }", "variables": {"name": "dbt " * 20_000}}
TIMES = 5


@pytest.fixture
def executor() -> Counting:
    return Counting()


@pytest.fixture
def manifest() -> Manifest:
    return Manifest()


@pytest.fixture(params=[0, ROOM], ids=["nothing kept", "answers kept"])
def app(executor: Counting, request: pytest.FixtureRequest) -> Starlette:
    return edge(executor, ByKey(), room=request.param, compression=True)


@pytest.fixture(params=CODINGS, ids=lambda coding: coding.name.decode())
def coding(request: pytest.FixtureRequest) -> ContentCoding:
    chosen: ContentCoding = request.param
    return chosen


def decompressed(body: bytes, coding: str | None) -> bytes:
    """As a browser reads it: one stream, to its end, with nothing behind it."""
    if coding is None:
        return body
    if coding == "br":
        brotli_reader = brotli.Decompressor()
        plain: bytes = brotli_reader.process(body)
        assert brotli_reader.is_finished()
        return plain
    reader = zlib.decompressobj(31) if coding == "gzip" else zstandard.ZstdDecompressor().decompressobj()
    plain = reader.decompress(body)
    assert reader.eof
    assert reader.unused_data == b""
    return plain


def plain_body(reply: RawResponse) -> bytes:
    return decompressed(reply.body, reply.headers.get("content-encoding"))


def greeting_of(length: int) -> dict[str, Any]:
    return {**LONG, "variables": {"name": "a" * length}}


async def ask(app: Starlette, content: Any = LONG, encoding: str | None = "gzip", **headers: str) -> RawResponse:
    given = {} if encoding is None else {"Accept-Encoding": encoding}
    return await post(app, content, {"X-API-Key": "ada", **given, **headers})


async def test_a_long_answer_is_the_same_in_every_coding(app: Starlette, coding: ContentCoding) -> None:
    name = coding.name.decode()
    plain = await ask(app, encoding=None)
    for _ in range(TIMES):
        packed = await ask(app, encoding=name)
        assert (packed.status, packed.headers["content-encoding"]) == (200, name)
        assert int(packed.headers["content-length"]) == len(packed.body) < len(plain.body) / 20
        assert json.loads(plain_body(packed))["data"] == plain.json["data"]
        again = await ask(app, encoding=None)
        assert "content-encoding" not in again.headers
        assert again.json["data"] == plain.json["data"]


async def test_what_a_compressed_answer_says_of_itself_is_true(executor: Counting, coding: ContentCoding) -> None:
    app = edge(executor, ByKey(), compression=True)
    name = coding.name.decode()
    assert await executions(executor, lambda: ask(app, encoding=name), TIMES) == 2
    for age in (7.25, 1_234.5):
        executor.facts.age = age
        told = json.loads(plain_body(await ask(app, encoding=name)))["extensions"]["gateway"]
        assert told == {"upstreamRequests": 0, "oldestFactSeconds": age}


@pytest.mark.parametrize(
    ("encoding", "coding"),
    [
        *((one, "gzip") for one in ("gzip", "GZIP", "gzip, deflate", "x-gzip", "gzip;q=0.5", "identity;q=0, gzip")),
        *((one, "gzip") for one in ("gzip; q=1.0, *;q=0", "br;q=0.1, gzip;q=0.2", "zstd;q=0, br;q=0, *")),
        *((one, "br") for one in ("br", "br, gzip", "gzip, deflate, br", "zstd;q=0.9, br", "zstd;q=0, *")),
        *((one, "zstd") for one in ("gzip, deflate, br, zstd", "zstd", "*", "*;q=0.1", "gzip;q=0, *", "br, zstd")),
        *((one, None) for one in ("", "identity", "gzip;q=0", "*;q=0", "gzip;q=no", "gzipped", "deflate", "brotli")),
        *((one, None) for one in ("gzip;q=0.2, identity", "identity;q=0.9, *;q=0.1", "zstd;q=0.5, identity;q=0.6")),
    ],
)
async def test_clients_get_the_coding_they_weigh_most(app: Starlette, encoding: str, coding: str | None) -> None:
    for _ in range(3):
        reply = await ask(app, encoding=encoding)
        assert reply.headers.get("content-encoding") == coding
        assert json.loads(plain_body(reply))["data"]["for"] == "team"


async def test_short_answers_and_errors_go_out_as_they_are(app: Starlette) -> None:
    broken = {**LONG, "query": "query ($name: String!) { greeting(name: $name) broken }"}
    invalid = {"query": "{ " + "nothing " * 500 + "}"}
    for content in (greeting_of(500), broken, invalid):
        for _ in range(3):
            reply = await ask(app, content)
            assert "content-encoding" not in reply.headers
            assert reply.json
    assert (await ask(app, greeting_of(1_024))).headers["content-encoding"] == "gzip"


async def test_a_get_in_gzip_has_the_tag_of_the_same_answer(app: Starlette) -> None:
    target = "/graphql?query=" + "%7Bgreeting(name:%22" + "a" * 2_000 + "%22)%7D"
    plain = await send(app, "GET", target, {"X-API-Key": "ada"})
    for _ in range(3):
        packed = await send(app, "GET", target, {"X-API-Key": "ada", "Accept-Encoding": "gzip"})
        assert packed.headers["content-encoding"] == "gzip"
        assert {name: packed.headers[name] for name in ("etag", "vary", "cache-control")} == {
            name: plain.headers[name] for name in ("etag", "vary", "cache-control")
        }
    held = {"X-API-Key": "ada", "Accept-Encoding": "gzip", "If-None-Match": plain.headers["etag"]}
    unmodified = await send(app, "GET", target, held)
    assert (unmodified.status, unmodified.body) == (304, b"")
    assert "content-encoding" not in unmodified.headers


@pytest.mark.parametrize("beginning", [1, 65_536, 300_000])
@pytest.mark.parametrize("rest", [0, 1, 65_535, 65_536, 200_000])
async def test_any_end_follows_what_is_compressed(beginning: int, rest: int, coding: ContentCoding) -> None:
    start, end = bytes(range(256)) * (beginning // 256) + b"x" * (beginning % 256), b"y" * rest
    for level in (coding.quick, coding.thorough):
        compressed = await compress(start, coding, level)
        assert decompressed(compressed.data + compressed.end(end), coding.name.decode()) == start + end


async def test_a_kept_answer_is_compressed_once_in_each_coding(manifest: Manifest) -> None:
    cache = cache_of(manifest)
    kept = keep(cache, b"question", size=5_000)
    assert kept is not None
    expected = cache.bytes_kept
    for coding in CODINGS:
        compressed = await cache.compress(kept, coding)
        assert await cache.compress(kept, coding) is compressed
        expected += len(compressed.data)
        assert cache.bytes_kept == expected
    manifest.current = "second"
    assert cache.find(kept.key) is None
    assert cache.bytes_kept == 0
    for coding in CODINGS:
        kept.compressed.clear()
        compressed = await cache.compress(kept, coding)  # removed meanwhile
        assert decompressed(compressed.data + compressed.end(b"}"), coding.name.decode())
    assert cache.bytes_kept == 0


async def ask_raw(connection: Connection, target: str, *headers: str) -> tuple[bytes, bytes]:
    connection.writer.write(request(target, *headers))
    head = (await connection.reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.partition(b"content-length: ")[2].partition(b"\r")[0])
    return head, await connection.reader.readexactly(length)


async def test_a_request_that_came_before_gets_the_same_coding_before_it_is_parsed(
    executor: Counting, coding: ContentCoding
) -> None:
    name = coding.name.decode()
    raw_hook = RawHook()
    app = edge(executor, ByKey(), compression=True)
    target = "/graphql?query=" + "%7Bgreeting(name:%22" + "a" * 2_000 + "%22)%7D"
    async with served(app, raw_hook) as port, connected(port) as connection:
        for _ in range(4):
            first, body = await ask_raw(connection, target, f"Accept-Encoding: {name}")
            assert b"content-encoding: " + coding.name in first
        app.middleware_stack = refuse_all  # type: ignore[assignment]
        executor.facts.age = 3.5
        head, again = await ask_raw(connection, target, f"Accept-Encoding: {name}")
    assert b"content-encoding: " + coding.name in head
    told = json.loads(decompressed(again, name))
    assert told["data"] == json.loads(decompressed(body, name))["data"]
    assert told["extensions"]["gateway"]["oldestFactSeconds"] == 3.5


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{}, {"response_cache_bytes": 0}, {"compression": False}], ids=str)
async def test_the_gateway_compresses_unless_it_is_told_not_to(demo_store: str, settings: dict[str, Any]) -> None:
    opened = Opened(Settings(store_url=demo_store, open=True, **settings))
    target = "/graphql?query=%7Baccount%7Bmodels(first:50)%7Bnodes%7Bid%20name%20description%7D%7D%7D%7D"
    async with opened.connect() as connection:
        _, plain = await ask_raw(connection, target)
        for _ in range(TIMES):
            head, body = await ask_raw(connection, target, "Accept-Encoding: gzip")
            is_packed = b"content-encoding: gzip" in head
            assert is_packed == settings.get("compression", True)
            whole = decompressed(body, "gzip" if is_packed else None)
            assert json.loads(whole)["data"] == json.loads(plain)["data"]
