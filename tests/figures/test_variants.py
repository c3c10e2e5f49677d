"""Full refreshes, clones, `--empty`, `--sample`: known from the invocation's arguments, left out of means by reason."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest

from gateway.hierarchy.vocabulary.variants import Variant, variant_of_arguments, variant_of_commands
from tests.figures.conftest import Ask
from tests.figures.small_archive import DAY, Command, Did, SmallArchive

INCREMENTAL = {"config": {"materialized": "incremental"}}
RANKING = """query($history: HistoryScope) {
  account { slowestModels(first: 1, lastRuns: 3, history: $history) { runtime runCount } } }"""

REASONS: list[tuple[dict[str, Any], str]] = [
    ({"full_refresh": True}, "fullRefresh"),
    ({"invocation_command": "dbt build -f"}, "fullRefresh"),
    ({"empty": True}, "empty"),
    ({"sample": {"start": "2026-01-01", "end": "2026-01-02"}}, "sample"),
    ({"which": "clone"}, "clone"),
]


def after_an_ordinary_run(small: SmallArchive, args: dict[str, Any]) -> SmallArchive:
    """An ordinary run of 10 s, and a day later one of 90 s with these arguments, by a job that is plain `dbt build`."""
    small.account({1: {}})
    small.run(100, 1, DAY, Command([Did("m", "success", 10.0, node=INCREMENTAL)]))
    return small.run(101, 1, DAY + timedelta(days=1), Command([Did("m", "success", 90.0, node=INCREMENTAL)], args=args))


@pytest.mark.slow
@pytest.mark.parametrize(("args", "reason"), REASONS)
@pytest.mark.parametrize("way", ["gateway", "without_admin"])
async def test_a_run_is_left_out_of_means_for_what_its_own_arguments_say(
    small: SmallArchive, ask: Ask, args: dict[str, Any], reason: str, way: str
) -> None:
    async with getattr(ask(after_an_ordinary_run(small, args)), way)() as gateway:
        reply = await gateway.ask(RANKING)
    assert reply.data["account"]["slowestModels"] == [{"runtime": 10.0, "runCount": 1}]
    assert reply.gateway["notes"][0]["runsLeftOut"] == {reason: 1}


@pytest.mark.slow
@pytest.mark.parametrize("args", [args for args, _ in REASONS])
def test_the_library_leaves_the_same_runs_out(small: SmallArchive, ask: Ask, args: dict[str, Any]) -> None:
    with ask(after_an_ordinary_run(small, args)).account() as account:
        (slowest,) = account.slowest_models(1, 3)
    assert slowest.ranked is not None
    assert (slowest.ranked.runtime, slowest.ranked.runs) == (10.0, 1)


@pytest.mark.slow
async def test_full_refreshes_count_when_they_are_asked_for_and_for_tables(small: SmallArchive, ask: Ask) -> None:
    refreshed = Command(
        [Did("m", "success", 90.0, node=INCREMENTAL), Did("t", "success", 8.0)], args={"full_refresh": True}
    )
    small.account({1: {}})
    small.run(100, 1, DAY, Command([Did("m", "success", 10.0, node=INCREMENTAL), Did("t", "success", 4.0)]))
    small.run(101, 1, DAY + timedelta(days=1), refreshed)
    table = '{ account { slowestModels(first: 1, lastRuns: 3, filter: {modelIds: ["shop.t"]}) { runtime runCount } } }'
    async with ask(small).gateway() as gateway:
        everything = await gateway.data(RANKING, history={"includeFullRefresh": True})
        tables = await gateway.data(table)
    assert everything["account"]["slowestModels"] == [{"runtime": 50.0, "runCount": 2}]
    assert tables["account"]["slowestModels"] == [{"runtime": 6.0, "runCount": 2}]


@pytest.mark.slow
async def test_the_arguments_of_a_command_are_read_once(small: SmallArchive, ask: Ask) -> None:
    async with ask(after_an_ordinary_run(small, {"full_refresh": True})).gateway() as gateway:
        first = await gateway.count(RANKING)
        second = await gateway.count(RANKING, history={"includeCi": True})
    assert first["InvocationArguments"] == 1
    assert "InvocationArguments" not in second


@pytest.mark.parametrize(
    ("args", "variant"),
    [
        ({}, None),
        ({"which": "build", "full_refresh": False, "invocation_command": "dbt build"}, None),
        ({"full_refresh": False, "invocation_command": "python job.py -f"}, None),
        ({"full_refresh": True, "empty": True}, Variant.EMPTY),
        ({"which": "clone", "full_refresh": True}, Variant.CLONE),
        ({"sample": "3 days"}, Variant.SAMPLE),
    ],
)
def test_arguments_report_a_variant(args: dict[str, Any], variant: Variant | None) -> None:
    assert variant_of_arguments(args) is variant


@pytest.mark.parametrize(
    ("commands", "variant"),
    [
        (["dbt build"], None),
        (["dbt deps", "dbt build --full-refresh"], Variant.FULL_REFRESH),
        (["dbt run --sample=3d"], Variant.SAMPLE),
        (["dbt clone --state x"], Variant.CLONE),
        (["dbt clone --state x --full-refresh"], Variant.CLONE),
        (["dbt clone --state x", "dbt retry --full-refresh"], Variant.CLONE),
        (["dbt clone --state x", "dbt build --full-refresh"], Variant.FULL_REFRESH),
        (["dbt clone --state x", "dbt build"], None),
    ],
)
def test_commands_report_a_variant(commands: list[str], variant: Variant | None) -> None:
    assert variant_of_commands(commands) is variant


PROPOSED: dict[str, Any] = {"trigger": {"cause_category": "github_pull_request"}}
SCHEDULED: dict[str, Any] = {"trigger": {"cause_category": "scheduled"}}


def without_account(small: SmallArchive, *triggers: dict[str, Any]) -> SmallArchive:
    """Job 1 runs once, for 10 s, then job 2 for 90 s with each trigger. No account.json says what these jobs are."""
    small.run(100, 1, DAY, Command([Did("m", "success", 10.0)]), **SCHEDULED)
    for number, trigger in enumerate(triggers):
        small.run(101 + number, 2, DAY + timedelta(days=1 + number), Command([Did("m", "success", 90.0)]), **trigger)
    return small


@pytest.mark.slow
async def test_runs_that_only_a_proposed_change_starts_are_those_of_a_ci_job(small: SmallArchive, ask: Ask) -> None:
    async with ask(without_account(small, PROPOSED, PROPOSED)).gateway() as gateway:
        reply = await gateway.ask(RANKING)
        with_ci = await gateway.data(RANKING, history={"includeCi": True})
        model = await gateway.data('{ model(id: "shop.m") { runtime lastRun { runId } } job(id: "2") { kind } }')
    assert reply.data["account"]["slowestModels"] == [{"runtime": 10.0, "runCount": 1}]
    assert reply.gateway["notes"][0]["runsLeftOut"] == {"ci": 2}
    assert with_ci["account"]["slowestModels"] == [{"runtime": 190.0 / 3, "runCount": 3}]
    assert model == {"model": {"runtime": 10.0, "lastRun": {"runId": "100"}}, "job": {"kind": "CI"}}


@pytest.mark.slow
@pytest.mark.parametrize("triggers", [(PROPOSED, SCHEDULED), (SCHEDULED, PROPOSED)])
async def test_a_job_that_also_runs_for_other_reasons_is_no_ci_job(
    small: SmallArchive, ask: Ask, triggers: tuple[dict[str, Any], ...]
) -> None:
    """Whichever came first. The run of the proposed change still leaves the environment as it is."""
    async with ask(without_account(small, *triggers)).gateway() as gateway:
        data = await gateway.data('{ job(id: "2") { kind } model(id: "shop.m") { lastRun { runId } } }')
    scheduled = {"runId": str(101 + triggers.index(SCHEDULED))}
    assert data == {"job": {"kind": "OTHER"}, "model": {"lastRun": scheduled}}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("category", "kind"),
    [("ci", "CI"), ("gitlab_merge_request", "CI"), ("circleci", "OTHER"), ("special", "OTHER"), ("", "OTHER")],
)
async def test_what_a_trigger_calls_a_proposed_change(small: SmallArchive, ask: Ask, category: str, kind: str) -> None:
    async with ask(without_account(small, {"trigger": {"cause_category": category}})).gateway() as gateway:
        assert (await gateway.data('{ job(id: "2") { kind } }'))["job"] == {"kind": kind}


@pytest.mark.slow
async def test_an_older_archive_is_told_which_jobs_are_ci(small: SmallArchive, ask: Ask) -> None:
    """Before, no job that account.json leaves out had a kind."""
    asked = ask(without_account(small, PROPOSED))
    with closing(sqlite3.connect(asked.store.removeprefix("sqlite:///"))) as connection:
        connection.execute("UPDATE jobs SET job_type = NULL")
        connection.execute("UPDATE migrations SET version = 11")
        connection.commit()
    async with asked.gateway() as gateway:
        data = await gateway.data('{ one: job(id: "1") { kind } two: job(id: "2") { kind } }')
    assert data == {"one": {"kind": "OTHER"}, "two": {"kind": "CI"}}
