"""`gateway waste`: builds that changed nothing."""

from __future__ import annotations

import argparse

from gateway.cli.questions.answer import LabelledValue, Measure, Table, TableColumn, TerminalAnswer
from gateway.cli.questions.asking import answered
from gateway.discovery_api.api import dbtAccount

_BUILDS = (
    TableColumn("weighted_seconds", "took", "s", bar=True),
    TableColumn("builds", "builds"),
    TableColumn("certainty", "certainty"),
    TableColumn("model", "model"),
)


def waste(options: argparse.Namespace) -> int:
    """`gateway waste`: builds of models that changed nothing in a window of time, and what dbt reused."""
    return answered(options, _waste)


def _waste(account: dbtAccount, options: argparse.Namespace) -> TerminalAnswer:
    found = account.get_wasted_builds(options.since, options.until, options.first)
    rows = tuple((one.weighted_seconds, one.build_count, one.certainty, one.unique_id) for one in found.models)
    cost = f"{found.cost_per_day.amount:.2f} {found.cost_per_day.currency}" if found.cost_per_day else None
    facts = (
        LabelledValue(TableColumn("builds_per_day", "builds a day"), found.builds_per_day),
        LabelledValue(TableColumn("seconds_per_day", "a day", "s"), found.weighted_seconds_per_day),
        LabelledValue(TableColumn("cost_per_day", "cost a day"), cost),
        LabelledValue(TableColumn("reused", "reused"), found.reused_count),
        LabelledValue(TableColumn("reused_seconds", "reuse saved", "s"), found.reused_seconds),
    )
    measure = Measure("builds that changed nothing, a day,", found.weighted_seconds_per_day)
    notes = tuple(f"missing: {part}." for part in found.missing)
    return TerminalAnswer((Table("models", _BUILDS, rows, "No build is known to be wasted."),), facts, notes, measure)
