"""Who is let in to a live connection, for how long, and under which name his connections are counted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from starlette.types import Scope

from gateway.http.authentication import Authenticator, Credentials, credentials_of
from gateway.identity.caller import Caller
from gateway.identity.errors import Forbidden, IdentityUnavailable, Unauthenticated


@dataclass(frozen=True, slots=True)
class Admission:
    """A caller who was let in, and by what. A connection outlives many requests: keys are withdrawn meanwhile, or
    grant something else."""

    authenticator: Authenticator
    credentials: Credentials
    caller: Caller

    async def holds(self) -> bool:
        """Whether he would be let in now, as the same."""
        try:
            now = await self.authenticator.caller(self.credentials)
        except (Unauthenticated, Forbidden):
            return False
        except IdentityUnavailable:
            # Nothing is known against him, and the end of his token is watched.
            return True
        return now.audience == self.caller.audience


async def admit(authenticator: Authenticator, scope: Scope, authorization: str | None) -> Admission:
    """Lets in who opened a WebSocket. `authorization` stands for the header of that name, which a browser cannot
    set there. Raises what the authenticator raises."""
    credentials = credentials_of(scope)
    if authorization is not None:
        credentials = replace(credentials, authorization=authorization.encode())
    return Admission(authenticator, credentials, await authenticator.caller(credentials))


def share_key(scope: Scope, caller: Caller) -> str:
    """Under which name a caller's connections are counted; who has no name is counted by his address."""
    return caller.name or f"address {address_of(scope)}"


def address_of(scope: Scope) -> str:
    """The client's address: behind a trusted proxy, the one it forwards."""
    client: tuple[str, Any] | None = scope.get("client")
    return client[0] if client else "unknown"
