"""RunFigures: what the last runs of many models come to, and counts of models, without reading each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from gateway.caching.facts import FactsCache, Kind
from gateway.caching.memory import Fact
from gateway.caching.tiers import Tiers
from gateway.caching.validity import Validity
from gateway.errors import GatewayError
from gateway.hierarchy.history import HistoryScope
from gateway.hierarchy.mean_runtimes import MeanRuntimes
from gateway.services.environment_service import EnvironmentService
from gateway.services.revisioned import Revisioned, Stamped
from gateway.services.run_history import RunHistory
from gateway.telemetry.usage import current_usage


class _MeansKey(NamedTuple):
    environment_id: int
    last_runs: int
    scope: HistoryScope


class RunFigures:
    """Figures of the models of environments, each valid while its environment's revision stands.

    `are_known` is False where the history has none (see RunHistory).
    """

    def __init__(self, history: RunHistory, environments: EnvironmentService, tiers: Tiers) -> None:
        self._history = history
        self._environments = environments
        means: Kind[_MeansKey, Stamped[MeanRuntimes]] = Kind(
            "means", lambda fact: _weigh(fact.value), lambda key: key.environment_id, 0.0
        )
        counts: Kind[int, int] = Kind("model count", environment_of=lambda one: one)
        self._means: FactsCache[_MeansKey, Stamped[MeanRuntimes]] = FactsCache(tiers, means)
        self._counts: Revisioned[int] = Revisioned(environments, self._count_models, tiers, counts)
        gone: Kind[int, tuple[str, ...]] = Kind(
            "models gone", lambda found: 100 + sum(map(len, found)) + 60 * len(found), lambda one: one
        )
        self._gone: Revisioned[tuple[str, ...]] = Revisioned(environments, self._read_gone, tiers, gone)
        self.are_known = history.source == "ARCHIVE"

    async def mean_runtimes(
        self, environment_ids: Sequence[int], last_runs: int, scope: HistoryScope
    ) -> dict[int, MeanRuntimes | GatewayError]:
        """See RunHistory. Of environments that have changed the means are added up anew, all of them together."""
        current_usage().history_sources.add(self._history.source)
        readable, failed = await self._environments.sorted_out(environment_ids)

        async def fetch(missing: list[_MeansKey]) -> Mapping[_MeansKey, Stamped[MeanRuntimes] | GatewayError]:
            found = await self._history.mean_runtimes([key.environment_id for key in missing], last_runs, scope) or {}
            read: dict[_MeansKey, Stamped[MeanRuntimes] | GatewayError] = {}
            for key in missing:
                means = found[key.environment_id]
                revision = readable[key.environment_id].revision
                read[key] = means if isinstance(means, GatewayError) else Stamped(means, revision)
            return read

        def validate(key: _MeansKey, fact: Fact[Stamped[MeanRuntimes]]) -> Validity:
            return readable[key.environment_id].validate(fact.value.revision)

        keys = [_MeansKey(one, last_runs, scope) for one in readable]
        facts = await self._means.get_many(keys, fetch, validate)
        answers: dict[int, MeanRuntimes | GatewayError] = dict(failed)
        for key, fact in facts.items():
            answers[key.environment_id] = fact if isinstance(fact, GatewayError) else fact.value
        return answers

    async def model_counts(self, environment_ids: Sequence[int]) -> dict[int, int | GatewayError]:
        """See RunHistory."""
        current_usage().history_sources.add(self._history.source)
        return await self._counts.get(environment_ids)

    async def models_gone(self, environment_ids: Sequence[int]) -> dict[int, frozenset[str] | GatewayError]:
        """See RunHistory."""
        current_usage().history_sources.add(self._history.source)
        found = await self._gone.get(environment_ids)
        return {one: names if isinstance(names, GatewayError) else frozenset(names) for one, names in found.items()}

    async def _read_gone(self, environment_ids: list[int]) -> Mapping[int, tuple[str, ...] | GatewayError]:
        return await self._history.models_gone(environment_ids) or {}

    async def _count_models(self, environment_ids: list[int]) -> Mapping[int, int | GatewayError]:
        return await self._history.model_counts(environment_ids) or {}


def _weigh(means: MeanRuntimes) -> int:
    """Its bytes: a text and a number for each model, and a dictionary for those with runs that do not count."""
    names = sum(map(len, means.timed)) + sum(map(len, means.untimed))
    return 500 + names + 90 * len(means) + 250 * len(means.left_out)
