"""Whether the process lives, and whether it can answer: for probes, load balancers and the container's health check."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.http.responses import HEADERS

_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether requests can be answered now; `checks` says of each thing needed how it is, without secrets."""

    ready: bool
    checks: Mapping[str, str] = field(default_factory=dict)


ReadinessCheck = Callable[[], Awaitable[Readiness]]


def health_routes(readiness: ReadinessCheck) -> list[Route]:
    """`/livez` touches nothing but this process; `/readyz` asks `readiness`, and takes silence for 5 s as a no."""

    async def live(_request: Request) -> Response:
        return _reply({"status": "live"}, 200)

    async def ready(_request: Request) -> Response:
        try:
            async with asyncio.timeout(_SECONDS):
                readiness_now = await readiness()
        except TimeoutError:
            readiness_now = Readiness(False, {"gateway": f"no answer within {_SECONDS:g} seconds"})
        status = "ready" if readiness_now.ready else "not ready"
        return _reply({"status": status, "checks": dict(readiness_now.checks)}, 200 if readiness_now.ready else 503)

    return [Route("/livez", live), Route("/readyz", ready)]


def _reply(content: Mapping[str, object], status: int) -> Response:
    return Response(msgspec.json.encode(content), status, HEADERS, "application/json")
