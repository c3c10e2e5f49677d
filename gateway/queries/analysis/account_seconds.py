"""Where the busy time of all runs of several projects went, in a window of time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from gateway.concurrency.gathering import gather
from gateway.hierarchy.analysis.account_analysis import TimeWindow
from gateway.hierarchy.analysis.run_analysis import TimeDimension, WeightedSeconds
from gateway.hierarchy.measures.cost import CostRate
from gateway.hierarchy.objects.project import Project
from gateway.hierarchy.runs.executions import ExecutionDetail
from gateway.loading.field_context import FieldContext
from gateway.queries.analysis.time_groups import OF_CONTENTS, Belonging, TimeGroups, belonging_of
from gateway.queries.analysis.wasted_builds import shares_of_runs
from gateway.queries.runs.executions import WindowRows, read_window
from gateway.queries.runs.run_steps import aside
from gateway.telemetry.usage import current_usage


async def weighted_seconds_of_account(
    context: FieldContext, projects: Sequence[Project], window: TimeWindow, by: TimeDimension, first: int
) -> list[WeightedSeconds]:
    """The `first` groups with most weighted seconds, of what runs of these projects executed that started in a window.

    Each instant of a run is shared among what ran in it, and runs are added up: the groups come to the busy time of all
    runs, and with the row of idle time to the wall clocks of those runs that have theirs. What is missing is noted
    beside the answer.
    """
    rows = await read_window(context, projects, window, _detail(by))
    places = list(rows.of_environments)
    belonging = dict(zip(places, await gather(belonging_of(context, place, by) for place in places), strict=True))
    if rows.missing:
        current_usage().notes.append({"path": list(context.path), "note": f"Missing: {'; '.join(rows.missing)}."})
    rate = context.loaders.results.cost_rate
    return await aside(rows.size, lambda: _grouped(rows, belonging, rate)[:first])


def _detail(by: TimeDimension) -> ExecutionDetail:
    if by in OF_CONTENTS:
        return ExecutionDetail.WHOLE
    return ExecutionDetail.GRAPH if by is TimeDimension.MATERIALIZATION else ExecutionDetail.TIMES


def _grouped(rows: WindowRows, belonging: Mapping[int, Belonging], rate: CostRate | None) -> list[WeightedSeconds]:
    groups, idle = TimeGroups(rate), 0.0
    for place, executions in rows.of_environments.items():
        shares = shares_of_runs(executions.rows, {row.run_id for row in executions.rows if rows.within(row)})
        busy: dict[int, list[float]] = {}
        for row, share in shares:
            busy.setdefault(row.run_id, []).append(share)
            if rows.within(row):
                node = executions.manifests.get(row.manifest or 0, {}).get(row.unique_id)
                keys = belonging[place].keys(row.unique_id, node, row.job_id)
                groups.add(keys, share, row.end - row.start, row.bytes_billed or 0)
        for run_id, (start, end) in executions.walls.items():
            if rows.begin <= start < rows.end:
                idle += max(0.0, end - start - math.fsum(busy.get(run_id, ())))
    return groups.greatest_first(idle)
