"""Packs are unpacked in bounded memory whatever their method, and what they unfold to counts, wanted or not."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import UnreadableArtifact
from gateway.ingest import unpacking
from gateway.ingest.tar_members import MOST_HEADER_BYTES
from gateway.ingest.unpacking import unpack

pytestmark = pytest.mark.sqlite_by_day

LONG = "/".join(["folder-" + "x" * 60] * 2)  # longer than a tar's own field of 100 bytes
CONTENTS = {
    "target/manifest.json": b'{"a": 1}' * 30_000,
    f"{LONG}/run.json": b"{}",
    "caf\u00e9/step_1/sources.json": b"[]" * 700,
    "target/other.txt": b"nobody wants it",
    "empty/catalog.json": b"",
}
EXPECTED = {name: body for name, body in CONTENTS.items() if not name.endswith("other.txt")}


def _unpacked(pack: Path, into: Path) -> dict[str, bytes]:
    unpack(pack, into)
    return {str(path.relative_to(into)): path.read_bytes() for path in into.rglob("*") if path.is_file()}


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_kind_of_tar_holds_what_was_packed(tmp_path: Path, mode: str, form: int) -> None:
    pack = tmp_path / "pack"
    with tarfile.open(pack, mode, format=form) as tar:  # type: ignore[call-overload]
        for name, body in CONTENTS.items():
            member = tarfile.TarInfo(name)
            member.size = len(body)
            member.mtime = 1.5 if form == tarfile.PAX_FORMAT else 1
            tar.addfile(member, io.BytesIO(body))
    assert _unpacked(pack, tmp_path / "out") == EXPECTED


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("form", ["seekable", "streamed", "zip64", "behind a program", "with a comment"])
def test_every_kind_of_zip_holds_what_was_packed(tmp_path: Path, method: int, form: str) -> None:
    pack = tmp_path / "pack"
    pack.write_bytes(b"#!/bin/sh\nexit\n" if form == "behind a program" else b"")
    with pack.open("r+b") as file:
        file.seek(0, io.SEEK_END)
        target: Any = _Forward(file) if form == "streamed" else file
        with zipfile.ZipFile(target, "w" if form == "streamed" else "a", method) as archive:
            archive.comment = b"PK\5\6 by hand, and nothing more of it" if form == "with a comment" else b""
            for name, body in CONTENTS.items():
                with archive.open(name, "w", force_zip64=form == "zip64") as out:
                    out.write(body)
    assert _unpacked(pack, tmp_path / "out") == EXPECTED


class _Forward(io.RawIOBase):
    """A pipe: zip files written to it report sizes behind the members."""

    def __init__(self, file: io.BufferedWriter) -> None:
        self._file = file

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        return self._file.write(data)  # type: ignore[arg-type]


def test_a_directory_that_says_its_sizes_in_64_bits_is_read(tmp_path: Path) -> None:
    pack = tmp_path / "pack"
    with zipfile.ZipFile(pack, "w") as archive:
        archive.writestr("target/manifest.json", b"{}")
    whole = bytearray(pack.read_bytes())
    at = whole.rindex(b"PK\5\6")
    *_, size, offset, _ = struct.unpack("<4s4H2LH", whole[at : at + 22])
    record = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, size, offset)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, at, 1)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    pack.write_bytes(bytes(whole[:at]) + record + locator + end)
    assert _unpacked(pack, tmp_path / "out") == {"target/manifest.json": b"{}"}


def _header(name: str, kind: bytes, size: int) -> bytes:
    member = tarfile.TarInfo(name)
    member.type, member.size = kind, size
    return member.tobuf(tarfile.GNU_FORMAT)


def _zeros(count: int) -> Iterator[bytes]:
    for _ in range(count):
        yield bytes(1024**2)


@pytest.mark.parametrize("kind", [b"x", b"g", b"L", b"K", b"X"])
def test_a_long_header_is_refused_before_it_is_read(tmp_path: Path, kind: bytes) -> None:
    pack = tmp_path / "pack"
    pack.write_bytes(_header("h", kind, 3 * 1024**3) + b"\0" * 10_000)
    with pytest.raises(UnreadableArtifact, match="a header of more than 256 KB"):
        unpack(pack, tmp_path / "out")


def test_headers_of_one_member_count_together(tmp_path: Path) -> None:
    pack = tmp_path / "pack"
    each = 100 * 1024
    one = _header("h", b"L", each) + b"n" * each
    pack.write_bytes(one * 3)
    assert 3 * each > MOST_HEADER_BYTES
    with pytest.raises(UnreadableArtifact, match="a header of more than"):
        unpack(pack, tmp_path / "out")


def test_a_sparse_file_is_refused_by_name(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_bytes(_header("manifest.json", b"S", 512) + bytes(512 * 3))
    record = b"22 GNU.sparse.major=1\n"
    new.write_bytes(_header("h", b"x", len(record)) + record.ljust(512, b"\0") + _header("manifest.json", b"0", 0))
    for pack in (old, new):
        with pytest.raises(UnreadableArtifact, match=r"sparse file.*without --sparse"):
            unpack(pack, tmp_path / "out")


@pytest.mark.slow
def test_what_nobody_wants_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "MAX_UNPACKED_BYTES", 20 * 1024**2)
    pack = tmp_path / "pack"
    with bz2.open(pack, "wb") as out:
        out.write(_header("target/other.bin", b"0", 40 * 1024**2))
        out.writelines(_zeros(40))
        out.write(_header("target/manifest.json", b"0", 2) + b"{}".ljust(1536, b"\0"))
    with pytest.raises(UnreadableArtifact, match="unpacks to more than 20 MB"):
        unpack(pack, tmp_path / "out")


def test_members_of_a_zip_count_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "MAX_UNPACKED_BYTES", 3 * 1024**2)
    pack = tmp_path / "pack"
    with zipfile.ZipFile(pack, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(4):
            archive.writestr(f"{number}/manifest.json", bytes(1024**2))
    with pytest.raises(UnreadableArtifact, match="unpacks to more than 3 MB"):
        unpack(pack, tmp_path / "out")


_PEAK = """
import resource, sys
from pathlib import Path
from gateway.errors import UnreadableArtifact
from gateway.ingest.unpacking import unpack
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    unpack(Path(sys.argv[1]), Path(sys.argv[2]))
except UnreadableArtifact as refused:
    pass
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def _zip_of_blanks(method: int) -> Callable[[Path], None]:
    def write(pack: Path) -> None:
        with zipfile.ZipFile(pack, "w", method) as archive, archive.open("manifest.json", "w") as out:
            for _ in range(100):
                out.write(b" " * 1024**2)

    return write


def _tar_of_headers(pack: Path) -> None:
    one = _header("h", b"g", 1024) + b"1024 k=".ljust(1023, b"v") + b"\n"
    with gzip.open(pack, "wb", 1) as out:
        for _ in range(40_000):
            out.write(one + _header("some/other.txt", b"0", 0))


@pytest.mark.slow
@pytest.mark.parametrize(
    "write",
    [
        _zip_of_blanks(zipfile.ZIP_BZIP2),
        _zip_of_blanks(zipfile.ZIP_LZMA),
        _zip_of_blanks(zipfile.ZIP_DEFLATED),
        _tar_of_headers,
    ],
    ids=["bzip2", "LZMA", "deflate", "headers"],
)
def test_memory_stays_small(tmp_path: Path, write: Callable[[Path], None]) -> None:
    """100 MB each, or 40,000 members with headers: what is kept of either shows."""
    write(tmp_path / "pack")
    command = [sys.executable, "-c", _PEAK, str(tmp_path / "pack"), str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 40_000


def test_a_directory_of_too_many_entries_is_read_no_further(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "MAX_MEMBERS", 1000)
    entry = struct.pack("<4s6H3L5H2L", b"PK\1\2", *[0] * 9, 1, *[0] * 6) + b"x"
    directory = entry * 100_000
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, len(directory), 0, 0)
    pack = tmp_path / "pack"
    pack.write_bytes(directory + end)
    with pytest.raises(UnreadableArtifact, match="more than 1,000 files"):
        unpack(pack, tmp_path / "out")


def _patched(place: int, value: bytes, mark: bytes = b"PK\1\2") -> Callable[[bytes], bytes]:
    def patch(whole: bytes) -> bytes:
        at = whole.rindex(mark) + place
        return whole[:at] + value + whole[at + len(value) :]

    return patch


@pytest.mark.parametrize(
    ("patch", "reason"),
    [
        (_patched(8, b"\1\0"), "encrypted"),
        (_patched(10, b"\x5d\0"), "method 93"),
        (_patched(16, b"\0\0\0\0"), "not what the directory says"),
        (_patched(24, b"\1\0\0\0"), "not what the directory says"),
        (_patched(24, b"\xff\xff\0\0"), "not what the directory says|too early"),
        (_patched(42, b"\x05\0\0\0"), "does not fit its members"),
        (_patched(42, b"\xff\xff\xff\xff"), "too early"),
        (_patched(16, b"\xff\0\0\0", b"PK\5\6"), "does not lie where|does not fit"),
        (_patched(12, b"\xff\xff\xff\xff", b"PK\5\6"), "names no directory|does not fit|does not lie"),
    ],
)
def test_a_directory_that_lies_is_refused(tmp_path: Path, patch: Callable[[bytes], bytes], reason: str) -> None:
    pack = tmp_path / "pack"
    with zipfile.ZipFile(pack, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("target/manifest.json", b"{}" * 100)
    pack.write_bytes(patch(pack.read_bytes()))
    with pytest.raises(UnreadableArtifact, match=reason):
        unpack(pack, tmp_path / "out")


def _lzma_alone(pack: Path) -> None:
    """The older form of .lzma: properties, a dictionary of 2 GB, a length that is not told."""
    data = lzma.compress(b"x" * 600, lzma.FORMAT_ALONE)
    pack.write_bytes(data[:1] + struct.pack("<L", 2**31) + data[5:])


def _lzma_member(pack: Path) -> None:
    with zipfile.ZipFile(pack, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("manifest.json", b"{}")
    whole = bytearray(pack.read_bytes())
    at = 30 + len("manifest.json") + 5
    whole[at : at + 4] = b"\xff" * 4
    pack.write_bytes(whole)


@pytest.mark.parametrize(
    ("write", "reason"), [(_lzma_alone, "Memory usage limit"), (_lzma_member, "properties that this reader")]
)
def test_a_dictionary_of_gigabytes_is_not_made(tmp_path: Path, write: Callable[[Path], None], reason: str) -> None:
    write(tmp_path / "pack")
    with pytest.raises(UnreadableArtifact, match=reason):
        unpack(tmp_path / "pack", tmp_path / "out")
