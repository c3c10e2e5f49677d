"""Unpacks tar and zip files of artifacts safely: no links, no paths leaving the folder, no bombs."""

from __future__ import annotations

import lzma
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import IO

from gateway.archive.artifacts.artifact_files import ARTIFACT_NAMES, MAX_ARTIFACT_BYTES
from gateway.errors import UnreadableArtifact
from gateway.ingest.layout import ACCOUNT_FILE, RUN_FILE
from gateway.ingest.tar_members import BLOCK, TarStream, is_tar, tar_members
from gateway.ingest.unfolding import TAR_METHODS, Damaged, Decompressor, stored, unfolded
from gateway.ingest.zip_members import is_zip, zip_members

# Everything a pack unfolds to counts, what nobody wants and headers too.
MAX_UNPACKED_BYTES = 8 * 1024**3
MAX_MEMBERS = 1_000_000
WANTED = frozenset({*ARTIFACT_NAMES, ACCOUNT_FILE, RUN_FILE})

_BROKEN = (Damaged, lzma.LZMAError, zlib.error, EOFError, ValueError, OverflowError)


@dataclass(frozen=True, slots=True)
class Unpacked:
    """The folder that a pack was unpacked to, and the names in it of which the pack held several members."""

    folder: Path
    repeated: tuple[str, ...]


@contextmanager
def unpacked(pack: Path) -> Iterator[Unpacked]:
    """What a tar or zip file holds, removed afterwards. Raises UnreadableArtifact."""
    try:
        place = TemporaryDirectory(prefix="dbt-runs-")
    except OSError as error:
        raise UnreadableArtifact(f"{pack}: there is no room to unpack it: {error.strerror or error}.") from error
    with place as folder:
        yield Unpacked(Path(folder), unpack(pack, Path(folder)))


def unpack(pack: Path, into: Path) -> tuple[str, ...]:
    """Unpacks dbt's artifacts and what describes them, and nothing else.

    Of several members of one name the last one stays, as with tar; returns such names, each once, in order.
    Raises UnreadableArtifact.
    """
    try:
        with pack.open("rb") as file:
            return _unpack(file, pack, into)
    except OSError as error:
        # The engines of bzip2 and gzip call their own faults so, without a number.
        fault = "cannot be unpacked" if error.errno else "damaged, or not complete"
        raise UnreadableArtifact(f"{pack}: {fault}: {error.strerror or error}.") from error
    except _BROKEN as error:
        raise UnreadableArtifact(f"{pack}: damaged, or not complete: {error}.") from error


def _unpack(file: IO[bytes], pack: Path, into: Path) -> tuple[str, ...]:
    budget = _Budget(pack)
    head = file.read(BLOCK)
    file.seek(0)
    start = next((engine for magic, engine in TAR_METHODS if head.startswith(magic)), None)
    if start is not None or is_tar(head):
        _unpack_tar(file, start, budget, into)
    elif is_zip(file):
        _unpack_zip(file, budget, into)
    else:
        raise UnreadableArtifact(f"{pack}: neither a tar nor a zip file that can be read to its end.")
    return tuple(budget.repeated)


def _unpack_tar(file: IO[bytes], start: Callable[[], Decompressor] | None, budget: _Budget, into: Path) -> None:
    pieces = stored(file.read) if start is None else unfolded(file.read, start)
    for member in tar_members(TarStream(pieces, budget.spend)):
        path = budget.admit(member.name, is_link=member.is_link)
        if member.is_file and path.name in WANTED:
            budget.write(path, member.data, into)


def _unpack_zip(file: IO[bytes], budget: _Budget, into: Path) -> None:
    for member in zip_members(file):
        path = budget.admit(member.name, is_link=member.is_link)
        if not member.is_folder and path.name in WANTED:
            budget.write(path, budget.counted(member.data(file)), into)


class _Budget:
    """How much a pack may still unpack to. What it says of its sizes is not believed: bytes are counted."""

    def __init__(self, pack: Path) -> None:
        self._pack = pack
        self._members = 0
        self._bytes = MAX_UNPACKED_BYTES
        # Names that more than one member has, in order.
        self.repeated: dict[str, None] = {}

    def admit(self, name: str, *, is_link: bool) -> PurePosixPath:
        """Notes one member, and refuses links and names that would leave the folder."""
        self._members += 1
        if self._members > MAX_MEMBERS:
            raise UnreadableArtifact(f"{self._pack}: holds more than {MAX_MEMBERS:,} files.")
        path = PurePosixPath(name.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or "\0" in name:
            raise UnreadableArtifact(f"{self._pack}: {name!r} would leave the folder it is unpacked to.")
        if is_link:
            raise UnreadableArtifact(f"{self._pack}: {name} is a link, and links are not unpacked.")
        return path

    def spend(self, count: int) -> None:
        """Notes so many unfolded bytes."""
        self._bytes -= count
        if self._bytes < 0:
            most = MAX_UNPACKED_BYTES // 1024**2
            raise UnreadableArtifact(f"{self._pack}: unpacks to more than {most:,} MB: pack dbt's artifacts only.")

    def counted(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """The same pieces, each noted."""
        for piece in pieces:
            self.spend(len(piece))
            yield piece

    def write(self, path: PurePosixPath, pieces: Iterator[bytes], into: Path) -> None:
        """Unpacks one file."""
        target = into / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            self.repeated[str(path)] = None
        written = 0
        with target.open("wb") as out:
            for piece in pieces:
                written += len(piece)
                if written > MAX_ARTIFACT_BYTES:
                    raise UnreadableArtifact(f"{self._pack}: {path} unpacks to more than an artifact can be.")
                out.write(piece)
