"""Every fault × every question × every state: right, or null with a documented code, or marked stale. Nothing else.

`python -m tests.chaos` prints the table of counts, and how long the slowest answer took.
"""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.harness import ALL_FAULTS, QUESTIONS, STATES, Matrix, State, opened_matrix
from tests.services.faults import TOKEN

DOCUMENTED = frozenset(
    re.findall(r"^\| `([A-Z_]+)`", (Path(__file__).parents[2] / "docs/errors.md").read_text("utf-8"), re.MULTILINE)
) - {"INTERNAL_SERVER_ERROR"}


# These are never hidden by an old answer.
TOLD = {
    *{"UPSTREAM_UNAUTHENTICATED", "UPSTREAM_FORBIDDEN", "UPSTREAM_REJECTED"},
    *{"UPSTREAM_COMPLEXITY_EXCEEDED", "UPSTREAM_CALLS_EXCEEDED"},
}
# How often each question is asked.
TIMES = {"cold": 1, "warm": 2, "breaker open": 3}


@pytest.fixture(scope="module")
async def matrix(demo_store: str) -> AsyncIterator[Matrix]:
    async with opened_matrix(demo_store, DOCUMENTED) as opened:
        yield opened


def test_the_matrix_is_as_large_as_it_says() -> None:
    assert len(ALL_FAULTS) >= 40
    assert len(QUESTIONS) == 12


def cases() -> Iterator[Any]:
    """Every fault in every state. By day each in one: every second one without facts, the others in turns where facts
    or an open breaker stand in, which hardly depends on the fault."""
    of_the_day = ("cold", "warm", "cold", "breaker open")
    for place, fault in enumerate(ALL_FAULTS):
        for state in STATES:
            by_night = [] if of_the_day[place % 4] == state else [pytest.mark.nightly]
            yield pytest.param(fault, state, id=f"{fault}, {state}", marks=by_night)


@pytest.mark.slow
@pytest.mark.parametrize(("fault", "state"), list(cases()))
async def test_every_answer_is_right_or_says_why_not(
    matrix: Matrix, fault: str, state: State, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        verdict = await matrix.examine(fault, state)
        assert verdict.wrong == [], state
        assert verdict.right + verdict.coded + verdict.stale == len(QUESTIONS) * TIMES[state]
        if state == "breaker open" or (state == "warm" and not verdict.codes.keys() & TOLD):
            assert verdict.stale + verdict.right > len(QUESTIONS) // 2, "old facts stand in"
        if state == "breaker open":
            assert verdict.codes["UPSTREAM_CIRCUIT_OPEN"] >= len(QUESTIONS)
    assert TOKEN not in caplog.text
