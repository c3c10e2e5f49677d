"""Which artifacts the steps of a run leave, by what dbt Cloud calls them: `Invoke dbt with `dbt build``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.archive.artifacts.artifact_files import CATALOG, MANIFEST, RUN_RESULTS, SOURCES
from gateway.services.admin.finished_runs import RecordedRun, RecordedStep

_SUCCESS = 10
_WORD = re.compile(r"[^\s`'\"]+")
_EXECUTING = frozenset(
    {"run", "build", "seed", "snapshot", "test", "retry", "clone", "run-operation", "compile", "show"}
)
_LEAVING_NOTHING = frozenset({"deps", "debug", "clean", "init", "list", "ls", "sl", "environment"})


@dataclass(frozen=True, slots=True)
class StepFiles:
    """The artifacts to ask for of a step. `expected`: it ended well, so that they were written."""

    index: int
    names: tuple[str, ...]
    expected: bool


def steps_with_files(run: RecordedRun) -> list[StepFiles]:
    """The steps of a run that may have left artifacts, in order; none where dbt lists no steps."""
    steps = [_files_of(number, step, run) for number, step in enumerate(run.run_steps or (), start=1)]
    return sorted((step for step in steps if step.names), key=lambda step: step.index)


def _files_of(number: int, step: RecordedStep, run: RecordedRun) -> StepFiles:
    names = _names(step.name, run)
    return StepFiles(step.index or number, tuple(names), step.status == _SUCCESS and bool(_command(step.name)))


def _names(name: str | None, run: RecordedRun) -> Sequence[str]:
    if name is not None and "dbt" not in name:
        return ()
    command = _command(name)
    if command in _EXECUTING:
        return (RUN_RESULTS,)
    if command == "docs":
        return (RUN_RESULTS, CATALOG)
    if command == "source":
        return (SOURCES,)
    if command == "parse":
        return (MANIFEST,)
    if command in _LEAVING_NOTHING:
        return ()
    # A command that nobody knows yet, or a step without a name.
    others = ((SOURCES, run.has_sources_generated), (CATALOG, run.has_docs_generated))
    return (RUN_RESULTS, *(name for name, generated in others if generated))


def _command(name: str | None) -> str | None:
    """The dbt command in the name of a step; None where there is none that is known."""
    words = _WORD.findall(name or "")
    known = {*_EXECUTING, *_LEAVING_NOTHING, "docs", "source", "parse"}
    after = (words[place + 1 :] for place, word in enumerate(words) if word == "dbt")
    # dbt's own options may stand before the command: `dbt --warn-error build`.
    return next((word for rest in after for word in rest if word in known), None)
