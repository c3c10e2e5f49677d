"""RunFigures: what the last runs of many models come to, and counts of models, without reading each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, TypeVar

from gateway.caching.facts import FactsCache, Kind
from gateway.caching.memory import Fact
from gateway.caching.tiers import Tiers
from gateway.caching.validity import Validity, for_seconds
from gateway.errors import GatewayError
from gateway.hierarchy.history.change_facts import ChangeFacts, ChangeKey
from gateway.hierarchy.history.counted_runs import HistoryScope
from gateway.hierarchy.history.mean_runtimes import MeanRuntimes
from gateway.hierarchy.history.runtime_series import RuntimeChanges
from gateway.hierarchy.runs.attempts import NodeAttempts
from gateway.hierarchy.runs.executions import Executions, ExecutionsKey
from gateway.hierarchy.runs.run_times import RunTimesKey, TimedRuns
from gateway.services.environments.environment_service import EnvironmentService
from gateway.services.environments.revisioned import Revisioned, Stamped
from gateway.services.runs.run_history import HistoryReach, RunHistory
from gateway.telemetry.usage import current_usage

W = TypeVar("W", ExecutionsKey, RunTimesKey, ChangeKey)
V = TypeVar("V")
F = TypeVar("F")

ReadWindows = Callable[[Sequence[W]], Awaitable[Mapping[W, V | GatewayError] | None]]


class _MeansKey(NamedTuple):
    environment_id: int
    last_runs: int
    scope: HistoryScope


@dataclass(frozen=True, slots=True)
class _MeansFact:
    """`means` is None where the history of every model would have to be read for them."""

    means: MeanRuntimes | None
    revision: datetime | None
    reach: HistoryReach


class RunFigures:
    """Figures of the models of environments, each valid while its environment's revision stands.

    `count_models` is False where models have to be read to be counted, `may_tell_means` where histories have to be read
    for each mean.
    """

    def __init__(self, history: RunHistory, environments: EnvironmentService, tiers: Tiers, interval: float) -> None:
        self._history = history
        self._environments = environments
        self._clock, self._interval = tiers.clock, interval
        means: Kind[_MeansKey, _MeansFact] = Kind(
            "means", lambda fact: 100 if fact.means is None else _weigh(fact.means), lambda key: key.environment_id, 0.0
        )
        counts: Kind[int, int] = Kind("model count", environment_of=lambda environment_id: environment_id)
        self._means: FactsCache[_MeansKey, _MeansFact] = FactsCache(tiers, means)
        self._counts: Revisioned[int] = Revisioned(environments, self._count_models, tiers, counts)
        gone: Kind[int, tuple[str, ...]] = Kind(
            "models gone",
            lambda names: 100 + sum(map(len, names)) + 60 * len(names),
            lambda environment_id: environment_id,
        )
        self._gone: Revisioned[tuple[str, ...]] = Revisioned(environments, self._read_gone, tiers, gone)
        executed: Kind[ExecutionsKey, Stamped[Executions]] = Kind(
            "executions", lambda fact: _weigh_executions(fact.value), lambda key: key.environment_id, 0.0
        )
        self._executions: FactsCache[ExecutionsKey, Stamped[Executions]] = FactsCache(tiers, executed)
        timed: Kind[RunTimesKey, Stamped[TimedRuns]] = Kind(
            "run times", lambda fact: 500 + 280 * len(fact.value.runs), lambda key: key.environment_id, 0.0
        )
        self._run_times: FactsCache[RunTimesKey, Stamped[TimedRuns]] = FactsCache(tiers, timed)
        self.count_models = history.counts_models
        self.may_tell_means = history.may_hold
        failed: Kind[int, tuple[NodeAttempts, ...]] = Kind(
            "failed nodes",
            lambda nodes: 100 + sum(300 + 200 * len(node.attempts) for node in nodes),
            lambda environment_id: environment_id,
        )
        self._failed: Revisioned[tuple[NodeAttempts, ...]] = Revisioned(environments, self._read_failed, tiers, failed)
        changes: Kind[int, RuntimeChanges] = Kind(
            "runtime changes", lambda changes: 300 + 700 * len(changes.changes), lambda environment_id: environment_id
        )
        causes: Kind[ChangeKey, Stamped[ChangeFacts]] = Kind(
            "change facts", lambda fact: _weigh_change(fact.value), lambda key: key.environment_id, 0.0
        )
        self._change_facts: FactsCache[ChangeKey, Stamped[ChangeFacts]] = FactsCache(tiers, causes)
        self._changes: Revisioned[RuntimeChanges] = Revisioned(environments, self._read_changes, tiers, changes)

    async def mean_runtimes(
        self, environment_ids: Sequence[int], last_runs: int, scope: HistoryScope
    ) -> dict[int, MeanRuntimes | GatewayError]:
        """See RunHistory; nothing where no environment has them. Of environments that have changed the means are added
        up anew, all of them together."""
        if not self.may_tell_means:
            return {}
        usage = current_usage()
        readable, failed = await self._environments.sorted_out(environment_ids)

        async def fetch(missing: list[_MeansKey]) -> Mapping[_MeansKey, _MeansFact | GatewayError]:
            means_by_environment = (
                await self._history.mean_runtimes([key.environment_id for key in missing], last_runs, scope) or {}
            )
            read: dict[_MeansKey, _MeansFact | GatewayError] = {}
            for key in missing:
                means, reach = means_by_environment.get(key.environment_id), self._history.reach_of(key.environment_id)
                revision = readable[key.environment_id].revision
                read[key] = means if isinstance(means, GatewayError) else _MeansFact(means, revision, reach)
            return read

        now = self._clock()

        def validate(key: _MeansKey, fact: Fact[_MeansFact]) -> Validity:
            if fact.value.means is None:
                # The archive may have caught up with dbt meanwhile, whose state need not change for it.
                return for_seconds(fact.read_at, self._interval, now)
            return readable[key.environment_id].validate(fact.value.revision)

        keys = [_MeansKey(environment_id, last_runs, scope) for environment_id in readable]
        facts = await self._means.get_many(keys, fetch, validate)
        answers: dict[int, MeanRuntimes | GatewayError] = dict(failed)
        for key, fact in facts.items():
            if isinstance(fact, GatewayError):
                answers[key.environment_id] = fact
            elif fact.means is not None:
                answers[key.environment_id] = fact.means
                usage.read_history(fact.reach.sources, fact.reach.since)
        return answers

    async def model_counts(self, environment_ids: Sequence[int]) -> dict[int, int | GatewayError]:
        """See RunHistory."""
        current_usage().history_sources.add("ARCHIVE")
        return await self._counts.get(environment_ids)

    async def models_gone(self, environment_ids: Sequence[int]) -> dict[int, frozenset[str] | GatewayError]:
        """See RunHistory."""
        current_usage().history_sources.add("ARCHIVE")
        gone = await self._gone.get(environment_ids)
        return {
            environment_id: names if isinstance(names, GatewayError) else frozenset(names)
            for environment_id, names in gone.items()
        }

    async def executions(self, keys: Sequence[ExecutionsKey]) -> dict[ExecutionsKey, Executions | GatewayError]:
        """See RunHistory; of environments that an archive does not hold nothing is reported, here and below."""
        return await self._of_windows(self._executions, keys, self._history.executions)

    async def run_times(self, keys: Sequence[RunTimesKey]) -> dict[RunTimesKey, TimedRuns | GatewayError]:
        """The same."""
        return await self._of_windows(self._run_times, keys, self._history.run_times)

    async def change_facts(self, keys: Sequence[ChangeKey]) -> dict[ChangeKey, ChangeFacts | GatewayError]:
        """The same."""
        return await self._of_windows(self._change_facts, keys, self._history.change_facts)

    async def _of_windows(
        self, cache: FactsCache[W, Stamped[V]], keys: Sequence[W], read: ReadWindows[W, V]
    ) -> dict[W, V | GatewayError]:
        held = await self._held([key.environment_id for key in keys])
        keys = [key for key in keys if key.environment_id in held]
        current_usage().history_sources.add("ARCHIVE" if held else "DISCOVERY")
        readable, failed = await self._environments.sorted_out(list({key.environment_id for key in keys}))

        async def fetch(missing: list[W]) -> Mapping[W, Stamped[V] | GatewayError]:
            values = await read(missing) or {}
            return {
                key: value if isinstance(value, GatewayError) else Stamped(value, readable[key.environment_id].revision)
                for key, value in values.items()
            }

        def validate(key: W, fact: Fact[Stamped[V]]) -> Validity:
            return readable[key.environment_id].validate(fact.value.revision)

        facts = await cache.get_many([key for key in keys if key.environment_id in readable], fetch, validate)
        answers: dict[W, V | GatewayError] = {
            key: failed[key.environment_id] for key in keys if key.environment_id in failed
        }
        answers |= {key: fact if isinstance(fact, GatewayError) else fact.value for key, fact in facts.items()}
        return self._without_failures(answers)

    async def _held(self, environment_ids: Sequence[int]) -> frozenset[int]:
        """The environments that an archive has as a whole."""
        if self.count_models:
            return frozenset(environment_ids)
        return await self._history.held(set(environment_ids)) if self.may_tell_means else frozenset()

    async def _of_held(self, environment_ids: Sequence[int], facts: Revisioned[V]) -> dict[int, V | GatewayError]:
        held = await self._held(environment_ids)
        if not held:
            return {}
        current_usage().history_sources.add("ARCHIVE")
        return self._without_failures(
            await facts.get([environment_id for environment_id in environment_ids if environment_id in held])
        )

    def _without_failures(self, answers: dict[F, V | GatewayError]) -> dict[F, V | GatewayError]:
        """What an archive beside dbt cannot say is not reported: dbt is asked for it, and the history has noted why."""
        if self.count_models:
            return answers
        return {key: answer for key, answer in answers.items() if not isinstance(answer, GatewayError)}

    async def failed_nodes(self, environment_ids: Sequence[int]) -> dict[int, tuple[NodeAttempts, ...] | GatewayError]:
        """See RunHistory; of environments that an archive does not hold nothing is reported, here and below."""
        return await self._of_held(environment_ids, self._failed)

    async def _read_failed(self, environment_ids: list[int]) -> Mapping[int, tuple[NodeAttempts, ...] | GatewayError]:
        return await self._history.failed_nodes(environment_ids) or {}

    async def runtime_changes(self, environment_ids: Sequence[int]) -> dict[int, RuntimeChanges | GatewayError]:
        """See RunHistory."""
        return await self._of_held(environment_ids, self._changes)

    async def _read_changes(self, environment_ids: list[int]) -> Mapping[int, RuntimeChanges | GatewayError]:
        return await self._history.runtime_changes(environment_ids) or {}

    async def _read_gone(self, environment_ids: list[int]) -> Mapping[int, tuple[str, ...] | GatewayError]:
        return await self._history.models_gone(environment_ids) or {}

    async def _count_models(self, environment_ids: list[int]) -> Mapping[int, int | GatewayError]:
        return await self._history.model_counts(environment_ids) or {}


def _weigh(means: MeanRuntimes) -> int:
    """Its bytes: a text and a number for each model, and a dictionary for those with runs that do not count."""
    names = sum(map(len, means.timed)) + sum(map(len, means.untimed))
    return 500 + names + 90 * len(means) + 250 * len(means.left_out)


def _weigh_executions(executions: Executions) -> int:
    """Its bytes: a row has eleven fields, and shares its texts; nodes of manifests share theirs too."""
    nodes = sum(len(of_manifest) for of_manifest in executions.manifests.values())
    return 1000 + 260 * len(executions.rows) + 300 * nodes + 150 * len(executions.checks) + 250 * len(executions.walls)


def _weigh_change(facts: ChangeFacts) -> int:
    """Its bytes: runs share their texts and configurations."""
    return 500 + 250 * len(facts.runs) + 200 * len(facts.neighbours)
