"""Finds what a folder holds: an archive of runs, one dbt `target/` folder, or such folders nested anyhow.

A folder with a `run.json` is one run, its `step_<n>` folders are the run's commands. Any other folder with dbt's files
is a bare one, whose files say themselves which invocations they come from.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from gateway.errors import UnreadableArtifact
from gateway.local_platform.artifacts import ARTIFACT_NAMES

ACCOUNT_FILE, RUN_FILE = "account.json", "run.json"
_STEP = re.compile(r"step_(\d+)")


@dataclass(frozen=True)
class Problem:
    """A file that could not be used, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class StepFolder:
    """The artifact files of one command. `index` counts from 1."""

    index: int
    files: dict[str, Path]


@dataclass(frozen=True)
class RunFolder:
    """A folder with a run.json; steps in order."""

    path: Path
    steps: tuple[StepFolder, ...]


@dataclass
class Layout:
    """What was found, in the order of the names."""

    accounts: list[Path] = field(default_factory=list)
    run_folders: list[RunFolder] = field(default_factory=list)
    bare_folders: list[StepFolder] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to read."""
        return not self.run_folders and not self.bare_folders


def find_artifacts(root: Path) -> Layout:
    """Walks `root`. Links to folders are not followed; a linked file must lie inside `root`.

    Raises UnreadableArtifact when `root` is no readable folder or holds nothing that dbt writes.
    """
    if not root.is_dir():
        raise UnreadableArtifact(f"{root} is not a folder: name a dbt target/ folder or a folder of runs.")
    layout = Layout()
    for folder, names in _walk(root.resolve(), layout):
        _sort_in(folder, names, layout, root.resolve())
    if layout.empty:
        raise UnreadableArtifact(
            f"{root} holds no dbt artifacts: expected {', '.join(ARTIFACT_NAMES)} there or in a folder below it."
        )
    return layout


def _walk(root: Path, layout: Layout) -> Iterator[tuple[Path, list[str]]]:
    def note(error: OSError) -> None:
        layout.problems.append(Problem(str(error.filename), error.strerror or "not readable"))

    for folder, children, names in os.walk(root, onerror=note):
        children.sort()
        if RUN_FILE in names:
            children.clear()  # the run's folder reads its own steps
        yield Path(folder), sorted(names)


def _sort_in(folder: Path, names: list[str], layout: Layout, root: Path) -> None:
    if ACCOUNT_FILE in names:
        layout.accounts.append(folder / ACCOUNT_FILE)
    if RUN_FILE in names:
        layout.run_folders.append(RunFolder(folder, _steps(folder, layout, root)))
        return
    files = _artifact_files(folder, names, layout, root)
    if files:
        layout.bare_folders.append(StepFolder(1, files))


def _steps(folder: Path, layout: Layout, root: Path) -> tuple[StepFolder, ...]:
    numbered = [(int(match[1]), child) for child in folder.iterdir() if (match := _STEP.fullmatch(child.name))]
    places = sorted(numbered) or [(1, folder)]
    steps = []
    for index, place in places:
        names = [child.name for child in place.iterdir()] if place.is_dir() and not place.is_symlink() else []
        files = _artifact_files(place, names, layout, root)
        if files:
            steps.append(StepFolder(index, files))
    return tuple(steps)


def _artifact_files(folder: Path, names: list[str], layout: Layout, root: Path) -> dict[str, Path]:
    files = {}
    for name in ARTIFACT_NAMES:
        path = folder / name
        if name not in names:
            continue
        if path.is_symlink() and not path.resolve().is_relative_to(root):
            layout.problems.append(Problem(str(path), "a link that leaves the folder is not followed"))
        elif path.is_file():
            files[name] = path
    return files
