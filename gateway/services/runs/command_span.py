"""The start and end of the commands of a run, by the rows of its models."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.hierarchy.measures.durations import seconds_or_none
from gateway.services.rows.discovery_types import CommandTimes, RunModel
from gateway.services.rows.mapping import time_or_none


@dataclass(frozen=True, slots=True)
class CommandSpan:
    """From the start of the first command to the end of the last, in UTC; None is unknown."""

    start: datetime | None
    end: datetime | None


UNKNOWN_SPAN = CommandSpan(None, None)


def command_span(rows: Iterable[RunModel]) -> CommandSpan:
    """The span of the commands that executed a model.

    A command starts its elapsed seconds before its end. A command without an end is left out; one without elapsed
    seconds has no start. A row that lists no commands has the times of one.
    """
    command_times = {times for row in rows if row.status is not None for times in _times_of(row)}
    ended = [
        (end, seconds_or_none(seconds))
        for moment, seconds in command_times
        if (end := time_or_none(moment)) is not None
    ]
    starts = [start for end, seconds in ended if (start := _before(end, seconds)) is not None]
    return CommandSpan(min(starts, default=None), max((end for end, _ in ended), default=None))


def _times_of(row: RunModel) -> Iterable[tuple[datetime | None, float | None]]:
    commands: Iterable[RunModel | CommandTimes] = (row, *row.run_results)
    return [(command.run_generated_at, command.run_elapsed_time) for command in commands]


def _before(end: datetime, seconds: float | None) -> datetime | None:
    try:
        return None if seconds is None else end - timedelta(seconds=seconds)
    except OverflowError:  # beyond the calendar
        return None
