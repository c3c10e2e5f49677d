"""ModelService: every model of environments, the histories of many models, the details of some."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.caching.facts import Fact, FactsCache
from gateway.errors import GatewayError
from gateway.hierarchy.identity import EnvironmentModels, model_ids
from gateway.hierarchy.model import ModelDetails, ModelRun
from gateway.hierarchy.project import Project
from gateway.services.base_query import BaseQuery
from gateway.services.environment_service import EnvironmentHeader, EnvironmentService
from gateway.services.mapping import to_model
from gateway.services.model_details import read_details
from gateway.services.model_histories import HistoryKey, read_histories
from gateway.services.model_pages import models_operation, read_pages


@dataclass(frozen=True, slots=True)
class _ModelsFact:
    models: EnvironmentModels
    optional_fields: frozenset[str]
    revision: datetime | None


@dataclass(frozen=True, slots=True)
class _HistoryFact:
    runs: tuple[ModelRun, ...]
    asked: int
    revision: datetime | None

    def holds(self, count: int) -> bool:
        """Whether this is enough for the newest `count` runs: that many were asked for, or there are no more."""
        return self.asked >= count or len(self.runs) < self.asked


class ModelService:
    """Facts about models. All are valid while their environment's revision stands (see EnvironmentService)."""

    def __init__(self, query: BaseQuery, environments: EnvironmentService, capacity: int) -> None:
        self._query = query
        self._environments = environments
        self._models: FactsCache[int, _ModelsFact] = FactsCache(
            capacity, weigh=lambda fact: len(fact.models.models) + 1
        )
        self._histories: FactsCache[HistoryKey, _HistoryFact] = FactsCache(capacity, weigh=lambda f: len(f.runs) + 1)

    async def models(
        self, projects: Sequence[Project], optional_fields: frozenset[str]
    ) -> dict[int, EnvironmentModels | GatewayError]:
        """All models of each project's environment, by environment id, every page read.

        `optional_fields` are the upstream fields wanted beside the ones every model has (see model_pages).
        """
        by_environment = {project.environment_id: project for project in projects}
        headers = await self._environments.headers(list(by_environment))
        readable = {one: header for one, header in headers.items() if isinstance(header, EnvironmentHeader)}

        async def fetch(environment_ids: list[int]) -> Mapping[int, _ModelsFact | GatewayError]:
            fields = optional_fields.union(*(self._known_fields(one) for one in environment_ids))
            return await self._read_models([by_environment[one] for one in environment_ids], readable, fields)

        def believed(environment_id: int, fact: Fact[_ModelsFact]) -> bool:
            current = fact.value.revision == readable[environment_id].revision
            return current and optional_fields <= fact.value.optional_fields

        facts = await self._models.get_many(list(readable), fetch, believed)
        failed = {one: header for one, header in headers.items() if isinstance(header, GatewayError)}
        return {**failed, **{one: f.models if isinstance(f, _ModelsFact) else f for one, f in facts.items()}}

    async def histories(
        self, keys: Sequence[HistoryKey], count: int
    ) -> dict[HistoryKey, tuple[ModelRun, ...] | GatewayError]:
        """The newest `count` runs of each model, newest first, by any job of its environment; () for unknown models."""
        headers = await self._environments.headers(list({key.environment_id for key in keys}))
        readable = {one: header for one, header in headers.items() if isinstance(header, EnvironmentHeader)}

        async def fetch(missing: list[HistoryKey]) -> Mapping[HistoryKey, _HistoryFact | GatewayError]:
            found = await read_histories(self._query, missing, count)
            return {
                key: _HistoryFact(runs, count, readable[key.environment_id].revision)
                if isinstance(runs, tuple)
                else runs
                for key, runs in found.items()
            }

        def believed(key: HistoryKey, fact: Fact[_HistoryFact]) -> bool:
            return fact.value.revision == readable[key.environment_id].revision and fact.value.holds(count)

        wanted = [key for key in keys if key.environment_id in readable]
        facts = await self._histories.get_many(wanted, fetch, believed)
        answers: dict[HistoryKey, tuple[ModelRun, ...] | GatewayError] = {}
        for key in keys:
            fact = facts.get(key) or headers[key.environment_id]
            if isinstance(fact, _HistoryFact):
                answers[key] = fact.runs[:count]
            elif isinstance(fact, GatewayError):
                answers[key] = fact
        return answers

    async def details(
        self, keys: Sequence[HistoryKey], fields: frozenset[str]
    ) -> dict[HistoryKey, ModelDetails | GatewayError]:
        """Details of each model (see model_details). Read anew each time: they are large and seldom asked for."""
        return await read_details(self._query, keys, fields)

    def _known_fields(self, environment_id: int) -> frozenset[str]:
        fact = self._models.peek(environment_id)
        return fact.value.optional_fields if fact else frozenset()

    async def _read_models(
        self, projects: Sequence[Project], headers: Mapping[int, EnvironmentHeader], fields: frozenset[str]
    ) -> Mapping[int, _ModelsFact | GatewayError]:
        found = await read_pages(
            self._query, [project.environment_id for project in projects], models_operation(fields)
        )
        facts: dict[int, _ModelsFact | GatewayError] = {}
        for project in projects:
            nodes = found[project.environment_id]
            if isinstance(nodes, GatewayError):
                facts[project.environment_id] = nodes
                continue
            ids = model_ids(project.id, [node.unique_id for node in nodes])
            models = sorted(
                (to_model(node, ids[node.unique_id], project.id, project.environment_id) for node in nodes),
                key=lambda model: model.unique_id,
            )
            complete = EnvironmentModels(project.id, project.environment_id, models)
            facts[project.environment_id] = _ModelsFact(complete, fields, headers[project.environment_id].revision)
        return facts
