"""What projects executed in a window of time: from an archive, or from the newest runs that dbt's API reports about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gateway.concurrency.gathering import gather
from gateway.errors import GatewayError
from gateway.hierarchy.analysis.account_analysis import TimeWindow
from gateway.hierarchy.filters.list_filters import RunFilter
from gateway.hierarchy.measures.basis import Basis, FactSource
from gateway.hierarchy.objects.job import Run
from gateway.hierarchy.objects.node_result import RESULT_TYPES, NodeResult
from gateway.hierarchy.objects.project import Project
from gateway.hierarchy.runs.executions import ExecutedNode, ExecutionDetail, Executions, ExecutionsKey
from gateway.hierarchy.runs.run_graph import RunGraph
from gateway.hierarchy.vocabulary.status import RunStatus
from gateway.loading.field_context import FieldContext
from gateway.queries.jobs.account_runs import newest_runs
from gateway.queries.runs.run_results import reported

MOST_RUNS = 40
"""So many of the newest runs are read through dbt's API: two documents of each kind or a few more."""

_USUAL_DAYS = 7
_LONGEST_COMMAND = timedelta(days=1)


def usual_window(since: datetime | None, until: datetime | None, days: int = _USUAL_DAYS) -> TimeWindow:
    """A window that a caller named; its begin is, where it was left out, midnight UTC so many days before its end."""
    if since is not None:
        return TimeWindow(since, until)
    end = until or datetime.now(UTC)
    return TimeWindow((end - timedelta(days=days)).replace(hour=0, minute=0, second=0, microsecond=0), until)


@dataclass(frozen=True)
class WindowRows:
    """What each project executed in a window, under its environment, and what came before as far as it was asked for.

    `missing` and `source` as in Basis.
    """

    window: TimeWindow
    of_environments: Mapping[int, Executions]
    missing: tuple[str, ...]
    source: FactSource

    @property
    def begin(self) -> float:
        """Where the window begins, in seconds since 1970."""
        return self.window.since.timestamp()

    @property
    def end(self) -> float:
        """Where it ends."""
        return self.window.end.timestamp()

    @property
    def size(self) -> int:
        """How many results were read."""
        return sum(len(rows.rows) for rows in self.of_environments.values())

    def within(self, row: ExecutedNode) -> bool:
        """Whether something started in the window."""
        return self.begin <= row.start < self.end

    def basis(self, missing: Iterable[str] = ()) -> Basis:
        """What figures of the window are based on."""
        inside = [row for rows in self.of_environments.values() for row in rows.rows if self.within(row)]
        since = min((row.start for row in inside), default=None)
        return Basis(
            self.source,
            len({row.run_id for row in inside}),
            None if since is None else datetime.fromtimestamp(since, UTC),
            (*self.missing, *missing),
        )


async def read_window(
    context: FieldContext,
    projects: Sequence[Project],
    window: TimeWindow,
    detail: ExecutionDetail,
    *,
    before: timedelta = timedelta(0),
    by_dbt: ExecutionDetail | None = None,
) -> WindowRows:
    """What these projects executed in a window, and in the time `before` it. `by_dbt`: the detail that is enough of
    those that no archive holds.

    A project that cannot be read is reported and the others are answered; raises what went wrong where none can.
    """
    if not projects:
        return WindowRows(window, {}, (), context.loaders.history_source)
    since = (window.since - before).timestamp()
    until = None if window.until is None else (window.until + _LONGEST_COMMAND).timestamp()
    keys = {project: ExecutionsKey(project.environment_id, since, until, detail) for project in projects}
    read = await context.loaders.results.executions(list(keys.values()))
    answers = {project: read[key] for project, key in keys.items() if key in read}
    others = [project for project in projects if project not in answers]
    if others:
        rest = await _read_runs(context, others, window, detail if by_dbt is None else by_dbt)
        return _joined(_of_archive(context, window, answers, since), rest) if answers else rest
    return _of_archive(context, window, answers, since)


def _of_archive(
    context: FieldContext, window: TimeWindow, answers: Mapping[Project, Executions | GatewayError], since: float
) -> WindowRows:
    kept = context.sort_out(list(answers), list(answers.values()))
    places = [project.environment_id for project, answer in answers.items() if not isinstance(answer, GatewayError)]
    cut = max((rows.complete_since for rows in kept if rows.complete_since is not None), default=None)
    missing = (
        [] if cut is None or cut <= since else [f"commands that ended before {shown_time(cut)}: there are too many"]
    )
    return WindowRows(window, dict(zip(places, kept, strict=True)), tuple(missing), FactSource.ARCHIVE)


def _joined(first: WindowRows, second: WindowRows) -> WindowRows:
    """Both, where an archive holds some of the projects: then not all comes from an archive."""
    places = {**first.of_environments, **second.of_environments}
    return WindowRows(first.window, places, (*first.missing, *second.missing), FactSource.DISCOVERY)


async def _read_runs(
    context: FieldContext, projects: Sequence[Project], window: TimeWindow, detail: ExecutionDetail
) -> WindowRows:
    """Through dbt's API: the newest runs that started in the window."""
    asked = RunFilter(started_since=window.since, started_until=window.until)
    runs = await newest_runs(context, projects, MOST_RUNS + 1, where=asked)
    looked_at = runs[:MOST_RUNS]
    results_of_runs = await gather(context.loaders.results.of(run, RESULT_TYPES) for run in looked_at)
    results = [
        await reported(context, run, of_run, RESULT_TYPES)
        for run, of_run in zip(looked_at, results_of_runs, strict=True)
    ]
    whole = detail is ExecutionDetail.WHOLE
    asked_graphs = (context.loaders.results.graph(run, whole=whole) for run in (looked_at if detail else ()))
    graphs = {run.id: graph for run, graph in zip(looked_at, await gather(asked_graphs), strict=False)}
    missing = [
        "checksums of code, bytes billed, hooks, unit tests, functions and exports: only an archive has them",
        *([f"runs before the newest {MOST_RUNS}"] if len(runs) > MOST_RUNS else []),
    ]
    places = {project.environment_id: Executions() for project in projects}
    for environment_id in places:
        of_place = [
            (run, of_run)
            for run, of_run in zip(looked_at, results, strict=True)
            if run.environment_id == environment_id
        ]
        places[environment_id] = _executions(of_place, graphs)
    return WindowRows(window, places, tuple(missing), FactSource.DISCOVERY)


def _executions(runs: Sequence[tuple[Run, Sequence[NodeResult]]], graphs: Mapping[int, RunGraph]) -> Executions:
    return Executions(
        rows=tuple(row for run, results in runs for result in results if (row := _execution(run, result)) is not None),
        manifests={
            run.id: {node.unique_id: node for node in graphs[run.id].nodes} for run, _ in runs if run.id in graphs
        },
        walls={
            run.id: (run.start_time.timestamp(), run.end_time.timestamp())
            for run, _ in runs
            if run.start_time and run.end_time and run.start_time <= run.end_time
        },
    )


def _execution(run: Run, result: NodeResult) -> ExecutedNode | None:
    """None for what was neither executed nor reused."""
    if not (result.status.executed or result.status is RunStatus.REUSED):
        return None
    start, end = result.start_time, result.end_time
    timed = result.status.executed and start is not None and end is not None
    otherwise = result.ended_at or run.end_time or run.start_time or run.created_at
    at = otherwise.timestamp() if otherwise else 0.0
    return ExecutedNode(
        unique_id=result.unique_id,
        run_id=run.id,
        job_id=run.job_id,
        manifest=run.id,
        start=start.timestamp() if timed and start else at,
        end=end.timestamp() if timed and end else at,
        timed=timed,
        status=result.status,
        built=result.status is RunStatus.SUCCESS,
    )


def shown_time(seconds: float) -> str:
    """Seconds since 1970 as people read them, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
