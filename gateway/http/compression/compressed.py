"""What every content coding offers: an answer's beginning is compressed once, any end can follow it.

The data of a cached answer stays the same, its extensions differ each time. So the data is compressed to a whole byte,
and not closed; the end follows as stored (uncompressed) blocks of the same stream.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

BLOCK = 65_535
"""The longest stored block that all codings allow, in bytes."""


class Compressed(Protocol):
    """The compressed beginning of a body."""

    @property
    def data(self) -> bytes:
        """The compressed bytes."""

    def end(self, rest: bytes) -> bytes:
        """What follows `data`, so that both together decompress to the beginning and `rest`."""


class Encoder(Protocol):
    """The compression of one body under way."""

    def add(self, piece: memoryview) -> bytes:
        """The compressed bytes that are ready after one more piece."""

    def finish(self, data: bytes) -> Compressed:
        """The compressed body; `data` is everything that `add` returned."""


def stored_blocks(rest: bytes) -> Iterator[tuple[bytes, bool]]:
    """An answer's end in blocks of at most BLOCK bytes, each with whether it is the last. An empty end is one block."""
    last = max(len(rest) - 1, 0) // BLOCK
    for index in range(last + 1):
        yield rest[index * BLOCK : (index + 1) * BLOCK], index == last
