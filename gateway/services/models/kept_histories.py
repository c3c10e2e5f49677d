"""Histories of models beyond what dbt still returns: each run that was ever read is kept."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from gateway.caching.codec import Codec
from gateway.caching.history_store import HistoryStore, StoredModelRun
from gateway.errors import GatewayError
from gateway.hierarchy.objects.model import ModelRun
from gateway.services.runs.model_histories import HistoryKey

Histories = Mapping[HistoryKey, tuple[ModelRun, ...] | GatewayError]

_CODEC: Codec[ModelRun] = Codec(ModelRun)


async def lengthened(kept: HistoryStore, histories: Histories, count: int) -> dict[HistoryKey, tuple[ModelRun, ...]]:
    """The histories, newest first, that dbt ended before `count` runs, with the older runs that are kept of them.

    Everything in `histories` is kept from now on.
    """
    read = {key: runs for key, runs in histories.items() if isinstance(runs, tuple)}
    longer: dict[HistoryKey, tuple[ModelRun, ...]] = {}
    by_environment: dict[int, list[HistoryKey]] = {}
    for key, runs in read.items():
        if len(runs) < count:
            by_environment.setdefault(key.environment_id, []).append(key)
    for environment_id, keys in by_environment.items():
        payloads = await kept.model_runs(environment_id, [key.unique_id for key in keys], count)
        for key in keys:
            older = _older(read[key], payloads.get(key.unique_id, ()))
            if older:
                longer[key] = (*read[key], *older)[:count]
    kept.later(kept.write_model_runs(_rows({**read, **longer})))
    return longer


def _older(runs: tuple[ModelRun, ...], payloads: Collection[bytes]) -> list[ModelRun]:
    """Those of the kept runs that came before the oldest one dbt reports, newest first; all when it reports none."""
    oldest = min((run.recency for run in runs), default=None)
    known = [run for payload in payloads if (run := _CODEC.from_bytes(payload)) is not None]
    older = [run for run in known if oldest is None or run.recency < oldest]
    return sorted(older, key=lambda run: run.recency, reverse=True)


def _rows(histories: Mapping[HistoryKey, tuple[ModelRun, ...]]) -> dict[tuple[int, str, int], StoredModelRun]:
    return {
        (key.environment_id, key.unique_id, run.run_id): StoredModelRun(_micros(run.ended_at), _CODEC.to_bytes(run))
        for key, runs in histories.items()
        for run in runs
        # One result a run is kept: that of its last step.
        if not run.superseded
    }


def _micros(time: datetime | None) -> int:
    return round(time.timestamp() * 1_000_000) if time else 0
