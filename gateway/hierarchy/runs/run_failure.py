"""Why a run is not fine: its results that failed, in the order of how serious they are, and a sentence of each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gateway.hierarchy.objects.job import Run
from gateway.hierarchy.objects.node_result import RESULT_TYPES, NodeResult, NodeRun
from gateway.hierarchy.vocabulary.resource_type import ResourceType
from gateway.hierarchy.vocabulary.status import RunStatus

MOST_CHARACTERS = 500
"""How long a message is at most."""

FAILING_TYPES = RESULT_TYPES - {ResourceType.EXPOSURE}
"""The types whose results can fail: exposures are never executed."""

# Of a message of a megabyte no more is looked at.
_LOOKED_AT = 20_000
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-_])")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")

_TESTS = frozenset({ResourceType.DATA_TEST, ResourceType.UNIT_TEST})
_NAMES = {
    ResourceType.DATA_TEST: "Test",
    ResourceType.UNIT_TEST: "Unit test",
    ResourceType.OPERATION: "Hook",
    ResourceType.SAVED_QUERY: "Export",
    ResourceType.UNKNOWN: "Resource",
}

_CANCELLED = "The run was cancelled."
_OUTSIDE = (
    "The run ended in an error, and no result of it failed: a command that could not compile or connect leaves none. "
    "Its steps say which command it was, dbt's log says why."
)
_NOT_LISTED = (
    "The run ended in an error, and no result that dbt's API lists failed: it was a hook, a unit test, a function or "
    "an export, or a command that could not compile or connect. Its steps say which command it was, dbt's log says why."
)
_NO_METADATA = (
    "The run ended in an error, and dbt has no metadata of it: it failed before dbt wrote any, it is not taken in yet, "
    "or it has expired. Its steps say which command failed, dbt's log says why."
)


@dataclass(frozen=True, slots=True)
class RunFailure:
    """One reason for which a run is not fine. `result` is what failed; None when the run failed outside of any
    resource. `message` has at most 500 characters on one line."""

    run: Run
    result: NodeResult | None
    message: str


@dataclass(frozen=True, slots=True)
class KnownFailure:
    """A failure with what it held up and since when there is one (see RunFailure in the schema)."""

    failure: RunFailure
    skipped: tuple[NodeResult, ...]
    is_new: bool
    failing_since: Run | None


def failures_of_run(run: Run, failed: Iterable[NodeResult], *, complete: bool, known: bool) -> tuple[RunFailure, ...]:
    """Why a run is not fine, most serious first; never empty for one that failed or was cancelled.

    `failed` are its failed results. Tests come behind what others are built from; then it goes by unique id.
    `complete`: whether results of every type are among them. `known`: whether there is metadata of the run at all.
    """
    ordered = sorted(failed, key=lambda result: (result.resource_type in _TESTS, result.unique_id))
    if ordered:
        return tuple(RunFailure(run, result, message_of(result)) for result in ordered)
    if run.status not in (RunStatus.FAILURE, RunStatus.CANCELLED):
        return ()
    message = on_one_line(run.error)
    if run.status is RunStatus.CANCELLED:
        return (RunFailure(run, None, message or _CANCELLED),)
    return (RunFailure(run, None, message or (_OUTSIDE if complete else _NOT_LISTED if known else _NO_METADATA)),)


def message_of(result: NodeResult) -> str:
    """dbt's message about a result on one line; where it wrote none, what the status says."""
    age = result.age_seconds if isinstance(result, NodeRun) else None
    return message_about(result.message, result.status_text, age)


def message_about(message: str | None, status_text: str, age_seconds: float | None) -> str:
    """The same for what dbt wrote of a result: its message, its word for the status, and the age of a source."""
    line = on_one_line(message)
    if line:
        return line
    if age_seconds is not None:
        hours = age_seconds / 3600
        return f"Its newest row was {hours:.1f} hours old when it was checked, more than its freshness allows."
    return f"It ended with '{on_one_line(status_text)}', and dbt wrote no message."


def on_one_line(message: str | None) -> str:
    """A message without escape sequences and control characters, on one line of at most 500 characters."""
    if not message:
        return ""
    plain = _CONTROLS.sub("", _ESCAPES.sub("", message[:_LOOKED_AT].replace("\r", "\n")))
    # A line of ^ points at the line above: on one line it points at nothing.
    words = " ".join(word for word in plain.split() if word.strip("^"))
    return words if len(words) <= MOST_CHARACTERS else words[: MOST_CHARACTERS - 1].rstrip() + "…"


def sentence_about(failures: Sequence[RunFailure]) -> str | None:
    """What failed first and how many others did, in a sentence or two; None where nothing did."""
    if not failures:
        return None
    first, others = failures[0], len(failures) - 1
    if first.result is None:
        return first.message
    return sentence_of_failure(first.result.resource_type, first.result.name, first.message, others)


def sentence_of_failure(kind: ResourceType, name: str, message: str, others: int) -> str:
    """A sentence about what failed first, and one about how many others did."""
    sentence = f"{_NAMES.get(kind, kind.value.capitalize())} {on_one_line(name)} failed: {message}"
    if not others:
        return sentence
    return f"{sentence} ({others} other {'resource' if others == 1 else 'resources'} failed too.)"
