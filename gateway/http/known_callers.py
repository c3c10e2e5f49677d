"""Callers known by API keys, signed tokens and their own dbt tokens: one Authenticator over all of them."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, replace

from pydantic import SecretStr

from gateway.concurrency.bounded_map import BoundedMap
from gateway.http.authentication import Credentials
from gateway.identity.api_keys import ApiKeys
from gateway.identity.caller import Caller
from gateway.identity.errors import Unauthenticated
from gateway.identity.signed_tokens import SignedTokens

_REMEMBERED_SECONDS = 60.0
_MOST_REMEMBERED = 4_096
_LONGEST_DBT_TOKEN = 512
_BEARER = b"bearer "


@dataclass(frozen=True, slots=True)
class _Known:
    """A caller, until when (`time.monotonic()`) he need not be identified again, and under which keys he was
    identified."""

    caller: Caller
    until: float
    generation: int


class KnownCallers:
    """An Authenticator. Who was identified is remembered for a minute at most, and never beyond the end of his
    credential.

    With `pass_through` every caller brings his own dbt token in `X-dbt-Token`; where neither keys nor tokens are
    given, that alone lets him in, and dbt says what he may see.
    """

    def __init__(self, keys: ApiKeys | None, tokens: SignedTokens | None, pass_through: bool = False) -> None:
        self._keys = keys
        self._tokens = tokens
        self._pass_through = pass_through
        # By a hash: comparing credentials themselves with known ones would take longer the more of them is right.
        self._remembered: BoundedMap[bytes, _Known] = BoundedMap(_MOST_REMEMBERED)

    def known_caller(self, credentials: Credentials) -> Caller | None:
        """A caller who was identified lately by the same credentials."""
        generation = self._keys.refresh() if self._keys else 0
        digest = _digest(credentials)
        known = self._remembered.get(digest)
        if known is None:
            return None
        if known.until <= time.monotonic() or known.generation != generation:
            self._remembered.pop(digest)
            return None
        return known.caller

    async def caller(self, credentials: Credentials) -> Caller:
        """The caller. Raises Unauthenticated, Forbidden or IdentityUnavailable."""
        known = self.known_caller(credentials)
        if known is not None:
            return known
        generation = self._keys.generation if self._keys else 0
        caller, expires = await self._tell(credentials)
        if expires is not None:
            caller = replace(caller, until=time.monotonic() + expires - time.time())
        seconds = _REMEMBERED_SECONDS if expires is None else min(_REMEMBERED_SECONDS, expires - time.time())
        self._remembered.put(_digest(credentials), _Known(caller, time.monotonic() + seconds, generation))
        return caller

    async def _tell(self, credentials: Credentials) -> tuple[Caller, float | None]:
        """The caller, and the Unix time at which what he brought ends."""
        if self._keys is None and self._tokens is None:
            return self._with_dbt_token(Caller(scopes=frozenset()), credentials), None
        caller, expires = await self._tell_by_key_or_token(credentials)
        return (self._with_dbt_token(caller, credentials) if self._pass_through else caller), expires

    async def _tell_by_key_or_token(self, credentials: Credentials) -> tuple[Caller, float | None]:
        secret = credentials.api_key if credentials.api_key is not None else _bearer(credentials.authorization)
        if secret is None:
            raise Unauthenticated(
                "Say who you are: send an API key or a token as Authorization: Bearer …, or a key as X-API-Key."
            )
        if self._tokens is not None and credentials.api_key is None and secret.count(b".") == 2:
            verified = await self._tokens.verify(secret)
            return verified.caller, verified.expires
        key = self._keys.find(secret) if self._keys else None
        if key is None:
            raise Unauthenticated("This gateway does not know the key or token, or it has ended.")
        return key.caller, key.expires.timestamp() if key.expires else None

    def _with_dbt_token(self, caller: Caller, credentials: Credentials) -> Caller:
        token = credentials.dbt_token
        if token is None:
            raise Unauthenticated("This gateway asks dbt with its callers' own tokens: send yours as X-dbt-Token.")
        if not 1 <= len(token) <= _LONGEST_DBT_TOKEN or not token.isascii() or not token.decode("ascii").isprintable():
            raise Unauthenticated("What was sent as X-dbt-Token is no token of dbt.")
        name = caller.name or f"dbt token {hashlib.sha256(token).hexdigest()[:12]}"
        return replace(caller, name=name, dbt_token=SecretStr(token.decode("ascii")))


def _bearer(authorization: bytes | None) -> bytes | None:
    if authorization is None or authorization[: len(_BEARER)].lower() != _BEARER:
        return None
    return authorization[len(_BEARER) :].strip() or None


def _digest(credentials: Credentials) -> bytes:
    parts = (credentials.authorization, credentials.api_key, credentials.dbt_token)
    return hashlib.sha256(b"\n".join(b"-" if part is None else b"+" + part for part in parts)).digest()
