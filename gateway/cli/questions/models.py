"""`gateway model` and `gateway search`: one model with its last runs, and models and jobs by a part of their name."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from gateway.cli.questions import columns
from gateway.cli.questions.answer import Cell, LabelledValue, Table, TerminalAnswer
from gateway.cli.questions.asking import answered
from gateway.discovery_api.api import Model, Run, dbtAccount
from gateway.discovery_api.models import JobFilter
from gateway.errors import BadUserInput


def show_model(options: argparse.Namespace) -> int:
    """`gateway model NAME`: what a model is, how it stands, and its last runs."""
    return answered(options, _model)


def search(options: argparse.Namespace) -> int:
    """`gateway search TEXT`: models and jobs with a part of their name."""
    return answered(options, _search)


def _model(account: dbtAccount, options: argparse.Namespace) -> TerminalAnswer:
    model = _named(account, options.name)
    rows = tuple(_row(run) for run in model.get_runs(options.last_runs))
    return TerminalAnswer(
        (Table("runs", columns.RUNS_OF_MODEL, rows, "It never ran.", is_series=True),), tuple(_facts(model))
    )


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
    built_by = ", ".join(job.name or job.job_id for job in model.get_jobs()) or None
    values: tuple[Cell, ...] = (
        *(model.model_id, model.unique_id, model.materialization, ", ".join(model.tags) or None),
        *((owner.name or owner.email) if owner else None, built_by, model.runtime),
        *(last.value if last else None, model.last_run_error, model.freshness().value),
    )
    return (LabelledValue(column, value) for column, value in zip(columns.MODEL_FACTS, values, strict=True))


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
    return TerminalAnswer(
        (Table("found", columns.FOUND, tuple(rows), "No model or job has this in its name."),), (), notes
    )
