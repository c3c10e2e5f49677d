"""What a request brings to say who sends it, and who decides that."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Protocol

from gateway.identity.caller import ANYBODY, Caller
from gateway.identity.errors import Unauthenticated

# Proxies say with these for whom they ask, or that they are proxies.
_FORWARDED = frozenset(
    (
        *(b"forwarded", b"via", b"x-real-ip", b"x-client-ip", b"x-cluster-client-ip", b"x-original-forwarded-for"),
        *(b"cf-connecting-ip", b"true-client-ip", b"fastly-client-ip", b"x-envoy-external-address"),
    )
)
_FORWARDED_PREFIX = b"x-forwarded-"


@dataclass(frozen=True, slots=True)
class Credentials:
    """The bytes by which a caller may be known; equal ones name the same caller.

    `peer` is the address that asks for itself; None for a proxy, which asks for somebody else, and where it is unknown.
    """

    authorization: bytes | None = None
    api_key: bytes | None = None
    dbt_token: bytes | None = None
    peer: str | None = None

    @property
    def is_local(self) -> bool:
        """Whether this very machine asks."""
        return self.peer is not None and _is_loopback(self.peer)


_CREDENTIALS = "gateway.credentials"
_CALLER = "gateway.caller"


def credentials_of(scope: MutableMapping[str, Any]) -> Credentials:
    """The credentials in an ASGI scope of kind http or websocket, read once and kept in the scope."""
    credentials: Credentials | None = scope.get(_CREDENTIALS)
    if credentials is None:
        credentials = scope[_CREDENTIALS] = read_credentials(scope)
    return credentials


def known_caller_of(scope: MutableMapping[str, Any], authenticator: Authenticator) -> Caller | None:
    """The caller of a request, if the authenticator knows it without waiting. Whoever asks next is told the same."""
    caller = scope[_CALLER] = authenticator.known_caller(credentials_of(scope))
    return caller


async def caller_of(scope: MutableMapping[str, Any], authenticator: Authenticator) -> Caller:
    """The caller of a request, determined once. Raises what `Authenticator.caller` raises."""
    caller: Caller | None = scope.get(_CALLER)
    if caller is None:
        caller = scope[_CALLER] = await authenticator.caller(credentials_of(scope))
    return caller


def read_credentials(scope: Mapping[str, Any]) -> Credentials:
    """The credentials in a scope's headers. A doubled header counts as none of its kind.

    HTTP/1.0 is what proxies speak that were told nothing (nginx before 1.29.7); clients of today do not.
    """
    sent: dict[bytes, bytes | None] = {}
    is_forwarded = scope.get("http_version") == "1.0"
    for name, value in scope["headers"]:
        if name in (b"authorization", b"x-api-key", b"x-dbt-token"):
            sent[name] = None if name in sent else value
        elif name in _FORWARDED or name.startswith(_FORWARDED_PREFIX):
            is_forwarded = True
    client = scope.get("client")
    return Credentials(
        authorization=sent.get(b"authorization"),
        api_key=sent.get(b"x-api-key"),
        dbt_token=sent.get(b"x-dbt-token"),
        peer=client[0] if client and not is_forwarded else None,
    )


def _is_loopback(host: str) -> bool:
    if host == "127.0.0.1":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


class Authenticator(Protocol):
    """Identifies callers by their credentials. Safe for concurrent use on one event loop."""

    def known_caller(self, credentials: Credentials) -> Caller | None:
        """The caller, when that can be known at once and without waiting; None: ask `caller`. Raises nothing."""

    async def caller(self, credentials: Credentials) -> Caller:
        """The caller. Raises Unauthenticated, Forbidden, or IdentityUnavailable while that cannot be known."""


class EverybodyAuthenticator:
    """Nobody is asked who he is, and everybody sees everything. For gateways that were told to be open."""

    def known_caller(self, _credentials: Credentials) -> Caller | None:
        return ANYBODY

    async def caller(self, _credentials: Credentials) -> Caller:
        return ANYBODY


class ThisMachineAuthenticator:
    """Nobody is asked who he is, and only this machine is answered: what a gateway does that was told nothing."""

    def known_caller(self, credentials: Credentials) -> Caller | None:
        return ANYBODY if credentials.is_local else None

    async def caller(self, credentials: Credentials) -> Caller:
        if credentials.is_local:
            return ANYBODY
        raise Unauthenticated(
            "This gateway knows no callers yet and answers its own machine only. Its operator can set up API keys or "
            "signed tokens, or open it to everybody with GATEWAY_OPEN=true; docs/authentication.md says how."
        )
