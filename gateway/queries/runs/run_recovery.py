"""Questions about what broke in a run and what recovered, by the runs of its job before it.

An attempt is a run of the job that executed the resource. At most twenty runs are looked back upon.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from gateway.concurrency.gathering import gather
from gateway.hierarchy.objects.job import Run
from gateway.hierarchy.objects.node_result import NodeResult
from gateway.hierarchy.runs.run_failure import KnownFailure, RunFailure
from gateway.hierarchy.vocabulary.resource_type import resource_type_of
from gateway.hierarchy.vocabulary.status import RunStatus
from gateway.loading.field_context import FieldContext
from gateway.queries.jobs.jobs import MOST_RUNS
from gateway.queries.runs.run_failures import failures, skipped_because_of
from gateway.queries.runs.run_results import read_results

RUNS_BEFORE = 20
"""How many runs are looked back upon."""

# Most of what fails was fine a run or two before: those are read first.
_FIRST = 3


@dataclass(frozen=True, slots=True)
class EarlierAttempt:
    """A run that executed a resource, and how that ended."""

    run: Run
    status: RunStatus

    @property
    def failed(self) -> bool:
        return self.status is RunStatus.FAILURE


@dataclass(frozen=True, slots=True)
class Before:
    """The attempts before a run by unique id, newest first, as far as they were read. `reaches_back`: no earlier run
    of the job is known than those that were looked at."""

    attempts: dict[str, list[EarlierAttempt]]
    reaches_back: bool

    def failed_last(self, unique_id: str) -> bool | None:
        """Whether the last attempt failed; None where there is none."""
        attempts = self.attempts[unique_id]
        return attempts[0].failed if attempts else None


async def is_new(context: FieldContext, failure: RunFailure) -> bool:
    """Whether the last attempt of what failed was fine; of a run that failed outside of any resource, whether the last
    run of its job was. False where there is no attempt before."""
    if failure.result is None:
        return next((run.status is not RunStatus.FAILURE for run in await _ended_before(context, failure.run)), False)
    name = failure.result.unique_id
    return (await _before(context, failure.run, [name], bool)).failed_last(name) is False


async def failing_since(context: FieldContext, failure: RunFailure) -> Run | None:
    """The first run in which it failed without having recovered since; None where that lies behind the runs that are
    looked back upon."""
    if failure.result is None:
        runs = await _ended_before(context, failure.run)
        attempts = [EarlierAttempt(run, run.status) for run in runs]
        return _first_failed(failure.run, attempts, reaches_back=len(runs) < RUNS_BEFORE)
    name = failure.result.unique_id
    history = await _before(context, failure.run, [name], _has_been_fine)
    return _first_failed(failure.run, history.attempts[name], reaches_back=history.reaches_back)


async def known_failures(context: FieldContext, run: Run) -> list[KnownFailure]:
    """All failures of a run, with what each held up and since when there is one."""

    async def known(failure: RunFailure) -> KnownFailure:
        skipped = await skipped_because_of(context, failure)
        return KnownFailure(failure, skipped, await is_new(context, failure), await failing_since(context, failure))

    return list(await gather(known(failure) for failure in await failures(context, run)))


async def newly_broken(context: FieldContext, run: Run) -> list[NodeResult]:
    """The results that failed in a run and were fine at their last attempt, in the order of failures."""
    failed = [failure.result for failure in await failures(context, run) if failure.result is not None]
    history = await _before(context, run, [result.unique_id for result in failed], bool)
    return [result for result in failed if history.failed_last(result.unique_id) is False]


async def recovered(context: FieldContext, run: Run) -> list[NodeResult]:
    """The results that were fine in a run and failed at their last attempt, ordered by unique id."""
    earlier = await _runs_before(context, run)
    failed_results = await gather(context.loaders.results.failed(run) for run in earlier)
    for of_run in failed_results:
        for error in of_run.failures.values():
            raise error
    once_failed = sorted({result.unique_id for of_run in failed_results for result in of_run.results})
    (statuses,) = await context.loaders.results.statuses([run], once_failed) if once_failed else ({},)
    fine = [name for name, status in statuses.items() if _is_fine(status)]
    before = await _before(context, run, fine, bool)
    healed = {name for name in fine if before.failed_last(name)}
    if not healed:
        return []
    results = await read_results(context, run, {resource_type_of(name) for name in healed})
    return [result for result in results if result.unique_id in healed]


async def _before(
    context: FieldContext, run: Run, unique_ids: Iterable[str], enough: Callable[[list[EarlierAttempt]], bool]
) -> Before:
    """The attempts of these resources before a run, as far back as is `enough` for each of them."""
    attempts: dict[str, list[EarlierAttempt]] = {name: [] for name in unique_ids}
    runs = await _runs_before(context, run) if attempts else []
    for part in (runs[:_FIRST], runs[_FIRST:]):
        pending = [name for name, known in attempts.items() if not enough(known)]
        if not pending or not part:
            break
        for earlier, statuses in zip(part, await context.loaders.results.statuses(part, pending), strict=True):
            for name, status in statuses.items():
                if status.executed:
                    attempts[name].append(EarlierAttempt(earlier, status))
    return Before(attempts, reaches_back=len(runs) < RUNS_BEFORE)


async def _runs_before(context: FieldContext, run: Run) -> list[Run]:
    """The newest runs of a job before one of them that dbt will not change any more, newest first."""
    count = RUNS_BEFORE + 5
    while True:
        runs = await context.loaders.recent_runs(run.job_id, count)
        older = [
            earlier_run for earlier_run in runs if earlier_run.recency < run.recency and earlier_run.status.is_final
        ]
        if len(older) >= RUNS_BEFORE or len(runs) < count or count >= MOST_RUNS:
            return older[:RUNS_BEFORE]
        count = min(MOST_RUNS, count * 4)


async def _ended_before(context: FieldContext, run: Run) -> list[Run]:
    return [earlier_run for earlier_run in await _runs_before(context, run) if earlier_run.status.is_completed]


def _first_failed(run: Run, attempts: Sequence[EarlierAttempt], *, reaches_back: bool) -> Run | None:
    since = run
    for attempt in attempts:
        if not attempt.failed:
            return since
        since = attempt.run
    return since if reaches_back else None


def _has_been_fine(attempts: list[EarlierAttempt]) -> bool:
    return any(not attempt.failed for attempt in attempts)


def _is_fine(status: RunStatus) -> bool:
    return status in (RunStatus.SUCCESS, RunStatus.WARN)
