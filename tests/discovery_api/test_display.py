"""What a notebook shows of objects: tables and pictures, escaped."""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree import ElementTree

import pytest

from gateway.discovery_api.api import Model, dbtAccount
from gateway.discovery_api.display.html_table import html_table
from gateway.discovery_api.frames import Frame

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def account(demo_store: str) -> Iterator[dbtAccount]:
    with dbtAccount(store_url=demo_store) as opened:
        yield opened


def parsed(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text)  # noqa: S314 - our own text


def rows_of_table(text: str) -> list[list[str]]:
    table = parsed(text)
    return [[cell.text or "" for cell in row] for row in table.iter("tr")]


@pytest.mark.slow
def test_a_ranking_is_a_table_in_its_order(account: dbtAccount) -> None:
    ranking = account.slowest_models(slowest_n=4, last_n_runs=5)
    head, *rows = rows_of_table(ranking._repr_html_())
    assert head[:2] == ["model_id", "ranked_rank"]
    assert [row[0] for row in rows] == [model.model_id for model in ranking]
    assert [float(row[2]) for row in rows] == [round(model.ranked.runtime, 2) for model in ranking if model.ranked]


def test_a_run_is_its_timeline(account: dbtAccount) -> None:
    run = account.get_runs(1)[0]
    timeline = run.get_timeline()
    assert timeline is not None
    picture = parsed(run._repr_html_())
    bars = list(picture.iter(f"{SVG}rect"))
    assert len(bars) == len(timeline.bars)
    assert len({bar.get("y") for bar in bars}) == timeline.lanes
    for bar, fact in zip(bars, timeline.bars, strict=True):
        text = bar.find(f"{SVG}title")
        assert text is not None
        assert text.text is not None
        assert text.text.startswith(fact.result.unique_id)


def test_a_model_is_its_runtimes_and_the_means_of_its_segments(account: dbtAccount) -> None:
    model = account.model("storefront.fct_basket_pairs")
    series = model.get_runtime_series()
    picture = parsed(model._repr_html_())
    assert len(list(picture.iter(f"{SVG}circle"))) == sum(point.runtime is not None for point in series.points)
    assert len(list(picture.iter(f"{SVG}line"))) == len(series.segments) == 2


@pytest.mark.parametrize("part", ["account", "project", "job", "record", "frame"])
def test_everything_shows_itself(account: dbtAccount, part: str) -> None:
    project = account.project("finance")
    shown = {
        "account": account,
        "project": project,
        "job": project.jobs[0],
        "record": project.to_record(),
        "frame": Frame.of(project.jobs, "jobs"),
    }[part]
    assert re.match(r"<(table|svg)", shown._repr_html_())


def test_names_and_messages_are_escaped_and_long_ones_are_cut() -> None:
    text = html_table([{"<b>": "<script>alert(1)</script>", "long": "x" * 500}], "a & b")
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
    assert "&lt;b&gt;" in text
    assert "a &amp; b" in text
    assert "x" * 119 + "…" in text
    assert "x" * 120 not in text


def test_what_cannot_be_read_says_why(account: dbtAccount) -> None:
    missing = Model("no_such_model", "finance", client=account.client)
    text = missing._repr_html_()
    assert "no_such_model" in text
    assert "No model has" in text
