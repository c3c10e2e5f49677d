"""zstd (RFC 8878): the quickest."""

from __future__ import annotations

from dataclasses import dataclass

import zstandard

from gateway.http.compression.compressed import stored_blocks

_SIZE_SHIFT = 3


@dataclass(frozen=True, slots=True)
class ZstdBody:
    """`data` is one frame without its last block, without a checksum and without the size of its content."""

    data: bytes

    def end(self, rest: bytes) -> bytes:
        """`rest` as raw blocks (RFC 8878, 3.1.1.2)."""
        return b"".join(
            (len(block) << _SIZE_SHIFT | is_last).to_bytes(3, "little") + block
            for block, is_last in stored_blocks(rest)
        )


class ZstdEncoder:
    """Compresses at one of zstd's levels up to 9: its window is within the 8 MiB that browsers accept (RFC 9659)."""

    def __init__(self, level: int) -> None:
        self._codec = zstandard.ZstdCompressor(level=level, write_content_size=False).compressobj()

    def add(self, piece: memoryview) -> bytes:
        """See `Encoder`."""
        return self._codec.compress(piece)

    def finish(self, data: bytes) -> ZstdBody:
        """See `Encoder`. The body has at least one byte: the frame's head is written with the first."""
        return ZstdBody(data + self._codec.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK))
