"""Builds that changed nothing, and what reuse saves: over all projects, in a window of time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from gateway.analysis.intervals import NodeInterval
from gateway.analysis.waste import Build, SourceCheck, WasteCertainty, wasted_builds
from gateway.analysis.weighted_seconds import weighted_seconds
from gateway.errors import GatewayError
from gateway.hierarchy.analysis.account_analysis import ReuseReport, TimeWindow, WastedBuild, WastedBuilds
from gateway.hierarchy.measures.basis import FactSource
from gateway.hierarchy.objects.job import Job
from gateway.hierarchy.objects.model import ModelRun
from gateway.hierarchy.objects.project import Project
from gateway.hierarchy.runs.executions import ExecutedNode, ExecutionDetail
from gateway.hierarchy.runs.run_graph import GraphNode
from gateway.hierarchy.vocabulary.status import RunStatus
from gateway.loading.field_context import FieldContext
from gateway.loading.histories import HistoryRequest
from gateway.queries.runs.executions import WindowRows, read_window
from gateway.queries.runs.run_steps import aside
from gateway.services.runs.model_histories import HistoryKey

LOOKED_BACK = timedelta(days=8)
"""So long before the window the last success of a model is looked for: the last of a weekly job is among them."""

_LAST_RUNS, _MOST_HISTORIES = 20, 100

_BUILT = ("model.", "seed.", "snapshot.")
_MODEL = "model."

Wasted = dict[tuple[int, str, WasteCertainty], list[float]]
"""The weighted seconds of each wasted build by environment, model and certainty."""


async def wasted_builds_of(
    context: FieldContext, projects: Sequence[Project], window: TimeWindow, first: int
) -> WastedBuilds:
    """The builds of models of these projects that started in a window and changed nothing, and what was reused.

    Reported of the `first` models with most weighted seconds; the figures a day are of all.
    """
    # Without checksums who depends on whom is no use.
    rows = await read_window(
        context, projects, window, ExecutionDetail.GRAPH, before=LOOKED_BACK, by_dbt=ExecutionDetail.TIMES
    )
    is_complete = rows.source is FactSource.ARCHIVE
    wasted, savings = await aside(rows.size, lambda: (_wasted(rows), _savings(rows)))
    reuse, missing = await _reuse(context, savings, rows.source)
    models = [
        WastedBuild(place, unique_id, certainty, len(seconds), sum(seconds))
        for (place, unique_id, certainty), seconds in wasted.items()
    ]
    seconds = sum(model.weighted_seconds for model in models) / window.days
    rate = context.loaders.results.cost_rate
    return WastedBuilds(
        models=tuple(sorted(models, key=lambda model: (-model.weighted_seconds, model.unique_id, model.certainty)))[
            :first
        ],
        builds_per_day=sum(model.build_count for model in models) / window.days if is_complete else None,
        weighted_seconds_per_day=seconds if is_complete else None,
        cost_per_day=rate.estimate(seconds) if rate and is_complete else None,
        reuse=reuse,
        basis=rows.basis(missing),
    )


def _wasted(rows: WindowRows) -> Wasted:
    wasted: Wasted = {}
    for place, executions in rows.of_environments.items():
        built = [row for row in executions.rows if row.built and row.timed and row.unique_id.startswith(_BUILT)]
        checks = [SourceCheck(check.unique_id, check.time, check.max_loaded_at) for check in executions.checks]
        parents = {
            key: {unique_id: node.parents for unique_id, node in of_manifest.items()}
            for key, of_manifest in executions.manifests.items()
        }
        builds = [_build(row, executions.manifests) for row in built]
        certainties = wasted_builds(builds, parents, checks)
        wasteful = [
            (row, certainty)
            for row, certainty in zip(built, certainties, strict=True)
            if certainty is not None and row.unique_id.startswith(_MODEL) and rows.within(row)
        ]
        shares = dict(shares_of_runs(executions.rows, {row.run_id for row, _ in wasteful}))
        for row, certainty in wasteful:
            wasted.setdefault((place, row.unique_id, certainty), []).append(shares[row])
    return wasted


def _build(row: ExecutedNode, manifests: Mapping[int, Mapping[str, GraphNode]]) -> Build:
    node = manifests.get(row.manifest or 0, {}).get(row.unique_id)
    whole = node is not None and node.code is not None and row.status is RunStatus.SUCCESS
    return Build(
        unique_id=row.unique_id,
        run_id=row.run_id,
        start=row.start,
        end=row.end,
        code=(node.code, node.materialization) if whole and node else None,
        manifest=row.manifest,
        refresh=row.refresh,
    )


def shares_of_runs(rows: Iterable[ExecutedNode], run_ids: set[int]) -> list[tuple[ExecutedNode, float]]:
    """What these runs executed, with its weighted seconds: each instant of a run is shared among what ran in it."""
    by_run: dict[int, list[ExecutedNode]] = {}
    for row in rows:
        if row.timed and row.run_id in run_ids:
            by_run.setdefault(row.run_id, []).append(row)
    shares: list[tuple[ExecutedNode, float]] = []
    for of_run in by_run.values():
        intervals = [NodeInterval(row.unique_id, row.start, row.end) for row in of_run]
        shares += zip(of_run, weighted_seconds(intervals), strict=True)
    return shares


class _Reused(NamedTuple):
    """Something that a run reused, and when."""

    environment_id: int
    unique_id: str
    time: float


@dataclass(frozen=True)
class _Savings:
    """What was reused: how often, the seconds that the builds before took, and what has none among the rows."""

    count: int
    seconds: float
    unknown: tuple[_Reused, ...]


def _savings(rows: WindowRows) -> _Savings:
    count, seconds = 0, 0.0
    unknown: list[_Reused] = []
    for environment_id, executions in rows.of_environments.items():
        last: dict[str, float] = {}
        for row in sorted(executions.rows, key=lambda row: (row.start, row.unique_id)):
            if row.built and row.timed:
                last[row.unique_id] = row.end - row.start
            elif row.status is RunStatus.REUSED and rows.within(row):
                count += 1
                seconds += last.get(row.unique_id, 0.0)
                if row.unique_id not in last:
                    unknown.append(_Reused(environment_id, row.unique_id, row.start))
    return _Savings(count, seconds, tuple(unknown))


async def _reuse(context: FieldContext, savings: _Savings, source: FactSource) -> tuple[ReuseReport, list[str]]:
    """What reuse saved, and what is missing of it. dbt's API reports about a model's builds before the runs that were
    read, in a document for a hundred models; of other resources, and of what an archive does not hold, nothing is
    known."""
    seconds, unknown = savings.seconds, len(savings.unknown)
    asked = (
        [node for node in savings.unknown if node.unique_id.startswith(_MODEL)]
        if source is not FactSource.ARCHIVE
        else []
    )
    keys = tuple(dict.fromkeys(HistoryKey(node.environment_id, node.unique_id) for node in asked))[:_MOST_HISTORIES]
    if keys:
        histories = await context.loaders.histories(HistoryRequest(keys, _LAST_RUNS))
        jobs = await context.loaders.jobs()
        for node in asked:
            runs = histories.get(HistoryKey(node.environment_id, node.unique_id), ())
            built = () if isinstance(runs, GatewayError) else (run.runtime for run in runs if _before(run, node, jobs))
            runtime = next(iter(built), None)
            if runtime is not None:
                seconds, unknown = seconds + runtime, unknown - 1
    missing = [f"the builds before {unknown} of the {savings.count} reused results"] if unknown else []
    return ReuseReport(savings.count, seconds), missing


def _before(run: ModelRun, reused: _Reused, jobs: Mapping[int, Job]) -> bool:
    """Whether a run built a model before it was reused, and not for a proposed change."""
    job = jobs.get(run.job_id) if run.job_id is not None else None
    return (
        run.status is RunStatus.SUCCESS
        and run.end_time is not None
        and run.end_time.timestamp() <= reused.time
        and not (job is not None and job.is_ci)
    )
