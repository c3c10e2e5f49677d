"""The steps of a run as analysis takes them: what was executed when, and what it depended on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from gateway.analysis.dependencies import dependencies
from gateway.analysis.intervals import NodeInterval
from gateway.analysis.observed_chain import ChainLink, observed_chain
from gateway.analysis.step import Step, in_time
from gateway.concurrency.checkpoints import checkpoint
from gateway.concurrency.gathering import gather_pair
from gateway.hierarchy.measures.basis import Basis
from gateway.hierarchy.objects.job import Run
from gateway.hierarchy.objects.model import ModelRun
from gateway.hierarchy.objects.node_result import RESULT_TYPES, NodeResult, NodeResultFilter
from gateway.hierarchy.runs.run_graph import RunGraph
from gateway.hierarchy.vocabulary.status import RunStatus
from gateway.loading.field_context import FieldContext
from gateway.loading.run_results import FoundResults
from gateway.queries.runs.run_results import refuse_unknown_steps, reported

T = TypeVar("T")

# Up to so many nodes are computed at once, some milliseconds; more in a thread.
_AT_ONCE = 200
_STEPS_OF_A_NODE = 40
_ASIDE = 1_000_000  # more than may be done at once
_OBJECTS_OF_A_NODE = 10
"""Its interval, place, lane and dependencies in kept steps; its bar and figures in a kept analysis."""


@dataclass(frozen=True)
class RunSteps:
    """The executed nodes of a run that have times. `results` by unique id, and in `reused` what dbt reused; `steps` in
    time, their seconds counted from `origin`; `graph` holds more than was executed."""

    run: Run
    results: Mapping[str, NodeResult]
    graph: RunGraph
    steps: Sequence[Step]
    origin: datetime
    basis: Basis
    reused: Mapping[str, NodeResult]

    @property
    def wall(self) -> float:
        """Seconds from the first start to the last end."""
        return max(step.end for step in self.steps)

    @property
    def has_graph(self) -> bool:
        """Whether it is known what depends on what."""
        return all(step.dependencies is not None for step in self.steps)

    @property
    def threads(self) -> int | None:
        """The most threads of a step; None where none is reported."""
        return max((step.threads for step in self.steps if step.threads), default=None)

    def margins(self, of_step: bool) -> tuple[float, float] | tuple[None, None]:
        """Seconds of the run before the first start and after the last end; None for a step, where the run's own times
        are not known, or where they do not hold all nodes."""
        if of_step or self.run.start_time is None or self.run.end_time is None:
            return None, None
        head = (self.origin - self.run.start_time).total_seconds()
        tail = (self.run.end_time - self.origin).total_seconds() - self.wall
        return (head, tail) if min(head, tail) >= 0 else (None, None)

    def chain(self) -> list[ChainLink]:
        """What the run's end waited for."""
        return observed_chain(self.steps)


async def run_steps(
    context: FieldContext, run: Run, step: int | None = None, *, whole: bool = False
) -> RunSteps | None:
    """The steps of a run, or one of them; None where no executed node has times. `whole`: with tags, groups and files.

    Raises BadUserInput for a step that is none, or cannot be known, and what went wrong where nothing can be read.
    """
    of_run, graph = await gather_pair(_results(context, run, step), context.loaders.results.graph(run, whole=whole))
    results = of_run.results
    executed = [result for result in results if result.status.executed]
    timed = [result for result in executed if result.start_time is not None and result.end_time is not None]
    if not timed:
        return None
    threads = await _threads(context, graph, timed)
    missing = _missing(context, graph, len(executed) - len(timed))
    basis = Basis(context.loaders.source_of_runs([run]), 1, run.start_time, tuple(missing))
    reused = {result.unique_id: result for result in results if result.status is RunStatus.REUSED}
    made_of = (run, graph, *of_run.facts)
    key = (RunSteps, step, basis, tuple(sorted(threads.items())), *map(id, made_of))
    return await context.loaders.derived_of(
        key,
        made_of,
        lambda: aside(len(timed), lambda: replace(_steps_of(run, timed, graph, threads, basis), reused=reused)),
        items=_OBJECTS_OF_A_NODE * len(timed),
    )


async def analysed(context: FieldContext, steps: RunSteps, analysis: Hashable, compute: Callable[[], T]) -> T:
    """What an analysis makes of these steps, made once while they are kept. `analysis`: which one, with its arguments.
    Nothing else than the steps and its arguments may decide it."""
    nodes = len(steps.results)
    return await context.loaders.derived_of(
        (analysis, id(steps)), steps, lambda: aside(nodes, compute), items=_OBJECTS_OF_A_NODE * nodes
    )


async def aside(nodes: int, compute: Callable[[], T]) -> T:
    """What a computation over so many nodes gives; that of many runs in a thread, so that others go on."""
    if nodes <= _AT_ONCE:
        await checkpoint(_STEPS_OF_A_NODE * nodes)
        return compute()
    await checkpoint(_ASIDE)
    return await asyncio.to_thread(compute)


async def _results(context: FieldContext, run: Run, step: int | None) -> FoundResults:
    of_step = NodeResultFilter(step=step)
    if step is not None:
        refuse_unknown_steps(context)
    of_run = await context.loaders.results.of(run, RESULT_TYPES)
    results = await reported(context, run, of_run, RESULT_TYPES)
    return of_run if step is None else replace(of_run, results=tuple(filter(of_step.admits, results)))


async def _threads(context: FieldContext, graph: RunGraph, timed: Iterable[NodeResult]) -> dict[str, int]:
    """The threads of each command by its invocation: as the archive has them, else by the arguments that dbt's API
    reports with a model that it executed."""
    known = dict(graph.threads)
    witnesses = {
        result.invocation_id: result
        for result in timed
        if isinstance(result, ModelRun) and result.invocation_id and result.invocation_id not in known
    }
    commands = await context.loaders.commands(list(witnesses.values())) if witnesses else {}
    threads_of_command = {invocation: command.threads for (_, invocation), command in commands.items() if invocation}
    return known | {invocation: threads for invocation, threads in threads_of_command.items() if threads}


def _steps_of(
    run: Run, timed: Sequence[NodeResult], graph: RunGraph, threads: Mapping[str, int], basis: Basis
) -> RunSteps:
    origin = min(result.start_time for result in timed if result.start_time)
    parents = {node.unique_id: node.parents for node in graph.nodes}
    steps = []
    for of_command in _by_command(timed):
        nodes = [_interval(result, origin) for result in of_command]
        invocations = {result.invocation_id for result in of_command if result.invocation_id}
        allowed = {threads[invocation] for invocation in invocations if invocation in threads}
        steps.append(Step(nodes, max(allowed, default=None), dependencies(nodes, parents) if parents else None))
    basis = replace(basis, since=basis.since or origin, missing=(*basis.missing, *_lacking(steps)))
    return RunSteps(run, {result.unique_id: result for result in timed}, graph, in_time(steps), origin, basis, {})


def _by_command(timed: Sequence[NodeResult]) -> list[list[NodeResult]]:
    """The results of each command. Those that do not report theirs are of the one that ended next after them."""
    results: dict[object, list[NodeResult]] = {}
    ends: dict[datetime, object] = {}
    for result in timed:
        key = result.step if result.step is not None else result.ended_at
        if key is not None:
            results.setdefault(key, []).append(result)
            ends[result.ended_at or result.end_time] = key  # type: ignore[index]  # those with times only
    for result in timed:
        if result.step is None and result.ended_at is None:
            later = [end for end in ends if result.end_time and end >= result.end_time]
            results.setdefault(ends[min(later)] if later else next(iter(results), None), []).append(result)
    return list(results.values())


def _interval(result: NodeResult, origin: datetime) -> NodeInterval:
    start = (result.start_time - origin).total_seconds() if result.start_time else 0.0
    end = (result.end_time - origin).total_seconds() if result.end_time else start
    return NodeInterval(result.unique_id, start, max(start, end))


def _missing(context: FieldContext, graph: RunGraph, untimed: int) -> list[str]:
    return [
        *([] if graph.nodes else ["no manifest: what depends on what is not known"]),
        *([f"times of {untimed} executed resources"] if untimed else []),
        *([f"{graph.earlier_results} results that a later step replaced"] if graph.earlier_results else []),
        *([] if context.loaders.results.are_complete else ["hooks, unit tests, functions and exports"]),
        *(["parts of the run that could not be read"] if context.own_failure else []),
    ]


def _lacking(steps: Sequence[Step]) -> list[str]:
    untold = sum(step.threads is None for step in steps)
    circling = sum(step.dependencies.cut for step in steps if step.dependencies)
    beyond = sum(step.threads is not None and step.width > step.threads for step in steps)
    return [
        *([f"number of threads of {untold} of {len(steps)} steps"] if untold else []),
        *([f"{circling} dependencies that run in a circle"] if circling else []),
        *([f"{beyond} steps ran more resources at once than they had threads"] if beyond else []),
    ]
