"""The gateway as a test asks it: the real application over ASGI, with a wire tap between it and the dbt platform."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.app import create_app
from gateway.services.bundle import Services
from gateway.settings import Settings


@dataclass(frozen=True)
class Call:
    """One request to the platform. `operation` is the document's name, or the path of the Admin API."""

    operation: str
    document: str
    variables: Mapping[str, Any]
    query: Mapping[str, str]


Fault = Callable[[Call], Awaitable[Response | None]]


class UpstreamTap:
    """Stands between gateway and platform: notes every request, and answers in the platform's place if told to."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.fault: Fault | None = None
        self.rewrite: Callable[[Call, Any], Any] | None = None
        self._platform: ASGIApp | None = None

    def wrap(self, platform: ASGIApp) -> Any:
        self._platform = platform
        return self

    @property
    def operations(self) -> dict[str, int]:
        """How often each operation was asked."""
        return dict(Counter(call.operation for call in self.calls))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await Request(scope, receive).body()
        call = _call(scope, body)
        self.calls.append(call)
        answer = await self.fault(call) if self.fault else None
        if answer is None:
            answer = await self._ask_platform(scope, body)
            if self.rewrite:
                answer = Response(json.dumps(self.rewrite(call, json.loads(answer.body))), answer.status_code)
        await answer(scope, receive, send)

    async def _ask_platform(self, scope: Scope, body: bytes) -> Response:
        parts: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            parts.append(message)

        assert self._platform is not None
        await self._platform(scope, receive, send)
        content = b"".join(part.get("body", b"") for part in parts[1:])
        return Response(content, parts[0]["status"])


def _call(scope: Scope, body: bytes) -> Call:
    request = Request(scope)
    if request.url.path == "/graphql":
        asked = json.loads(body)
        return Call(asked["operationName"], asked["query"], asked["variables"], {})
    return Call(request.url.path.split("/", 5)[-1].strip("/") or "account", "", {}, dict(request.query_params))


@dataclass(frozen=True)
class Reply:
    """An answer of the gateway."""

    status: int
    text: str
    data: Any
    errors: Sequence[Mapping[str, Any]]
    gateway: Mapping[str, Any]

    @property
    def codes(self) -> dict[str, str]:
        """The code of the errors at each dotted path; several different ones are joined."""
        found: dict[str, set[str]] = {}
        for error in self.errors:
            found.setdefault(".".join(map(str, error.get("path", ()))), set()).add(error["extensions"]["code"])
        return {path: " and ".join(sorted(codes)) for path, codes in found.items()}


@dataclass
class Gateway:
    """A running gateway and the tap on its upstream."""

    client: httpx2.AsyncClient
    upstream: UpstreamTap = field(default_factory=UpstreamTap)
    app: Starlette | None = None

    @property
    def services(self) -> Services:
        """What the gateway asks dbt with, while it runs."""
        assert self.app is not None
        services: Services = self.app.state.services
        return services

    async def ask(self, query: str, /, headers: Mapping[str, str] | None = None, **variables: Any) -> Reply:
        """Any answer, errors and all."""
        asked = {"query": query, "variables": variables}
        response = await self.client.post("/graphql", json=asked, headers=dict(headers or {}))
        body = response.json()
        extensions = body.get("extensions", {}).get("gateway", {})
        return Reply(response.status_code, response.text, body.get("data"), body.get("errors", []), extensions)

    async def data(self, query: str, **variables: Any) -> Any:
        """The data of an answer that must be whole."""
        reply = await self.ask(query, **variables)
        assert list(reply.errors) == [], reply.errors
        assert reply.gateway["incomplete"] == []
        return reply.data

    async def count(self, query: str, **variables: Any) -> dict[str, int]:
        """How often each upstream operation was asked for an answer that must be whole."""
        self.upstream.calls.clear()
        reply = await self.ask(query, **variables)
        assert list(reply.errors) == [], reply.errors
        assert reply.gateway["upstreamRequests"] == len(self.upstream.calls), "the gateway counts what it sent"
        return self.upstream.operations


@asynccontextmanager
async def serving(settings: Settings, clock: Callable[[], float] = time.monotonic) -> AsyncIterator[Gateway]:
    """A gateway with cold caches; its facts grow old by the clock.

    What it asks passes the tap, finished runs too, as with dbt Cloud, unless the settings name a `history_source`.
    """
    upstream = UpstreamTap()
    if "history_source" not in settings.model_fields_set:
        settings = settings.model_copy(update={"history_source": "discovery"})
    app = create_app(settings, wrap_platform=upstream.wrap, clock=clock)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=app),
            base_url="http://localhost",
            headers={"Accept": "application/graphql-response+json"},
        ) as client,
    ):
        yield Gateway(client, upstream, app)
