"""`gateway waste`: builds that changed nothing."""

from __future__ import annotations

import argparse

from gateway.cli.questions import columns
from gateway.cli.questions.answer import Cell, LabelledValue, Measure, Table, TerminalAnswer
from gateway.cli.questions.asking import answered
from gateway.discovery_api.api import dbtAccount


def waste(options: argparse.Namespace) -> int:
    """`gateway waste`: builds of models that changed nothing in a window of time, and what dbt reused."""
    return answered(options, _waste)


def _waste(account: dbtAccount, options: argparse.Namespace) -> TerminalAnswer:
    waste = account.get_wasted_builds(options.since, options.until, options.first)
    rows = tuple(
        (model.weighted_seconds, model.build_count, model.certainty, model.unique_id) for model in waste.models
    )
    cost = f"{waste.cost_per_day.amount:.2f} {waste.cost_per_day.currency}" if waste.cost_per_day else None
    values: tuple[Cell, ...] = (
        *(waste.builds_per_day, waste.weighted_seconds_per_day, cost, waste.reused_count, waste.reused_seconds),
    )
    facts = tuple(LabelledValue(column, value) for column, value in zip(columns.WASTE_FACTS, values, strict=True))
    measure = Measure("builds that changed nothing, a day,", waste.weighted_seconds_per_day)
    notes = tuple(f"missing: {part}." for part in waste.missing)
    return TerminalAnswer(
        (Table("models", columns.WASTED_BUILDS, rows, "No build is known to be wasted."),), facts, notes, measure
    )
