"""Shows an inner application to callers with a scope only: for what is not asked by GraphQL."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.errors import GatewayError
from gateway.http.authentication import Authenticator, caller_of
from gateway.http.negotiation import MediaType
from gateway.http.responses import refusal_reply
from gateway.identity.caller import Scope as CallerScope
from gateway.identity.errors import Forbidden


class Guarded:
    """ASGI application of kind http."""

    def __init__(self, app: ASGIApp, authenticator: Authenticator, needed: CallerScope) -> None:
        self._app = app
        self._authenticator = authenticator
        self._needed = needed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            caller = await caller_of(scope, self._authenticator)
            if self._needed not in caller.scopes:
                raise Forbidden(f"This needs a key or token with the scope {self._needed.value}.")
        except GatewayError as refusal:
            await refusal_reply(refusal, MediaType.JSON)(scope, receive, send)
            return
        await self._app(scope, receive, send)
