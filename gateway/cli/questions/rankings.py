"""`gateway slowest` and `gateway longest`."""

from __future__ import annotations

import argparse

from gateway.cli.questions import columns
from gateway.cli.questions.answer import Cell, Measure, Table, TerminalAnswer
from gateway.cli.questions.asking import answered, job_named
from gateway.cli.questions.ranking_notes import ranking_notes
from gateway.discovery_api.api import Job, Model, dbtAccount
from gateway.discovery_api.models import RankedList, SearchFilter
from gateway.discovery_api.models.reports import Rank
from gateway.errors import BadUserInput


def slowest(options: argparse.Namespace) -> int:
    """`gateway slowest`: the slowest models."""
    return answered(options, _slowest)


def longest(options: argparse.Namespace) -> int:
    """`gateway longest`: the longest jobs."""
    return answered(options, _longest)


def _slowest(account: dbtAccount, options: argparse.Namespace) -> TerminalAnswer:
    models = _ranked_models(account, options)
    rows = tuple(_row(model.ranked, model.model_id, _materialization(model)) for model in models)
    measure = Measure(f"model {models[0].model_id}", _runtime(models[0])) if models else None
    return TerminalAnswer(
        (Table("models", columns.SLOWEST, rows, "No model has a runtime."),), (), _notes(models, "model"), measure
    )


def _ranked_models(account: dbtAccount, options: argparse.Namespace) -> RankedList[Model]:
    filter = SearchFilter(tags=options.tag)
    if options.job is None:
        return account.slowest_models(options.first, options.last_runs, filter)
    if options.last_runs > 1:
        raise BadUserInput("--job ranks the models of one run of the job: leave --last-runs out.")
    return job_named(account, options).get_slowest_models(options.first, filter)


def _longest(account: dbtAccount, options: argparse.Namespace) -> TerminalAnswer:
    jobs = account.longest_running_jobs(options.first, options.last_runs, SearchFilter(tags=options.tag))
    rows = tuple(_row(job.ranked, job.job_id, job.name) for job in jobs)
    measure = Measure(f"job {jobs[0].name or jobs[0].job_id}", _runtime(jobs[0])) if jobs else None
    return TerminalAnswer(
        (Table("jobs", columns.LONGEST, rows, "No job has a runtime."),), (), _notes(jobs, "job"), measure
    )


def _row(ranked: Rank | None, name: str, what: str | None) -> tuple[Cell, ...]:
    if ranked is None:
        return (None, name, what, None, None, None, None)
    return (ranked.rank, name, what, ranked.runtime, ranked.p50, ranked.p95, ranked.runs)


def _runtime(item: Model | Job) -> float | None:
    return item.ranked.runtime if item.ranked else None


def _materialization(model: Model) -> str | None:
    return model.model_run.materialization if model.model_run else model.materialization


def _notes(ranking: RankedList[Model] | RankedList[Job], noun: str) -> tuple[str, ...]:
    return ranking_notes(noun, ranking.considered, ranking.without_runtime, ranking.left_out)
