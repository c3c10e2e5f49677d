"""The models of environments as lists order and filter them: known from an archive without reading whole models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.caching.facts import FactsCache, Kind
from gateway.caching.memory import Fact
from gateway.caching.tiers import Tiers
from gateway.caching.validity import UNFIT, Validity
from gateway.concurrency.checkpoints import checkpoint
from gateway.errors import GatewayError
from gateway.hierarchy.lists.listed_models import ListedModels
from gateway.hierarchy.objects.project import Project
from gateway.services.environments.environment_service import EnvironmentService
from gateway.services.models.untold import note_unattempted
from gateway.services.runs.run_history import RunHistory


@dataclass(frozen=True, slots=True)
class _ListFact:
    models: ListedModels
    described: bool
    revision: datetime | None


class ModelLists:
    """Every model of environments as far as lists look at it, valid while their environment's revision stands."""

    def __init__(self, history: RunHistory, environments: EnvironmentService, tiers: Tiers) -> None:
        self._history = history
        self._environments = environments
        kind: Kind[int, _ListFact] = Kind("model lists", _weigh, lambda environment_id: environment_id, 0.0)
        self._facts: FactsCache[int, _ListFact] = FactsCache(tiers, kind)

    async def read(self, projects: Sequence[Project], *, described: bool) -> dict[int, ListedModels | GatewayError]:
        """The models of each project's environment, by environment id; with names, tags and all else that filters look
        at where they are to be `described`. Only for a history that `counts_models`."""
        by_environment = {project.environment_id: project for project in projects}
        readable, failed = await self._environments.sorted_out(list(by_environment))

        async def fetch(missing: list[int]) -> Mapping[int, _ListFact | GatewayError]:
            states = await self._history.model_states(missing, described=described) or {}
            facts: dict[int, _ListFact | GatewayError] = {}
            for environment_id, listed in states.items():
                if isinstance(listed, GatewayError):
                    facts[environment_id] = listed
                    continue
                await checkpoint(2 * len(listed))
                models = ListedModels.of_states(by_environment[environment_id].id, environment_id, listed)
                facts[environment_id] = _ListFact(models, described, readable[environment_id].revision)
            return facts

        def validate(environment_id: int, fact: Fact[_ListFact]) -> Validity:
            fits = fact.value.described or not described
            return readable[environment_id].validate(fact.value.revision) if fits else UNFIT

        facts = await self._facts.get_many(list(readable), fetch, validate)
        for fact in facts.values():
            if isinstance(fact, _ListFact):
                note_unattempted(fact.models)
        read = {key: fact.models if isinstance(fact, _ListFact) else fact for key, fact in facts.items()}
        return {**failed, **read}


def _weigh(fact: _ListFact) -> int:
    return 500 + (900 if fact.described else 450) * len(fact.models.models)
