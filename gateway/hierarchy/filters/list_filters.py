"""Filters of runs and of jobs: criteria of their own, and one for the models they contain.

A missing field is no constraint; an empty list matches nothing; bounds are inclusive seconds.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from gateway.errors import BadUserInput
from gateway.hierarchy.filters.model_filters import ModelFilter, contains_text, ensure_text, ensure_times
from gateway.hierarchy.objects.job import Job, Run
from gateway.hierarchy.objects.source import SourceFreshness
from gateway.hierarchy.vocabulary.status import RunStatus
from gateway.hierarchy.vocabulary.triggers import TriggerCategory, trigger_category

_KINDS = frozenset({"scheduled", "ci", "merge"})


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Criteria of a run; all of them must match. `models` asks for a model that met it in the run.

    A run started at `started_since` or later and before `started_until`; one without a start, or without a duration
    where that is asked for, does not match, nor does one without a known trigger where `triggers` are asked for.
    Raises BadUserInput for bounds that make no sense.
    """

    statuses: tuple[RunStatus, ...] | None = None
    job_ids: tuple[int, ...] | None = None
    triggers: tuple[TriggerCategory, ...] | None = None
    git_branches: tuple[str, ...] | None = None
    started_since: datetime | None = None
    started_until: datetime | None = None
    min_seconds: float | None = None
    max_seconds: float | None = None
    models: ModelFilter | None = None

    def __post_init__(self) -> None:
        _ensure_bounds(self.min_seconds, self.max_seconds)
        ensure_times("startedSince", self.started_since, "startedUntil", self.started_until)

    def admits(self, run: Run) -> bool:
        """Whether a run matches, its models aside."""
        if self.statuses is not None and run.status not in self.statuses:
            return False
        if self.job_ids is not None and run.job_id not in self.job_ids:
            return False
        if self.triggers is not None and _trigger(run) not in self.triggers:
            return False
        if self.git_branches is not None and run.git_branch not in self.git_branches:
            return False
        return self._started_within(run.start_time) and _within(run.runtime, self.min_seconds, self.max_seconds)

    def _started_within(self, start: datetime | None) -> bool:
        if self.started_since is None and self.started_until is None:
            return True
        if start is None or (self.started_since is not None and start < self.started_since):
            return False
        return self.started_until is None or start < self.started_until


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Criteria of a job; all of them must match. `models` asks for a model that the job builds.

    The bounds are of its newest finished run. `kinds` are scheduled, ci, merge, and other for all else. Raises
    BadUserInput for bounds that make no sense.
    """

    name_contains: str | None = None
    kinds: tuple[str, ...] | None = None
    last_run_statuses: tuple[RunStatus, ...] | None = None
    min_seconds: float | None = None
    max_seconds: float | None = None
    models: ModelFilter | None = None

    def __post_init__(self) -> None:
        _ensure_bounds(self.min_seconds, self.max_seconds)
        ensure_text("nameContains", self.name_contains)

    def admits(self, job: Job) -> bool:
        """Whether a job matches, its models aside."""
        if self.name_contains is not None and not contains_text(job.name or "", self.name_contains):
            return False
        if self.kinds is not None and _kind(job) not in self.kinds:
            return False
        if self.last_run_statuses is not None and (
            job.last_run is None or job.last_run.status not in self.last_run_statuses
        ):
            return False
        finished = job.last_finished_run
        return _within(finished.runtime if finished else None, self.min_seconds, self.max_seconds)


@dataclass(frozen=True, slots=True)
class SourceFilter:
    """Criteria of a source; all of them must match.

    `statuses` are of its last freshness check, UNKNOWN where there was none. `name_contains` is compared with
    `source.table`, without case. Raises BadUserInput for an empty text.
    """

    statuses: Collection[RunStatus] | None = None
    name_contains: str | None = None

    def __post_init__(self) -> None:
        ensure_text("nameContains", self.name_contains)

    def admits(self, checked: SourceFreshness) -> bool:
        """Whether a source matches."""
        if self.statuses is not None and checked.status not in self.statuses:
            return False
        name = f"{checked.named_source}.{checked.name}"
        return self.name_contains is None or contains_text(name, self.name_contains)


def _trigger(run: Run) -> TriggerCategory | None:
    return trigger_category(run.trigger.category) if run.trigger else None


def _kind(job: Job) -> str | None:
    if job.kind is None:
        return None
    return job.kind.lower() if job.kind.lower() in _KINDS else "other"


def _within(seconds: float | None, least: float | None, most: float | None) -> bool:
    if least is None and most is None:
        return True
    return seconds is not None and (least or 0.0) <= seconds <= (math.inf if most is None else most)


def _ensure_bounds(least: float | None, most: float | None) -> None:
    for name, bound in (("minSeconds", least), ("maxSeconds", most)):
        if bound is not None and not (math.isfinite(bound) and bound >= 0):
            raise BadUserInput(f"{name} must be a number of seconds, zero or more; it is {bound}.", argument=name)
    if least is not None and most is not None and least > most:
        raise BadUserInput(
            f"minSeconds ({least}) is greater than maxSeconds ({most}): nothing can match both. Swap them or leave one "
            "out.",
            argument="minSeconds",
        )
