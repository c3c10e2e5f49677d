"""What is said of a run that was read in part: values that were left out, files that were missing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gateway.archive.artifacts.odd_values import OddValue
from gateway.archive.artifacts.run_bundle import RunBundle
from gateway.ingest.layout import Problem

_NO_MANIFEST = (
    "there is no manifest.json in its folder: its project is called {project!r}, and of its nodes names, runs and "
    "statuses are known, but no tags, materialization, code or lineage, until a manifest of the environment is read"
)


def notes_of(bundle: RunBundle) -> list[Problem]:
    """One note a file of the run. A command without a manifest is noted if no command of the run has one: one
    manifest is enough to know the nodes of the environment."""
    notes = []
    has_manifest = any(step.invocation.manifest is not None for step in bundle.steps)
    for step in bundle.steps:
        invocation = step.invocation
        for name, file in invocation.files.items():
            odd = [*file.odd, *(invocation.odd_args if name == "run_results.json" else ())]
            notes += [note_of(file.path, odd)] if odd else []
        if not has_manifest and invocation.files:
            path = next(iter(invocation.files.values())).path
            notes.append(Problem(str(path), _NO_MANIFEST.format(project=bundle.owner.project_name)))
    return notes


def note_of(path: Path, odd: Sequence[OddValue]) -> Problem:
    """The first value that was left out, and how many more there are."""
    first = odd[0]
    more = f", and {len(odd) - 1} more" if len(odd) > 1 else ""
    return Problem(str(path), f"{first.reason}, at {first.place}: left out{more}")
