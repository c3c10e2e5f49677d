"""`/mcp`: the tools over streamable HTTP, with the gateway's own authentication."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Any

from mcp.server.context import ServerRequestContext
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from gateway.errors import GatewayError
from gateway.http.authentication import Authenticator, caller_of
from gateway.http.errors import MethodRefused
from gateway.http.negotiation import MediaType
from gateway.http.responses import refusal_reply
from gateway.http.streaming.websocket_route import check_origin
from gateway.identity.caller import Caller
from gateway.identity.errors import Unauthenticated
from gateway.mcp.server import AgentTools

PATH = "/mcp"
_MOST_BODY_BYTES = 256 * 1024


class AgentEndpoint:
    """ASGI application for `/mcp`. Each POST is answered by itself as JSON; there are no sessions and no event streams.

    The caller is determined before the body is read. `sessions` must be open while requests are answered.
    """

    def __init__(self, tools: AgentTools, authenticator: Authenticator, allowed_origins: Collection[str]) -> None:
        self._tools = tools
        self._authenticator = authenticator
        self._allowed_origins = allowed_origins
        self._manager: StreamableHTTPSessionManager | None = None

    @asynccontextmanager
    async def sessions(self) -> AsyncIterator[None]:
        """Answers requests while the block runs."""
        manager = StreamableHTTPSessionManager(
            self._tools.server(), json_response=True, stateless=True, max_request_body_size=_MOST_BODY_BYTES
        )
        async with manager.run():
            self._manager = manager
            try:
                yield
            finally:
                self._manager = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await caller_of(scope, self._authenticator)
            check_origin(Headers(scope=scope), self._allowed_origins)
            if scope["method"] != "POST":
                raise MethodRefused("Send each message with POST: there are no event streams here.", "POST")
        except GatewayError as refusal:
            await refusal_reply(refusal, MediaType.JSON)(scope, receive, send)
            return
        if self._manager is None:
            raise RuntimeError("Requests are answered while the lifespan runs.")
        await self._manager.handle_request(scope, receive, send)


async def caller_of_request(context: ServerRequestContext[Any, Any]) -> Caller:
    """The caller that the endpoint determined before it passed the request on. Raises Unauthenticated without one."""
    scope = context.request.scope if context.request is not None else {}
    caller = scope.get("gateway.caller")
    if not isinstance(caller, Caller):
        raise Unauthenticated("This request did not come through /mcp.")
    return caller
