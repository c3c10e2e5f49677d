"""Questions that are answered again whenever something has changed: finished runs and rankings."""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TypeVar

from gateway.errors import GatewayError, UpstreamError
from gateway.hierarchy.objects.job import Job, Run
from gateway.hierarchy.objects.model import Model
from gateway.hierarchy.rankings.ranking import Ranked, Ranking
from gateway.loading.field_context import FieldContext
from gateway.queries.jobs.jobs import find_run
from gateway.queries.projects import project_of_environment
from gateway.services.changes.change_poller import ChangePoller

log = logging.getLogger(__name__)

T = TypeVar("T", Model, Job)

# A run is reported once, although a webhook and the watch may both notice it.
_REMEMBERED_RUNS = 1_000

# How often a run that dbt does not return is asked for: for an hour, with the usual interval.
_TRIES = 120


@dataclass(frozen=True, slots=True)
class Live:
    """What a subscription stands on: the watch, and a way to ask as if a new request had come.

    `fresh` has no memory of earlier answers, and a deadline of its own.
    """

    poller: ChangePoller
    fresh: Callable[[], AbstractAsyncContextManager[FieldContext]]


async def finished_runs(
    live: Live, project_ids: Collection[str] | None, job_id: int | None
) -> AsyncGenerator[Run, None]:
    """Runs that finish from now on, each once: of some projects, of one job, or all the caller may see.

    A run that dbt does not return just then is asked for again after an interval.
    """
    returned: deque[int] = deque(maxlen=_REMEMBERED_RUNS)
    tries: Counter[int] = Counter()
    with live.poller.listening() as listener:
        while True:
            change = await listener.next()
            if change is None or change.run_id is None or change.run_id in returned:
                continue
            if job_id is not None and change.job_id not in (None, job_id):
                continue
            try:
                run = await _finished_run(live, change.run_id, project_ids)
            except UpstreamError as failure:
                log.info("run %d has finished but cannot be announced yet: %s", change.run_id, failure.code)
                tries[change.run_id] += 1
                if tries[change.run_id] < _TRIES:
                    listener.tell_in(live.poller.interval, change)
                continue
            del tries[change.run_id]
            if run is not None and job_id in (None, run.job_id):
                returned.append(run.id)
                yield run


async def _finished_run(live: Live, run_id: int, project_ids: Collection[str] | None) -> Run | None:
    """A run that has finished and is wanted. Raises UpstreamError for one that may be read another time."""
    try:
        async with live.fresh() as context:
            run = await find_run(context, run_id)
            project = await project_of_environment(context, run.environment_id)
    except GatewayError as unreadable:
        if isinstance(unreadable, UpstreamError) and unreadable.transient:
            raise
        log.info("run %d has finished but cannot be announced: %s", run_id, unreadable.code)
        return None
    if not run.status.is_final:
        return None
    is_wanted = project_ids is None or (project is not None and not set(project.spellings).isdisjoint(project_ids))
    return run if is_wanted else None


async def changed_rankings(
    live: Live, rank: Callable[[FieldContext], Awaitable[Ranking[T]]], send_initial: bool
) -> AsyncGenerator[tuple[Ranked[T], ...], None]:
    """A ranking whenever its places or figures differ from those before; many changes at once are one.

    A ranking from which a project is missing is not reported: it would differ for that reason only. It is read again
    after an interval, whether or not something has changed since.
    """
    with live.poller.listening() as listener:
        before = now = await _ranking(live, rank)
        if send_initial and now is not None:
            yield now
        while True:
            await listener.next(live.poller.interval if now is None else None)
            listener.skip()
            now = await _ranking(live, rank)
            if now is not None and (send_initial if before is None else _differ(now, before)):
                yield now
            before = before if now is None else now


async def _ranking(live: Live, rank: Callable[[FieldContext], Awaitable[Ranking[T]]]) -> tuple[Ranked[T], ...] | None:
    try:
        async with live.fresh() as context:
            ranking = await rank(context)
            return None if context.failures else ranking.entries
    except GatewayError as unreadable:
        log.info("a ranking that is subscribed to cannot be read: %s", unreadable.code)
        return None


def _differ(now: tuple[Ranked[T], ...], before: tuple[Ranked[T], ...]) -> bool:
    return [(ranked.item.id, ranked.runtime) for ranked in now] != [
        (ranked.item.id, ranked.runtime) for ranked in before
    ]
