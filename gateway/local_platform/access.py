"""Who calls: the token of a request, and a name under which its requests are counted."""

from __future__ import annotations

import hmac

from starlette.types import Scope


def token_fits(header: str, token: str | None) -> bool:
    """Whether an `Authorization` header carries the token, as `Token …` or `Bearer …`; without a token all fit."""
    if token is None:
        return True
    scheme, _, credential = header.partition(" ")
    return scheme.lower() in {"token", "bearer"} and hmac.compare_digest(credential.strip().encode(), token.encode())


def client_name(scope: Scope, partner: str | None) -> str:
    """The partner name a client sends, or else its address."""
    return partner or (scope["client"][0] if scope.get("client") else "unknown")
