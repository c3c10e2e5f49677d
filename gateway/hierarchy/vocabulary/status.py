"""The one vocabulary of outcomes, and the total mapping from dbt's words and codes into it."""

from __future__ import annotations

from enum import StrEnum


class RunStatus(StrEnum):
    """How a run, or one model in a run, ended or where it stands."""

    SUCCESS = "success"
    FAILURE = "failure"
    CANCELLED = "cancelled"
    WARN = "warn"
    SKIPPED = "skipped"
    REUSED = "reused"
    QUEUED = "queued"
    RUNNING = "running"
    UNKNOWN = "unknown"

    @property
    def is_completed(self) -> bool:
        """True for runs that came to their own end; cancelled and unfinished ones say nothing about duration."""
        return self in (RunStatus.SUCCESS, RunStatus.FAILURE, RunStatus.WARN)

    @property
    def executed(self) -> bool:
        """True where dbt did the work, well or badly. What was reused, skipped or is unknown has no runtime."""
        return self in _EXECUTED

    @property
    def is_final(self) -> bool:
        """True when dbt will not change this run any more."""
        return self not in (RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.UNKNOWN)

    @property
    def severity(self) -> int:
        """How much it asks for attention: FAILURE most, SUCCESS least."""
        return _BY_SEVERITY.index(self)


# From what asks for no attention to what asks for most.
_BY_SEVERITY = (
    RunStatus.SUCCESS,
    RunStatus.REUSED,
    RunStatus.SKIPPED,
    RunStatus.QUEUED,
    RunStatus.RUNNING,
    RunStatus.UNKNOWN,
    RunStatus.WARN,
    RunStatus.CANCELLED,
    RunStatus.FAILURE,
)

_EXECUTED = frozenset({RunStatus.SUCCESS, RunStatus.WARN, RunStatus.FAILURE})

_WORDS = {
    "success": RunStatus.SUCCESS,
    "pass": RunStatus.SUCCESS,
    "error": RunStatus.FAILURE,
    "fail": RunStatus.FAILURE,
    "runtime error": RunStatus.FAILURE,
    "partial success": RunStatus.FAILURE,
    "warn": RunStatus.WARN,
    "skipped": RunStatus.SKIPPED,
    "no-op": RunStatus.SKIPPED,
    "reused": RunStatus.REUSED,
    "cancelled": RunStatus.CANCELLED,
    "queued": RunStatus.QUEUED,
    "starting": RunStatus.QUEUED,
    "running": RunStatus.RUNNING,
}

_ADMIN_CODES = {
    1: RunStatus.QUEUED,
    2: RunStatus.QUEUED,
    3: RunStatus.RUNNING,
    10: RunStatus.SUCCESS,
    20: RunStatus.FAILURE,
    30: RunStatus.CANCELLED,
}


def status_of_word(word: str) -> RunStatus:
    """The status behind a word of Discovery or of an artifact; a word nobody knew yet is UNKNOWN, never an error."""
    # As dbt writes it nearly always.
    known = _WORDS.get(word)
    return known if known is not None else _WORDS.get(word.strip().lower(), RunStatus.UNKNOWN)


def status_of_admin_code(code: int) -> RunStatus:
    """The status behind a run's numeric code in the Admin API (1, 2, 3, 10, 20, 30); others are UNKNOWN."""
    return _ADMIN_CODES.get(code, RunStatus.UNKNOWN)


def codes_of_status(status: RunStatus) -> tuple[int, ...]:
    """The codes of the Admin API that stand for a status; none for what no run as a whole is."""
    return tuple(code for code, known in _ADMIN_CODES.items() if known is status)
