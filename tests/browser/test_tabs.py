"""The explorer's ready questions, asked of the demo."""

from __future__ import annotations

import pytest

from gateway.http.pages.tabs import Tab, read_tabs
from tests.serving import Gateway

pytestmark = pytest.mark.external


def test_the_first_tab_is_the_question_everybody_asks() -> None:
    assert "slowestModels" in read_tabs()[0].query
    assert "jobs" in read_tabs()[0].query


@pytest.mark.slow
@pytest.mark.parametrize("tab", read_tabs(), ids=lambda tab: tab.name)
async def test_a_ready_question_has_a_whole_answer_with_something_in_it(tab: Tab, warm_gateway: Gateway) -> None:
    data = await warm_gateway.data(tab.query, **tab.variable_values())
    assert leaves(data) >= 8


def leaves(value: object) -> int:
    """How many values other than null an answer holds."""
    if isinstance(value, dict):
        return sum(map(leaves, value.values()))
    if isinstance(value, list):
        return sum(map(leaves, value))
    return value is not None


@pytest.mark.parametrize("tab", read_tabs(), ids=lambda tab: tab.name)
def test_its_comment_fits_the_editor(tab: Tab) -> None:
    comments = [line for line in tab.query.splitlines() if line.startswith("#")]
    assert comments
    assert max(map(len, comments)) <= 48
