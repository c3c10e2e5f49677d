"""br (RFC 7932)."""

from __future__ import annotations

from dataclasses import dataclass

import brotli

from gateway.http.compression.compressed import stored_blocks

_LAST_AND_EMPTY = b"\x03"
_IS_UNCOMPRESSED = 1 << 19
_LENGTH_SHIFT = 3


@dataclass(frozen=True, slots=True)
class BrotliBody:
    """`data` ends at a whole byte, without a last meta-block."""

    data: bytes

    def end(self, rest: bytes) -> bytes:
        """`rest` as uncompressed meta-blocks, and an empty last one (RFC 7932, 9.2)."""
        blocks = [
            (len(block) - 1 << _LENGTH_SHIFT | _IS_UNCOMPRESSED).to_bytes(3, "little") + block
            for block, _ in stored_blocks(rest)
            if block
        ]
        return b"".join((*blocks, _LAST_AND_EMPTY))


class BrotliEncoder:
    """Compresses text at one of brotli's qualities."""

    def __init__(self, level: int) -> None:
        self._codec = brotli.Compressor(mode=brotli.MODE_TEXT, quality=level)

    def add(self, piece: memoryview) -> bytes:
        """See `Encoder`."""
        compressed: bytes = self._codec.process(piece)
        return compressed

    def finish(self, data: bytes) -> BrotliBody:
        """See `Encoder`."""
        return BrotliBody(data + self._codec.flush())
