"""Questions about why a run is not fine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.concurrency.checkpoints import checkpoint
from gateway.errors import GatewayError
from gateway.hierarchy.objects.job import Run, RunStep
from gateway.hierarchy.objects.node_result import RESULT_TYPES, NodeResult
from gateway.hierarchy.runs.run_failure import FAILING_TYPES, RunFailure, failures_of_run, sentence_about
from gateway.hierarchy.runs.skipping import Skipping
from gateway.hierarchy.vocabulary.status import RunStatus
from gateway.loading.field_context import FieldContext
from gateway.queries.runs.run_results import reported


async def failures(context: FieldContext, run: Run) -> tuple[RunFailure, ...]:
    """Why a run is not fine, most serious first (see failures_of_run); so far, of one under way.

    Nothing is read of a run that dbt says succeeded. Results that cannot be read are reported beside the others; raises
    what went wrong where none can be read.
    """
    if _cannot_have_failed(run):
        return ()
    results = await context.loaders.results.failed(run)
    failed = await reported(context, run, results, FAILING_TYPES)
    return failures_of_run(run, failed, complete=context.loaders.results.are_complete, known=results.known)


async def error_of_run(context: FieldContext, run: Run) -> str | None:
    """dbt's message about a run's outcome; where it gives none, a sentence about what failed; None where nothing did.

    None too where dbt gives none and what failed cannot be read: `failures` says so.
    """
    if run.error or run.status is not RunStatus.FAILURE:
        return run.error
    return sentence_about(await failures(context, run))


@dataclass(frozen=True, slots=True)
class StepOfRun(RunStep):
    """A step with the run that it is of. `failed_alone`: no other step failed."""

    run: Run
    failed_alone: bool


def steps_of(run: Run, steps: Sequence[RunStep]) -> list[StepOfRun]:
    """The steps of a run, with it."""
    failed = sum(step.status is RunStatus.FAILURE for step in steps)
    return [
        StepOfRun(
            step.index, step.name, step.status, step.status_text, step.start_time, step.end_time, run, failed == 1
        )
        for step in steps
    ]


async def error_of_step(context: FieldContext, step: StepOfRun) -> str | None:
    """A sentence about what failed in a step; None for one that did not fail, and where dbt does not report which of
    several failed steps a result is of."""
    if step.status is not RunStatus.FAILURE:
        return None
    run_failures = await failures(context, step.run)
    of_step = [failure for failure in run_failures if failure.result is not None and failure.result.step == step.index]
    untold = [failure for failure in run_failures if failure.result is None or failure.result.step is None]
    return sentence_about(of_step or (untold if step.failed_alone else ()))


async def skipped_because_of(context: FieldContext, failure: RunFailure) -> tuple[NodeResult, ...]:
    """What a run skipped because of a failure, nearest first. A resource may be skipped because of several."""
    run, failed = failure.run, failure.result
    if failed is None:
        return ()
    results = await reported(context, run, await context.loaders.results.stopped(run), RESULT_TYPES)
    if not any(result.status is RunStatus.SKIPPED for result in results):
        return ()
    skipping = Skipping.of(results, await context.loaders.results.parents(run))
    await checkpoint(len(results))
    return skipping.because_of(failed)


async def title(context: FieldContext, run: Run) -> str:
    """A short name of a run for people: its job's name and when it started."""
    try:
        job = (await context.loaders.jobs()).get(run.job_id)
        name = job.name if job else None
    except GatewayError:
        name = None
    when = run.start_time or run.created_at
    moment = f", {when:%Y-%m-%d %H:%M} UTC" if when else ""
    return f"{name or f'Job {run.job_id}'}{moment}"


def _cannot_have_failed(run: Run) -> bool:
    return run.status is RunStatus.QUEUED or (run.status is RunStatus.SUCCESS and not run.inferred)
