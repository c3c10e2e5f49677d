"""Builds that changed nothing, and what reuse saves: over all projects, in a window of time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

from gateway.analysis.intervals import NodeInterval
from gateway.analysis.waste import Build, SourceCheck, WasteCertainty, wasted_builds
from gateway.analysis.weighted_seconds import weighted_seconds
from gateway.hierarchy.account_analysis import ReuseReport, TimeWindow, WastedBuild, WastedBuilds
from gateway.hierarchy.basis import FactSource
from gateway.hierarchy.executions import ExecutedNode, ExecutionDetail
from gateway.hierarchy.project import Project
from gateway.hierarchy.run_graph import GraphNode
from gateway.hierarchy.status import RunStatus
from gateway.loading.field_context import FieldContext
from gateway.queries.executions import WindowRows, read_window
from gateway.queries.run_steps import aside

LOOKED_BACK = timedelta(days=8)
"""So long before the window the last success of a model is looked for: the last of a weekly job is among them."""

_BUILT = ("model.", "seed.", "snapshot.")
_MODEL = "model."

Wasted = dict[tuple[int, str, WasteCertainty], list[float]]
"""The weighted seconds of each wasted build by environment, model and certainty."""


async def wasted_builds_of(
    context: FieldContext, projects: Sequence[Project], window: TimeWindow, first: int
) -> WastedBuilds:
    """The builds of models of these projects that started in a window and changed nothing, and what was reused.

    Told of the `first` models with most weighted seconds; the figures a day are of all.
    """
    # Without checksums who depends on whom is no use.
    rows = await read_window(
        context, projects, window, ExecutionDetail.GRAPH, before=LOOKED_BACK, by_dbt=ExecutionDetail.TIMES
    )
    told = rows.source is FactSource.ARCHIVE
    wasted, reuse = await aside(rows.size, lambda: (_wasted(rows), _reuse(rows)))
    models = [
        WastedBuild(place, unique_id, certainty, len(seconds), sum(seconds))
        for (place, unique_id, certainty), seconds in wasted.items()
    ]
    seconds = sum(one.weighted_seconds for one in models) / window.days
    rate = context.loaders.results.cost_rate
    return WastedBuilds(
        models=tuple(sorted(models, key=lambda one: (-one.weighted_seconds, one.unique_id, one.certainty)))[:first],
        builds_per_day=sum(one.build_count for one in models) / window.days if told else None,
        weighted_seconds_per_day=seconds if told else None,
        cost_per_day=rate.estimate(seconds) if rate and told else None,
        reuse=reuse,
        basis=rows.basis(),
    )


def _wasted(rows: WindowRows) -> Wasted:
    found: Wasted = {}
    for place, executions in rows.of_environments.items():
        built = [row for row in executions.rows if row.built and row.timed and row.unique_id.startswith(_BUILT)]
        checks = [SourceCheck(one.unique_id, one.time, one.max_loaded_at) for one in executions.checks]
        parents = {
            key: {one: node.parents for one, node in of_manifest.items()}
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
            found.setdefault((place, row.unique_id, certainty), []).append(shares[row])
    return found


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
    found: list[tuple[ExecutedNode, float]] = []
    for of_run in by_run.values():
        intervals = [NodeInterval(row.unique_id, row.start, row.end) for row in of_run]
        found += zip(of_run, weighted_seconds(intervals), strict=True)
    return found


def _reuse(rows: WindowRows) -> ReuseReport:
    """Of what was reused without a known build nothing is known to be saved."""
    count, saved = 0, 0.0
    for executions in rows.of_environments.values():
        last: dict[str, float] = {}
        for row in sorted(executions.rows, key=lambda row: (row.start, row.unique_id)):
            if row.built and row.timed:
                last[row.unique_id] = row.end - row.start
            elif row.status is RunStatus.REUSED and rows.within(row):
                count += 1
                saved += last.get(row.unique_id, 0.0)
    return ReuseReport(count, saved)
