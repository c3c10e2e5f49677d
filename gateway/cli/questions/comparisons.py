"""`gateway diff` and `gateway what-if`: one run against another, and a run as it would be with a change."""

from __future__ import annotations

import argparse

from gateway.cli.questions import columns
from gateway.cli.questions.answer import Cell, LabelledValue, Measure, Table, TerminalAnswer
from gateway.cli.questions.asking import answered, job_named, run_named
from gateway.cli.questions.changes import ensure_changed
from gateway.discovery_api.api import dbtAccount
from gateway.discovery_api.api.arguments import WhatIfChange
from gateway.discovery_api.models.resources import NodeResult
from gateway.discovery_api.models.run_analysis import NodeDifference, WhatIf
from gateway.errors import NotFound


def diff(options: argparse.Namespace) -> int:
    """`gateway diff A B`: what run B took against run A, by resource."""
    return answered(options, _diff)


def what_if(options: argparse.Namespace) -> int:
    """`gateway what-if`: how long a run, or a job by its last runs, would take with a change."""
    return answered(options, _what_if)


def _diff(account: dbtAccount, options: argparse.Namespace) -> TerminalAnswer:
    run = run_named(account, options, options.run)
    named = options.base not in columns.BASELINES
    comparison = run.compare(run_id=options.base) if named else run.compare(options.base)
    if comparison is None:
        raise NotFound(f"Run {run.run_id} has no other run of its job to compare with.")
    before, after = account.run(comparison.base_run_id).runtime, run.runtime
    values: tuple[Cell, ...] = (*(comparison.base_run_id, run.run_id, before, after, comparison.difference_seconds),)
    facts = tuple(LabelledValue(column, value) for column, value in zip(columns.DIFF_FACTS, values, strict=True))
    grown = comparison.difference_seconds
    percent = grown / before * 100 if grown is not None and before else None
    measure = Measure(f"run {run.run_id} against {comparison.base_run_id}", grown, percent)
    rows = tuple(_row(difference) for difference in comparison.differences[: options.first])
    table = Table("differences", columns.DIFFERENCES, rows, "No resource was executed in either.")
    return TerminalAnswer((table,), facts, _missing(comparison.missing), measure)


def _row(difference: NodeDifference) -> tuple[Cell, ...]:
    return (
        difference.contribution_seconds,
        difference.unique_id,
        difference.before.runtime if difference.before else None,
        difference.after.runtime if difference.after else None,
        _status(difference.before),
        _status(difference.after),
        difference.code_changed,
    )


def _status(result: NodeResult | None) -> str | None:
    return result.status.value if result else None


def _missing(parts: list[str]) -> tuple[str, ...]:
    return tuple(f"missing: {part}." for part in parts)


def _what_if(account: dbtAccount, options: argparse.Namespace) -> TerminalAnswer:
    ensure_changed(options)
    change = WhatIfChange(
        threads=options.threads,
        factors=dict(options.factor),
        seconds=dict(options.seconds),
        drop=options.drop,
        longest_tail_first=options.longest_first,
    )
    outlook = _outlook(account, options, change)
    if outlook is None:
        raise NotFound("No resource of the run has times, or the job never succeeded: there is nothing to change.")
    row = (
        *(outlook.run_id, outlook.verdict.replace("_", " "), outlook.now_seconds, outlook.then_seconds),
        *(outlook.saved_seconds, outlook.lower_bound_seconds, outlook.noise_seconds),
    )
    return TerminalAnswer((Table("what_if", columns.WHAT_IF, (row,), ""),), (), _missing(outlook.missing))


def _outlook(account: dbtAccount, options: argparse.Namespace, change: WhatIfChange) -> WhatIf | None:
    if options.run is None and options.job:
        return job_named(account, options).what_if(**change)
    return run_named(account, options, options.run or "latest").what_if(**change)
