"""What facts are said to weigh is about what they take."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from gateway.hierarchy.objects.model import ModelRun
from gateway.services.resources.lineage_service import to_lineage, weigh_lineage
from gateway.services.rows.discovery_types import DescribedRow, EnvironmentLineage, LineageNode, LineageState, RunModel
from gateway.services.rows.mapping import Share, to_model, to_model_run, weigh_models, weigh_runs

pytestmark = pytest.mark.slow

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
            "compileStartedAt": started.isoformat(),
            "compileCompletedAt": started.isoformat(),
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
    facts, taken = measured(mapped, rows)
    estimated = sum(map(weigh_runs, facts))
    assert 0.67 < estimated / taken < 1.5, f"{estimated} for {taken}, {taken / (models * runs):.0f} a row"


def measured(make: Callable[[Any], Any], raw: Sequence[Any]) -> tuple[Any, int]:
    """What is made of these, and the bytes that it takes."""
    make(raw[:1])
    gc.collect()
    tracemalloc.start()
    try:
        facts = make(raw)
        gc.collect()
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return facts, taken


def described_row(number: int, **more: Any) -> bytes:
    moment = (_START - timedelta(seconds=number)).isoformat()
    name = f"fct_orders_daily_by_region_{number}"
    info = {
        "lastRunId": 70437490000000 + number,
        "lastJobDefinitionId": 301000,
        "lastRunStatus": "error",
        "lastRunError": more.pop("error", None),
        "lastRunGeneratedAt": moment,
        "lastSuccessRunId": 70437490000000 + number,
        "lastSuccessJobDefinitionId": 301000,
        "executionTime": 1.5 + number / 7,
        "compileStartedAt": moment,
        "compileCompletedAt": moment,
        "executeStartedAt": moment,
        "executeCompletedAt": moment,
    }
    state = {"uniqueId": f"model.analytics.{name}", "name": name, "packageName": "analytics", "executionInfo": info}
    return msgspec.json.encode({**state, "tags": ["daily", "finance"], "materializedType": "incremental", **more})


DESCRIBED: dict[str, dict[str, Any]] = {
    "plain": {},
    "with errors": {"error": "Database Error in model x: " + "y" * 3_000},
    "with names": {"database": "prod", "schema": "marts", "alias": "orders", "relationName": "prod.marts.orders"},
    "with long descriptions": {"description": "What is meant by an order. " * 100},
    "with meta": {"meta": {"owner": "Finance", "tiers": [1, 2, 3], "contacts": {"slack": "#orders", "mail": "a@b.c"}}},
}


@pytest.mark.parametrize("kind", DESCRIBED)
def test_models_weigh_what_was_read_of_them(kind: str) -> None:
    decoder = msgspec.json.Decoder(DescribedRow)

    def make(raw: Sequence[bytes]) -> list[Any]:
        rows = map(decoder.decode, raw)
        return [to_model(row, f"analytics.{row.name}", "analytics", 201001) for row in rows]

    facts, taken = measured(make, [described_row(number, **DESCRIBED[kind]) for number in range(500)])
    estimated = weigh_models(facts, described=True)
    assert 0.67 < estimated / taken < 1.5, f"{estimated} for {taken}"


def test_a_lineage_weighs_its_nodes_and_edges() -> None:
    decoder = msgspec.json.Decoder(LineageNode)

    def make(raw: Sequence[bytes]) -> Any:
        return to_lineage(EnvironmentLineage(LineageState(list(map(decoder.decode, raw)))))

    names = [f"model.analytics.fct_orders_daily_by_region_{number}" for number in range(1_000)]
    raw = [
        msgspec.json.encode({"uniqueId": name, "parentIds": names[max(0, place - 5) : place]})
        for place, name in enumerate(names)
    ]
    lineage, taken = measured(make, raw)
    assert 0.67 < weigh_lineage(lineage) / taken < 1.5, f"{weigh_lineage(lineage)} for {taken}"
