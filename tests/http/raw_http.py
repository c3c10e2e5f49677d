"""Sends requests to an ASGI application byte for byte, also such as no client library would send."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp, Message


@dataclass(frozen=True)
class RawResponse:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def codes(self) -> list[str]:
        return [error["extensions"]["code"] for error in self.json["errors"]]


async def send(
    app: ASGIApp,
    method: str,
    target: str,
    headers: Mapping[str, str] | None = None,
    body: bytes | Iterable[bytes] = b"",
) -> RawResponse:
    """One request; `body` given as several chunks arrives as several messages. Host is localhost unless given."""
    given = {"host": "localhost", **{name.lower(): value for name, value in (headers or {}).items()}}
    path, _, query = target.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode("latin-1"),
        "root_path": "",
        "query_string": query.encode("latin-1"),
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in given.items()],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8000),
    }
    chunks = [body] if isinstance(body, bytes) else list(body)
    inbox: list[Message] = [
        {"type": "http.request", "body": chunk, "more_body": index < len(chunks) - 1}
        for index, chunk in enumerate(chunks)
    ]
    outbox: list[Message] = []

    async def receive() -> Message:
        return inbox.pop(0) if inbox else {"type": "http.disconnect"}

    async def collect(message: Message) -> None:
        outbox.append(message)

    await app(scope, receive, collect)
    start = outbox[0]
    return RawResponse(
        start["status"],
        {name.decode(): value.decode() for name, value in start["headers"]},
        b"".join(message.get("body", b"") for message in outbox[1:]),
    )


async def post(app: ASGIApp, content: Any, headers: Mapping[str, str] | None = None) -> RawResponse:
    """A POST of a JSON value, or of bytes as they are, to /graphql."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    given = {"Content-Type": "application/json", "Accept": "application/graphql-response+json", **(headers or {})}
    return await send(app, "POST", "/graphql", given, body)
