"""What was not executed is listed and counted by reason, and never timed: reused, no-op, skipped, unknown words."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.figures.conftest import Ask
from tests.figures.small_archive import DAY, Command, Did, SmallArchive

HISTORY = """{ model(id: "shop.m") {
  runtime startTime endTime lastRunStatus lastRun { status statusText runtime startTime endTime runId }
  runs(first: 5) { nodes { status statusText runtime startTime } } } }"""
RANKING = """{ account { slowestModels(first: 5, lastRuns: 3) { runtime runCount model { id } } } }"""

WORDS = [("reused", 0.004, "REUSED"), ("no-op", 0.0, "SKIPPED"), ("skipped", 0.0, "SKIPPED")]
UNKNOWN = ("interrupted", 9.0, "UNKNOWN")


def after_a_success(small: SmallArchive, word: str, seconds: float) -> SmallArchive:
    """A success of 500 s, and a day later something else."""
    small.account({1: {}})
    small.run(100, 1, DAY, Command([Did("m", "success", 500.0)], ends=timedelta(minutes=10), elapsed=550.0))
    return small.run(101, 1, DAY + timedelta(days=1), Command([Did("m", word, seconds)]))


@pytest.mark.slow
@pytest.mark.parametrize(("word", "seconds", "status"), [*WORDS, UNKNOWN])
@pytest.mark.parametrize("way", ["gateway", "without_admin"])
async def test_what_was_not_executed_is_reported_as_it_is_and_never_timed(
    small: SmallArchive, ask: Ask, word: str, seconds: float, status: str, way: str
) -> None:
    asked = ask(after_a_success(small, word, seconds))
    async with getattr(asked, way)() as gateway:
        model = (await gateway.data(HISTORY))["model"]
        ranked = (await gateway.data(RANKING))["account"]["slowestModels"]
        notes = (await gateway.ask(RANKING)).gateway["notes"]
    last = {"status": status, "statusText": word, "runtime": None, "startTime": None}
    assert model["lastRun"] == {**last, "endTime": None, "runId": "101"}
    assert model["lastRunStatus"] == status, "both fields speak of one attempt"
    assert model["runs"]["nodes"][0] == last
    assert model["runtime"] == 500.0, "the last success stays"
    assert ranked == [{"runtime": 500.0, "runCount": 1, "model": {"id": "shop.m"}}]
    reason = {"REUSED": "reused", "SKIPPED": "notExecuted", "UNKNOWN": "unknown"}[status]
    assert notes[0]["runsLeftOut"] == {reason: 1}


@pytest.mark.slow
@pytest.mark.parametrize(("word", "seconds", "status"), [*WORDS, UNKNOWN])
def test_the_library_reports_the_same(small: SmallArchive, ask: Ask, word: str, seconds: float, status: str) -> None:
    with ask(after_a_success(small, word, seconds)).account() as account:
        (model,) = account.get_models()
        assert model.last_run_status == status.lower()
        assert (model.last_run_runtime, model.last_run_start_time, model.runtime) == (None, None, 500.0)
        (ranked,) = account.slowest_models(5, 3)
        assert ranked.ranked is not None
        assert (ranked.ranked.runtime, ranked.ranked.runs) == (500.0, 1)


@pytest.mark.slow
async def test_models_are_found_by_what_became_of_them(small: SmallArchive, ask: Ask) -> None:
    small.account({1: {}})
    small.run(100, 1, DAY, Command([Did("a"), Did("b"), Did("c")]))
    later = [Did("a", "reused", 0.01), Did("b", "interrupted", 3.0), Did("c", "success", 2.0)]
    small.run(101, 1, DAY + timedelta(days=1), Command(later))
    query = "query($of: [RunStatus!]) { account { models(filter: {statuses: $of}) { nodes { id } } } }"
    async with ask(small).gateway() as gateway:
        found = {
            one: [node["id"] for node in (await gateway.data(query, of=[one]))["account"]["models"]["nodes"]]
            for one in ("REUSED", "UNKNOWN", "SUCCESS")
        }
    assert found == {"REUSED": ["shop.a"], "UNKNOWN": ["shop.b"], "SUCCESS": ["shop.c"]}


@pytest.mark.slow
async def test_the_words_of_last_attempts_cost_one_document_and_only_where_dbt_has_none(
    small: SmallArchive, ask: Ask
) -> None:
    query = "{ account { models { nodes { id lastRunStatus } } } }"
    async with ask(after_a_success(small, "reused", 0.004)).gateway() as gateway:
        assert (await gateway.count(query))["RunWords"] == 1
    async with ask(after_a_success(SmallArchive(small.folder.parent / "other"), "error", 1.0)).gateway() as gateway:
        assert "RunWords" not in await gateway.count(query)


@pytest.mark.slow
@pytest.mark.parametrize("way", ["gateway", "without_admin"])
async def test_a_test_that_was_reused_is_reused(small: SmallArchive, ask: Ask, way: str) -> None:
    attached = {"attached_node": "model.shop.m", "depends_on": {"nodes": ["model.shop.m"]}}
    reused = {"adapter_response": {"_message": "NO-OP", "code": "NO-OP"}}
    small.account({1: {}})
    small.run(100, 1, DAY, Command([Did("m"), Did("t", "pass", 3.0, node=attached, kind="test")]))
    again = [Did("m", "reused", 0.01), Did("t", "pass", 0.004, node=attached, result=reused, kind="test")]
    small.run(101, 1, DAY + timedelta(days=1), Command(again))
    async with getattr(ask(small), way)() as gateway:
        (test,) = (await gateway.data('{ model(id: "shop.m") { tests { status runtime } } }'))["model"]["tests"]
    assert test == {"status": "REUSED", "runtime": 3.0}


@pytest.mark.slow
async def test_a_test_that_warns_says_why(small: SmallArchive, ask: Ask) -> None:
    attached = {"attached_node": "model.shop.m", "depends_on": {"nodes": ["model.shop.m"]}}
    why = {"message": "Got 3 results, configured to warn if != 0", "failures": 3}
    small.account({1: {}})
    small.run(100, 1, DAY, Command([Did("m"), Did("t", "warn", 1.0, node=attached, result=why, kind="test")]))
    async with ask(small).gateway() as gateway:
        (test,) = (await gateway.data('{ model(id: "shop.m") { tests { status error failingRows } } }'))["model"][
            "tests"
        ]
    assert test == {"status": "WARN", "error": "Got 3 results, configured to warn if != 0", "failingRows": 3}
