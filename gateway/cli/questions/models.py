"""`gateway model` and `gateway search`: one model with its last runs, and models and jobs by a part of their name."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from gateway.cli.questions.answer import Cell, LabelledValue, Table, TableColumn, TerminalAnswer
from gateway.cli.questions.asking import answered
from gateway.discovery_api.api import Model, Run, dbtAccount
from gateway.discovery_api.models import JobFilter
from gateway.errors import BadUserInput

_RUNS = (
    TableColumn("run", "run"),
    TableColumn("job_id", "job"),
    TableColumn("started_at", "started at (UTC)"),
    TableColumn("status", "status"),
    TableColumn("runtime_seconds", "runtime", "s", bar=True),
)
_FOUND = (
    TableColumn("kind", "kind"),
    TableColumn("id", "id"),
    TableColumn("name", "name"),
    TableColumn("last_run_status", "last run"),
    TableColumn("last_run_seconds", "runtime", "s"),
)


def show_model(options: argparse.Namespace) -> int:
    """`gateway model NAME`: what a model is, how it stands, and its last runs."""
    return answered(options, _model)


def search(options: argparse.Namespace) -> int:
    """`gateway search TEXT`: models and jobs with a part of their name."""
    return answered(options, _search)


def _model(account: dbtAccount, options: argparse.Namespace) -> TerminalAnswer:
    model = _named(account, options.name)
    rows = tuple(_row(run) for run in model.get_runs(options.last_runs))
    return TerminalAnswer((Table("runs", _RUNS, rows, "It never ran."),), tuple(_facts(model)))


def _named(account: dbtAccount, name: str) -> Model:
    """By its id, or by its name alone where that is of one model only."""
    if "." in name or not name.strip():
        return account.model(name)
    models = [model for model in account.get_models(name_contains=name) if model.name == name]
    if len(models) > 1:
        raise BadUserInput(
            f"{len(models)} models have this name. Take one of {', '.join(o.model_id for o in models[:10])}."
        )
    return models[0] if models else account.model(name)


def _facts(model: Model) -> Iterator[LabelledValue]:
    owner, last = model.get_owner(), model.last_run_status
    yield LabelledValue(TableColumn("model", "model"), model.model_id)
    yield LabelledValue(TableColumn("unique_id", "unique id"), model.unique_id)
    yield LabelledValue(TableColumn("materialization", "materialization"), model.materialization)
    yield LabelledValue(TableColumn("tags", "tags"), ", ".join(model.tags) or None)
    yield LabelledValue(TableColumn("owner", "owner"), (owner.name or owner.email) if owner else None)
    yield LabelledValue(
        TableColumn("jobs", "built by"), ", ".join(job.name or job.job_id for job in model.get_jobs()) or None
    )
    yield LabelledValue(TableColumn("runtime_seconds", "runtime", "s"), model.runtime)
    yield LabelledValue(TableColumn("last_run_status", "last run"), last.value if last else None)
    yield LabelledValue(TableColumn("last_run_error", "error"), model.last_run_error)
    yield LabelledValue(TableColumn("freshness", "freshness"), model.freshness().value)


def _row(run: Run) -> tuple[Cell, ...]:
    did = run.model_run
    if did is None:
        return (run.run_id, None, None, None, None)
    return (run.run_id, did.job_id, did.start_time, did.status.value, did.runtime)


def _search(account: dbtAccount, options: argparse.Namespace) -> TerminalAnswer:
    if not options.text.strip():
        raise BadUserInput("The text to search for is empty: give a part of a name.")
    models = account.get_models(name_contains=options.text)
    jobs = account.get_jobs(where=JobFilter(name_contains=options.text))
    rows: list[tuple[Cell, ...]] = []
    for model in models[: options.first]:
        status = model.last_run_status
        rows.append(("model", model.model_id, model.name, status.value if status else None, model.last_run_runtime))
    for job in jobs[: options.first]:
        status = job.last_run_status
        rows.append(("job", job.job_id, job.name, status.value if status else None, job.last_run_runtime))
    left = len(models) + len(jobs) - len(rows)
    notes = (f"{left} more are left out: raise --first.",) if left else ()
    return TerminalAnswer((Table("found", _FOUND, tuple(rows), "No model or job has this in its name."),), (), notes)
