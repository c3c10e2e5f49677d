"""Who is let in to a live connection, and under which name his connections are counted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from starlette.types import Scope

from gateway.http.authentication import Authenticator, credentials_of
from gateway.identity.caller import Caller


async def admit(authenticator: Authenticator, scope: Scope, authorization: str | None) -> Caller:
    """The caller who opened a WebSocket. `authorization` stands for the header of that name, which a browser cannot
    set there. Raises what the authenticator raises."""
    credentials = credentials_of(scope)
    if authorization is not None:
        credentials = replace(credentials, authorization=authorization.encode())
    return await authenticator.caller(credentials)


def share_key(scope: Scope, caller: Caller) -> str:
    """Under which name a caller's connections are counted; who has no name is counted by his address."""
    client: tuple[str, Any] | None = scope.get("client")
    return caller.name or f"address {client[0] if client else 'unknown'}"
