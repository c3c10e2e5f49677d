"""Folders of files that one process writes at a time, and that are on disk when they are said to be."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.errors import ConfigurationError


@contextmanager
def locked_folder(root: Path, lock_name: str, does: str) -> Iterator[None]:
    """Within the block no other process has this lock of the folder. `does`: what its holder does to the folder.

    Raises ConfigurationError where another process holds it.
    """
    with (root / lock_name).open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigurationError(f"Another process {does} to {root} now: try again when it has ended.") from None
        yield


def sync_folder(folder: Path) -> None:
    """Puts the names of a folder's files on disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
