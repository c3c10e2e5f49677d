"""What most likely caused a lasting change of a runtime, and what speaks for it."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import replace

from gateway.analysis.change_cause import (
    Aspect,
    Place,
    RunSeen,
    cause_of,
    changed_together,
    differences,
    rows_effect,
)
from gateway.concurrency.gathering import gather
from gateway.errors import NotFound
from gateway.hierarchy.history.change_facts import ChangeFacts, ChangeKey, RunFacts
from gateway.hierarchy.history.runtime_series import ChangeCause, ChangePoint, RuntimeSeries
from gateway.hierarchy.objects.model import ModelRun
from gateway.loading.field_context import FieldContext
from gateway.queries.changes.change_evidence import Findings, evidence_of
from gateway.queries.changes.runtime_series import series_of_job, series_of_model
from gateway.queries.jobs.job_names import find_job
from gateway.queries.models.models import MOST_HISTORY, applied_model_alone, commands_of, model_history
from gateway.queries.projects import project_of_environment

_MOST_MODELS = 3
"""Of a job, whose changes are looked into for that of the job."""

Explained = tuple[ChangeCause, tuple[str, ...]]


async def explained(context: FieldContext, changes: Sequence[ChangePoint]) -> list[ChangePoint]:
    """The same changes with their causes and evidence."""
    causes = await gather(cause_of_change(context, change) for change in changes)
    return [
        replace(change, cause=cause, evidence=evidence)
        for change, (cause, evidence) in zip(changes, causes, strict=True)
    ]


async def explained_series(context: FieldContext, reading: Awaitable[RuntimeSeries]) -> RuntimeSeries:
    """A series whose changes have their causes and evidence."""
    series = await reading
    return replace(series, change_points=tuple(await explained(context, series.change_points)))


async def explained_changes(context: FieldContext, reading: Awaitable[Sequence[ChangePoint]]) -> list[ChangePoint]:
    """The same of changes that are still to be read."""
    return await explained(context, await reading)


async def cause_of_change(context: FieldContext, change: ChangePoint) -> Explained:
    """The verdict, and what differs between the two sides, the most telling first, in plain words.

    A job as a whole changes by what differs for all of it, else by those of its models that changed at once, where
    they come to half of its change or more: then the cause is that of the models which weigh most.
    """
    facts = await _facts_of(context, change)
    findings = _findings(change, facts)
    if change.owner.unique_id is not None or findings.differences:
        return ChangeCause(_verdict(findings)), evidence_of(findings)
    return await _cause_in_models(context, change, findings), evidence_of(findings)


def _verdict(findings: Findings) -> str:
    return cause_of(findings.differences, findings.rows, together=findings.together).value


async def _cause_in_models(context: FieldContext, change: ChangePoint, findings: Findings) -> ChangeCause:
    """The cause of the models that weigh most in the change of their job."""
    step = abs(change.after_seconds - change.before_seconds)
    weights = {
        neighbour.unique_id: abs(neighbour.after_seconds - neighbour.before_seconds)
        for neighbour in findings.facts.neighbours
    }
    if not weights or 2 * sum(weights.values()) < step:
        return ChangeCause.UNKNOWN
    heaviest = sorted(weights, key=lambda name: (-weights[name], name))[:_MOST_MODELS]
    known = await context.loaders.results.runtime_changes(change.owner.environment_id)
    of_job = [nearby for nearby in (known.changes if known else ()) if nearby.owner.job_id == change.owner.job_id]
    near = {run.run_id for run in findings.facts.runs}
    models = [nearby for nearby in of_job if nearby.owner.unique_id in heaviest and nearby.first_run_id in near]
    causes = await gather(cause_of_change(context, model) for model in models)
    sums: dict[ChangeCause, float] = {}
    for model, (cause, _) in zip(models, causes, strict=True):
        sums[cause] = sums.get(cause, 0.0) + weights[model.owner.unique_id or ""]
    return max(sorted(sums), key=lambda cause: sums[cause], default=ChangeCause.UNKNOWN)


async def _facts_of(context: FieldContext, change: ChangePoint) -> ChangeFacts:
    owner = change.owner
    key = ChangeKey(
        owner.environment_id,
        owner.job_id,
        owner.unique_id,
        change.ended_at,
        change.first_run_id,
        change.earliest_run_id,
        change.latest_run_id,
    )
    known = await context.loaders.results.change_facts(key)
    return known if known is not None else await _facts_by_dbt(context, change)


def _findings(change: ChangePoint, facts: ChangeFacts) -> Findings:
    runs = [_seen(run) for run in facts.runs]
    places = {run.run_id: n for n, run in enumerate(runs)}
    first = places.get(change.first_run_id)
    if first is None:
        return Findings(change, facts, (), None, False)
    earliest = min(first, places.get(change.earliest_run_id, first))
    latest = max(first, places.get(change.latest_run_id, first))
    return Findings(
        change,
        facts,
        tuple(differences(runs, Place(first, earliest, latest))),
        rows_effect(runs, first),
        change.owner.unique_id is not None and changed_together(len(facts.neighbours), facts.others),
    )


def _seen(run: RunFacts) -> RunSeen:
    values: Mapping[Aspect, str | None] = {
        Aspect.CODE: run.code,
        Aspect.CONFIG: None if run.config is None else "\n".join(f"{key}\t{run.config[key]}" for key in run.config),
        Aspect.COMPILED: run.compiled,
        Aspect.MACROS: None if run.macros is None else ", ".join(run.macros),
        Aspect.UPSTREAM: None if run.upstream is None else ", ".join(run.upstream),
        Aspect.MATERIALIZATION: run.materialization,
        Aspect.THREADS: None if run.threads is None else str(run.threads),
        Aspect.DBT_VERSION: run.dbt_version,
        Aspect.FULL_REFRESH: None if run.full_refresh is None else ("yes" if run.full_refresh else "no"),
    }
    of_run = {aspect: value for aspect, value in values.items() if value is not None}
    return RunSeen(run.run_id, run.seconds, run.rows, of_run)


async def _facts_by_dbt(context: FieldContext, change: ChangePoint) -> ChangeFacts:
    """What dbt's API reports about the runs of a series: neither code nor rows."""
    owner = change.owner
    try:
        job = await find_job(context, owner.job_id)
    except NotFound:
        return ChangeFacts((), tells_code=False)
    runs = {run.id: run for run in await context.loaders.recent_runs(owner.job_id, MOST_HISTORY)}
    project = await project_of_environment(context, owner.environment_id)
    model = await applied_model_alone(context, project, owner.unique_id) if owner.unique_id else None
    history: Sequence[ModelRun] = await model_history(context, model, MOST_HISTORY) if model else ()
    series = await (
        series_of_model(context, model, job.id, MOST_HISTORY) if model else series_of_job(context, job, MOST_HISTORY)
    )
    commands = await commands_of(context, [tuple(history)], MOST_HISTORY)
    threads = {run_id: facts.threads for (run_id, _), facts in commands.items()}
    kinds = {run.run_id: run.materialization for run in history}
    facts = [
        RunFacts(
            point.run_id,
            point.runtime,
            materialization=kinds.get(point.run_id),
            threads=threads.get(point.run_id),
            dbt_version=runs[point.run_id].dbt_version if point.run_id in runs else None,
            git_sha=runs[point.run_id].git_sha if point.run_id in runs else None,
        )
        for point in series.points
        if point.left_out is None and point.runtime is not None
    ]
    return ChangeFacts(tuple(facts), tells_code=False)
