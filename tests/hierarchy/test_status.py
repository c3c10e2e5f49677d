"""Every word and code of dbt has a status; new ones are unknown, never an error."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.hierarchy.vocabulary.status import RunStatus, status_of_admin_code, status_of_word

WORDS = {
    "success": "SUCCESS",
    "pass": "SUCCESS",
    "reused": "REUSED",
    "error": "FAILURE",
    "fail": "FAILURE",
    "runtime error": "FAILURE",
    "partial success": "FAILURE",
    "warn": "WARN",
    "skipped": "SKIPPED",
    "no-op": "SKIPPED",
    "cancelled": "CANCELLED",
    "Success": "SUCCESS",
    " ERROR ": "FAILURE",
}


@pytest.mark.parametrize(("word", "status"), WORDS.items())
def test_dbts_words_are_known(word: str, status: str) -> None:
    assert status_of_word(word).name == status


@pytest.mark.slow
@given(st.text())
def test_any_word_has_a_status(word: str) -> None:
    assert status_of_word(word) in RunStatus


@given(st.integers())
def test_any_code_has_a_status(code: int) -> None:
    names = {1: "QUEUED", 2: "QUEUED", 3: "RUNNING", 10: "SUCCESS", 20: "FAILURE", 30: "CANCELLED"}
    assert status_of_admin_code(code).name == names.get(code, "UNKNOWN")


def test_only_runs_that_came_to_their_own_end_say_how_long_they_take() -> None:
    assert {status for status in RunStatus if status.is_completed} == {
        RunStatus.SUCCESS,
        RunStatus.FAILURE,
        RunStatus.WARN,
    }
    assert {status for status in RunStatus if not status.is_final} == {
        RunStatus.QUEUED,
        RunStatus.RUNNING,
        RunStatus.UNKNOWN,
    }


def test_every_status_has_a_severity_of_its_own() -> None:
    ordered = sorted(RunStatus, key=lambda status: status.severity)
    assert len({status.severity for status in RunStatus}) == len(RunStatus)
    assert (ordered[0], ordered[-1]) == (RunStatus.SUCCESS, RunStatus.FAILURE)
