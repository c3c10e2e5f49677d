"""An identity provider of a test's own: keys, tokens signed with them, and an address that publishes the keys."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import get_default_algorithms

ISSUER = "https://login.example/"
AUDIENCE = "https://gateway.example"

Private = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


@dataclass(frozen=True)
class SigningKey:
    """A private key by its id."""

    id: str
    private: Private
    algorithm: str = "RS256"

    @classmethod
    def rsa(cls, key_id: str, bits: int = 2048) -> SigningKey:
        return cls(key_id, rsa.generate_private_key(65537, bits))

    @property
    def published(self) -> dict[str, Any]:
        """The public key as a JWKS lists it."""
        algorithm: Any = get_default_algorithms()[self.algorithm]
        public = algorithm.to_jwk(self.private.public_key(), as_dict=True)
        public.pop("key_ops", None)
        return {**public, "kid": self.id, "alg": self.algorithm, "use": "sig"}

    @property
    def pem(self) -> bytes:
        return self.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def sign(self, claims: Mapping[str, Any], **headers: Any) -> str:
        given = {
            name: value for name, value in {"kid": self.id, **headers}.items() if value is not None or name == "typ"
        }
        return jwt.encode(dict(claims), self.private, self.algorithm, given)  # type: ignore[arg-type]


def good_claims(**changes: Any) -> dict[str, Any]:
    """Claims that let in; None takes one away."""
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "anna",
        "exp": now + 600,
        "iat": now,
        "nbf": now,
        "dbt_projects": ["finance"],
        **changes,
    }
    return {name: claim for name, claim in claims.items() if claim is not None}


def unsigned(header: Mapping[str, Any], claims: Mapping[str, Any], signature: bytes = b"") -> str:
    """A token put together by hand."""
    parts = (json.dumps(header).encode(), json.dumps(claims).encode(), signature)
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


@dataclass
class Publisher:
    """Answers every HTTP request with the keys, or as told; counts the requests."""

    keys: list[dict[str, Any]] = field(default_factory=list)
    status: str = "200 OK"
    headers: list[str] = field(default_factory=list)
    body: bytes | None = None
    seconds: float = 0.0
    requests: int = 0
    url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            self.requests += 1
            await asyncio.sleep(self.seconds)
            body = json.dumps({"keys": self.keys}).encode() if self.body is None else self.body
            lines = [f"HTTP/1.1 {self.status}", f"Content-Length: {len(body)}", "Connection: close", *self.headers]
            writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def publishing(*keys: SigningKey) -> AsyncIterator[Publisher]:
    """A publisher of these keys on a free port."""
    publisher = Publisher([key.published for key in keys])
    server = await asyncio.start_server(publisher.serve, "127.0.0.1", 0)
    publisher.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/keys"
    async with server:
        yield publisher
