"""Decompresses a little at a time, and counts what comes out: for members nobody wants too."""

from __future__ import annotations

import bz2
import lzma
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import IO, Protocol

CHUNK = 64 * 1024
# `xz -9` takes 65 MB; a dictionary may name 4 GB.
MOST_XZ_BYTES = 256 * 1024**2

Read = Callable[[int], bytes]


class Damaged(Exception):
    """Bytes that are no whole pack; the text says what is wrong, as the end of a sentence."""


class Decompressor(Protocol):
    """What bz2 and lzma have in common. At most `max_length` bytes come out at once."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class Inflate:
    """zlib as a `Decompressor`; `wbits` as zlib counts them: 31 for gzip, -15 for a member of a zip file."""

    def __init__(self, wbits: int) -> None:
        self._engine = zlib.decompressobj(wbits)

    @property
    def eof(self) -> bool:
        return self._engine.eof

    @property
    def needs_input(self) -> bool:
        return not self._engine.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._engine.unused_data

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        return self._engine.decompress(self._engine.unconsumed_tail + data, max(0, max_length))


class _RawLzma:
    """LZMA as members of zip files hold it: four bytes, five of properties, then the data."""

    def __init__(self) -> None:
        self._head = b""
        self._engine: lzma.LZMADecompressor | None = None

    @property
    def eof(self) -> bool:
        return self._engine is not None and self._engine.eof

    @property
    def needs_input(self) -> bool:
        return self._engine is None or self._engine.needs_input

    @property
    def unused_data(self) -> bytes:
        return self._engine.unused_data if self._engine else b""

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        if self._engine is None:
            self._head += data
            if len(self._head) < 9:
                return b""
            self._engine, data = _raw_engine(self._head), self._head[9:]
        return self._engine.decompress(data, max_length)


def _raw_engine(head: bytes) -> lzma.LZMADecompressor:
    _, length, properties, dictionary = struct.unpack("<HHBL", head[:9])
    if length != 5 or properties >= 9 * 5 * 5 or dictionary > MOST_XZ_BYTES:
        raise Damaged("its LZMA data name properties that this reader does not take")
    rest, lc = divmod(properties, 9)
    pb, lp = divmod(rest, 5)
    settings = {"id": lzma.FILTER_LZMA1, "dict_size": dictionary, "lc": lc, "lp": lp, "pb": pb}
    return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[settings])


def _xz() -> Decompressor:
    return lzma.LZMADecompressor(lzma.FORMAT_AUTO, memlimit=MOST_XZ_BYTES)


# How a compressed tar begins.
TAR_METHODS: tuple[tuple[bytes, Callable[[], Decompressor]], ...] = (
    (b"\x1f\x8b", lambda: Inflate(31)),
    (b"BZh", bz2.BZ2Decompressor),
    (b"\xfd7zXZ\0", _xz),
    (b"\x5d\0\0", _xz),
)
# The methods of a zip file's members; 0 is none.
ZIP_METHODS: dict[int, Callable[[], Decompressor]] = {
    8: lambda: Inflate(-15),
    12: bz2.BZ2Decompressor,
    14: _RawLzma,
}


def unfolded(read: Read, start: Callable[[], Decompressor]) -> Iterator[bytes]:
    """What `read` brings, decompressed, in pieces of at most `CHUNK` bytes; several streams follow each other.

    Ends with the last whole stream. Raises EOFError when the last one is not whole, and what the engines raise.
    """
    engine = start()
    data = b""
    fed = False
    while True:
        if engine.eof:
            data = (engine.unused_data or read(CHUNK)).lstrip(b"\0")
            if not data:
                return
            engine, fed = start(), False
        elif engine.needs_input and not data:
            data = read(CHUNK)
            if not data and fed:
                raise EOFError("it ends too early")
        piece = engine.decompress(data, CHUNK)
        data, fed = b"", True
        if piece:
            yield piece


def stored(read: Read) -> Iterator[bytes]:
    """What `read` brings, as it is."""
    while piece := read(CHUNK):
        yield piece


def limited(file: IO[bytes], size: int) -> Read:
    """Reads at most `size` bytes of a file in all, from where it stands."""
    left = size

    def read(count: int) -> bytes:
        nonlocal left
        piece = file.read(min(count, left))
        left -= len(piece)
        return piece

    return read
