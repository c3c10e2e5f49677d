"""The folder that an export writes to: its manifest, one writer at a time, and files that are whole or not there.

`_export.json` names every file of the export. It is written before the first file, so that what a killed export left is
known to the next one; what it does not name was written by others and is never touched.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import msgspec

from gateway.archive.folders import locked_folder, sync_folder
from gateway.errors import ConfigurationError

MANIFEST = "_export.json"
_LOCK = "_export.lock"
_VERSION = 1
_HIDDEN = ("_", ".")


class ExportedFile(msgspec.Struct, frozen=True):
    """A file as it was written last. `content`: the digest of what its rows were made of, null for one that was not
    written yet. `sources`: how many runs or commands that was."""

    content: str | None = None
    rows: int = 0
    bytes: int = 0
    sources: int = 0


class ExportManifest(msgspec.Struct):
    """What `_export.json` holds; the keys of `files` are paths within the folder."""

    version: int
    format: str
    accounts: list[int]
    files: dict[str, ExportedFile] = {}


class ExportFolder:
    """A folder that this process alone exports to. Made by `opened_folder`."""

    def __init__(self, root: Path, manifest: ExportManifest) -> None:
        self._root = root
        self._manifest = manifest

    def exported(self, path: str) -> ExportedFile | None:
        """What the manifest says of a file that is there as it was written; None where it must be written."""
        entry = self._manifest.files.get(path)
        if entry is None or entry.content is None:
            return None
        try:
            return entry if (self._root / path).stat().st_size == entry.bytes else None
        except FileNotFoundError:
            return None

    def announce(self, paths: list[str]) -> None:
        """Names new files in the manifest before they are written."""
        for path in paths:
            self._manifest.files.setdefault(path, ExportedFile())
        self.save()

    def write(self, path: str, content: str, sources: int, fill: Callable[[BinaryIO], int]) -> int:
        """Writes a file in place of the old one, which stays until the new one is on disk; returns its rows. `fill`
        writes them and returns how many there are."""
        place = self._root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        with _replacing(place) as file:
            rows = fill(file)
        self._manifest.files[path] = ExportedFile(content, rows, place.stat().st_size, sources)
        return rows

    def save(self) -> None:
        """Writes the manifest."""
        text = msgspec.json.format(msgspec.json.encode(self._manifest), indent=1)
        with _replacing(self._root / MANIFEST) as file:
            file.write(text + b"\n")


@contextmanager
def opened_folder(root: Path, file_format: str, accounts: list[int]) -> Iterator[ExportFolder]:
    """The folder, made where it is not there.

    Raises ConfigurationError where it cannot be written, another process exports to it, it holds files that no export
    wrote, or an export of another format or of other accounts.
    """
    try:
        if root.exists() and not root.is_dir():
            raise ConfigurationError(f"{root} is a file: name a folder to export to.")
        root.mkdir(parents=True, exist_ok=True)
        if not (root / _LOCK).exists() and not (root / MANIFEST).exists():
            _refuse_files(root, {})
        with locked_folder(root, _LOCK, "exports"):
            manifest = _manifest(root) or ExportManifest(_VERSION, file_format, accounts)
            _check(root, manifest, file_format, accounts)
            manifest.accounts = sorted({*manifest.accounts, *accounts})
            yield ExportFolder(root, manifest)
    except OSError as error:
        place = error.filename or root
        raise ConfigurationError(f"{place} cannot be written: {error.strerror or error}.") from error


def _manifest(root: Path) -> ExportManifest | None:
    path = root / MANIFEST
    try:
        return msgspec.json.decode(path.read_bytes(), type=ExportManifest)
    except FileNotFoundError:
        return None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ConfigurationError(
            f"{path} is damaged: restore it, or export to a new folder; without it nothing is known of the files there."
        ) from None


def _check(root: Path, manifest: ExportManifest, file_format: str, accounts: list[int]) -> None:
    if manifest.version != _VERSION:
        raise ConfigurationError(f"{root} was written by another version of gateway export: export to a new folder.")
    if manifest.format != file_format:
        raise ConfigurationError(
            f"{root} holds an export as {manifest.format}: name another folder, or --format {manifest.format}."
        )
    if manifest.accounts and accounts and not set(manifest.accounts) & set(accounts):
        raise ConfigurationError(f"{root} holds an export of another account: name another folder.")
    _refuse_files(root, manifest.files)


def _refuse_files(root: Path, known: dict[str, ExportedFile]) -> None:
    """Readers of a folder take in whatever lies in it, unless its name begins with `_` or `.`."""
    for folder, _, names in os.walk(root):
        for name in sorted(names):
            path = (Path(folder) / name).relative_to(root).as_posix()
            if not name.startswith(_HIDDEN) and path not in known:
                raise ConfigurationError(
                    f"{root} holds {path}, which gateway export did not write: move it away, or name another folder."
                )


@contextmanager
def _replacing(place: Path) -> Iterator[BinaryIO]:
    """A new file that takes the place of an old one at the end of the block, once it is on disk."""
    new = place.with_name(f"_{place.name}.new")
    try:
        with new.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        new.replace(place)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    sync_folder(place.parent)
