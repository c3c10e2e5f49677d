"""Keeps artifact files byte for byte, compressed, in pieces that files share.

Two manifests of one project are alike but for a few nodes, so a file is cut where its keys say so, not where its bytes
count: the piece between two keys is the same in both and is stored once. The time at which dbt parsed a node would make
every piece of a project parsed anew differ; these numbers are taken out and kept beside.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from gateway.archive.artifacts.invocation import ArtifactFile
from gateway.archive.tables.many_keys import chunks
from gateway.archive.tables.run_tables import artifact_pieces, artifacts, pieces
from gateway.archive.writing.contents import add_rows, digest_of, find_keys

# Opens one consistent view of the archive: `Archive.reading`, which this module cannot import, since opening an archive
# migrates it and migrations read kept files.
Reading = Callable[[], AbstractContextManager[Connection]]

# On 282 files of real runs one key in 32 gave the smallest sum of pieces and references to them.
_KEYS_PER_PIECE = 32
_LONGEST_PIECE = 1024**2
# zlib: xz is 3 % smaller and takes thirteen times as long, zstd is no smaller at the same speed.
_LEVEL = 6
_KEY = re.compile(rb'"[a-z_]+\.[^"\s]{1,300}": ?[\[{]')
_PARSED_AT = re.compile(rb'("created_at": ?)(\d[\d.]*)')
_TAKEN_OUT = b"\0"  # stands in no JSON text
_BATCH = 64


@dataclass(frozen=True)
class KeptFile:
    """A file in the archive: its size in bytes, and where its pieces are."""

    size: int
    piece_ids: Sequence[int]
    numbers_id: int | None


def keep_file(connection: Connection, file: ArtifactFile) -> None:
    """Stores the file's bytes, unless the archive has them already."""
    if connection.scalar(select(artifacts.c.id).where(artifacts.c.digest == file.digest)) is not None:
        return
    numbers: list[bytes] = []
    keys = [key for part in chunks(_masked(file.data, numbers), _BATCH) for key in _piece_keys(connection, part)]
    numbers_id = _piece_keys(connection, [b" ".join(numbers)])[0] if numbers else None
    values = {"digest": file.digest, "size": len(file.data), "numbers_id": numbers_id}
    kept = connection.execute(insert(artifacts).values(values).returning(artifacts.c.id)).scalar_one()
    rows = [{"artifact_id": kept, "position": place, "piece_id": key} for place, key in enumerate(keys)]
    connection.execute(insert(artifact_pieces), rows)


def find_kept(connection: Connection, digest: bytes) -> KeptFile | None:
    """The file with this digest; None when the archive has not kept it."""
    row = connection.execute(select(artifacts).where(artifacts.c.digest == digest)).first()
    if row is None:
        return None
    order = select(artifact_pieces.c.piece_id).where(artifact_pieces.c.artifact_id == row.id)
    keys = connection.scalars(order.order_by(artifact_pieces.c.position)).all()
    return KeptFile(row.size, keys, row.numbers_id)


def read_kept(reading: Reading, file: KeptFile) -> Iterator[bytes]:
    """The file's bytes in order, at most 64 pieces in memory; every part is read in a transaction of its own, so that a
    slow reader holds up nobody. Raises KeyError when the file is forgotten meanwhile.
    """
    numbers = iter(_read_numbers(reading, file))
    for part in chunks(file.piece_ids, _BATCH):
        with reading() as connection:
            bodies = _bodies(connection, part)
        for key in part:
            yield bodies[key] if file.numbers_id is None else _unmasked(bodies[key], numbers)


def kept_bytes(connection: Connection, digest: bytes) -> bytes | None:
    """All of a small file at once; None when the archive has not kept it."""
    file = find_kept(connection, digest)
    if file is None:
        return None
    numbers = [] if file.numbers_id is None else _bodies(connection, [file.numbers_id])[file.numbers_id].split(b" ")
    bodies = {key: body for part in chunks(file.piece_ids) for key, body in _bodies(connection, part).items()}
    parsed_at = iter(numbers)
    parts = (bodies[key] for key in file.piece_ids)
    return b"".join(parts if file.numbers_id is None else (_unmasked(part, parsed_at) for part in parts))


def _read_numbers(reading: Reading, file: KeptFile) -> list[bytes]:
    if file.numbers_id is None:
        return []
    with reading() as connection:
        return _bodies(connection, [file.numbers_id])[file.numbers_id].split(b" ")


def _bodies(connection: Connection, keys: Sequence[int]) -> dict[int, bytes]:
    query = select(pieces.c.id, pieces.c.body).where(pieces.c.id.in_(keys))
    return {key: zlib.decompress(body) for key, body in connection.execute(query)}


def _piece_keys(connection: Connection, bodies: Sequence[bytes]) -> list[int]:
    digests = [digest_of(body) for body in bodies]
    by_digest = dict(zip(digests, bodies, strict=True))
    known = find_keys(connection, pieces, by_digest)
    fresh = {digest: body for digest, body in by_digest.items() if digest not in known}
    known |= add_rows(connection, pieces, {each: {"body": zlib.compress(fresh[each], _LEVEL)} for each in fresh})
    return [known[digest] for digest in digests]


def _masked(data: bytes, numbers: list[bytes]) -> Iterator[bytes]:
    """The file's pieces without the times of parsing, which are added to `numbers`."""
    if _TAKEN_OUT in data:
        yield from _pieces(data)
        return
    for piece in _pieces(data):
        parts = _PARSED_AT.split(piece)  # a text, the key, the number, and so on
        numbers += parts[2::3]
        parts[2::3] = [_TAKEN_OUT] * len(parts[2::3])
        yield b"".join(parts)


def _unmasked(piece: bytes, numbers: Iterator[bytes]) -> bytes:
    first, *rest = piece.split(_TAKEN_OUT)
    return b"".join([first, *(next(numbers) + text for text in rest)])


def _pieces(data: bytes) -> Iterator[bytes]:
    start = 0
    for key in _KEY.finditer(data):
        if zlib.crc32(key[0]) % _KEYS_PER_PIECE == 0:
            yield from _bounded(data, start, key.start())
            start = key.start()
    yield from _bounded(data, start, len(data))


def _bounded(data: bytes, start: int, end: int) -> Iterator[bytes]:
    for place in range(start, end, _LONGEST_PIECE):
        yield data[place : min(place + _LONGEST_PIECE, end)]
