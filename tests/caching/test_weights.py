"""What model runs are said to weigh is about what they take."""

from __future__ import annotations

import gc
import tracemalloc
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from gateway.hierarchy.model import ModelRun
from gateway.services.discovery_types import RunModel
from gateway.services.mapping import Share, to_model_run, weigh_runs

_START = datetime(2026, 3, 1, tzinfo=UTC)
_DECODER = msgspec.json.Decoder(RunModel)


def row(model: int, run: int) -> bytes:
    started = _START - timedelta(days=run, seconds=model)
    name = f"fct_orders_daily_by_region_{model}"
    return msgspec.json.encode(
        {
            "uniqueId": f"model.analytics.{name}",
            "runId": 70437490000000 + run,
            "jobId": 301000,
            "environmentId": 201001,
            "name": name,
            "packageName": "analytics",
            "tags": ["daily", "finance"],
            "materializedType": "incremental",
            "status": "success",
            "error": None,
            "executionTime": 1.5 + model / 7,
            "executeStartedAt": started.isoformat(),
            "executeCompletedAt": (started + timedelta(seconds=5)).isoformat(),
            "threadId": f"Thread-{model % 4} (worker)",
            "invocationId": f"0b8f8a1e-1111-2222-3333-{run:012d}",
            "runGeneratedAt": _START.isoformat(),
            "runElapsedTime": float(run),
        }
    )


def mapped(rows: list[list[bytes]]) -> list[tuple[ModelRun, ...]]:
    share = Share()
    return [tuple(one for raw in some if (one := to_model_run(_DECODER.decode(raw), share))) for some in rows]


@pytest.mark.parametrize("by", ["model", "run"])
def test_the_estimate_is_within_a_third(by: str) -> None:
    models, runs = (200, 20) if by == "model" else (400, 10)
    if by == "model":
        rows = [[row(model, run) for run in range(runs)] for model in range(models)]
    else:
        rows = [[row(model, run) for model in range(models)] for run in range(runs)]
    mapped(rows[:1])
    gc.collect()
    tracemalloc.start()
    try:
        facts = mapped(rows)
        gc.collect()
        measured, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    estimated = sum(map(weigh_runs, facts))
    assert 0.67 < estimated / measured < 1.5, f"{estimated} for {measured}, {measured / (models * runs):.0f} a row"
