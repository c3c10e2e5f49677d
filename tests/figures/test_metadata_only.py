"""Metadata only: jobs that ran in several environments, and from when to when their runs lasted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from gateway.services.rows.discovery_types import CommandTimes, RunModel
from gateway.services.runs.command_span import UNKNOWN_SPAN, CommandSpan, command_span
from tests.figures.conftest import Ask
from tests.figures.small_archive import DAY, STAGING, Command, Did, SmallArchive

HOUR = timedelta(hours=1)
JOBS = "{ account { jobs { nodes { id runs(first: 5) { nodes { id runtime } } } } } }"


@pytest.mark.slow
async def test_a_job_that_moved_to_another_environment_stands_where_it_ran_last(small: SmallArchive, ask: Ask) -> None:
    small.account({1: {}})
    small.run(100, 1, DAY, Command([Did("m")]), environment_id=STAGING)
    small.run(101, 1, DAY + HOUR, Command([Did("m")]))
    async with ask(small).without_admin() as gateway:
        jobs = (await gateway.data(JOBS))["account"]["jobs"]["nodes"]
    assert [(job["id"], [run["id"] for run in job["runs"]["nodes"]]) for job in jobs] == [("1", ["101", "100"])]


@pytest.mark.slow
async def test_a_run_lasts_from_its_first_command_even_if_a_later_one_ran_its_models_again(
    small: SmallArchive, ask: Ask
) -> None:
    """Each command takes a minute; the second ends ten minutes after the start, so the run takes 9 + 1 minutes."""
    small.account({1: {}})
    again = (Command([Did("m")]), Command([Did("m")], ends=timedelta(minutes=10)))
    small.run(100, 1, DAY, *again)
    small.run(101, 1, DAY + HOUR, Command([Did("m"), Did("n")]), Command([Did("m")], ends=timedelta(minutes=20)))
    async with ask(small).without_admin() as gateway:
        jobs = (await gateway.data(JOBS))["account"]["jobs"]["nodes"]
    runs = [(run["id"], run["runtime"]) for job in jobs for run in job["runs"]["nodes"]]
    assert runs == [("101", 1200.0), ("100", 600.0)]


@pytest.mark.slow
async def test_nothing_of_single_commands_is_read_where_the_admin_api_reports_times(
    small: SmallArchive, ask: Ask
) -> None:
    small.account({1: {}}).run(100, 1, DAY, Command([Did("m")]), Command([Did("m")], ends=timedelta(minutes=10)))
    async with ask(small).gateway() as gateway:
        data = await gateway.data('{ run(id: "100") { runtime modelRuns { nodes { name } } } }')
        documents = [call.document for call in gateway.upstream.calls if call.operation == "RunModels"]
    assert data["run"]["runtime"] == 600.0
    assert len(documents) == 1
    assert "runElapsedTime" not in documents[0]


END = datetime(2026, 3, 1, 0, 1, tzinfo=UTC)


def row(*commands: CommandTimes, **values: Any) -> RunModel:
    """A model of a run that lists these commands. The last of them executed it, unless `values` say otherwise."""
    last = msgspec.structs.asdict(commands[-1]) if commands else {}
    blank = dict.fromkeys(field.name for field in msgspec.structs.fields(RunModel) if field.required)
    return RunModel(**{**blank, "status": "success", "run_results": list(commands), **last, **values})


@pytest.mark.parametrize(
    ("seconds", "start"),
    [(None, None), (-5.0, None), (1e308, None), (1e10, None), (60.0, END - timedelta(seconds=60))],
)
def test_impossible_seconds_give_no_start(seconds: float | None, start: datetime | None) -> None:
    assert command_span([row(CommandTimes(END, seconds))]) == CommandSpan(start, END)


def test_a_command_whose_seconds_lead_beyond_the_calendar_has_no_start() -> None:
    early = datetime(1, 3, 1, tzinfo=UTC)
    assert command_span([row(CommandTimes(early, 1e9))]) == CommandSpan(None, early)


def test_what_no_command_touched_and_what_reports_no_time_counts_for_nothing() -> None:
    untouched = row(CommandTimes(END + HOUR, 60.0), status=None)
    assert command_span([untouched, row(CommandTimes(None, 60.0)), row()]) == UNKNOWN_SPAN


def test_whichever_command_a_row_shows_every_one_counts() -> None:
    """dbt does not document which of several results stands at the top of a row."""
    both = (CommandTimes(END, 60.0), CommandTimes(END + HOUR, 60.0))
    for shown in both:
        span = command_span([row(*both, **msgspec.structs.asdict(shown))])
        assert span == CommandSpan(END - timedelta(seconds=60), END + HOUR)
