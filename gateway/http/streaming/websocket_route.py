"""The WebSocket at `/graphql`: who may open one, and which protocol is spoken on it."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from gateway.errors import GatewayError
from gateway.http.errors import CrossSiteRefused
from gateway.http.negotiation import MediaType
from gateway.http.responses import refusal_reply
from gateway.http.streaming.admission import address_of
from gateway.http.streaming.live_connections import Introduction
from gateway.http.streaming.messages import SUBPROTOCOL, CloseCode
from gateway.http.streaming.websocket_handler import TransportWsHandler, WebSocketContext


class LiveSocket:
    """ASGI application for WebSockets."""

    def __init__(self, websockets: WebSocketContext, allowed_origins: Collection[str]) -> None:
        self._websockets = websockets
        self._allowed_origins = allowed_origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        try:
            check_origin(Headers(scope=scope), self._allowed_origins)
            with self._websockets.slots.introduction(address_of(scope)) as introduction:
                await self._talk(introduction, scope, receive, send)
        except GatewayError as refusal:
            await refusal_reply(refusal, MediaType.JSON)(scope, receive, send)

    async def _talk(self, introduction: Introduction, scope: Scope, receive: Receive, send: Send) -> None:
        if SUBPROTOCOL not in scope["subprotocols"]:
            # Only after accepting can a client be told why.
            await send({"type": "websocket.accept"})
            code = CloseCode.SUBPROTOCOL_NOT_ACCEPTABLE
            await send({"type": "websocket.close", "code": int(code), "reason": f"Only {SUBPROTOCOL} is spoken here"})
            return
        await send({"type": "websocket.accept", "subprotocol": SUBPROTOCOL})
        await TransportWsHandler(self._websockets, introduction, scope, receive, send).run()


def check_origin(headers: Headers, allowed_origins: Collection[str]) -> None:
    """Raises CrossSiteRefused for a page of another site; programs send no Origin, browsers always do."""
    origins = headers.getlist("origin")
    if not origins or "*" in allowed_origins:
        return
    if len(origins) == 1 and (origins[0] in allowed_origins or _is_own(origins[0], headers)):
        return
    raise CrossSiteRefused(
        "A web page of another site may not open a WebSocket here; GATEWAY_CORS_ORIGINS names those."
    )


def _is_own(origin: str, headers: Headers) -> bool:
    try:
        return urlsplit(origin).netloc.lower() == headers.get("host", "").lower() != ""
    except ValueError:
        return False
