"""Which content coding an answer is sent in (RFC 9110, 8.4.1 and 12.5.3), and its compression beside other requests."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from gateway.concurrency.checkpoints import checkpoint
from gateway.http.compression.brotli_coding import BrotliEncoder
from gateway.http.compression.compressed import Compressed, Encoder
from gateway.http.compression.gzip_coding import GzipEncoder
from gateway.http.compression.zstd_coding import ZstdEncoder

SHORTEST = 1024
"""Shorter answers are sent as they are, in bytes: compressed they would still be one packet."""

_PIECE = 64 * 1024
_STEPS_OF_A_PIECE = 1_000


@dataclass(frozen=True, slots=True)
class ContentCoding:
    """`quick` is the level for an answer that is sent once, `thorough` for one that is kept."""

    name: bytes
    encoder: Callable[[int], Encoder]
    quick: int
    thorough: int
    other_names: tuple[bytes, ...] = ()

    @property
    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """The headers of an answer in this coding."""
        return ((b"content-encoding", self.name),)


CODINGS = (
    ContentCoding(b"zstd", ZstdEncoder, quick=1, thorough=9),
    ContentCoding(b"br", BrotliEncoder, quick=1, thorough=5),
    ContentCoding(b"gzip", GzipEncoder, quick=1, thorough=6, other_names=(b"x-gzip",)),
)
"""Best first: a client that accepts several equally gets the first of them."""


async def compress(body: bytes, coding: ContentCoding, level: int) -> Compressed:
    """Compresses a body of at least one byte, 64 KiB at a time; other tasks run in between."""
    encoder = coding.encoder(level)
    parts, seen = [], memoryview(body)
    for start in range(0, len(body), _PIECE):
        await checkpoint(_STEPS_OF_A_PIECE)
        parts.append(encoder.add(seen[start : start + _PIECE]))
    return encoder.finish(b"".join(parts))


def accepted_coding(headers: Iterable[tuple[bytes, bytes]]) -> ContentCoding | None:
    """The coding that a client weighs most; None when it accepts none, or prefers the answer as it is."""
    accepted = [value for name, value in headers if name == b"accept-encoding"]
    if not accepted:
        return None
    weights: dict[bytes, float] = {}
    for element in b",".join(accepted).lower().split(b","):
        name, *parameters = (part.strip() for part in element.split(b";"))
        weights[name] = min((_weight(parameter) for parameter in parameters), default=1.0)
    best = max(CODINGS, key=lambda coding: _weight_of(coding, weights))
    weight = _weight_of(best, weights)
    return best if weight > 0 and weight >= weights.get(b"identity", 0.0) else None


def _weight_of(coding: ContentCoding, weights: dict[bytes, float]) -> float:
    own = weights.get(coding.name, weights.get(b"*", 0.0))
    return max(own, *(weights.get(name, 0.0) for name in coding.other_names), 0.0)


def _weight(parameter: bytes) -> float:
    name, _, value = parameter.partition(b"=")
    try:
        return float(value) if name.strip() == b"q" else 1.0
    except ValueError:
        return 0.0
