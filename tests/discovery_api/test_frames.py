"""Lists and histories as data frames."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from gateway.discovery_api.api import dbtAccount
from gateway.discovery_api.exceptions import ConfigurationError
from gateway.discovery_api.frames import Frame
from tests.oracle.account import Oracle

RUNS = 5


@pytest.fixture(scope="module")
def account(demo_store: str) -> Iterator[dbtAccount]:
    with dbtAccount(store_url=demo_store) as opened:
        yield opened


def expected_runs(oracle: Oracle) -> dict[str, list[tuple[str, float | None]]]:
    """The newest runs of every model of the demo, by its id: computed from the files."""
    return {
        model.id: [(str(attempt.run.id), attempt.result.runtime) for attempt in model.history[:RUNS]]
        for model in oracle.models
    }


@pytest.mark.slow
def test_the_histories_of_all_models_are_one_frame_of_few_requests(account: dbtAccount, oracle: Oracle) -> None:
    expected = expected_runs(oracle)
    before = account.client.upstream_requests
    frame = account.history_frame(last_n_runs=RUNS)
    assert account.client.upstream_requests - before <= 8
    found: dict[str, list[tuple[str, float | None]]] = {}
    for row in frame:
        found.setdefault(row["model_id"], []).append((row["run_id"], row["runtime"]))
    assert {name: [run for run, _ in runs] for name, runs in found.items()} == {
        name: [run for run, _ in runs] for name, runs in expected.items() if runs
    }
    for name, runs in found.items():
        assert [seconds for _, seconds in runs] == pytest.approx(
            [seconds for _, seconds in expected[name]], nan_ok=True
        )


@pytest.mark.slow
def test_arrow_pandas_and_polars_hold_the_same_values(account: dbtAccount) -> None:
    frame = account.history_frame(last_n_runs=RUNS, tags=["finance"])
    assert len(frame) > 10
    table = frame.to_arrow()
    assert str(table.schema.field("runtime").type) == "double"
    assert str(table.schema.field("start_time").type) == "timestamp[us, tz=UTC]"
    assert str(table.schema.field("tags").type) == "list<item: string>"
    rows = [dict(row) for row in frame]
    assert table.to_pylist() == rows
    assert frame.to_polars().to_dicts() == rows
    assert frame.to_pandas()["run_id"].tolist() == frame.column("run_id")


def test_a_ranking_is_a_frame_with_the_places_behind_the_ids(account: dbtAccount) -> None:
    ranking = account.slowest_models(slowest_n=3, last_n_runs=RUNS)
    frame = Frame.of(ranking)
    assert frame.columns[:3] == ["model_id", "ranked_rank", "ranked_runtime"]
    assert [(row["ranked_rank"], row["model_id"]) for row in frame] == [
        (place, model.model_id) for place, model in enumerate(ranking, 1)
    ]


def test_values_of_any_kind_have_a_type() -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    frame = Frame(
        [
            {"nothing": None, "whole": 1, "part": 1, "flag": True, "at": moment, "tags": ["a"], "meta": {"b": 1}},
            {"nothing": None, "whole": None, "part": 0.5, "flag": None, "at": None, "tags": None, "meta": None},
        ]
    )
    types = {field.name: str(field.type) for field in frame.to_arrow().schema}
    assert types == {
        "nothing": "string",
        "whole": "int64",
        "part": "double",
        "flag": "bool",
        "at": "timestamp[us, tz=UTC]",
        "tags": "list<item: string>",
        "meta": "string",
    }
    assert frame[0]["meta"] == '{"b": 1}'
    assert Frame([]).to_arrow().num_rows == 0


def test_a_column_has_the_same_type_without_a_value(account: dbtAccount) -> None:
    some = account.history_frame(last_n_runs=1, tags=["finance"])
    nothing = account.history_frame(last_n_runs=1, tags=["no such tag"])
    assert len(some) > 0
    assert len(nothing) == 0
    assert nothing.to_arrow().schema == some.to_arrow().schema
    models = account.get_models(tags=["finance"])
    for part in (models, models[:1], [model.to_record() for model in models]):
        types = {field.name: str(field.type) for field in Frame.of(part).to_arrow().schema}
        assert (types["runtime"], types["last_run_error"], types["end_time"]) == (
            "double",
            "string",
            "timestamp[us, tz=UTC]",
        )


def test_what_has_no_fields_is_refused() -> None:
    with pytest.raises(TypeError, match="int has no fields"):
        Frame.of([1])


def test_a_library_that_is_missing_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(ConfigurationError, match=r"polars is not installed.*dbt-gateway\[dataframes\]"):
        Frame([{"a": 1}]).to_polars()
