"""One request is read once: its body, its Accept header, its credentials and its caller."""

from __future__ import annotations

import json
import sys
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest
from starlette.types import ASGIApp, Message

from gateway.app import create_app
from gateway.http.response_cache import middleware
from gateway.settings import Settings
from tests.identity.callers import Holder, known_to

ADA = Holder("ada")
QUERY = json.dumps({"query": "{ account { id } }"}).encode()
READERS = ("read_credentials", "read_accept", "_digest")


@pytest.fixture
async def app(demo_store: str) -> AsyncIterator[ASGIApp]:
    """The gateway with every layer that looks at a request: keys, and a cache of responses."""
    application = create_app(known_to(Settings(store_url=demo_store, response_cache_bytes=1_000_000), ADA))
    async with application.router.lifespan_context(application):
        yield application


@contextmanager
def counted_calls(names: tuple[str, ...]) -> Iterator[Counter[str]]:
    """How often functions of these names in gateway.http are called within the block."""
    calls: Counter[str] = Counter()

    def note(frame: FrameType, event: str, _argument: Any) -> None:
        code = frame.f_code
        if event == "call" and code.co_name in names and "/gateway/http/" in code.co_filename:
            calls[code.co_name] += 1

    sys.setprofile(note)
    try:
        yield calls
    finally:
        sys.setprofile(None)


async def post(app: ASGIApp, pieces: list[bytes], accept: str = "application/json") -> tuple[int, Any, int]:
    """Status, JSON and how many messages of the request were received."""
    incoming: list[Message] = [
        {"type": "http.request", "body": piece, "more_body": number < len(pieces)}
        for number, piece in enumerate(pieces, start=1)
    ]
    received, sent = 0, list[Message]()

    async def receive() -> Message:
        nonlocal received
        received += 1
        return incoming.pop(0) if incoming else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [("host", "localhost"), ("content-type", "application/json"), ("accept", accept), ("x-api-key", ADA.key)]
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/graphql",
        "raw_path": b"/graphql",
        "query_string": b"",
        "root_path": "",
        "client": ("127.0.0.1", 1),
        "server": None,
        "headers": [(name.encode(), value.encode()) for name, value in headers],
    }
    await app(scope, receive, send)
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], json.loads(body), received


async def test_a_question_is_read_once_by_all_layers_together(app: ASGIApp) -> None:
    assert (await post(app, [QUERY]))[0] == 200
    with counted_calls(READERS) as calls:
        status, answer, received = await post(
            app, [b" ", QUERY], "application/graphql-response+json, text/event-stream"
        )
    assert (status, list(answer["data"])) == (200, ["account"])
    assert received == 2, "each part of the body is received once, and nothing behind it"
    assert calls == dict.fromkeys(READERS, 1)


@pytest.mark.slow
async def test_a_replayed_answer_reads_no_more_than_it_needs(app: ASGIApp) -> None:
    for _ in range(3):
        await post(app, [QUERY])
    with counted_calls(READERS) as calls:
        status, answer, received = await post(app, [QUERY])
    assert (status, list(answer["data"]), received) == (200, ["account"], 1)
    assert calls == {"read_credentials": 1, "_digest": 1}


async def test_a_body_that_is_read_further_out_is_held_to_the_same_limit(demo_store: str) -> None:
    settings = known_to(Settings(store_url=demo_store, response_cache_bytes=1_000_000, body_bytes=1_024), ADA)
    application = create_app(settings)
    async with application.router.lifespan_context(application):
        await post(application, [QUERY])
        status, answer, _ = await post(application, [QUERY + b" " * 1_024])
    assert (status, answer["errors"][0]["extensions"]["code"]) == (413, "PAYLOAD_TOO_LARGE")


@pytest.mark.parametrize(
    ("pieces", "end"),
    [
        ([b"x"] * 150_000, "http.request"),
        ([b"x" * 60_000] * 3, "http.request"),
        ([b""] * 1_000 + [b"x"] * 10, "http.disconnect"),
        ([], "http.disconnect"),
    ],
    ids=["many small", "few large", "empty ones, and gone", "gone"],
)
async def test_a_body_that_is_no_key_is_held_in_one_piece_and_given_on(pieces: list[bytes], end: str) -> None:
    incoming: list[Message] = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    last: Message = {"type": end} if end == "http.disconnect" else {"type": end, "body": b"!", "more_body": False}
    messages = deque([*incoming, last])

    async def receive() -> Message:
        return messages.popleft()

    body, again = await middleware._read(receive)
    assert body is None
    left = len(messages)
    given = [await again()]
    while given[-1].get("more_body"):
        given.append(await again())
    held = len(given) - left
    assert held <= 2
    assert given[-1] == last
    assert b"".join(one.get("body", b"") for one in given[:-1]) == b"".join(pieces)
