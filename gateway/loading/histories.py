"""The histories of many models, read the way that needs fewer requests: model by model, or run by run.

Model by model, a hundred histories are a document, and each is out of date when its environment's state moves on. Run
by run, twenty runs are a document that holds every model of theirs, and finished runs are kept for good; but runs
report the newest end of a history only as far back as all of them are known.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.concurrency.checkpoints import checkpoint, pieces
from gateway.concurrency.gathering import gather
from gateway.errors import GatewayError
from gateway.hierarchy.objects.job import Run
from gateway.hierarchy.objects.model import ModelRun
from gateway.loading.cut_histories import note_cut_histories
from gateway.services.admin.admin_facts import RunListing
from gateway.services.bundle import Services
from gateway.services.runs.model_histories import HistoryKey, histories_per_document
from gateway.services.runs.run_history import RunModels
from gateway.services.runs.run_rows import RunKey, runs_per_document

# A run's rows are its whole manifest, touched or not: requests are not spared at more than so many times the rows.
_MOST_MORE_ROWS = 2

_STEPS_OF_A_HISTORY = 5
# Whole documents: their number stays what it is.
_HISTORIES_AT_ONCE = 2_000

Histories = dict[HistoryKey, tuple[ModelRun, ...] | GatewayError]


@dataclass(frozen=True, slots=True)
class HistoryRequest:
    """The newest `count` runs of each of these models."""

    keys: tuple[HistoryKey, ...]
    count: int


@dataclass(frozen=True, slots=True)
class RunsToRead:
    """Runs to read, and the moment after which they report everything; None: they are all there are."""

    runs: tuple[Run, ...]
    since: datetime | None


async def read_histories(services: Services, keys: Sequence[HistoryKey], count: int) -> Histories:
    """The newest `count` runs of each model, newest first, by any job of its environment."""
    if services.figures.count_models:
        # An archive has no documents that could be spared.
        return await services.models.histories(keys, count)
    missing = await services.models.missing_histories(keys, count)
    by_environment: dict[int, list[HistoryKey]] = {}
    for key in missing:
        by_environment.setdefault(key.environment_id, []).append(key)
    for environment_id in await services.models.held(by_environment):
        del by_environment[environment_id]
    by_run = await gather(
        _by_run(services, environment_id, some, count) for environment_id, some in by_environment.items()
    )
    histories: Histories = {key: runs for some in by_run for key, runs in some.items()}
    rest = [key for key in keys if key not in histories]
    read = await _by_model(services, rest, count)
    by_dbt = {key: runs for key, runs in read.items() if _is_read_of_dbt(services, key)}
    await note_cut_histories(services, by_dbt, count)
    return histories | read


def _is_read_of_dbt(services: Services, key: HistoryKey) -> bool:
    return "DISCOVERY" in services.history.reach_of(key.environment_id).sources


async def _by_model(services: Services, keys: Sequence[HistoryKey], count: int) -> Histories:
    """The histories as dbt reports them model by model. A few thousand at a time are looked up, read and kept: what is
    done with all of them in one go keeps everybody else waiting."""

    async def some(start: int) -> Histories:
        part = keys[start : start + _HISTORIES_AT_ONCE]
        await checkpoint(len(part) * _STEPS_OF_A_HISTORY)
        return await services.models.histories(part, count)

    histories: Histories = {}
    for part in await gather(some(start) for start in range(0, len(keys), _HISTORIES_AT_ONCE)):
        histories |= part
    return histories


async def _by_run(services: Services, environment_id: int, keys: Sequence[HistoryKey], count: int) -> Histories:
    """The histories that the environment's last runs hold, if reading those spares requests; else none."""
    documents = math.ceil(len(keys) / histories_per_document(count))
    if documents < 3:
        return {}
    window = window_of(await services.admin.ended_runs(environment_id), count)
    if window is None:
        return {}
    run_keys = [RunKey(run.job_id, run.id) for run in window.runs]
    unread = len(services.jobs.unread(run_keys))
    models = max(len(keys), services.models.known_size(environment_id))
    spares_requests = 1 + math.ceil(unread / runs_per_document(models)) < documents
    if not spares_requests or unread * models > _MOST_MORE_ROWS * len(keys) * count:
        return {}
    read = await services.jobs.run_models(run_keys, frozenset(run_keys), models)
    if any(isinstance(answer, GatewayError) for answer in read.values()):
        return {}
    return await _assemble(
        [run_models for run_models in read.values() if isinstance(run_models, RunModels)], keys, count, window
    )


def window_of(listing: RunListing, count: int) -> RunsToRead | None:
    """The runs that hold the newest `count` of every job that ran so often lately; None when the list is too short.

    The listing holds the runs that ended last, by any job. Runs overlap, and one may have begun long before the others
    (a retry keeps the run it repeats), so only what ended after the oldest end in the list is known whole.
    """
    ended = [run for run in listing.runs if run.status.is_final and run.start_time and run.end_time]
    if listing.complete:
        return RunsToRead(tuple(ended), None)
    by_job: dict[int, list[Run]] = {}
    for run in ended:
        by_job.setdefault(run.job_id, []).append(run)
    newest = [run for runs in by_job.values() if len(runs) >= count for run in runs[:count]]
    since = min((run.start_time for run in newest if run.start_time is not None), default=None)
    oldest_end = min((run.end_time for run in ended if run.end_time is not None), default=None)
    if since is None or oldest_end is None or oldest_end > since:
        return None
    return RunsToRead(tuple(run for run in ended if run.end_time is not None and run.end_time > since), since)


async def _assemble(
    read: Sequence[RunModels[ModelRun]], keys: Sequence[HistoryKey], count: int, window: RunsToRead
) -> Histories:
    by_model: dict[str, list[ModelRun]] = {}
    for of_run in read:
        async for models in pieces(of_run.models):
            for model in models:
                if window.since is None or (model.ended_at is not None and model.ended_at > window.since):
                    by_model.setdefault(model.unique_id, []).append(model)
    histories: Histories = {}
    async for some in pieces(keys, steps=_STEPS_OF_A_HISTORY):
        for key in some:
            runs = sorted(by_model.get(key.unique_id, ()), key=lambda run: run.recency, reverse=True)
            if window.since is None or len(runs) >= count:
                histories[key] = tuple(runs[:count])
    return histories
