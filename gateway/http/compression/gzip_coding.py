"""gzip (RFC 1952): every client accepts it."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from gateway.http.compression.compressed import stored_blocks

_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\xff"
_WITHOUT_HEAD = -15


@dataclass(frozen=True, slots=True)
class GzipBody:
    """`crc` and `length` are those of the uncompressed beginning."""

    data: bytes
    crc: int
    length: int

    def end(self, rest: bytes) -> bytes:
        """`rest` as stored blocks (RFC 1951, 3.2.4), and the checksum of all."""
        blocks = [
            struct.pack("<BHH", is_last, len(block), len(block) ^ 0xFFFF) + block
            for block, is_last in stored_blocks(rest)
        ]
        length = (self.length + len(rest)) & 0xFFFFFFFF
        return b"".join((*blocks, struct.pack("<II", zlib.crc32(rest, self.crc), length)))


class GzipEncoder:
    """Compresses at one of zlib's levels."""

    def __init__(self, level: int) -> None:
        self._codec = zlib.compressobj(level, zlib.DEFLATED, _WITHOUT_HEAD)
        self._crc = 0
        self._length = 0

    def add(self, piece: memoryview) -> bytes:
        """See `Encoder`."""
        self._crc = zlib.crc32(piece, self._crc)
        self._length += len(piece)
        return self._codec.compress(piece)

    def finish(self, data: bytes) -> GzipBody:
        """See `Encoder`."""
        return GzipBody(_HEAD + data + self._codec.flush(zlib.Z_SYNC_FLUSH), self._crc, self._length)
