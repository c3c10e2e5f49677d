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
    waste = account.get_wasted_builds(options.since, options.until, options.first)
    rows = tuple(
        (model.weighted_seconds, model.build_count, model.certainty, model.unique_id) for model in waste.models
    )
    cost = f"{waste.cost_per_day.amount:.2f} {waste.cost_per_day.currency}" if waste.cost_per_day else None
    facts = (
        LabelledValue(TableColumn("builds_per_day", "builds a day"), waste.builds_per_day),
        LabelledValue(TableColumn("seconds_per_day", "a day", "s"), waste.weighted_seconds_per_day),
        LabelledValue(TableColumn("cost_per_day", "cost a day"), cost),
        LabelledValue(TableColumn("reused", "reused"), waste.reused_count),
        LabelledValue(TableColumn("reused_seconds", "reuse saved", "s"), waste.reused_seconds),
    )
    measure = Measure("builds that changed nothing, a day,", waste.weighted_seconds_per_day)
    notes = tuple(f"missing: {part}." for part in waste.missing)
    return TerminalAnswer((Table("models", _BUILDS, rows, "No build is known to be wasted."),), facts, notes, measure)
