"""Loads what nodes of every type did in the runs of one request: models and each group of the others in batches."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property

from gateway.concurrency.gathering import gather_pair
from gateway.errors import GatewayError
from gateway.hierarchy.job import Run
from gateway.hierarchy.model import ModelRun
from gateway.hierarchy.node_result import NodeResult
from gateway.hierarchy.resource_type import ResourceType
from gateway.loading.batching import Batched, Departures
from gateway.services.job_service import JobService
from gateway.services.run_history import RunModels
from gateway.services.run_nodes import NodeGroup, NodesKey, RunNodes, groups_of

MODELS = "models"


@dataclass(frozen=True, slots=True)
class FoundResults:
    """The results of a run, ordered by unique id, and what could not be read: models or a group of the others, with
    the error it met."""

    results: tuple[NodeResult, ...]
    failures: Mapping[str, GatewayError]


class RunResultLoaders:
    """Loads results; for one request."""

    def __init__(self, jobs: JobService, models: Batched[Run, RunModels[ModelRun]], departures: Departures) -> None:
        self._jobs = jobs
        self._models = models
        self._departures = departures

    @cached_property
    def _nodes(self) -> Batched[tuple[Run, NodeGroup], RunNodes]:
        return Batched(self._load_nodes, self._departures)

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
        for found in models:
            if isinstance(found, GatewayError):
                failures[MODELS] = found
            else:
                results += found.models
        for group, part in zip(groups_of(types), nodes, strict=True):
            if isinstance(part, GatewayError):
                failures[group.value] = part
            else:
                results += (node for node in part.nodes if node.resource_type in types)
        return FoundResults(tuple(sorted(results, key=lambda one: one.unique_id)), failures)

    async def _load_nodes(
        self, groups: list[tuple[Run, NodeGroup]]
    ) -> Mapping[tuple[Run, NodeGroup], RunNodes | GatewayError]:
        keys = {(run, group): NodesKey(run.job_id, run.id, group) for run, group in groups}
        finished = frozenset(key for (run, _), key in keys.items() if run.status.is_final)
        found = await self._jobs.run_nodes(list(keys.values()), finished)
        return {asked: found[key] for asked, key in keys.items()}
