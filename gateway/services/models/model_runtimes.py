"""Runtimes of all models of environments: what a ranking by the last success needs, and nothing beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from gateway.caching.codec import Codec
from gateway.caching.facts import FactsCache, Kind
from gateway.caching.memory import Fact
from gateway.caching.tiers import Tiers
from gateway.caching.validity import Validity
from gateway.concurrency.checkpoints import checkpoint
from gateway.errors import GatewayError
from gateway.hierarchy.lists.timed_models import EnvironmentRuntimes
from gateway.hierarchy.measures.durations import seconds_or_none
from gateway.hierarchy.objects.project import Project
from gateway.services.discovery.base_query import BaseQuery
from gateway.services.environments.environment_service import EnvironmentValidity
from gateway.services.models.model_pages import Marks, read_pages, read_revised_pages, runtimes_operation
from gateway.services.models.prefetcher import Prefetcher, RevisedModels
from gateway.services.models.untold import note_without_runtimes
from gateway.services.rows.discovery_types import RuntimeRow
from gateway.services.runs.run_history import RunHistory

_NO_FIELDS: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _RuntimesFact:
    models: EnvironmentRuntimes
    revision: datetime | None


@dataclass(frozen=True, slots=True)
class _PackedRuntimes:
    project_id: str
    environment_id: int
    unique_ids: list[str]
    runtimes: list[float | None]
    revision: datetime | None


def _pack(fact: _RuntimesFact) -> _PackedRuntimes:
    models = fact.models
    return _PackedRuntimes(
        models.project_id, models.environment_id, list(models.unique_ids), list(models.runtimes), fact.revision
    )


def _unpack(packed: _PackedRuntimes) -> _RuntimesFact:
    models = EnvironmentRuntimes(packed.project_id, packed.environment_id, packed.unique_ids, packed.runtimes)
    return _RuntimesFact(models, packed.revision)


class ModelRuntimes:
    """Every model of environments with its runtime, valid while their environment's revision stands."""

    def __init__(self, query: BaseQuery, tiers: Tiers, marks: Marks, history: RunHistory) -> None:
        self._query = query
        self._history = history
        self._marks = marks
        self._ahead: Prefetcher[EnvironmentRuntimes] = Prefetcher(tiers.flight_seconds)
        kind: Kind[int, _RuntimesFact] = Kind(
            "runtimes", _weigh, lambda environment_id: environment_id, 0.0, Codec(_PackedRuntimes, _pack, _unpack)
        )
        self._facts: FactsCache[int, _RuntimesFact] = FactsCache(tiers, kind)

    async def read(
        self, projects: Mapping[int, Project], headers: Mapping[int, EnvironmentValidity]
    ) -> dict[int, EnvironmentRuntimes | GatewayError]:
        """The runtimes of each environment's project, known from an archive, or by dbt, every page read. `headers` are
        those of the environments."""

        async def fetch(environment_ids: list[int]) -> Mapping[int, _RuntimesFact | GatewayError]:
            return await self._fetch(environment_ids, projects, headers)

        def validate(environment_id: int, fact: Fact[_RuntimesFact]) -> Validity:
            return headers[environment_id].validate(fact.value.revision)

        facts = await self._facts.get_many(list(projects), fetch, validate)
        for fact in facts.values():
            if isinstance(fact, _RuntimesFact):
                note_without_runtimes(fact.models)
        return {
            environment_id: fact if isinstance(fact, GatewayError) else fact.models
            for environment_id, fact in facts.items()
        }

    def begin(self, environment_ids: Sequence[int]) -> None:
        """Has the runtimes of these environments read at once, beside the headers; `read` will be asked for them."""
        self._ahead.begin(environment_ids, _NO_FIELDS, self._read_ahead)

    def known_size(self, environment_id: int) -> int:
        """How many models an environment had when their runtimes were last read; 0 when they never were."""
        fact = self._facts.peek(environment_id)
        return len(fact.value.models.models) if fact else 0

    async def _fetch(
        self,
        environment_ids: Sequence[int],
        projects: Mapping[int, Project],
        headers: Mapping[int, EnvironmentValidity],
    ) -> dict[int, _RuntimesFact | GatewayError]:
        by_archive = await self._history.last_runtimes(environment_ids)
        if by_archive is None:
            return await self._fetch_pages(environment_ids, projects, headers)
        facts: dict[int, _RuntimesFact | GatewayError] = {}
        for environment_id, runtimes in by_archive.items():
            if isinstance(runtimes, GatewayError):
                facts[environment_id] = runtimes
                continue
            await checkpoint(len(runtimes) // 2)
            project_id, revision = projects[environment_id].id, headers[environment_id].revision
            timed = EnvironmentRuntimes(project_id, environment_id, list(runtimes), list(runtimes.values()))
            facts[environment_id] = _RuntimesFact(timed, revision)
        return facts

    async def _fetch_pages(
        self,
        environment_ids: Sequence[int],
        projects: Mapping[int, Project],
        headers: Mapping[int, EnvironmentValidity],
    ) -> dict[int, _RuntimesFact | GatewayError]:
        facts: dict[int, _RuntimesFact | GatewayError] = {}
        for environment_id, ahead in (await self._ahead.fetch(environment_ids, _NO_FIELDS)).items():
            if isinstance(ahead, GatewayError):
                facts[environment_id] = ahead
            elif headers[environment_id].validate(ahead.revision).current:
                facts[environment_id] = _RuntimesFact(await ahead.make(projects[environment_id]), ahead.revision)
        rest = [environment_id for environment_id in environment_ids if environment_id not in facts]
        read = await read_pages(self._query, rest, runtimes_operation(), marks=self._marks) if rest else {}
        for environment_id, rows in read.items():
            facts[environment_id] = (
                rows
                if isinstance(rows, GatewayError)
                else _RuntimesFact(await _make(rows, projects[environment_id]), headers[environment_id].revision)
            )
        return facts

    async def _read_ahead(
        self, environment_ids: Sequence[int]
    ) -> dict[int, RevisedModels[EnvironmentRuntimes] | GatewayError]:
        read = await read_revised_pages(self._query, environment_ids, runtimes_operation(), self._marks)
        return {
            environment_id: revised_rows
            if isinstance(revised_rows, GatewayError)
            else RevisedModels(partial(_make, revised_rows[0]), revised_rows[1])
            for environment_id, revised_rows in read.items()
        }


async def _make(rows: Sequence[RuntimeRow], project: Project) -> EnvironmentRuntimes:
    await checkpoint(len(rows) // 2)
    unique_ids = [row.unique_id for row in rows]
    runtimes = [seconds_or_none(row.execution_info.execution_time) if row.execution_info else None for row in rows]
    return EnvironmentRuntimes(project.id, project.environment_id, unique_ids, runtimes)


def _weigh(fact: _RuntimesFact) -> int:
    # Little is read of them; but who asks for one has it made.
    return 500 + 250 * len(fact.models.models)
