"""Unpacks tar and zip files of artifacts safely: no links, no paths leaving the folder, no bombs."""

from __future__ import annotations

import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import IO

from gateway.errors import UnreadableArtifact
from gateway.local_platform.artifacts import ARTIFACT_NAMES, MAX_ARTIFACT_BYTES
from gateway.local_platform.layout import ACCOUNT_FILE, RUN_FILE

MAX_UNPACKED_BYTES = 8 * 1024**3
MAX_MEMBERS = 1_000_000
WANTED = frozenset({*ARTIFACT_NAMES, ACCOUNT_FILE, RUN_FILE})

_Opener = Callable[[], IO[bytes] | None]
_BROKEN = (
    tarfile.TarError,
    zipfile.BadZipFile,
    lzma.LZMAError,
    zlib.error,
    EOFError,
    RuntimeError,
    NotImplementedError,
)


@contextmanager
def unpacked(pack: Path) -> Iterator[Path]:
    """A folder with what a tar or zip file holds, removed afterwards. Raises UnreadableArtifact."""
    try:
        place = TemporaryDirectory(prefix="dbt-runs-")
    except OSError as error:
        raise UnreadableArtifact(f"{pack}: there is no room to unpack it: {error.strerror or error}.") from error
    with place as folder:
        unpack(pack, Path(folder))
        yield Path(folder)


def unpack(pack: Path, into: Path) -> None:
    """Unpacks dbt's artifacts and what describes them, and nothing else. Raises UnreadableArtifact."""
    try:
        if zipfile.is_zipfile(pack):
            _unpack_zip(pack, into)
        elif tarfile.is_tarfile(pack):
            _unpack_tar(pack, into)
        else:
            raise UnreadableArtifact(f"{pack}: neither a tar nor a zip file that can be read to its end.")
    except OSError as error:
        raise UnreadableArtifact(f"{pack}: cannot be unpacked: {error.strerror or error}.") from error
    except _BROKEN as error:
        raise UnreadableArtifact(f"{pack}: damaged, or not complete: {error}.") from error


def _unpack_tar(pack: Path, into: Path) -> None:
    budget = _Budget(pack)
    with tarfile.open(pack, "r:*") as tar:
        for member in tar:
            budget.count(member.name)
            if member.islnk() or member.issym():
                raise UnreadableArtifact(f"{pack}: {member.name} is a link, and links are not unpacked.")
            if member.isfile():
                budget.write(member.name, partial(tar.extractfile, member), into)


def _unpack_zip(pack: Path, into: Path) -> None:
    budget = _Budget(pack)
    with zipfile.ZipFile(pack) as archive:
        for member in archive.infolist():
            budget.count(member.filename)
            if member.external_attr >> 28 == 0o12:
                raise UnreadableArtifact(f"{pack}: {member.filename} is a link, and links are not unpacked.")
            if not member.is_dir():
                budget.write(member.filename, partial(archive.open, member), into)


class _Budget:
    """How much a pack may still unpack to. What it says of its sizes is not believed: bytes are counted."""

    def __init__(self, pack: Path) -> None:
        self._pack = pack
        self._members = 0
        self._bytes = MAX_UNPACKED_BYTES

    def count(self, name: str) -> None:
        """Notes one member and refuses names that would leave the folder."""
        self._members += 1
        if self._members > MAX_MEMBERS:
            raise UnreadableArtifact(f"{self._pack}: holds more than {MAX_MEMBERS:,} files.")
        path = PurePosixPath(name.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or "\0" in name:
            raise UnreadableArtifact(f"{self._pack}: {name!r} would leave the folder it is unpacked to.")

    def write(self, name: str, opener: _Opener, into: Path) -> None:
        """Unpacks one file if it is one of dbt's."""
        path = PurePosixPath(name.replace("\\", "/"))
        source = opener() if path.name in WANTED else None
        if source is None:
            return
        target = into / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with source, target.open("wb") as out:
            self._copy(source, out, name)

    def _copy(self, source: IO[bytes], out: IO[bytes], name: str) -> None:
        written = 0
        while chunk := source.read(1024 * 1024):
            written += len(chunk)
            self._bytes -= len(chunk)
            if written > MAX_ARTIFACT_BYTES or self._bytes < 0:
                raise UnreadableArtifact(f"{self._pack}: {name} unpacks to more than an artifact can be.")
            out.write(chunk)
