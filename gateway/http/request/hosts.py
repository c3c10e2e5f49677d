"""Answers only to the names this gateway is known by, so that a name rebound to our address brings nobody in."""

from __future__ import annotations

from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.http.errors import HostRefused
from gateway.http.negotiation import MediaType
from gateway.http.responses import refusal_reply

PROBES = ("/livez", "/readyz")
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")


class HostGuard:
    """ASGI middleware. `allowed` holds names without ports; `*.example.com` stands for every name below example.com.

    Probes know a process by its address only, so the paths of `PROBES` are answered under any name.
    """

    def __init__(self, app: ASGIApp, allowed: Collection[str]) -> None:
        self._app = app
        self._names = frozenset(name.lower() for name in allowed if not name.startswith("*."))
        self._suffixes = tuple(name[1:].lower() for name in allowed if name.startswith("*."))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or scope["path"] in PROBES or self._is_allowed(Headers(scope=scope)):
            await self._app(scope, receive, send)
            return
        refusal = HostRefused(
            "This gateway does not answer to that Host; the setting GATEWAY_ALLOWED_HOSTS names those it knows."
        )
        await refusal_reply(refusal, MediaType.JSON)(scope, receive, send)

    def _is_allowed(self, headers: Headers) -> bool:
        values = headers.getlist("host")
        if len(values) != 1:
            return False
        name = _without_port(values[0]).lower()
        return name in self._names or name.endswith(self._suffixes)


def _without_port(host: str) -> str:
    if host.startswith("["):
        address, bracket, _ = host.partition("]")
        return address + bracket
    return host.partition(":")[0]
