"""What a pull request changes: the build of its branch against a baseline, which may be of another account."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from gateway.analysis.critical_path import critical_path
from gateway.analysis.dependencies import dependencies
from gateway.analysis.intervals import NodeInterval
from gateway.errors import GatewayError, NotFound
from gateway.hierarchy.analysis.pull_request import (
    ChangeVerdict,
    ComparedRun,
    ModelChange,
    PathChange,
    PullRequestReport,
    SecondsChange,
    compared_models,
    pull_request_report,
)
from gateway.hierarchy.history.counted_runs import HistoryScope
from gateway.hierarchy.measures.statistics import Summary, summarise
from gateway.hierarchy.objects.job import Job, Run
from gateway.hierarchy.objects.node_result import RESULT_TYPES
from gateway.hierarchy.objects.project import Project
from gateway.hierarchy.rankings.averages import reason_to_leave_out
from gateway.hierarchy.vocabulary.variants import ALL_VARIANTS
from gateway.loading.field_context import FieldContext
from gateway.queries.analysis.run_analysis import shares_of
from gateway.queries.jobs.account_runs import newest_runs
from gateway.queries.jobs.jobs import MOST_RUNS, run_window
from gateway.queries.models.models import counted_runs, select_models
from gateway.queries.projects import project_of_environment
from gateway.queries.runs.run_failures import title
from gateway.queries.runs.run_results import read_results
from gateway.queries.runs.run_steps import run_steps

_ON_THE_PATH = ("model.", "seed.", "snapshot.")


async def build_of_branch(context: FieldContext, projects: Sequence[Project]) -> ComparedRun:
    """The newest run of these projects, whatever its outcome. Raises NotFound where there is none."""
    runs = await newest_runs(context, projects, 1)
    if not runs:
        raise NotFound("The artifacts of the pull request hold no run. Name the target folder of its dbt build.")
    return await _build(context, runs[0], {}, None)


async def baseline_of(
    context: FieldContext, projects: Sequence[Project], job: Job | None, last_runs: int, head: ComparedRun
) -> ComparedRun:
    """The newest run of the head's project that completed, of `job` where one is named, else of any but CI jobs; with
    the runtimes of the head's models in their newest `last_runs` runs that count, and the wall clocks of its job.

    Raises NotFound where there is no such run.
    """
    places = [project for project in projects if project.id in head.project_ids]
    if not places:
        known = ", ".join(project.id for project in projects[:10]) or "none"
        raise NotFound(f"The baseline has no project {', '.join(head.project_ids)}. Projects it has: {known}.")
    run = await _newest_completed(context, places, job)
    if run is None:
        raise NotFound("The baseline has no completed run of this project or job. Name another with --base or --job.")
    histories = await _histories(context, places, {*head.executed_models, *head.codes}, last_runs)
    jobs = await context.loaders.jobs()
    of_run = jobs.get(run.job_id)
    window = await run_window(context, of_run, last_runs, ALL_VARIANTS) if of_run else None
    clocks = [earlier.runtime for earlier in window.runs if earlier.runtime is not None] if window else []
    return await _build(context, run, histories, summarise(clocks) if clocks else None)


def report_of(base: ComparedRun, head: ComparedRun) -> PullRequestReport:
    """What the head changes against the base."""
    changed, others = compared_models(base, head)
    return pull_request_report(base, head, changed, others, _path_change(base, head, [*changed, *others]))


async def _newest_completed(context: FieldContext, projects: Sequence[Project], job: Job | None) -> Run | None:
    jobs = await context.loaders.jobs()
    if job is None:
        runs: Sequence[Run] = await newest_runs(context, projects, 100)
    else:
        runs = await context.loaders.recent_runs(job.id, MOST_RUNS)
    for run in runs:
        known = jobs.get(run.job_id)
        is_ci = job is None and known is not None and known.is_ci
        if reason_to_leave_out(run) is None and not is_ci:
            return run
    return None


async def _histories(
    context: FieldContext, projects: Sequence[Project], unique_ids: Collection[str], last_runs: int
) -> dict[str, Summary]:
    models = [model for model in await select_models(context, projects, None) if model.unique_id in unique_ids]
    histories: dict[str, Summary] = {}
    for key, counted in (await counted_runs(context, models, last_runs, HistoryScope())).items():
        if isinstance(counted, GatewayError):
            raise counted
        histories[key.unique_id] = summarise(run.runtime for run in counted.runs if run.runtime is not None)
    return histories


async def _build(
    context: FieldContext, run: Run, histories: Mapping[str, Summary], clocks: Summary | None
) -> ComparedRun:
    results = await read_results(context, run, RESULT_TYPES)
    graph = await context.loaders.results.graph(run, whole=False)
    steps = await run_steps(context, run)
    project = await project_of_environment(context, run.environment_id)
    return ComparedRun(
        run=run,
        title=await title(context, run),
        project_ids=(project.id,) if project else (),
        results={result.unique_id: result for result in results},
        codes={node.unique_id: node.code for node in graph.nodes if node.unique_id.startswith("model.")},
        parents={node.unique_id: node.parents for node in graph.nodes},
        weighted_seconds=shares_of(steps) if steps else {},
        span=steps.wall if steps else None,
        histories=histories,
        clocks=clocks,
        rate=context.loaders.results.cost_rate,
    )


def _path_change(base: ComparedRun, head: ComparedRun, changes: Sequence[ModelChange]) -> PathChange | None:
    """The path of the base, and that of the base with what the head changes. Where a difference is within the noise
    the base's seconds stay, so that chance alone moves no path. None without a manifest."""
    if not base.parents or not head.parents:
        return None
    before = _timed(base, base.parents)
    after = {unique_id: seconds for unique_id, seconds in before.items() if unique_id in head.parents}
    steady = {change.unique_id for change in changes if change.seconds.verdict is ChangeVerdict.WITHIN_NOISE}
    after |= {unique_id: took for unique_id, took in _own(head).items() if unique_id not in steady}
    then, now = _path(before, base.parents), _path(after, head.parents)
    added = tuple(name for name in now[1] if name not in then[1] and name.startswith("model."))
    return PathChange(SecondsChange(then[0], now[0]), added)


def _timed(build: ComparedRun, known: Collection[str]) -> dict[str, float]:
    seconds = {name: build.seconds_of(name) for name in build.results if name in known}
    return {name: took for name, took in seconds.items() if took is not None and name.startswith(_ON_THE_PATH)}


def _own(build: ComparedRun) -> dict[str, float]:
    seconds = {name: build.own_seconds(name) for name in build.results}
    return {name: took for name, took in seconds.items() if took is not None and name.startswith(_ON_THE_PATH)}


def _path(seconds: Mapping[str, float], parents: Mapping[str, tuple[str, ...]]) -> tuple[float, tuple[str, ...]]:
    nodes = [NodeInterval(name, 0.0, took) for name, took in sorted(seconds.items())]
    path = critical_path([node.seconds for node in nodes], dependencies(nodes, parents))
    return path.seconds, tuple(nodes[place].unique_id for place in path.places)
