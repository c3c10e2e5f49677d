"""Distinguishes files that a command has written from those that lay in its folder before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from gateway.errors import UnreadableArtifact
from gateway.ingest.layout import Layout, find_artifacts

# Not a clock's time: the folder may lie on a machine whose clock differs.
FileState = tuple[int, int, int]


def states_of(folder: Path) -> dict[Path, FileState]:
    """The artifacts of a folder as they are now; none where it is missing or empty."""
    try:
        layout = find_artifacts(folder)
    except UnreadableArtifact:
        return {}
    return {file: state for step in layout.bare_folders for file in step.files.values() if (state := _state(file))}


def changed_since(layout: Layout, before: Mapping[Path, FileState]) -> Layout:
    """The layout's bare folders with nothing but files that are not as they were `before`."""
    folders = []
    for step in layout.bare_folders:
        files = {name: file for name, file in step.files.items() if _state(file) != before.get(file)}
        folders += [replace(step, files=files)] if files else []
    return Layout(bare_folders=folders, problems=layout.problems)


def _state(file: Path) -> FileState | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
