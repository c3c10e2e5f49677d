"""Reads the members of a tar: one block after the other, every header bounded, nothing of it kept.

The standard library reads a header of any length into memory and keeps each it has seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from gateway.ingest.unfolding import Damaged

BLOCK = 512
# Of one member: names, and what POSIX calls extended headers.
MOST_HEADER_BYTES = 256 * 1024
_HARD_LINK, _SYMBOLIC_LINK, _SPARSE = b"1", b"2", b"S"
_WITHOUT_DATA = b"123456"
_FILES = (b"0", b"\0", b"7")


class TarStream:
    """The bytes of an unpacked tar. `count` hears how many have come."""

    def __init__(self, pieces: Iterator[bytes], count: Callable[[int], None]) -> None:
        self._pieces = pieces
        self._count = count
        self._rest = b""

    def read(self, size: int) -> bytes:
        """Exactly `size` bytes. Raises EOFError when there are fewer."""
        return b"".join(self.parts(size))

    def parts(self, size: int) -> Iterator[bytes]:
        """The next `size` bytes in pieces. Raises EOFError when there are fewer."""
        while size > 0:
            if not self._rest:
                self._rest = next(self._pieces, b"")
                self._count(len(self._rest))
                if not self._rest:
                    raise EOFError("it ends too early")
            piece, self._rest = self._rest[:size], self._rest[size:]
            size -= len(piece)
            yield piece


@dataclass(frozen=True)
class TarMember:
    """One member. `data` yields its bytes, unless the next member has been asked for."""

    name: str
    is_file: bool
    is_link: bool
    data: Iterator[bytes]


@dataclass
class _Extended:
    """What headers before a member say of it."""

    name: str | None = None
    size: int | None = None
    length: int = field(default=0)


def is_tar(block: bytes) -> bool:
    """Whether this block is the header of a member."""
    return len(block) == BLOCK and _checksum_fits(block)


def tar_members(stream: TarStream) -> Iterator[TarMember]:
    """The members in order. Raises Damaged or EOFError."""
    common = _Extended()
    own = _Extended()
    while (block := stream.read(BLOCK)) != bytes(BLOCK):
        if not _checksum_fits(block):
            raise Damaged("a header does not fit its checksum")
        kind, size = block[156:157], _number(block[124:136])
        if kind in (b"x", b"X", b"g", b"L", b"K"):
            _extend(common if kind == b"g" else own, kind, _payload(stream, size, own))
            continue
        name = own.name or common.name or _name_of(block)
        if kind == _SPARSE:
            raise Damaged(f"{name} is a sparse file, which is not unpacked: pack it without --sparse")
        size = next((said for said in (own.size, common.size) if said is not None), size)
        size = 0 if kind in _WITHOUT_DATA else size
        data = stream.parts(size)
        yield TarMember(name, kind in _FILES, kind in (_HARD_LINK, _SYMBOLIC_LINK), data)
        for _ in data:
            pass
        stream.read(-size % BLOCK)
        own = _Extended()


def _payload(stream: TarStream, size: int, own: _Extended) -> bytes:
    own.length += size
    if own.length > MOST_HEADER_BYTES:
        raise Damaged(f"a header of more than {MOST_HEADER_BYTES // 1024} KB")
    payload = stream.read(size)
    stream.read(-size % BLOCK)
    return payload


def _extend(said: _Extended, kind: bytes, payload: bytes) -> None:
    if kind == b"L":
        said.name = _text(payload.partition(b"\0")[0])
    elif kind != b"K":
        _read_records(said, payload)


def _read_records(said: _Extended, payload: bytes) -> None:
    """`25 path=some/long/name\\n` again and again; the number counts the bytes of its record."""
    place = 0
    while place < len(payload) and payload[place]:
        digits, blank, _ = payload[place : place + 21].partition(b" ")
        length = int(digits) if blank and digits.isdigit() else 0
        record = payload[place : place + length]
        if len(record) < len(digits) + 3 or len(record) < length or not record.endswith(b"\n"):
            raise Damaged("an extended header is not as it should be")
        key, _, value = record[len(digits) + 1 : -1].partition(b"=")
        if key == b"path":
            said.name = _text(value)
        elif key == b"size" and value.isdigit() and len(value) < 20:
            said.size = int(value)
        elif key.startswith(b"GNU.sparse."):
            raise Damaged("a sparse file, which is not unpacked: pack it without --sparse")
        place += length


def _name_of(block: bytes) -> str:
    name = block[:100].partition(b"\0")[0]
    prefix = block[345:500].partition(b"\0")[0] if block[257:263] == b"ustar\0" else b""
    return _text(prefix + b"/" + name if prefix else name)


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


def _number(digits: bytes) -> int:
    """Octal text, or a binary number that a first byte of 128 announces."""
    if digits[0] == 0o200:
        return int.from_bytes(digits[1:], "big")
    text = digits.partition(b"\0")[0].strip()
    if text.strip(b"01234567"):
        raise Damaged("a header has no readable number")
    return int(text or b"0", 8)


def _checksum_fits(block: bytes) -> bool:
    try:
        said = _number(block[148:156])
    except Damaged:
        return False
    covered = block[:148] + b" " * 8 + block[156:]
    # Old programs added the bytes as signed ones.
    return said in (sum(covered), sum(covered) - 256 * sum(byte > 127 for byte in covered))
