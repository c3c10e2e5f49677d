"""Answers compressed with gzip for clients that take it. The beginning of an answer, its data, is compressed once; the
end, which is another each time, is put behind it as it is."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

from gateway.concurrency.checkpoints import checkpoint

SHORTEST = 1024
"""Shorter answers gain nothing: they go out in one packet as they are."""

HEADERS = ((b"content-encoding", b"gzip"),)

QUICK = 1
"""The level for what is sent once: it leaves JSON of this kind a fifth larger than THOROUGH, in a third of the time."""

THOROUGH = 6
"""The level for what is sent again."""

_RAW = -15
_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\xff"
_PIECE = 64 * 1024
_STEPS_OF_A_PIECE = 1_000
_LONGEST_STORED = 65_535


@dataclass(frozen=True, slots=True)
class Compressed:
    """The beginning of a body, compressed, behind which any end may stand; `crc` and `length` are of what it was."""

    data: bytes
    crc: int
    length: int

    def end(self, rest: bytes) -> bytes:
        """What follows `data`, so that both together are the gzip of the beginning and `rest` (RFC 1951, 3.2.4)."""
        blocks = []
        for start in range(0, max(len(rest), 1), _LONGEST_STORED):
            block = rest[start : start + _LONGEST_STORED]
            is_last = start + _LONGEST_STORED >= len(rest)
            blocks.append(struct.pack("<BHH", is_last, len(block), len(block) ^ 0xFFFF) + block)
        whole = (self.length + len(rest)) & 0xFFFFFFFF
        return b"".join((*blocks, struct.pack("<II", zlib.crc32(rest, self.crc), whole)))


async def compress(body: bytes, level: int = QUICK) -> Compressed:
    """Compresses the beginning of a body, with others let on in between."""
    codec = zlib.compressobj(level, zlib.DEFLATED, _RAW)
    parts, seen = [_HEAD], memoryview(body)
    for start in range(0, len(body), _PIECE):
        await checkpoint(_STEPS_OF_A_PIECE)
        parts.append(codec.compress(seen[start : start + _PIECE]))
    # To a whole byte, and with no last block: that is in the end.
    parts.append(codec.flush(zlib.Z_SYNC_FLUSH))
    return Compressed(b"".join(parts), zlib.crc32(body), len(body))


def takes_gzip(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether a client takes gzip, and would not rather have an answer as it is (RFC 9110, 12.5.3)."""
    accepted = [value for name, value in headers if name == b"accept-encoding"]
    if not accepted:
        return False
    weights: dict[bytes, float] = {}
    for item in b",".join(accepted).lower().split(b","):
        name, *parameters = (part.strip() for part in item.split(b";"))
        weights[name] = min((_weight(parameter) for parameter in parameters), default=1.0)
    of_any = weights.get(b"*", 0.0)
    gzip = max(weights.get(b"gzip", of_any), weights.get(b"x-gzip", 0.0))
    return gzip > 0 and gzip >= weights.get(b"identity", 0.0)


def _weight(parameter: bytes) -> float:
    name, _, value = parameter.partition(b"=")
    try:
        return float(value) if name.strip() == b"q" else 1.0
    except ValueError:
        return 0.0
