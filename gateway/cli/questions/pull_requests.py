"""`gateway report`: what a pull request changes, as Markdown or JSON, and as a comment on it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from functools import partial
from urllib.parse import quote

from gateway.cli.pull_request_comments import CommentPlace, comment_place, post_comment
from gateway.cli.questions.answer import Cell, LabelledValue, Measure, Table, TableColumn, TerminalAnswer
from gateway.cli.questions.asking import answered, opened_account, settings_of_folder
from gateway.cli.questions.formats import as_markdown
from gateway.cli.terminal import complain
from gateway.discovery_api.api import dbtAccount
from gateway.discovery_api.models.account_analysis import CostEstimate
from gateway.discovery_api.models.pull_requests import ModelChange, PullRequestReport, SecondsChange
from gateway.discovery_api.pull_requests import compare_builds
from gateway.settings import environment_variables

_LONGEST_MESSAGE = 200
_SECONDS = (
    TableColumn("before_seconds", "before", "s"),
    TableColumn("after_seconds", "after", "s"),
    TableColumn("difference_seconds", "difference", "s", signed=True),
    TableColumn("difference_percent", "change", "%", signed=True),
    TableColumn("noise_seconds", "noise", "s"),
    TableColumn("verdict", "verdict"),
)
_RUN_TIME = (TableColumn("what", "run time of"), *_SECONDS)
_MODELS = (TableColumn("model", "model"), *_SECONDS)
_COST = (
    TableColumn("cost_before", "cost before", digits=4),
    TableColumn("cost_after", "cost after", digits=4),
    TableColumn("cost_difference", "cost difference", signed=True, digits=4),
)
_FAILURES = (TableColumn("resource", "resource"), TableColumn("type", "type"), TableColumn("message", "message"))
_NAMES = (TableColumn("model", "model"),)


def report(options: argparse.Namespace) -> int:
    """`gateway report`: what the run of a pull request changes against a baseline."""
    if options.post is None:
        return answered(options, _report)
    place = comment_place(options.post, environment_variables())
    return answered(options, _report, partial(_publish, place))


def _publish(place: CommentPlace, answer: TerminalAnswer) -> None:
    """One comment for each project: a repository may hold several."""
    project = next(fact.value for fact in answer.facts if fact.column.key == "project")
    done = post_comment(place, f"<!-- gateway report: {quote(str(project))} -->", as_markdown(answer))
    complain(f"{place.platform}: the comment on {place.what} is {done}.")


def _report(account: dbtAccount, options: argparse.Namespace) -> TerminalAnswer:
    with opened_account(settings_of_folder(options.head), quiet=True) as head:
        compared = compare_builds(account, head, job=options.job, last_n_runs=options.last_runs)
    return shown(compared, options.first)


def shown(report: PullRequestReport, first: int) -> TerminalAnswer:
    """The report as tables of at most `first` rows each."""
    tables = tuple(_tables(report, first))
    measure = Measure("the models that the pull request changes", report.counted_seconds, report.counted_percent)
    return TerminalAnswer(
        tables, tuple(_facts(report)), tuple(_notes(report, first)), measure, "What this pull request changes"
    )


def _tables(report: PullRequestReport, first: int) -> Iterator[Table]:
    has_cost = report.cost_after is not None
    models = (*_MODELS, *_COST) if has_cost else _MODELS
    yield Table("run_time", _RUN_TIME, tuple(_run_time(report)), "")
    changed = tuple(_model_row(change, has_cost) for change in report.changed[:first])
    yield Table("changed_models", models, changed, "No model that was built has changed code.")
    if report.others:
        yield Table("other_models", models, tuple(_model_row(change, has_cost) for change in report.others[:first]), "")
    failed = tuple(
        (result.unique_id, result.resource_type, _short(result.message)) for result in report.new_failures[:first]
    )
    yield Table("new_failures", _FAILURES, failed, "Nothing fails that did not fail before.")
    path = tuple((name,) for name in report.path_added[:first])
    yield Table("new_on_the_critical_path", _NAMES, path, "No model is new on the critical path.")
    if report.added:
        yield Table("models_added", _NAMES, tuple((name,) for name in report.added[:first]), "")
    if report.removed:
        yield Table("models_removed", _NAMES, tuple((name,) for name in report.removed[:first]), "")


def _run_time(report: PullRequestReport) -> Iterator[tuple[Cell, ...]]:
    yield ("changed models", *_seconds(report.total))
    if report.path is not None:
        yield ("critical path", *_seconds(report.path))
    yield ("whole run", *_seconds(report.run))


def _seconds(change: SecondsChange) -> tuple[Cell, ...]:
    return (change.before, change.after, change.difference, change.percent, change.noise, change.verdict)


def _model_row(change: ModelChange, has_cost: bool) -> tuple[Cell, ...]:
    *seconds, verdict = _seconds(change.seconds)
    row = (change.unique_id, *seconds, "new" if change.is_added else verdict)
    return (*row, *_cost(change.cost_before, change.cost_after)) if has_cost else row


def _cost(before: CostEstimate | None, after: CostEstimate | None) -> tuple[Cell, ...]:
    amounts = [cost.amount if cost else None for cost in (before, after)]
    grown = None if amounts[0] is None or amounts[1] is None else amounts[1] - amounts[0]
    return (amounts[0], amounts[1], grown)


def _facts(report: PullRequestReport) -> Iterator[LabelledValue]:
    yield LabelledValue(TableColumn("project", "project"), ", ".join(report.project_ids))
    yield LabelledValue(TableColumn("head_run", "pull request"), f"{report.head_title} (run {report.head_run_id})")
    yield LabelledValue(TableColumn("base_run", "baseline"), f"{report.base_title} (run {report.base_run_id})")
    yield LabelledValue(TableColumn("models_built", "models built"), report.models_built)
    if report.cost_after is not None:
        before, after, _ = _cost(report.cost_before, report.cost_after)
        currency = report.cost_after.currency
        yield LabelledValue(TableColumn("cost_before", "cost of the baseline's run", currency, digits=4), before)
        yield LabelledValue(TableColumn("cost_after", "cost of the pull request's run", currency, digits=4), after)


def _notes(report: PullRequestReport, first: int) -> Iterator[str]:
    for part in report.missing:
        yield f"missing: {part}."
    longest = max(
        *(len(report.changed), len(report.others), len(report.new_failures), len(report.path_added)),
        *(len(report.added), len(report.removed)),
    )
    if longest > first:
        yield f"Tables have {first} rows at most: raise --first, up to {longest}, for the others."


def _short(message: str | None) -> str | None:
    line = " ".join(message.split()) if message else None
    return line if line is None or len(line) <= _LONGEST_MESSAGE else f"{line[:_LONGEST_MESSAGE]}…"
