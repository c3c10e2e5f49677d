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

from gateway.archive.artifacts.artifact_files import ARTIFACT_NAMES
from gateway.errors import UnreadableArtifact

ACCOUNT_FILE, RUN_FILE = "account.json", "run.json"
_STEP = re.compile(r"step_(\d+)")
_NO_TEXT = "its name is no text in UTF-8, which an archive cannot hold"


@dataclass(frozen=True)
class Problem:
    """A file that could not be used, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class StepFolder:
    """The artifact files of one command, whose `index` counts from 1; of any number of commands where it is None."""

    index: int | None
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
    if not _is_text(str(root.resolve())):
        raise UnreadableArtifact(f"{root}: {_NO_TEXT}.")
    layout = Layout()
    finder = _Finder(root.resolve(), layout)
    for folder, names in finder.walk():
        finder.sort_in(folder, names)
    if layout.empty and not layout.problems:
        raise UnreadableArtifact(
            f"{root} holds no dbt artifacts: expected {', '.join(ARTIFACT_NAMES)} there or in a folder below it."
        )
    return layout


class _Finder:
    """One walk below `root`; what it finds goes into the layout."""

    def __init__(self, root: Path, layout: Layout) -> None:
        self._root = root
        self._layout = layout

    def walk(self) -> Iterator[tuple[Path, list[str]]]:
        def note(error: OSError) -> None:
            self._note(Path(error.filename), error.strerror or "not readable")

        for place, children, names in os.walk(self._root, onerror=note):
            folder = Path(place)
            if RUN_FILE in names:
                children.clear()  # the run's folder reads its own steps
            children[:] = sorted(child for child in children if self._may_enter(folder / child))
            yield folder, sorted(names)

    def _may_enter(self, folder: Path) -> bool:
        if not _is_text(folder.name):
            self._note(folder, _NO_TEXT)
        elif not os.path.islink(folder):
            return True
        elif any(os.path.exists(folder / name) for name in (RUN_FILE, *ARTIFACT_NAMES)):
            self._note(folder, "a link to a folder is not followed")
        return False

    def sort_in(self, folder: Path, names: list[str]) -> None:
        """Adds what a folder holds to the layout."""
        if ACCOUNT_FILE in names and self._may_read(folder / ACCOUNT_FILE):
            self._layout.accounts.append(folder / ACCOUNT_FILE)
        if RUN_FILE in names:
            self._sort_in_run(folder)
            return
        files = self._artifact_files(folder, names)
        if files:
            self._layout.bare_folders.append(StepFolder(None, files))

    def _sort_in_run(self, folder: Path) -> None:
        if not self._may_read(folder / RUN_FILE):
            return
        try:
            self._layout.run_folders.append(RunFolder(folder, self._steps(folder)))
        except OSError as error:
            self._note(Path(error.filename), error.strerror or "not readable")

    def _steps(self, folder: Path) -> tuple[StepFolder, ...]:
        numbered = [(int(match[1]), child) for child in folder.iterdir() if (match := _STEP.fullmatch(child.name))]
        places: list[tuple[int | None, Path]] = [*sorted(numbered)] or [(None, folder)]
        steps = []
        for index, place in places:
            if not os.path.isdir(place) or not self._may_enter(place):
                continue
            files = self._artifact_files(place, [child.name for child in place.iterdir()])
            if files:
                steps.append(StepFolder(index, files))
        return tuple(steps)

    def _artifact_files(self, folder: Path, names: list[str]) -> dict[str, Path]:
        return {name: folder / name for name in ARTIFACT_NAMES if name in names and self._may_read(folder / name)}

    def _may_read(self, path: Path) -> bool:
        """Whether a file may be opened: not one outside, nor a pipe or a device, which might never end."""
        if os.path.islink(path) and not Path(os.path.realpath(path)).is_relative_to(self._root):
            self._note(path, "a link that leaves the folder is not followed")
        elif not os.path.isfile(path):
            self._note(path, "not a file, or not within reach")
        else:
            return True
        return False

    def _note(self, path: Path, reason: str) -> None:
        self._layout.problems.append(Problem(str(path), reason))


def _is_text(name: str) -> bool:
    """Names of files are bytes; those that are no text come with surrogates, which no archive can hold."""
    return name.isascii() or all(not "\ud800" <= letter <= "\udfff" for letter in name)
