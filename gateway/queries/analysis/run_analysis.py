"""Questions about when the nodes of a run ran, what its end waited for, and where its time went."""

from __future__ import annotations

from heapq import nlargest

from gateway.analysis.critical_path import CriticalPath as Path
from gateway.analysis.critical_path import bounds, critical_path
from gateway.analysis.step import Step
from gateway.analysis.utilization import utilization
from gateway.analysis.weighted_seconds import weighted_seconds
from gateway.hierarchy.analysis.run_analysis import (
    Blocker,
    ChainLink,
    CriticalPath,
    IdleTime,
    ObservedChain,
    TimeDimension,
    Timeline,
    TimelineBar,
    Utilization,
    WeightedSeconds,
)
from gateway.hierarchy.measures.cost import CostRate
from gateway.hierarchy.objects.job import Run
from gateway.hierarchy.objects.node_result import NodeResult
from gateway.loading.field_context import FieldContext
from gateway.queries.analysis.time_groups import OF_CONTENTS, Belonging, TimeGroups, belonging_of
from gateway.queries.runs.run_steps import RunSteps, analysed, aside, run_steps

_MOST_BLOCKERS = 20


async def timeline_of(
    context: FieldContext, run: Run, step: int | None, min_seconds: float, first: int
) -> Timeline | None:
    """When which resource ran; the `first` longest bars of at least `min_seconds`. None where nothing has times."""
    steps = await run_steps(context, run, step)
    if steps is None:
        return None
    asked = (Timeline, step is not None, min_seconds, first)
    return await analysed(context, steps, asked, lambda: _timeline(steps, step is not None, min_seconds, first))


async def critical_path_of(context: FieldContext, run: Run, step: int | None) -> CriticalPath | None:
    """The longest chain of dependencies by runtime; None without a manifest or times."""
    steps = await run_steps(context, run, step)
    if steps is None or not steps.has_graph:
        return None
    return await analysed(context, steps, CriticalPath, lambda: _critical_path(steps))


async def observed_chain_of(context: FieldContext, run: Run, step: int | None) -> ObservedChain | None:
    """What the run's end waited for; None where nothing has times."""
    steps = await run_steps(context, run, step)
    if steps is None:
        return None
    chain = await analysed(context, steps, ObservedChain, steps.chain)
    links = [ChainLink(steps.results[link.unique_id], link.seconds, link.waited_for, link.gap) for link in chain]
    head, tail = steps.margins(step is not None)
    overlap = sum(link.overlap for link in chain)
    return ObservedChain(steps.wall, head, tail, overlap, tuple(links), steps.basis)


async def utilization_of(context: FieldContext, run: Run, step: int | None) -> Utilization | None:
    """How well the run used its threads; None where nothing has times."""
    steps = await run_steps(context, run, step)
    if steps is None:
        return None
    head, tail = steps.margins(step is not None)
    used = await analysed(
        context,
        steps,
        (Utilization, step is not None),
        lambda: utilization(steps.steps, -(head or 0.0), steps.wall + (tail or 0.0)),
    )
    idle = sorted(used.idle.items(), key=lambda item: (-item[1], item[0]))
    blockers = sorted(used.blockers.items(), key=lambda item: (-item[1], item[0]))[:_MOST_BLOCKERS]
    return Utilization(
        used.threads,
        used.share,
        tuple(IdleTime(reason, seconds) for reason, seconds in idle if seconds > 0),
        tuple(Blocker(steps.results[unique_id], seconds) for unique_id, seconds in blockers),
        steps.basis,
    )


async def weighted_seconds_of(context: FieldContext, run: Run, by: TimeDimension, first: int) -> list[WeightedSeconds]:
    """The run's busy time by groups, greatest first; their sum is the time in which anything ran."""
    steps = await run_steps(context, run, whole=by in OF_CONTENTS or by is TimeDimension.MATERIALIZATION)
    if steps is None:
        return []
    belonging = await belonging_of(context, run.environment_id, by)
    rate = context.loaders.results.cost_rate
    return await aside(len(steps.results), lambda: _grouped(steps, belonging, rate)[:first])


def _timeline(steps: RunSteps, of_step: bool, min_seconds: float, first: int) -> Timeline:
    shares = shares_of(steps)
    chain = steps.chain()
    on_chain = {link.unique_id for link in chain}
    bars = []
    for step in steps.steps:
        path = _path(step)
        on_path = frozenset(path.places) if path else frozenset()
        for place, node in enumerate(step.nodes):
            runtime = node.seconds
            if runtime < min_seconds:
                continue
            bars.append(
                TimelineBar(
                    result=steps.results[node.unique_id],
                    lane=step.lanes[place],
                    start_seconds=node.start,
                    runtime=runtime,
                    slack_seconds=path.slack[place] if path else None,
                    weighted_seconds=shares[node.unique_id],
                    on_critical_path=place in on_path if path else None,
                    on_observed_chain=node.unique_id in on_chain,
                )
            )
    longest = bars if len(bars) <= first else nlargest(first, bars, key=lambda bar: bar.runtime)
    head, tail = steps.margins(of_step)
    return Timeline(
        start_time=steps.origin,
        wall_seconds=steps.wall,
        head_seconds=head,
        tail_seconds=tail,
        overlap_seconds=sum(link.overlap for link in chain),
        lanes=max(max(step.lanes) for step in steps.steps),
        threads=steps.threads,
        bars=tuple(sorted(longest, key=lambda bar: (bar.start_seconds, bar.result.unique_id))),
        left_out=sum(len(step.nodes) for step in steps.steps) - len(longest),
        basis=steps.basis,
    )


def _path(step: Step) -> Path | None:
    if step.dependencies is None:
        return None
    return critical_path([node.seconds for node in step.nodes], step.dependencies)


def _critical_path(steps: RunSteps) -> CriticalPath:
    results: list[NodeResult] = []
    length = lower = upper = 0.0
    for step in steps.steps:
        path = _path(step)
        if path is None:
            continue
        least, most = bounds(path.seconds, step.work, step.width)
        length, lower, upper = length + path.seconds, lower + least, upper + most
        results += [steps.results[step.nodes[place].unique_id] for place in path.places]
    return CriticalPath(length, tuple(results), lower, upper, steps.basis)


def shares_of(steps: RunSteps) -> dict[str, float]:
    """The weighted seconds of each executed node, by unique id; their sum is the time in which anything ran."""
    nodes = [node for step in steps.steps for node in step.nodes]
    return {node.unique_id: share for node, share in zip(nodes, weighted_seconds(nodes), strict=True)}


def _grouped(steps: RunSteps, belonging: Belonging, rate: CostRate | None) -> list[WeightedSeconds]:
    graph = {node.unique_id: node for node in steps.graph.nodes}
    seconds = {node.unique_id: node.seconds for step in steps.steps for node in step.nodes}
    groups = TimeGroups(rate)
    for unique_id, share in shares_of(steps).items():
        groups.add(belonging.keys(unique_id, graph.get(unique_id), steps.run.job_id), share, seconds[unique_id])
    return groups.greatest_first()
