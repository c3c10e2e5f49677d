"""Reads the members of a zip file: one entry of its directory after the other, none of them kept.

The standard library reads the whole directory into memory first, and unfolds bzip2 and LZMA without a bound.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from gateway.ingest.unfolding import ZIP_METHODS, Damaged, limited, stored, unfolded

_END, _END_64 = struct.Struct("<4s4H2LH"), struct.Struct("<4sQ2H2L4Q")
_LOCATOR_BYTES = 20
_ENTRY, _LOCAL = struct.Struct("<4s6H3L5H2L"), struct.Struct("<4s5H3L2H")
_LONGEST_COMMENT = 65_535
_ENCRYPTED, _UTF_8 = 1, 0x800
_LONG = 0xFFFFFFFF


@dataclass(frozen=True)
class ZipMember:
    """One entry of the directory."""

    name: str
    is_link: bool
    flags: int
    method: int
    crc: int
    packed_size: int
    size: int
    offset: int

    @property
    def is_folder(self) -> bool:
        """Whether it only names a folder."""
        return self.name.endswith("/")

    def data(self, file: IO[bytes]) -> Iterator[bytes]:
        """Its bytes, unfolded, in pieces. Raises Damaged, EOFError, and what the engines raise."""
        if self.flags & _ENCRYPTED:
            raise Damaged(f"{self.name} is encrypted")
        if self.method and self.method not in ZIP_METHODS:
            raise Damaged(f"{self.name} is packed by method {self.method}, which this reader does not know")
        file.seek(self.offset)
        head = _unpack(_LOCAL, file, b"PK\3\4")
        file.seek(head[-2] + head[-1], os.SEEK_CUR)
        return self._checked(file)

    def _checked(self, file: IO[bytes]) -> Iterator[bytes]:
        read = limited(file, self.packed_size)
        pieces = unfolded(read, ZIP_METHODS[self.method]) if self.method else stored(read)
        size = crc = 0
        # LZMA need not say where it ends; the directory does. One byte more of any method is a fault.
        while size < self.size and (piece := next(pieces, b"")):
            size, crc = size + len(piece), zlib.crc32(piece, crc)
            yield piece
        if size != self.size or crc != self.crc:
            raise Damaged(f"{self.name} is not what the directory says of it")


def is_zip(file: IO[bytes]) -> bool:
    """Whether a file ends as zip files do."""
    return _find_end(file) is not None


def zip_members(file: IO[bytes]) -> Iterator[ZipMember]:
    """The directory's entries in order; between two of them the file may be read anywhere. Raises Damaged, EOFError."""
    place, end, shift = _directory(file)
    while place < end:
        file.seek(place)
        entry = _unpack(_ENTRY, file, b"PK\1\2")
        name, extra = file.read(entry[10]), file.read(entry[11])
        place += _ENTRY.size + entry[10] + entry[11] + entry[12]
        size, packed_size, offset = _sizes(entry, extra)
        yield ZipMember(
            name=name.decode("utf-8" if entry[3] & _UTF_8 else "cp437", "surrogateescape"),
            is_link=entry[15] >> 28 == 0o12,
            flags=entry[3],
            method=entry[4],
            crc=entry[7],
            packed_size=packed_size,
            size=size,
            offset=offset + shift,
        )


def _find_end(file: IO[bytes]) -> int | None:
    """Where the record lies that ends the directory: behind it only its comment, or else the last that looks so."""
    whole = file.seek(0, os.SEEK_END)
    first = max(0, whole - _END.size - _LONGEST_COMMENT)
    file.seek(first)
    tail = file.read()
    offset = None
    place = tail.rfind(b"PK\5\6")
    while place >= 0:
        comment = int.from_bytes(tail[place + 20 : place + 22], "little")
        if place + _END.size + comment == len(tail):
            return first + place
        if offset is None and place + _END.size <= len(tail):
            offset = first + place
        place = tail.rfind(b"PK\5\6", 0, place)
    return offset


def _directory(file: IO[bytes]) -> tuple[int, int, int]:
    """Where it begins and ends, and how many bytes lie before the zip file in this one."""
    at = _find_end(file)
    if at is None:
        raise EOFError("it ends too early")
    file.seek(at)
    *_, size, offset, _ = _unpack(_END, file, b"PK\5\6")
    if _LONG in (size, offset) or _has_locator(file, at):
        at -= _LOCATOR_BYTES + _END_64.size
        if at < 0:
            raise Damaged("its end names no directory")
        file.seek(at)
        *_, size, offset = _unpack(_END_64, file, b"PK\6\6")
    start = at - size
    if start < 0 or offset > start:
        raise Damaged("its directory does not lie where its end says")
    return start, at, start - offset


def _has_locator(file: IO[bytes], end: int) -> bool:
    if end < _LOCATOR_BYTES:
        return False
    file.seek(end - _LOCATOR_BYTES)
    return file.read(4) == b"PK\6\7"


def _sizes(entry: tuple[int, ...], extra: bytes) -> tuple[int, int, int]:
    """Size, packed size and place; those that do not fit 32 bits stand in an extra field, in this order."""
    sizes = [entry[9], entry[8], entry[16]]
    if _LONG not in sizes:
        return sizes[0], sizes[1], sizes[2]
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<2H", extra)
        body, extra = extra[4 : 4 + length], extra[4 + length :]
        if kind == 1:
            for index, value in enumerate(sizes):
                if value == _LONG:
                    if len(body) < 8:
                        break
                    sizes[index], body = int.from_bytes(body[:8], "little"), body[8:]
            break
    return sizes[0], sizes[1], sizes[2]


def _unpack(record: struct.Struct, file: IO[bytes], mark: bytes) -> tuple[int, ...]:
    data = file.read(record.size)
    if len(data) < record.size:
        raise EOFError("it ends too early")
    if not data.startswith(mark):
        raise Damaged("its directory does not fit its members")
    return record.unpack(data)
