"""The last resort: whatever goes wrong below becomes one coded error with an id that the log repeats."""

from __future__ import annotations

import logging
import secrets

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.errors import GatewayError
from gateway.http.negotiation import MediaType
from gateway.http.responses import refusal_reply

_log = logging.getLogger("gateway.http")


class ErrorMiddleware:
    """ASGI middleware, around all of our own: no exception leaves it, and no text of one reaches a caller."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def watched_send(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, watched_send)
        except Exception:
            error_id = secrets.token_hex(6)
            _log.exception("request failed, error id %s", error_id)
            if started:
                raise
            failure = GatewayError("Something went wrong in the gateway; its log has the error id.", errorId=error_id)
            await refusal_reply(failure, MediaType.JSON)(scope, receive, send)
