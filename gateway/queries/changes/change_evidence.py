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


def evidence_of(found: Findings) -> tuple[str, ...]:
    """One sentence for each thing that differs, the most telling first; last what is not known."""
    return tuple(_sentences(found))


def _sentences(found: Findings) -> Iterator[str]:
    own_code = any(one.aspect is Aspect.CODE for one in found.differences)
    for one in found.differences:
        if not (own_code and one.aspect is Aspect.COMPILED):
            yield _sentence(one)
    if found.rows is not None:
        yield (
            f"Rows written: {found.rows.before:,.0f} before, {found.rows.after:,.0f} since (medians). "
            f"Twice the rows take {2**found.rows.slope:.1f} times as long."
        )
    if found.change.owner.unique_id is None:
        yield from _of_job(found)
    elif found.together:
        near = len(found.facts.neighbours)
        yield f"{near} of the {found.facts.others} other models of the job that could show it changed in the same runs."
    yield from _commits(found)
    if not found.facts.tells_code:
        yield "dbt's API has neither checksums of code nor numbers of rows; an archive of the artifacts has them."


def _sentence(one: Difference) -> str:
    words = _WORDS[one.aspect]
    if one.aspect in _SHOWN:
        words += f": {one.before} before, {one.after} since"
    elif one.aspect in _NAMED:
        words += f": {_names(one.after.split(', '))}"
    elif one.aspect is Aspect.CONFIG:
        words += f": {_names(_changed_keys(one.before, one.after))}"
    return f"{words}, from run {one.run_id} on."


def _changed_keys(before: str, after: str) -> list[str]:
    old, new = (dict(line.split("\t", 1) for line in text.split("\n") if line) for text in (before, after))
    return sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))


def _names(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def _of_job(found: Findings) -> Iterator[str]:
    steps = sorted(found.facts.neighbours, key=lambda one: -abs(one.after_seconds - one.before_seconds))
    for one in steps[:_MOST_NAMES]:
        yield f"{one.unique_id}: {one.before_seconds:,.1f} s before, {one.after_seconds:,.1f} s since."
    place = next((n for n, run in enumerate(found.facts.runs) if run.run_id == found.change.first_run_id), 0)
    sides = [
        [run.executed for run in side if run.executed is not None]
        for side in (found.facts.runs[:place], found.facts.runs[place:])
    ]
    if all(sides):
        before, after = (median(side) for side in sides)
        if before != after:
            yield f"Results of a run: {before:,.0f} before, {after:,.0f} since (medians)."


def _commits(found: Findings) -> Iterator[str]:
    shas = {run.run_id: run.git_sha for run in found.facts.runs}
    before, after = shas.get(found.change.last_run_id), shas.get(found.change.first_run_id)
    if before and after and before != after:
        yield f"The commit differs: {before} before, {after} since."
