"""Loads what nodes of every type did in the runs of one request: models and each group of the others in batches."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from gateway.concurrency.gathering import gather, gather_pair
from gateway.errors import GatewayError
from gateway.hierarchy.history.change_facts import ChangeFacts, ChangeKey
from gateway.hierarchy.history.runtime_series import RuntimeChanges
from gateway.hierarchy.objects.job import Run, newest_first
from gateway.hierarchy.objects.model import CodeInRun, ModelRun
from gateway.hierarchy.objects.node_result import RESULT_TYPES, NodeResult
from gateway.hierarchy.runs.attempts import NodeAttempts
from gateway.hierarchy.runs.executions import Executions, ExecutionsKey
from gateway.hierarchy.runs.run_failure import FAILING_TYPES
from gateway.hierarchy.runs.run_graph import RunGraph
from gateway.hierarchy.runs.run_times import RunTimesKey, TimedRuns
from gateway.hierarchy.vocabulary.resource_type import ResourceType, resource_type_of
from gateway.hierarchy.vocabulary.status import RunStatus, status_of_word
from gateway.loading.batching import Batched, Departures
from gateway.services.bundle import Services
from gateway.services.runs.run_graphs import GraphKey
from gateway.services.runs.run_history import RunModels, RunParents
from gateway.services.runs.run_nodes import (
    EndedResults,
    NodeGroup,
    NodeInRun,
    NodeOutcome,
    NodesKey,
    RunNodes,
    groups_of,
)
from gateway.services.runs.run_rows import RunKey

MODELS = "models"

_RUNS_THAT_TELL = 20
"""What one document of dbt's API holds."""

_MOST_LOOKED_BACK = 100

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class FoundResults:
    """The results of a run, ordered by unique id, and what could not be read: models or a group of the others, with
    the error it met. `known`: whether there is metadata of the run, or was when it was looked for. `facts`: the kept
    facts that hold the results, in which the same objects stand for the same results."""

    results: tuple[NodeResult, ...]
    failures: Mapping[str, GatewayError]
    known: bool = True
    facts: tuple[object, ...] = ()


class RunResultLoaders:
    """Loads results; for one request. `cost_rate`: what time and bytes cost by the settings, None where these say
    nothing."""

    def __init__(self, services: Services, models: Batched[Run, RunModels[ModelRun]], departures: Departures) -> None:
        self._jobs = services.jobs
        self._admin = services.admin
        self._figures = services.figures
        self.cost_rate = services.cost_rate
        self._looked_back = 0
        self._models = models
        self._departures = departures

    @cached_property
    def _failed_nodes(self) -> Batched[int, tuple[NodeAttempts, ...] | None]:
        return Batched(_or_none(self._figures.failed_nodes), self._departures)

    @cached_property
    def _changes(self) -> Batched[int, RuntimeChanges | None]:
        return Batched(_or_none(self._figures.runtime_changes), self._departures)

    @cached_property
    def _change_facts(self) -> Batched[ChangeKey, ChangeFacts | None]:
        return Batched(_or_none(self._figures.change_facts), self._departures)

    @cached_property
    def _seen(self) -> Batched[int, frozenset[str]]:
        return Batched(self._load_seen, self._departures)

    @cached_property
    def _nodes(self) -> Batched[tuple[Run, NodeGroup], RunNodes]:
        return Batched(self._load_nodes, self._departures)

    @cached_property
    def _failed(self) -> Batched[Run, EndedResults]:
        return Batched(self._load_failed, self._departures)

    @cached_property
    def _skipped(self) -> Batched[Run, EndedResults]:
        return Batched(self._load_skipped, self._departures)

    @cached_property
    def _parents(self) -> Batched[Run, RunParents]:
        return Batched(self._load_parents, self._departures)

    @cached_property
    def _attempts(self) -> Batched[tuple[Run, str], NodeOutcome]:
        return Batched(self._load_attempts, self._departures)

    @cached_property
    def _graphs(self) -> Batched[tuple[Run, bool], RunGraph]:
        return Batched(self._load_graphs, self._departures)

    @cached_property
    def _codes(self) -> Batched[NodeInRun, CodeInRun]:
        return Batched(self._jobs.codes, self._departures, cached=False)

    async def code(self, run: Run, unique_id: str) -> CodeInRun:
        """The code that a model had in a run."""
        return await self._codes.load(NodeInRun(run.job_id, run.id, unique_id))

    @property
    def are_complete(self) -> bool:
        """Whether hooks, unit tests, functions and exports are among them; dbt's API lists none."""
        return self._jobs.tells_everything

    async def of(self, run: Run, types: Collection[ResourceType]) -> FoundResults:
        """The results of resources of these types in a run. Nothing is read of others."""
        models, nodes = await gather_pair(
            self._models.load_all([run] if ResourceType.MODEL in types else []),
            self._nodes.load_all([(run, group) for group in groups_of(types)]),
        )
        results: list[NodeResult] = []
        failures: dict[str, GatewayError] = {}
        parts = [*models, *nodes]
        for answer in models:
            if isinstance(answer, GatewayError):
                failures[MODELS] = answer
            else:
                results += answer.models
        for group, part in zip(groups_of(types), nodes, strict=True):
            if isinstance(part, GatewayError):
                failures[group.value] = part
            else:
                results += (node for node in part.nodes if node.resource_type in types)
        known = all(isinstance(part, GatewayError) or part.ingested for part in parts)
        ordered = tuple(sorted(results, key=lambda result: result.unique_id))
        return FoundResults(ordered, failures, known, tuple(parts))

    async def failed(self, run: Run) -> FoundResults:
        """The failed ones among the results of a run. Where an archive has them no others are read."""
        if self.are_complete:
            ended = await self._failed.load(run)
            return FoundResults(tuple(sorted(ended.results, key=lambda result: result.unique_id)), {})
        everything = await self.of(run, FAILING_TYPES)
        failed = (result for result in everything.results if result.status is RunStatus.FAILURE)
        return FoundResults(tuple(failed), everything.failures, everything.known)

    async def stopped(self, run: Run) -> FoundResults:
        """The results of a run that failed or were skipped; all of them where no archive has those alone."""
        if not self.are_complete:
            return await self.of(run, RESULT_TYPES)
        failed, skipped = await gather_pair(self._failed.load(run), self._skipped.load(run))
        return FoundResults(tuple(sorted((*failed.results, *skipped.results), key=lambda result: result.unique_id)), {})

    async def parents(self, run: Run) -> Mapping[str, tuple[str, ...]]:
        """The parents of what was skipped in a run, of tests that failed in it, and of what left no results; of
        everything where no archive has those alone."""
        if self.are_complete:
            return (await self._parents.load(run)).parents
        graph = await self.graph(run, whole=False)
        return {node.unique_id: node.parents for node in graph.nodes}

    async def statuses(self, runs: Sequence[Run], unique_ids: Collection[str]) -> list[Mapping[str, RunStatus]]:
        """How these resources ended in each of these runs; those that a run did not touch are not among them. Raises
        what went wrong."""
        if not self.are_complete:
            types = {resource_type_of(unique_id) for unique_id in unique_ids}
            return [_statuses_in(results, unique_ids) for results in await gather(self.of(run, types) for run in runs)]
        asked = [(run, name) for run in runs for name in unique_ids]
        statuses: dict[Run, dict[str, RunStatus]] = {run: {} for run in runs}
        for (run, name), attempt in zip(asked, await self._attempts.load_all(asked), strict=True):
            if isinstance(attempt, GatewayError):
                raise attempt
            if attempt.word is not None:
                statuses[run][name] = status_of_word(attempt.word)
        return [statuses[run] for run in runs]

    async def _load_attempts(
        self, asked: list[tuple[Run, str]]
    ) -> Mapping[tuple[Run, str], NodeOutcome | GatewayError]:
        keys = {(run, name): NodeInRun(run.job_id, run.id, name) for run, name in asked}
        finished = frozenset(key for (run, _), key in keys.items() if run.status.is_final)
        outcomes = await self._jobs.attempts(list(keys.values()), finished)
        return {attempt: outcomes[key] for attempt, key in keys.items()}

    async def _load_failed(self, runs: list[Run]) -> Mapping[Run, EndedResults | GatewayError]:
        return await _of_runs(runs, self._jobs.failed_results)

    async def _load_skipped(self, runs: list[Run]) -> Mapping[Run, EndedResults | GatewayError]:
        return await _of_runs(runs, self._jobs.skipped_results)

    async def _load_parents(self, runs: list[Run]) -> Mapping[Run, RunParents | GatewayError]:
        return await _of_runs(runs, self._jobs.parents)

    async def graph(self, run: Run, *, whole: bool) -> RunGraph:
        """Who depended on whom in a run. `whole`: with tags, materializations, groups and files too."""
        return await self._graphs.load((run, whole))

    async def _load_graphs(self, asked: list[tuple[Run, bool]]) -> Mapping[tuple[Run, bool], RunGraph | GatewayError]:
        keys = {(run, whole): GraphKey(run.job_id, run.id, whole) for run, whole in asked}
        finished = frozenset(key for (run, _), key in keys.items() if run.status.is_final)
        graphs = await self._jobs.run_graphs(list(keys.values()), finished)
        return {request: graphs[key] for request, key in keys.items()}

    async def executions(self, keys: Sequence[ExecutionsKey]) -> Mapping[ExecutionsKey, Executions | GatewayError]:
        """What each environment executed in a window of time; those that no archive holds are missing."""
        return await self._figures.executions(keys)

    async def run_times(self, keys: Sequence[RunTimesKey]) -> Mapping[RunTimesKey, TimedRuns | GatewayError] | None:
        """When the runs of each environment were created, started and ended; None where there is no archive."""
        return await self._figures.run_times(keys) if self._figures.count_models else None

    def may_look_back(self) -> bool:
        """Whether the histories of what an unknown id may name are read: for the first hundred ids of a request. Each
        may be of any package, and so a history for each package."""
        self._looked_back += 1
        return self._looked_back <= _MOST_LOOKED_BACK

    async def models_seen(self, environment_id: int) -> frozenset[str]:
        """The unique ids of models that runs of an environment had, and that it may no longer hold: of all runs in an
        archive, without those that it holds; through dbt's API of the newest 20 completed ones."""
        return await self._seen.load(environment_id)

    async def failed_nodes(self, environment_id: int) -> tuple[NodeAttempts, ...] | None:
        """The attempts of the resources of an environment that failed at some time; None where no archive holds it."""
        return await self._failed_nodes.load(environment_id)

    async def runtime_changes(self, environment_id: int) -> RuntimeChanges | None:
        """The lasting changes of runtimes that the archive has seen in an environment; None where none holds it."""
        return await self._changes.load(environment_id)

    async def change_facts(self, key: ChangeKey) -> ChangeFacts | None:
        """The runs around a lasting change; None where no archive holds its environment."""
        return await self._change_facts.load(key)

    async def _load_seen(self, environment_ids: list[int]) -> Mapping[int, frozenset[str] | GatewayError]:
        if self._figures.count_models:
            return await self._figures.models_gone(environment_ids)
        names = await gather(self._seen_in_runs(environment_id) for environment_id in environment_ids)
        return dict(zip(environment_ids, names, strict=True))

    async def _seen_in_runs(self, environment_id: int) -> frozenset[str] | GatewayError:
        try:
            listed = await self._listed_runs(environment_id)
        except GatewayError as failure:
            return failure
        newest = [run for run in listed if run.status.is_final][:_RUNS_THAT_TELL]
        return _models_of(await self._models.load_all(newest))

    async def _listed_runs(self, environment_id: int) -> Sequence[Run]:
        """The last runs of an environment; without the Admin API those of its jobs, which bear the only traces."""
        if not self._admin.inferred:
            return (await self._admin.ended_runs(environment_id)).runs
        jobs = [job.id for job in (await self._admin.jobs()).values() if job.environment_id == environment_id]
        recent = (await self._admin.recent_runs(jobs, _RUNS_THAT_TELL)).values()
        runs = (run for some in recent if isinstance(some, tuple) for run in some)
        return newest_first(run for run in runs if run.environment_id == environment_id)

    async def _load_nodes(
        self, groups: list[tuple[Run, NodeGroup]]
    ) -> Mapping[tuple[Run, NodeGroup], RunNodes | GatewayError]:
        keys = {(run, group): NodesKey(run.job_id, run.id, group) for run, group in groups}
        finished = frozenset(key for (run, _), key in keys.items() if run.status.is_final)
        nodes = await self._jobs.run_nodes(list(keys.values()), finished)
        return {asked: nodes[key] for asked, key in keys.items()}


def _or_none(
    read: Callable[[list[K]], Awaitable[Mapping[K, T | GatewayError]]],
) -> Callable[[list[K]], Awaitable[Mapping[K, T | GatewayError | None]]]:
    """The same reading, None for what it does not say."""

    async def read_all(keys: list[K]) -> Mapping[K, T | GatewayError | None]:
        answers = await read(keys)
        return {key: answers.get(key) for key in keys}

    return read_all


async def _of_runs(
    runs: list[Run],
    read: Callable[[list[RunKey], frozenset[RunKey]], Awaitable[Mapping[RunKey, T | GatewayError]]],
) -> Mapping[Run, T | GatewayError]:
    keys = {run: RunKey(run.job_id, run.id) for run in runs}
    finished = frozenset(key for run, key in keys.items() if run.status.is_final)
    answers = await read(list(keys.values()), finished)
    return {run: answers[key] for run, key in keys.items()}


def _statuses_in(results: FoundResults, unique_ids: Collection[str]) -> Mapping[str, RunStatus]:
    for error in results.failures.values():
        raise error
    return {result.unique_id: result.status for result in results.results if result.unique_id in unique_ids}


def _models_of(runs: Sequence[RunModels[ModelRun] | GatewayError]) -> frozenset[str] | GatewayError:
    """The models of all these runs; the error of one that cannot be read."""
    failed = next((run for run in runs if isinstance(run, GatewayError)), None)
    if failed is not None:
        return failed
    return frozenset(model.unique_id for run in runs if isinstance(run, RunModels) for model in run.models)
