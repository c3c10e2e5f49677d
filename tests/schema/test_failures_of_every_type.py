"""Why runs of small archives failed: hooks, seeds, snapshots, unit tests, what was skipped, and hostile messages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.local_platform.admin import reading
from gateway.settings import Settings
from tests.archive.any_target import Ended, write_run
from tests.conftest import stored
from tests.serving import Gateway, serving

WHY = """{ account { runs { nodes { status error failureCount failures(first: 20) { message skippedCount
  result { uniqueId resourceType } skipped(first: 20) { uniqueId } } } } } }"""
HOOK = "operation.shop.shop-on-run-end-0"


def no_messages(*_: object) -> dict[int, str]:
    """What dbt Cloud says of most runs."""
    return {}


@asynccontextmanager
async def gateway_over(tmp_path: Path, source: str = "archive") -> AsyncIterator[Gateway]:
    """A gateway over what lies in `runs`."""
    url = stored(tmp_path / "runs", tmp_path)
    async with serving(Settings(store_url=url, history_source=source)) as gateway:
        yield gateway


async def only_run(tmp_path: Path, nodes: Iterable[Ended], source: str = "archive", **options: Any) -> Any:
    write_run(tmp_path / "runs", "i-1", nodes, **options)
    async with gateway_over(tmp_path, source) as gateway:
        (run,) = (await gateway.data(WHY))["account"]["runs"]["nodes"]
    return run


@pytest.mark.slow
@pytest.mark.parametrize(
    ("unique_id", "status", "kind", "sentence"),
    [
        (HOOK, "error", "OPERATION", "Hook shop-on-run-end-0 failed: table is gone"),
        ("seed.shop.people", "error", "SEED", "Seed people failed: table is gone"),
        ("snapshot.shop.people_snap", "error", "SNAPSHOT", "Snapshot people_snap failed: table is gone"),
        ("function.shop.plus_one", "error", "FUNCTION", "Function plus_one failed: table is gone"),
        ("test.shop.unique_id.1f2a", "fail", "DATA_TEST", "Test unique_id failed: table is gone"),
        ("unit_test.shop.orders.adds_up", "fail", "UNIT_TEST", "Unit test orders failed: table is gone"),
        ("mystery.shop.thing", "error", "UNKNOWN", "Resource thing failed: table is gone"),
        ("model.shop.orders", "partial success", "MODEL", "Model orders failed: table is gone"),
    ],
)
async def test_a_run_whose_models_are_fine_says_what_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unique_id: str, status: str, kind: str, sentence: str
) -> None:
    fine = Ended("model.shop.fine")
    run = await only_run(tmp_path, [fine, Ended(unique_id, status, "\n  table is\r\n gone ")])
    monkeypatch.setattr(reading, "status_messages", no_messages)
    async with gateway_over(tmp_path) as gateway:
        assert (await gateway.data(WHY))["account"]["runs"]["nodes"] == [run]
    assert (run["status"], run["error"], run["failureCount"]) == ("FAILURE", sentence, 1)
    assert run["failures"][0]["result"] == {"uniqueId": unique_id, "resourceType": kind}
    assert run["failures"][0]["message"] == "table is gone"


@pytest.mark.slow
async def test_what_dbts_api_does_not_list_is_said_to_be_possible(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await only_run(tmp_path, [Ended("model.shop.fine"), Ended(HOOK, "error", "gone")], "discovery")
    assert [one["message"] for one in run["failures"]] == ["Hook shop-on-run-end-0 failed: gone"] == [run["error"]]
    monkeypatch.setattr(reading, "status_messages", no_messages)
    async with gateway_over(tmp_path, "discovery") as gateway:
        (run,) = (await gateway.data(WHY))["account"]["runs"]["nodes"]
    (failure,) = run["failures"]
    assert failure["result"] is None
    assert "a hook, a unit test, a function or an export" in failure["message"]
    assert run["error"] == failure["message"]


@pytest.mark.slow
@pytest.mark.parametrize("source", ["archive", "discovery"])
async def test_what_was_skipped_because_of_each_failure(tmp_path: Path, source: str) -> None:
    nodes = [
        Ended("seed.shop.people", "error", "bad file"),
        Ended("model.shop.a", parents=("source.shop.raw.orders",)),
        Ended("test.shop.unique_a.1", "fail", "Got 2 results", ("model.shop.a",), 2),
        Ended("test.shop.not_null_a.2", "pass", None, ("model.shop.a",), 0),
        Ended("model.shop.eph", None, parents=("model.shop.a",), config={"materialized": "ephemeral"}),
        Ended("model.shop.b", "skipped", parents=("model.shop.a",)),
        Ended("model.shop.c", "skipped", parents=("model.shop.eph", "seed.shop.people")),
        Ended("snapshot.shop.s", "skipped", parents=("model.shop.b",)),
        Ended("test.shop.unique_b.3", "skipped", parents=("model.shop.b",)),
        Ended("model.shop.lonely", "skipped"),
        Ended("model.shop.ok", parents=("model.shop.a",)),
        Ended("model.shop.below_ok", "skipped", parents=("model.shop.ok",)),
    ]
    run = await only_run(tmp_path, nodes, source)
    assert [(one["result"]["uniqueId"], one["skippedCount"]) for one in run["failures"]] == [
        ("seed.shop.people", 1),
        ("test.shop.unique_a.1", 4),
    ]
    assert [[one["uniqueId"] for one in each["skipped"]] for each in run["failures"]] == [
        ["model.shop.c"],
        ["model.shop.b", "model.shop.c", "snapshot.shop.s", "test.shop.unique_b.3"],
    ]
    assert run["error"] == "Seed people failed: bad file (1 other resource failed too.)"


@pytest.mark.slow
async def test_a_first_hook_that_fails_keeps_everything_from_starting(tmp_path: Path) -> None:
    nodes = [
        Ended("operation.shop.shop-on-run-start-0", "error", "no rights"),
        *(Ended(f"model.shop.m{n}", "skipped") for n in range(3)),
    ]
    (failure,) = (await only_run(tmp_path, nodes))["failures"]
    assert [one["uniqueId"] for one in failure["skipped"]] == ["model.shop.m0", "model.shop.m1", "model.shop.m2"]


@pytest.mark.slow
async def test_a_failed_unit_test_keeps_its_model_from_starting(tmp_path: Path) -> None:
    nodes = [
        Ended("unit_test.shop.orders.adds_up", "fail", "off by one", ("model.shop.orders",)),
        Ended("model.shop.orders", "skipped"),
        Ended("model.shop.totals", "skipped", parents=("model.shop.orders",)),
    ]
    (failure,) = (await only_run(tmp_path, nodes))["failures"]
    assert [one["uniqueId"] for one in failure["skipped"]] == ["model.shop.orders", "model.shop.totals"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("message", "shown"),
    [
        (None, "It ended with 'error', and dbt wrote no message."),
        ("", "It ended with 'error', and dbt wrote no message."),
        ("\x1b[31mError\x1b[0m: \x07no \x9b\u202egood\x1b]8;;http://x\x07", "Error: no good"),
        ("x" * 1_000_000, "x" * 499 + "…"),
        ("Fehler: Spalte „größe“ fehlt 🙈", "Fehler: Spalte „größe“ fehlt 🙈"),
    ],
    ids=["none", "empty", "escape sequences", "a megabyte", "other scripts"],
)
async def test_messages_are_one_line_without_escape_sequences(tmp_path: Path, message: str | None, shown: str) -> None:
    run = await only_run(tmp_path, [Ended("model.shop.orders", "error", message)])
    assert [one["message"] for one in run["failures"]] == [shown]
    assert run["error"] == f"Model orders failed: {shown}"


@pytest.mark.slow
async def test_a_run_without_manifest_says_why(tmp_path: Path) -> None:
    nodes = [Ended("model.shop.orders", "error", "gone"), Ended("model.shop.totals", "skipped")]
    run = await only_run(tmp_path, nodes, manifest=False)
    (failure,) = run["failures"]
    assert (run["error"], failure["skippedCount"]) == ("Model orders failed: gone", 0)


@pytest.mark.slow
@pytest.mark.parametrize("source", ["archive", "discovery"])
async def test_ten_thousand_failures_are_counted_and_cut(tmp_path: Path, source: str) -> None:
    nodes = [Ended("model.shop.a", "error", "first of all")]
    nodes += [Ended(f"test.shop.t{n:05}.1", "fail", f"Got {n} results", ("model.shop.b",), n) for n in range(10_000)]
    run = await only_run(tmp_path, nodes, source)
    assert (run["failureCount"], len(run["failures"])) == (10_001, 20)
    assert run["failures"][0]["message"] == "first of all"
    assert run["error"] == "Model a failed: first of all (10000 other resources failed too.)"


@pytest.mark.slow
async def test_each_failed_step_says_what_failed_in_it(tmp_path: Path) -> None:
    write_run(tmp_path / "runs" / "1", "i-1", [Ended("seed.shop.people", "error", "bad file")], args={"which": "seed"})
    async with gateway_over(tmp_path) as gateway:
        found = await gateway.data("{ account { runs { nodes { error steps { status error } } } } }")
    (run,) = found["account"]["runs"]["nodes"]
    assert run["steps"] == [{"status": "FAILURE", "error": "Seed people failed: bad file"}]
