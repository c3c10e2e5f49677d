"""Signed tokens (JWT): whether one is genuine, meant for us and still good, and what it grants.

The algorithm, the issuer and the place of the keys come from settings; what a token says of them is only compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from jwt.exceptions import (
    ExpiredSignatureError,
    ImmatureSignatureError,
    InvalidAudienceError,
    InvalidIssuerError,
    MissingRequiredClaimError,
    PyJWTError,
)

from gateway.hierarchy.objects.visibility import Visibility
from gateway.identity.caller import Caller
from gateway.identity.errors import Forbidden, Unauthenticated
from gateway.identity.grants import EVERY, scopes_of, visibility_of, words_of
from gateway.identity.key_set import KeySet

MOST_BYTES = 8 * 1024
_LONGEST_NAME = 100
# Headers by which a token would bring its own key, and `crit`, which asks for what we do not know.
_REFUSED_HEADERS = frozenset({"crit", "jku", "jwk", "x5u", "b64", "zip", "enc"})
_KINDS = frozenset({"jwt", "at+jwt", "application/at+jwt"})
_REQUIRED = ["exp", "iss", "aud"]
_REASONS: tuple[tuple[type[PyJWTError], str], ...] = (
    (ExpiredSignatureError, "The token has expired. Get a new one."),
    (ImmatureSignatureError, "The token is not good yet: compare the clocks of its issuer and of the gateway."),
    (InvalidAudienceError, "The token is meant for another audience than this gateway."),
    (InvalidIssuerError, "The token is from another issuer than this gateway trusts."),
    (MissingRequiredClaimError, "The token lacks a claim: it needs exp, iss and aud."),
)


@dataclass(frozen=True, slots=True)
class ClaimNames:
    """Under which claims a token says what it grants. `environments` None: it may not restrict them.

    Without `projects` in it a token grants nothing, or with `all_by_default` everything.
    """

    projects: str = "dbt_projects"
    environments: str | None = None
    scopes: str = "scope"
    name: str = "sub"
    all_by_default: bool = False


@dataclass(frozen=True, slots=True)
class TokenPolicy:
    """Which tokens are accepted. `algorithms` are of one asymmetric family; `leeway` is in seconds."""

    issuer: str
    audience: str
    algorithms: tuple[str, ...]
    leeway: float
    claims: ClaimNames


@dataclass(frozen=True, slots=True)
class Verified:
    """The holder of a token, and the Unix time at which it ends."""

    caller: Caller
    expires: float


class SignedTokens:
    """Identifies callers by their tokens."""

    def __init__(self, policy: TokenPolicy, keys: KeySet) -> None:
        self._policy = policy
        self._keys = keys

    async def verify(self, token: bytes) -> Verified:
        """The holder of a token. Raises Unauthenticated, Forbidden for one that grants nothing, IdentityUnavailable."""
        if len(token) > MOST_BYTES:
            raise Unauthenticated(f"The token is longer than {MOST_BYTES:,} bytes.")
        algorithm, key_id = self._read_header(token)
        key = await self._keys.find(key_id, algorithm)
        if key is None:
            raise Unauthenticated("The token is signed with a key that its issuer does not publish.")
        claims = self._decode(token, key)
        return Verified(self._caller(claims), float(claims["exp"]))

    def _read_header(self, token: bytes) -> tuple[str, str | None]:
        """The algorithm and the key's id that a token claims; nothing of it is verified yet."""
        try:
            header = jwt.get_unverified_header(token)
        except (PyJWTError, ValueError, RecursionError):
            raise Unauthenticated("This is neither an API key of this gateway nor a signed token.") from None
        algorithm, kind, key_id = header.get("alg"), header.get("typ", "JWT"), header.get("kid")
        if algorithm not in self._policy.algorithms:
            raise Unauthenticated("The token is signed by another algorithm than this gateway takes.")
        if not _REFUSED_HEADERS.isdisjoint(header):
            raise Unauthenticated("The token's header asks for something that this gateway does not do.")
        if not isinstance(kind, str) or kind.lower() not in _KINDS:
            raise Unauthenticated("The token is of another kind than an access token.")
        return algorithm, key_id

    def _decode(self, token: bytes, key: jwt.PyJWK) -> Mapping[str, Any]:
        policy = self._policy
        try:
            return jwt.decode(
                token,
                key,
                algorithms=[key.algorithm_name],
                audience=policy.audience,
                issuer=policy.issuer,
                leeway=policy.leeway,
                options={"require": _REQUIRED},
            )
        except (PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as refused:
            reason = next((text for kind, text in _REASONS if isinstance(refused, kind)), "The token is not genuine.")
            raise Unauthenticated(reason) from None

    def _caller(self, claims: Mapping[str, Any]) -> Caller:
        named = claims.get(self._policy.claims.name)
        name = f"token {named[:_LONGEST_NAME]}" if isinstance(named, str) else "token"
        return Caller(name, self._visibility(claims), scopes_of(claims.get(self._policy.claims.scopes)))

    def _visibility(self, claims: Mapping[str, Any]) -> Visibility:
        names = self._policy.claims
        if names.projects not in claims and names.all_by_default:
            projects: list[str | int] | None = [EVERY]
        else:
            projects = words_of(claims.get(names.projects))
        environments = words_of(claims.get(names.environments)) if names.environments else [EVERY]
        if not projects or not environments:
            raise Forbidden("The token is genuine, but grants no project: its claims name none.")
        try:
            return visibility_of(map(str, projects), environments)
        except ValueError:
            raise Forbidden("The token is genuine, but one of its environments is not dbt's number of one.") from None
