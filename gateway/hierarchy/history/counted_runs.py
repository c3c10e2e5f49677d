"""Which runs of a history count for a model's averages, and why the others do not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from gateway.hierarchy.objects.job import Job
from gateway.hierarchy.objects.model import ModelRun
from gateway.hierarchy.vocabulary.status import RunStatus
from gateway.hierarchy.vocabulary.variants import Variant


class LeftOutReason(StrEnum):
    """Why a run, or a model in it, does not count."""

    NOT_EXECUTED = "notExecuted"
    CANCELLED = "cancelled"
    FAILED = "failed"
    CI = "ci"
    FULL_REFRESH = "fullRefresh"
    UNFINISHED = "unfinished"
    REUSED = "reused"
    UNKNOWN = "unknown"
    CLONE = "clone"
    EMPTY = "empty"
    SAMPLE = "sample"


_NOT_EXECUTED = {
    RunStatus.CANCELLED: LeftOutReason.CANCELLED,
    RunStatus.REUSED: LeftOutReason.REUSED,
    RunStatus.UNKNOWN: LeftOutReason.UNKNOWN,
}


_NEVER_COUNTED = {
    Variant.CLONE: LeftOutReason.CLONE,
    Variant.EMPTY: LeftOutReason.EMPTY,
    Variant.SAMPLE: LeftOutReason.SAMPLE,
}


@dataclass(frozen=True, slots=True)
class CommandFacts:
    """What the arguments of an invocation say: `variant` is None for an ordinary one, `threads` where unknown."""

    variant: Variant | None
    threads: int | None = None


@dataclass(frozen=True, slots=True)
class HistoryScope:
    """What averages take in beside ordinary successful runs.

    What a command was its own arguments say: `dbt clone`, `--empty` and `--sample` never count. A full refresh counts
    as one only for incremental models, which it builds in another way than their other runs do; where the arguments of
    an invocation are unknown, it is a run of a job with `--full-refresh` among its steps. CI are jobs of dbt's kinds
    ci and merge.
    """

    include_full_refresh: bool = False
    include_ci: bool = False
    include_failed: bool = False

    def reason(self, run: ModelRun, job: Job | None, command: CommandFacts | None = None) -> LeftOutReason | None:
        """Why a run does not count; None when it does. `job` is None when it has been deleted, `command` when its
        arguments are unknown."""
        not_executed = _NOT_EXECUTED.get(run.status)
        if not_executed is not None:
            return not_executed
        if run.runtime is None:
            return LeftOutReason.NOT_EXECUTED
        if run.status is RunStatus.FAILURE and not self.include_failed:
            return LeftOutReason.FAILED
        variant = command.variant if command else _by_steps(job)
        if variant in _NEVER_COUNTED:
            return _NEVER_COUNTED[variant]
        if job is not None and job.is_ci and not self.include_ci:
            return LeftOutReason.CI
        if variant is Variant.FULL_REFRESH and _is_incremental(run) and not self.include_full_refresh:
            return LeftOutReason.FULL_REFRESH
        return None


def _by_steps(job: Job | None) -> Variant | None:
    return Variant.FULL_REFRESH if job is not None and job.is_full_refresh else None


@dataclass(frozen=True, slots=True)
class Counted:
    """The runs of a history that count, in its order, and how many did not, by reason."""

    runs: tuple[ModelRun, ...]
    left_out: Mapping[LeftOutReason, int]


Commands = Mapping[tuple[int, str | None], CommandFacts]
"""What is known of commands, by run and invocation."""


def count_runs(
    runs: Iterable[ModelRun], jobs: Mapping[int, Job], commands: Commands, scope: HistoryScope, most: int
) -> Counted:
    """The first `most` runs that count; what was left out is counted as far as the history was looked at for them."""
    kept: list[ModelRun] = []
    left_out: Counter[LeftOutReason] = Counter()
    for run in runs:
        if len(kept) == most:
            break
        reason = scope.reason(run, jobs.get(run.job_id), commands.get((run.run_id, run.invocation_id)))
        if reason is None:
            kept.append(run)
        else:
            left_out[reason] += 1
    return Counted(tuple(kept), left_out)


def _is_incremental(run: ModelRun) -> bool:
    return (run.materialization or "").casefold() == "incremental"
