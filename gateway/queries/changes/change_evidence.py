"""What speaks for the cause of a lasting change, in plain words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gateway.analysis.change_cause import Aspect, Difference, RowsEffect
from gateway.analysis.change_points import median
from gateway.hierarchy.history.change_facts import ChangeFacts
from gateway.hierarchy.history.runtime_series import ChangePoint

_MOST_NAMES = 5

_WORDS = {
    Aspect.CODE: "The model's own code differs",
    Aspect.CONFIG: "The model's configuration differs",
    Aspect.COMPILED: "The model's compiled code differs, though not what is written",
    Aspect.MACROS: "Macros that the model uses differ",
    Aspect.UPSTREAM: "Code upstream differs",
    Aspect.MATERIALIZATION: "The materialization differs",
    Aspect.THREADS: "The number of threads differs",
    Aspect.DBT_VERSION: "dbt's version differs",
    Aspect.FULL_REFRESH: "Full refreshes differ",
}
_SHOWN = {Aspect.MATERIALIZATION, Aspect.THREADS, Aspect.DBT_VERSION, Aspect.FULL_REFRESH}
_NAMED = {Aspect.MACROS, Aspect.UPSTREAM}


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found of a change. `together`: most models of the job that could show one changed in the same runs."""

    change: ChangePoint
    facts: ChangeFacts
    differences: tuple[Difference, ...]
    rows: RowsEffect | None
    together: bool


def evidence_of(findings: Findings) -> tuple[str, ...]:
    """One sentence for each thing that differs, the most telling first; last what is not known."""
    return tuple(_sentences(findings))


def _sentences(findings: Findings) -> Iterator[str]:
    own_code = any(difference.aspect is Aspect.CODE for difference in findings.differences)
    for difference in findings.differences:
        if not (own_code and difference.aspect is Aspect.COMPILED):
            yield _sentence(difference)
    if findings.rows is not None:
        yield (
            f"Rows written: {findings.rows.before:,.0f} before, {findings.rows.after:,.0f} since (medians). "
            f"Twice the rows take {2**findings.rows.slope:.1f} times as long."
        )
    if findings.change.owner.unique_id is None:
        yield from _of_job(findings)
    elif findings.together:
        near = len(findings.facts.neighbours)
        others = findings.facts.others
        yield f"{near} of the {others} other models of the job that could show it changed in the same runs."
    yield from _commits(findings)
    if not findings.facts.tells_code:
        yield "dbt's API has neither checksums of code nor numbers of rows; an archive of the artifacts has them."


def _sentence(difference: Difference) -> str:
    words = _WORDS[difference.aspect]
    if difference.aspect in _SHOWN:
        words += f": {difference.before} before, {difference.after} since"
    elif difference.aspect in _NAMED:
        words += f": {_names(difference.after.split(', '))}"
    elif difference.aspect is Aspect.CONFIG:
        words += f": {_names(_changed_keys(difference.before, difference.after))}"
    return f"{words}, from run {difference.run_id} on."


def _changed_keys(before: str, after: str) -> list[str]:
    old, new = (dict(line.split("\t", 1) for line in text.split("\n") if line) for text in (before, after))
    return sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))


def _names(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def _of_job(findings: Findings) -> Iterator[str]:
    steps = sorted(
        findings.facts.neighbours, key=lambda neighbour: -abs(neighbour.after_seconds - neighbour.before_seconds)
    )
    for step in steps[:_MOST_NAMES]:
        yield f"{step.unique_id}: {step.before_seconds:,.1f} s before, {step.after_seconds:,.1f} s since."
    place = next((n for n, run in enumerate(findings.facts.runs) if run.run_id == findings.change.first_run_id), 0)
    sides = [
        [run.executed for run in side if run.executed is not None]
        for side in (findings.facts.runs[:place], findings.facts.runs[place:])
    ]
    if all(sides):
        before, after = (median(side) for side in sides)
        if before != after:
            yield f"Results of a run: {before:,.0f} before, {after:,.0f} since (medians)."


def _commits(findings: Findings) -> Iterator[str]:
    shas = {run.run_id: run.git_sha for run in findings.facts.runs}
    before, after = shas.get(findings.change.last_run_id), shas.get(findings.change.first_run_id)
    if before and after and before != after:
        yield f"The commit differs: {before} before, {after} since."
