"""How a result ended, in one byte, and whether it counts for averages: the rules of docs/hierarchy.md.

The low three bits say how it ended, the next three what set its command apart, the seventh whether a CI or merge job
ran it. Zero is a success that counts for every average. The archive keeps these bytes (see recent_results).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

from gateway.archive.artifacts.command_variants import Variant

LONGEST_SECONDS = 1e9
"""Thirty years: what is longer is no duration."""

_CI = 0b1000000
_ENDING = 0b111
_VARIANT_SHIFT = 3


class Ending(IntEnum):
    """How a result ended. Only the first two have a runtime."""

    SUCCEEDED = 0
    FAILED = 1
    FAILED_UNTIMED = 2
    NOT_EXECUTED = 3
    CANCELLED = 4
    REUSED = 5
    UNKNOWN = 6


_ENDINGS: Mapping[str, Ending] = {
    "success": Ending.SUCCEEDED,
    "pass": Ending.SUCCEEDED,
    "warn": Ending.SUCCEEDED,
    "error": Ending.FAILED,
    "fail": Ending.FAILED,
    "runtime error": Ending.FAILED,
    "partial success": Ending.FAILED,
    "skipped": Ending.NOT_EXECUTED,
    "no-op": Ending.NOT_EXECUTED,
    "queued": Ending.NOT_EXECUTED,
    "starting": Ending.NOT_EXECUTED,
    "running": Ending.NOT_EXECUTED,
    "cancelled": Ending.CANCELLED,
    "reused": Ending.REUSED,
}
_LAST_TIMED = Ending.FAILED  # to look a member up in its enumeration takes longer than to compare it
_WITHOUT_SECONDS = {Ending.SUCCEEDED: Ending.NOT_EXECUTED, Ending.FAILED: Ending.FAILED_UNTIMED}

_VARIANTS = {Variant.FULL_REFRESH: 1, Variant.CLONE: 2, Variant.EMPTY: 3, Variant.SAMPLE: 4}

COUNTS = 0
REASONS = (
    "",
    "notExecuted",
    "cancelled",
    "reused",
    "unknown",
    "failed",
    "clone",
    "empty",
    "sample",
    "ci",
    "fullRefresh",
)
"""Why a result does not count, by the codes that `HistoryScope.codes` gives; 0 is a result that counts."""

_OF_ENDINGS = {
    Ending.FAILED_UNTIMED: "notExecuted",
    Ending.NOT_EXECUTED: "notExecuted",
    Ending.CANCELLED: "cancelled",
    Ending.REUSED: "reused",
    Ending.UNKNOWN: "unknown",
}
_NEVER_COUNTED = {2: "clone", 3: "empty", 4: "sample"}


@dataclass(frozen=True, slots=True)
class HistoryScope:
    """Which results averages take in beside successful ones of ordinary commands: docs/hierarchy.md, Which runs count.

    Clones, `--empty` and `--sample` never count, nor does what was not executed or has no possible runtime.
    """

    include_full_refresh: bool = False
    include_ci: bool = False
    include_failed: bool = False

    @property
    def codes(self) -> bytes:
        """For each of the 256 outcomes the place of its reason in REASONS: a table for `bytes.translate`."""
        return _codes(self)

    def _reason(self, outcome: int) -> str:
        ending, variant = outcome & _ENDING, outcome >> _VARIANT_SHIFT & 0b111
        if ending in _OF_ENDINGS:
            return _OF_ENDINGS[Ending(ending)]
        if ending == Ending.FAILED and not self.include_failed:
            return "failed"
        if variant in _NEVER_COUNTED:
            return _NEVER_COUNTED[variant]
        if outcome & _CI and not self.include_ci:
            return "ci"
        return "fullRefresh" if variant == 1 and not self.include_full_refresh else ""


@lru_cache(maxsize=8)
def _codes(scope: HistoryScope) -> bytes:
    return bytes(REASONS.index(scope._reason(outcome)) for outcome in range(256))


ORDINARY = HistoryScope()


def ending_of(status: str, seconds: float | None) -> Ending:
    """How a result with dbt's word `status` ended; `seconds` is its execution time."""
    ending = _ENDINGS.get(status)
    if ending is None:
        ending = _ENDINGS.get(status.strip().lower(), Ending.UNKNOWN)
    if ending <= _LAST_TIMED and not (seconds is not None and 0.0 <= seconds <= LONGEST_SECONDS):
        return _WITHOUT_SECONDS[ending]
    return ending


def outcome_of(ending: Ending, variant: str | None, materialization: str | None, *, by_ci: bool) -> int:
    """The byte of a result. `variant`: of its command (see command_variants); a full refresh sets a model apart only
    where it is incremental."""
    if variant == Variant.FULL_REFRESH and materialization != "incremental":
        variant = None
    return ending | (_VARIANTS[Variant(variant)] << _VARIANT_SHIFT if variant else 0) | (_CI if by_ci else 0)


def is_timed(outcome: int) -> bool:
    """Whether a result with this outcome has a runtime."""
    return outcome & _ENDING <= _LAST_TIMED


def builds_successfully(outcome: int) -> bool:
    """Whether the result succeeded in a command that leaves its resource with its data, other than CI."""
    return outcome & _ENDING == Ending.SUCCEEDED and _may_leave_data(outcome)


def may_have_succeeded(outcome: int) -> bool:
    """The same of results without a possible runtime: their outcome does not say how they ended."""
    return outcome & _ENDING in (Ending.NOT_EXECUTED, Ending.UNKNOWN) and _may_leave_data(outcome)


def _may_leave_data(outcome: int) -> bool:
    return not outcome & _CI and outcome >> _VARIANT_SHIFT & 0b111 not in _NEVER_COUNTED


def has_failed(outcome: int) -> bool:
    """Whether the result is a failure, timed or not."""
    return outcome & _ENDING in (Ending.FAILED, Ending.FAILED_UNTIMED)


def was_reused(outcome: int) -> bool:
    """Whether the result of an earlier run was taken over."""
    return outcome & _ENDING == Ending.REUSED
