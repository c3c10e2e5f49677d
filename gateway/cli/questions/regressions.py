"""`gateway regressions`: what got slower for good."""

from __future__ import annotations

import argparse

from gateway.cli.questions import columns
from gateway.cli.questions.answer import Cell, Measure, Table, TerminalAnswer
from gateway.cli.questions.asking import answered
from gateway.discovery_api.api import dbtAccount
from gateway.discovery_api.models import SearchFilter
from gateway.discovery_api.models.series import ChangePoint


def regressions(options: argparse.Namespace) -> int:
    """`gateway regressions`: models and jobs that got slower for good, those that cost most seconds a day first."""
    return answered(options, _regressions)


def _regressions(account: dbtAccount, options: argparse.Namespace) -> TerminalAnswer:
    where = SearchFilter(tags=options.tag) if options.tag else None
    certainty = "suspected" if options.suspected else "confirmed"
    regressions = account.get_regressions(options.since, where, certainty=certainty, first_n=options.first)
    rows = tuple(map(_row, regressions.changes))
    notes = [f"{regressions.expected_false_alarms:.2f} false alarms are to be expected among all {regressions.total}."]
    if regressions.total > len(rows):
        notes.append(f"{regressions.total - len(rows)} more are left out: raise --first.")
    notes += [f"missing: {part}." for part in regressions.missing]
    measure = Measure("the costliest regression, a day,", regressions.changes[0].seconds_per_day if rows else 0.0)
    table = Table("regressions", columns.REGRESSIONS, rows, "No lasting regressions.")
    return TerminalAnswer((table,), (), tuple(notes), measure)


def _row(change: ChangePoint) -> tuple[Cell, ...]:
    return (
        *(change.since, change.seconds_per_day, change.before_seconds, change.after_seconds),
        *(change.certainty, change.cause, change.first_run_id, change.job_id, change.unique_id),
    )
