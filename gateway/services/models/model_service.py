"""ModelService: every model of environments, the histories of many models, the details of some."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import NamedTuple

from gateway.caching.codec import Codec
from gateway.caching.facts import FactsCache, Kind
from gateway.caching.memory import Fact
from gateway.caching.tiers import Tiers
from gateway.caching.validity import UNFIT, Validity
from gateway.concurrency.checkpoints import pieces
from gateway.concurrency.gathering import gather_pair
from gateway.errors import GatewayError
from gateway.hierarchy.lists.model_index import EnvironmentModels
from gateway.hierarchy.lists.timed_models import EnvironmentRuntimes
from gateway.hierarchy.objects.model import Model, ModelDetails, ModelRun
from gateway.hierarchy.objects.project import Project
from gateway.hierarchy.objects.visibility import EVERYTHING, Visibility
from gateway.services.discovery.base_query import BaseQuery
from gateway.services.environments.environment_service import EnvironmentService, EnvironmentValidity
from gateway.services.models.kept_histories import lengthened
from gateway.services.models.model_details import read_details
from gateway.services.models.model_pages import STATE, Marks
from gateway.services.models.model_runtimes import ModelRuntimes
from gateway.services.models.model_states import make_models, read_revised_states, read_states
from gateway.services.models.named_models import MOST_UNIQUE_IDS, NamedModels, unique_ids
from gateway.services.models.prefetcher import Prefetcher, RevisedModels
from gateway.services.models.pushdown import PushedFilter
from gateway.services.models.untold import note_never_built, note_unknown_outcomes
from gateway.services.rows.mapping import weigh_models, weigh_runs
from gateway.services.runs.model_histories import HistoryKey
from gateway.services.runs.run_history import HistoryReach, RunHistory
from gateway.telemetry.usage import current_usage


class _ModelsKey(NamedTuple):
    """An environment's models: all of them, or those that meet a filter upstream."""

    environment_id: int
    pushed: PushedFilter | None


@dataclass(frozen=True, slots=True)
class _ModelsFact:
    """Models, and what has been read of them: STATE and optional fields."""

    models: EnvironmentModels
    fields: frozenset[str]
    revision: datetime | None


@dataclass(frozen=True, slots=True)
class _HistoryFact:
    runs: tuple[ModelRun, ...]
    asked: int
    revision: datetime | None
    reach: HistoryReach

    def holds(self, count: int) -> bool:
        """Whether this is enough for the newest `count` runs: that many were asked for, or there are no more."""
        return self.asked >= count or len(self.runs) < self.asked


@dataclass(frozen=True, slots=True)
class _PackedModels:
    """A _ModelsFact without what is derived from the rest."""

    project_id: str
    environment_id: int
    models: tuple[Model, ...]
    fields: frozenset[str]
    revision: datetime | None


def _pack(fact: _ModelsFact) -> _PackedModels:
    models = fact.models
    return _PackedModels(models.project_id, models.environment_id, tuple(models.models), fact.fields, fact.revision)


def _unpack(packed: _PackedModels) -> _ModelsFact:
    models = EnvironmentModels(packed.project_id, packed.environment_id, packed.models)
    return _ModelsFact(models, packed.fields, packed.revision)


_MODELS_CODEC: Codec[_ModelsFact] = Codec(_PackedModels, _pack, _unpack)


class ModelService:
    """Facts about models. All are valid while their environment's revision stands (see EnvironmentService)."""

    def __init__(self, query: BaseQuery, environments: EnvironmentService, tiers: Tiers, history: RunHistory) -> None:
        self._query = query
        self.history_limit = query.history_limit
        self._history = history
        self._environments = environments
        self._kept = tiers.kept
        self._marks: Marks = {}
        self._sizes: dict[int, int] = {}
        # What replicas share may spare the reading: then it is looked for first.
        self._ahead: Prefetcher[EnvironmentModels] | None = None if tiers.shared else Prefetcher(tiers.flight_seconds)
        models: Kind[_ModelsKey, _ModelsFact] = Kind(
            "models", _weigh_models, lambda key: key.environment_id, 0.0, _MODELS_CODEC
        )
        histories: Kind[HistoryKey, _HistoryFact] = Kind(
            "history", _weigh_history, lambda key: key.environment_id, 0.0, Codec(_HistoryFact)
        )
        self._models: FactsCache[_ModelsKey, _ModelsFact] = FactsCache(tiers, models)
        self._histories: FactsCache[HistoryKey, _HistoryFact] = FactsCache(tiers, histories)
        self._named = NamedModels(query, tiers)
        self._runtimes = ModelRuntimes(query, tiers, self._marks, history)

    async def models(
        self,
        projects: Sequence[Project],
        optional_fields: frozenset[str],
        pushed: PushedFilter | None = None,
    ) -> dict[int, EnvironmentModels | GatewayError]:
        """All models of each project's environment, by environment id, every page read.

        `optional_fields` are the upstream fields wanted beside the ones every model has (see model_pages). With
        `pushed` models that do not meet it may be missing: dbt leaves them out where that spares pages.
        """
        fields_asked = optional_fields | {STATE}
        by_environment = {project.environment_id: project for project in projects}
        readable, failed = await self._environments.sorted_out(list(by_environment))

        async def fetch(keys: list[_ModelsKey]) -> Mapping[_ModelsKey, _ModelsFact | GatewayError]:
            fields = fields_asked.union(*(self._known_fields(key) for key in keys))
            return await self._read_models(keys, by_environment, readable, fields)

        def validate(key: _ModelsKey, fact: Fact[_ModelsFact]) -> Validity:
            holds = fields_asked <= fact.value.fields
            return readable[key.environment_id].validate(fact.value.revision) if holds else UNFIT

        keys = [self._key(number, validity, fields_asked, pushed) for number, validity in readable.items()]
        facts = await self._models.get_many(keys, fetch, validate)
        self._note_sizes(facts)
        return {**failed, **{key.environment_id: _models_of(facts[key]) for key in keys}}

    async def runtimes(
        self, projects: Sequence[Project]
    ) -> dict[int, EnvironmentModels | EnvironmentRuntimes | GatewayError]:
        """The ids and runtimes of all models of each project's environment, by environment id: whole models where such
        have been read before."""
        readable, failed = await self._environments.sorted_out([project.environment_id for project in projects])
        known = [project for project in projects if project.environment_id in readable]
        whole = [project for project in known if self._is_known(project.environment_id)]
        rest = {project.environment_id: project for project in known if project not in whole}
        models, timed = await gather_pair(self.models(whole, frozenset()), self._runtimes.read(rest, readable))
        self._sizes.update(
            {environment_id: len(f.models) for environment_id, f in timed.items() if not isinstance(f, GatewayError)}
        )
        return {**failed, **models, **timed}

    def _is_known(self, environment_id: int) -> bool:
        return self._models.peek(_ModelsKey(environment_id, None)) is not None

    async def named(
        self, names: Mapping[Project, Collection[str]], optional_fields: frozenset[str]
    ) -> dict[int, EnvironmentModels | GatewayError]:
        """At least the models of each project that have one of its names (see names_meant), by environment id.

        An environment's models are read whole only where so many names are asked for that one filter does not hold
        them; where they are known already nothing is read.
        """
        fields_asked = optional_fields | {STATE}
        readable, failed = await self._environments.sorted_out([project.environment_id for project in names])
        known = [project for project in names if project.environment_id in readable]
        whole = [
            project
            for project in known
            if self._needs_all(project, readable[project.environment_id], names[project], fields_asked)
        ]
        some = {project: names[project] for project in known if project not in whole}
        read, named = await gather_pair(
            self.models(whole, optional_fields), self._named.read(some, readable, fields_asked)
        )
        return {**failed, **read, **named}

    def _needs_all(
        self, project: Project, standing: EnvironmentValidity, names: Collection[str], fields: frozenset[str]
    ) -> bool:
        known = self._models.peek(_ModelsKey(project.environment_id, None))
        if known is not None and self._is_current(known, standing, fields):
            return True
        return standing.header.packages is None or len(unique_ids(standing.header, names)) > MOST_UNIQUE_IDS

    def _note_sizes(self, facts: Mapping[_ModelsKey, _ModelsFact | GatewayError]) -> None:
        for key, fact in facts.items():
            if key.pushed is None and isinstance(fact, _ModelsFact):
                self._sizes[key.environment_id] = len(fact.models.models)
                note_never_built(fact.models)
                note_unknown_outcomes(fact.models)

    def begin(
        self, environment_ids: Sequence[int], optional_fields: frozenset[str], *, runtimes_only: bool = False
    ) -> None:
        """Has all models read at once, beside the headers, of environments that were not looked at for long; `models`
        will be asked for them with these fields, or `runtimes`."""
        if self._ahead is None or not self._environments.long_unseen(environment_ids[:1]):
            return
        unseen = self._environments.long_unseen(environment_ids)
        if runtimes_only:
            self._runtimes.begin([environment_id for environment_id in unseen if not self._is_known(environment_id)])
            unseen = [environment_id for environment_id in unseen if self._is_known(environment_id)]
        fields_asked = optional_fields | {STATE}
        fields = fields_asked.union(
            *(self._known_fields(_ModelsKey(environment_id, None)) for environment_id in unseen)
        )
        self._ahead.begin(unseen, fields, lambda some: self._read_ahead(some, fields))

    def known_size(self, environment_id: int) -> int:
        """How many models an environment had when all of them were last read; 0 when they never were."""
        fact = self._models.peek(_ModelsKey(environment_id, None))
        return len(fact.value.models.models) if fact else self._runtimes.known_size(environment_id)

    def known_models(self, visibility: Visibility = EVERYTHING) -> int:
        """How many models all visible environments had when each was last read whole."""
        if visibility.is_everything:
            return sum(self._sizes.values())
        is_shown = self._environments.is_shown
        return sum(size for environment_id, size in self._sizes.items() if is_shown(environment_id, visibility))

    async def missing_histories(self, keys: Sequence[HistoryKey], count: int) -> list[HistoryKey]:
        """Those models whose newest `count` runs would have to be read now. Unreadable environments miss nothing."""
        readable, _ = await self._environments.sorted_out(_environments_of(keys))
        missing: list[HistoryKey] = []
        async for some in pieces(keys):
            known = {key: self._histories.peek(key) for key in some if key.environment_id in readable}
            missing += [key for key, fact in known.items() if fact is None or not _holds(key, fact, count, readable)]
        return missing

    async def histories(
        self, keys: Sequence[HistoryKey], count: int
    ) -> dict[HistoryKey, tuple[ModelRun, ...] | GatewayError]:
        """The newest `count` runs of each model, newest first, by any job of its environment; () for unknown models."""
        usage = current_usage()
        readable, failed = await self._environments.sorted_out(_environments_of(keys))

        async def fetch(missing: list[HistoryKey]) -> Mapping[HistoryKey, _HistoryFact | GatewayError]:
            histories = await self._read_histories(missing, count)
            return {
                key: _HistoryFact(
                    runs, count, readable[key.environment_id].revision, self._history.reach_of(key.environment_id)
                )
                if isinstance(runs, tuple)
                else runs
                for key, runs in histories.items()
            }

        def validate(key: HistoryKey, fact: Fact[_HistoryFact]) -> Validity:
            return readable[key.environment_id].validate(fact.value.revision) if fact.value.holds(count) else UNFIT

        readable_keys = [key for key in keys if key.environment_id in readable]
        facts = await self._histories.get_many(readable_keys, fetch, validate)
        answers: dict[HistoryKey, tuple[ModelRun, ...] | GatewayError] = {}
        for key in keys:
            fact = facts.get(key) or failed[key.environment_id]
            if isinstance(fact, _HistoryFact):
                answers[key] = fact.runs[:count]
                usage.read_history(fact.reach.sources, fact.reach.since)
            elif isinstance(fact, GatewayError):
                answers[key] = fact
        return answers

    async def _read_histories(
        self, keys: Sequence[HistoryKey], count: int
    ) -> Mapping[HistoryKey, tuple[ModelRun, ...] | GatewayError]:
        histories = await self._history.model_runs(keys, count)
        if self._kept is None:
            return histories
        # What an archive holds needs no second place.
        read = {
            environment_id
            for environment_id in _environments_of(keys)
            if "DISCOVERY" in self._history.reach_of(environment_id).sources
        }
        by_dbt = {key: runs for key, runs in histories.items() if key.environment_id in read}
        return {**histories, **await lengthened(self._kept, by_dbt, count)}

    async def held(self, environment_ids: Collection[int]) -> frozenset[int]:
        """See RunHistory."""
        return await self._history.held(environment_ids)

    async def details(
        self, keys: Sequence[HistoryKey], fields: frozenset[str]
    ) -> dict[HistoryKey, ModelDetails | GatewayError]:
        """Details of each model (see model_details). Read anew each time: they are large and seldom asked for."""
        return await read_details(self._query, keys, fields)

    def _key(
        self, environment_id: int, standing: EnvironmentValidity, fields: frozenset[str], pushed: PushedFilter | None
    ) -> _ModelsKey:
        """What to read: everything when it is known already, or when ids depend on it, since two packages of a project
        may share a model's name."""
        whole = _ModelsKey(environment_id, None)
        known = self._models.peek(whole)
        packages = standing.header.packages
        may_share_names = packages is None or len(packages) > 1
        if pushed is None or may_share_names or (known and self._is_current(known, standing, fields)):
            return whole
        return _ModelsKey(environment_id, pushed)

    @staticmethod
    def _is_current(fact: Fact[_ModelsFact], standing: EnvironmentValidity, fields: frozenset[str]) -> bool:
        return fact.value.revision == standing.revision and fields <= fact.value.fields

    def _known_fields(self, key: _ModelsKey) -> frozenset[str]:
        fact = self._models.peek(key)
        return fact.value.fields if fact else frozenset()

    async def _read_models(
        self,
        keys: Sequence[_ModelsKey],
        projects: Mapping[int, Project],
        headers: Mapping[int, EnvironmentValidity],
        fields: frozenset[str],
    ) -> dict[_ModelsKey, _ModelsFact | GatewayError]:
        facts = await self._fetch_ahead(keys, projects, headers, fields)
        rest = {key.environment_id: key for key in keys if key not in facts}
        # Some by a filter, others whole: one document for all of them.
        pushed = {environment_id: key.pushed for environment_id, key in rest.items() if key.pushed is not None}
        read = await read_states(self._query, list(rest), fields, pushed=pushed, marks=self._marks) if rest else {}
        for environment_id, rows in read.items():
            facts[rest[environment_id]] = (
                rows
                if isinstance(rows, GatewayError)
                else _ModelsFact(
                    await make_models(rows, projects[environment_id]), fields, headers[environment_id].revision
                )
            )
        return facts

    async def _fetch_ahead(
        self,
        keys: Sequence[_ModelsKey],
        projects: Mapping[int, Project],
        headers: Mapping[int, EnvironmentValidity],
        fields: frozenset[str],
    ) -> dict[_ModelsKey, _ModelsFact | GatewayError]:
        """Those whose reading has begun before, unless a newer revision than theirs is known by now."""
        whole = [key.environment_id for key in keys if key.pushed is None]
        read = await self._ahead.fetch(whole, fields) if self._ahead and whole else {}
        facts: dict[_ModelsKey, _ModelsFact | GatewayError] = {}
        for environment_id, revised in read.items():
            if isinstance(revised, GatewayError):
                facts[_ModelsKey(environment_id, None)] = revised
            elif headers[environment_id].validate(revised.revision).current:
                models = await revised.make(projects[environment_id])
                facts[_ModelsKey(environment_id, None)] = _ModelsFact(models, fields, revised.revision)
        return facts

    async def _read_ahead(
        self, environment_ids: Sequence[int], fields: frozenset[str]
    ) -> dict[int, RevisedModels[EnvironmentModels] | GatewayError]:
        read = await read_revised_states(self._query, environment_ids, fields, self._marks)
        return {
            environment_id: revised_rows
            if isinstance(revised_rows, GatewayError)
            else RevisedModels(partial(make_models, revised_rows[0]), revised_rows[1])
            for environment_id, revised_rows in read.items()
        }


def _models_of(fact: _ModelsFact | GatewayError) -> EnvironmentModels | GatewayError:
    return fact.models if isinstance(fact, _ModelsFact) else fact


def _environments_of(keys: Sequence[HistoryKey]) -> list[int]:
    return list({key.environment_id for key in keys})


def _holds(key: HistoryKey, fact: Fact[_HistoryFact], count: int, readable: Mapping[int, EnvironmentValidity]) -> bool:
    return fact.value.revision == readable[key.environment_id].revision and fact.value.holds(count)


def _weigh_models(fact: _ModelsFact) -> int:
    return 500 + weigh_models(fact.models.models, described=len(fact.fields) > 1)


def _weigh_history(fact: _HistoryFact) -> int:
    return 500 + weigh_runs(fact.runs)
