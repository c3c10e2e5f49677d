"""Values as they lie in a shared cache: under their key, signed, compressed when large; checked when they come back."""

from __future__ import annotations

import hashlib
import hmac
import zlib
from dataclasses import dataclass, field

_MARK = b"dg1"
_PLAIN, _COMPRESSED = b"p", b"z"
_SIGNATURE = 32
_WORTH_COMPRESSING = 4 * 1024


@dataclass(frozen=True, slots=True)
class Signer:
    """`secret` is known to the replicas only. Values larger than `most_bytes` as they lie, or than `most_unfolded`
    when unfolded, are not shared."""

    secret: bytes = field(repr=False)
    most_bytes: int = 8 * 1024 * 1024
    most_unfolded: int = 64 * 1024 * 1024

    def close(self, name: str, payload: bytes) -> bytes | None:
        """The payload as it is to lie under a name; None when it is too large."""
        if len(payload) > self.most_unfolded:
            return None
        kind, body = _PLAIN, payload
        if len(payload) > _WORTH_COMPRESSING:
            kind, body = _COMPRESSED, zlib.compress(payload, 1)
        if len(body) > self.most_bytes:
            return None
        return _MARK + kind + self._sign(name, kind, body) + body

    def open(self, name: str, value: bytes) -> bytes | None:
        """The payload that was closed under this name with this secret; None for anything else."""
        head = len(_MARK) + 1
        mark, kind = value[: len(_MARK)], value[len(_MARK) : head]
        signature, body = value[head : head + _SIGNATURE], value[head + _SIGNATURE :]
        if mark != _MARK or not hmac.compare_digest(signature, self._sign(name, kind, body)):
            return None
        return body if kind == _PLAIN else self._unfold(body)

    def _sign(self, name: str, kind: bytes, body: bytes) -> bytes:
        signing = hmac.new(self.secret, digestmod=hashlib.sha256)
        for part in (name.encode(), kind):
            signing.update(len(part).to_bytes(4, "big") + part)
        signing.update(body)
        return signing.digest()

    def _unfold(self, body: bytes) -> bytes | None:
        unfolding = zlib.decompressobj()
        try:
            payload = unfolding.decompress(body, self.most_unfolded)
        except zlib.error:
            return None
        return payload if unfolding.eof else None
