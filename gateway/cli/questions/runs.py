"""`gateway run` and `gateway failures`: what one run did, and what is broken now."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from gateway.cli.questions import columns
from gateway.cli.questions.answer import Cell, LabelledValue, Limit, Measure, Table, TerminalAnswer
from gateway.cli.questions.asking import answered, job_named, run_named
from gateway.cli.questions.run_exports.finished_run import finished_run
from gateway.cli.questions.run_exports.openlineage import send_lineage
from gateway.cli.questions.run_exports.otlp import send_trace
from gateway.cli.questions.trace import write_trace
from gateway.discovery_api.api import Job, Run, dbtAccount
from gateway.discovery_api.models import SearchFilter
from gateway.discovery_api.models.resources import RunFailure
from gateway.settings import environment_variables


def failures(options: argparse.Namespace) -> int:
    """`gateway failures`: what failed in the newest runs of each job."""
    return answered(options, _failures)


def show_run(options: argparse.Namespace) -> int:
    """`gateway run ID|latest`: how a run went, its slowest models, and what failed."""
    return answered(options, _run)


def _failures(account: dbtAccount, options: argparse.Namespace) -> TerminalAnswer:
    jobs = [job_named(account, options)] if options.job else account.get_jobs(SearchFilter(tags=options.tag))
    rows: list[tuple[Cell, ...]] = []
    for job in jobs:
        for run in _newest_runs(job, options.last_runs):
            rows += [(job.name or job.job_id, run.run_id, *_row(failure)) for failure in run.get_failures()]
    first = tuple(rows[: options.first])
    notes = (f"{len(rows) - len(first)} more failures are left out: raise --first.",) if len(rows) > len(first) else ()
    return TerminalAnswer((Table("failures", columns.FAILED_OF_JOBS, first, "Nothing failed."),), (), notes)


def _newest_runs(job: Job, count: int) -> list[Run]:
    if count > 1:
        return job.get_runs(count)
    last = job.get_last_run()
    return [last] if last else []


def _row(failure: RunFailure) -> tuple[Cell, ...]:
    result = failure.result
    return (
        result.unique_id if result else None,
        result.resource_type if result else None,
        failure.is_new,
        failure.failing_since,
        len(failure.skipped),
        failure.message,
    )


def _run(account: dbtAccount, options: argparse.Namespace) -> TerminalAnswer:
    run = run_named(account, options, options.run)
    slowest = run.get_slowest_models(options.first)
    ranked = ((model.ranked.rank, model.model_id, model.ranked.runtime) for model in slowest if model.ranked)
    failed = tuple(_row(failure) for failure in run.get_failures()[: options.first])
    tables = (
        Table("slowest_models", columns.SLOWEST_OF_RUN, tuple(ranked), "No model succeeded in it."),
        Table("failures", columns.FAILED, failed, "Nothing failed."),
    )
    facts, measure = tuple(_facts(run)), _measure(account, run, options.fail_over)
    return TerminalAnswer(tables, facts, tuple(_exported(account, run, options)), measure)


def _exported(account: dbtAccount, run: Run, options: argparse.Namespace) -> Iterator[str]:
    """Writes and sends the run where the options say; a sentence for each."""
    missing = write_trace(run, options.trace) if options.trace else None
    if missing:
        yield missing
    if options.otlp is None and options.openlineage is None:
        return
    finished, variables = finished_run(run), environment_variables()
    if options.otlp is not None:
        yield send_trace(finished, options.otlp, variables)
    if options.openlineage is not None:
        adapters = {project.project_id: project.adapter_type for project in account.projects}
        yield send_lineage(finished, adapters, options.openlineage, variables)


def _facts(run: Run) -> Iterator[LabelledValue]:
    trigger, path = run.get_trigger(), run.get_critical_path()
    values: tuple[Cell, ...] = (
        *(run.run_id, run.title, run.status.value, run.start_time, run.runtime, run.queue_seconds),
        *(path.runtime if path else None, run.model_count, trigger.category if trigger else None),
        *(run.git_branch, run.git_sha, run.error, run.url),
    )
    return (LabelledValue(column, value) for column, value in zip(columns.RUN_FACTS, values, strict=True))


def _measure(account: dbtAccount, run: Run, limit: Limit | None) -> Measure:
    """The typical run of the job is read only where percent of it are asked for."""
    if limit is None or not limit.is_percent or run.runtime is None:
        return Measure(f"run {run.run_id}", run.runtime)
    compared = run.compare("typical")
    usual = account.run(compared.base_run_id).runtime if compared else None
    percent = (run.runtime / usual - 1) * 100 if usual else None
    return Measure(f"run {run.run_id} against a typical one", run.runtime, percent)
