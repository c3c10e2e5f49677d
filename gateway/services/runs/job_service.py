"""JobService: what each model did in a run, in full or in outline, and what its other nodes did."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from gateway.caching.codec import Codec
from gateway.caching.facts import FactsCache, Kind
from gateway.caching.generations import ACCOUNT
from gateway.caching.memory import Fact
from gateway.caching.tiers import Tiers
from gateway.caching.validity import FINAL, Validity, for_seconds
from gateway.errors import GatewayError
from gateway.hierarchy.objects.model import BuiltModel, CodeInRun, ModelRun
from gateway.hierarchy.runs.run_graph import RunGraph
from gateway.services.rows.mapping import weigh_runs
from gateway.services.runs.node_mapping import weigh_nodes, weigh_parents
from gateway.services.runs.run_graphs import GraphKey, weigh_graph
from gateway.services.runs.run_history import HistorySource, RunHistory, RunModels, RunParents
from gateway.services.runs.run_nodes import EndedResults, NodeGroup, NodeInRun, NodeOutcome, NodesKey, RunNodes
from gateway.services.runs.run_rows import RunKey
from gateway.telemetry.upstream_note import UpstreamNote
from gateway.telemetry.usage import current_usage

NO_RUN_METADATA = "NO_RUN_METADATA"

_NO_METADATA = (
    "dbt has no metadata of some finished runs: they ended before dbt wrote any, it is not taken in yet, or it has "
    "expired. What they built is not known."
)


class Ingested(Protocol):
    """What was read of a run."""

    @property
    def ingested(self) -> bool: ...


K = TypeVar("K", RunKey, NodesKey, NodeInRun, GraphKey)
R = TypeVar("R", bound=Ingested)

# A finished run without metadata may yet get some, less and less likely: it is asked for at growing intervals, up to
# this many seconds.
_LONGEST_PAUSE = 3600.0


@dataclass(frozen=True, slots=True)
class _RunFact(Generic[R]):
    """`final`: the run had finished and was ingested when it was read, so that it will not change. `tries`: how often
    before a finished run was asked for and had no metadata. `source`: where it was read."""

    value: R
    final: bool
    tries: int = 0
    source: HistorySource = "DISCOVERY"


Read = Callable[[list[K]], Awaitable[Mapping[K, R | GatewayError]]]


class JobService:
    """Nodes of runs. Those of a finished run never change and are kept for good, within the bound."""

    def __init__(self, history: RunHistory, interval: float, tiers: Tiers) -> None:
        self._history = history
        self._interval = interval
        self._clock = tiers.clock
        full: Kind[RunKey, _RunFact[RunModels[ModelRun]]] = Kind(
            "run models",
            lambda fact: 500 + weigh_runs(fact.value.models),
            codec=Codec(_RunFact[RunModels[ModelRun]]),
            is_final=_is_final,
        )
        outline: Kind[RunKey, _RunFact[RunModels[BuiltModel]]] = Kind(
            "outline",
            lambda fact: 500 + 250 * len(fact.value.models),
            codec=Codec(_RunFact[RunModels[BuiltModel]]),
            is_final=_is_final,
        )
        nodes: Kind[NodesKey, _RunFact[RunNodes]] = Kind(
            "run nodes",
            lambda fact: 500 + weigh_nodes(fact.value.nodes),
            codec=Codec(_RunFact[RunNodes]),
            is_final=_is_final,
        )
        parents: Kind[RunKey, _RunFact[RunParents]] = Kind(
            "run parents",
            lambda fact: 500 + weigh_parents(fact.value.parents),
            codec=Codec(_RunFact[RunParents]),
            is_final=_is_final,
        )
        attempts: Kind[NodeInRun, _RunFact[NodeOutcome]] = Kind(
            "attempt", lambda _: 400, codec=Codec(_RunFact[NodeOutcome]), is_final=_is_final
        )
        self._attempts: FactsCache[NodeInRun, _RunFact[NodeOutcome]] = FactsCache(tiers, attempts)
        self._failed: FactsCache[RunKey, _RunFact[EndedResults]] = FactsCache(tiers, _ended("failed results"))
        self._skipped: FactsCache[RunKey, _RunFact[EndedResults]] = FactsCache(tiers, _ended("skipped results"))
        self._parents: FactsCache[RunKey, _RunFact[RunParents]] = FactsCache(tiers, parents)
        self._full: FactsCache[RunKey, _RunFact[RunModels[ModelRun]]] = FactsCache(tiers, full)
        self._outlines: FactsCache[RunKey, _RunFact[RunModels[BuiltModel]]] = FactsCache(tiers, outline)
        self._nodes: FactsCache[NodesKey, _RunFact[RunNodes]] = FactsCache(tiers, nodes)
        self._graphs = _graph_cache(tiers)

    async def run_models(
        self, keys: Sequence[RunKey], finished: frozenset[RunKey], models: int = 0
    ) -> dict[RunKey, RunModels[ModelRun] | GatewayError]:
        """The models each run touched. Runs not in `finished` are asked again every interval, those not ingested
        yet at growing ones.

        `models` says how many models the runs' projects have, where that is known, so that no document grows too big.
        """

        async def read(missing: list[RunKey]) -> Mapping[RunKey, RunModels[ModelRun] | GatewayError]:
            return await self._history.run_models(missing, models)

        return await self._get(self._full, keys, finished, read)

    async def run_nodes(
        self, keys: Sequence[NodesKey], finished: Collection[NodesKey]
    ) -> dict[NodesKey, RunNodes | GatewayError]:
        """The nodes beside models that each run touched, a group at a time. Those not in `finished` are asked again as
        in run_models."""
        return await self._get(self._nodes, keys, finished, self._history.run_nodes)

    async def failed_results(
        self, keys: Sequence[RunKey], finished: Collection[RunKey]
    ) -> dict[RunKey, EndedResults | GatewayError]:
        """What failed in each run, where `tells_everything`; asked again as in run_models."""

        async def read(missing: list[RunKey]) -> Mapping[RunKey, EndedResults | GatewayError]:
            return await self._history.failed_results(missing) or {}

        return await self._get(self._failed, keys, finished, read)

    async def skipped_results(
        self, keys: Sequence[RunKey], finished: Collection[RunKey]
    ) -> dict[RunKey, EndedResults | GatewayError]:
        """The same for what was skipped."""

        async def read(missing: list[RunKey]) -> Mapping[RunKey, EndedResults | GatewayError]:
            return await self._history.skipped_results(missing) or {}

        return await self._get(self._skipped, keys, finished, read)

    async def attempts(
        self, keys: Sequence[NodeInRun], finished: Collection[NodeInRun]
    ) -> dict[NodeInRun, NodeOutcome | GatewayError]:
        """How each node ended in its run, where `tells_everything`; asked again as in run_models."""

        async def read(missing: list[NodeInRun]) -> Mapping[NodeInRun, NodeOutcome | GatewayError]:
            return await self._history.attempts(missing) or {}

        return await self._get(self._attempts, keys, finished, read)

    async def parents(
        self, keys: Sequence[RunKey], finished: Collection[RunKey]
    ) -> dict[RunKey, RunParents | GatewayError]:
        """What the resources of each run were built from, where `tells_everything`; asked again as in run_models."""

        async def read(missing: list[RunKey]) -> Mapping[RunKey, RunParents | GatewayError]:
            return await self._history.parents(missing) or {}

        return await self._get(self._parents, keys, finished, read)

    async def codes(self, keys: Sequence[NodeInRun]) -> Mapping[NodeInRun, CodeInRun | GatewayError]:
        """The code that each model had in its run. Read each time: it is large, and seldom asked for."""
        codes = await self._history.codes(keys)
        usage = current_usage()
        usage.environments.add(ACCOUNT)
        usage.history_sources.update(self._history.source_of_run(key.run_id) for key in keys)
        return codes

    async def run_graphs(
        self, keys: Sequence[GraphKey], finished: Collection[GraphKey]
    ) -> dict[GraphKey, RunGraph | GatewayError]:
        """Who depended on whom in each run. Those not in `finished` are asked again as in run_models."""
        return await self._get(self._graphs, keys, finished, self._history.run_graphs)

    @property
    def tells_everything(self) -> bool:
        """Whether hooks, unit tests, functions and exports, steps and numbers of rows are reported too."""
        return self._history.tells_everything

    def invalidate(self, key: RunKey) -> None:
        """Has a run read again when it is asked for."""
        self._full.invalidate(key)
        self._outlines.invalidate(key)
        self._failed.invalidate(key)
        self._skipped.invalidate(key)
        self._parents.invalidate(key)
        for group in NodeGroup:
            self._nodes.invalidate(NodesKey(*key, group))
        for whole in (False, True):
            self._graphs.invalidate(GraphKey(*key, whole))

    def unread(self, keys: Sequence[RunKey]) -> list[RunKey]:
        """Those of these runs whose models would have to be read now."""
        facts = {key: self._full.peek(key) for key in keys}
        return [key for key, fact in facts.items() if fact is None or not fact.value.final]

    async def outlines(
        self, keys: Sequence[RunKey], finished: frozenset[RunKey]
    ) -> dict[RunKey, RunModels[BuiltModel] | GatewayError]:
        """The same in outline: which models each run touched and what a filter looks at, for a third of the bytes."""
        return await self._get(self._outlines, keys, finished, self._history.outlines)

    async def _get(
        self, cache: FactsCache[K, _RunFact[R]], keys: Sequence[K], finished: Collection[K], read: Read[K, R]
    ) -> dict[K, R | GatewayError]:
        now = self._clock()

        async def fetch(missing: list[K]) -> Mapping[K, _RunFact[R] | GatewayError]:
            rows_by_run = await read(missing)
            return {
                key: answer
                if isinstance(answer, GatewayError)
                else _fact(answer, key in finished, cache.peek(key), self._history.source_of_run(key.run_id))
                for key, answer in rows_by_run.items()
            }

        def validate(_: K, fact: Fact[_RunFact[R]]) -> Validity:
            if fact.value.final:
                return FINAL
            return for_seconds(fact.read_at, min(_LONGEST_PAUSE, self._interval * 2**fact.value.tries), now)

        usage = current_usage()
        usage.environments.add(ACCOUNT)
        facts = await cache.get_many(keys, fetch, validate)
        usage.history_sources.update(fact.source for fact in facts.values() if isinstance(fact, _RunFact))
        _note_missing({key: fact for key, fact in facts.items() if key in finished})
        return {key: fact.value if isinstance(fact, _RunFact) else fact for key, fact in facts.items()}


def _graph_cache(tiers: Tiers) -> FactsCache[GraphKey, _RunFact[RunGraph]]:
    kind: Kind[GraphKey, _RunFact[RunGraph]] = Kind(
        "run graph", lambda fact: weigh_graph(fact.value), codec=Codec(_RunFact[RunGraph]), is_final=_is_final
    )
    return FactsCache(tiers, kind)


def _note_missing(facts: Mapping[K, _RunFact[R] | GatewayError]) -> None:
    """Notes finished runs of which dbt has no metadata: what they built is not known, which is not nothing."""
    if any(isinstance(fact, _RunFact) and not fact.value.ingested for fact in facts.values()):
        # The same however runs are batched, so that answers do not depend on it.
        current_usage().upstream_notes.add(UpstreamNote(NO_RUN_METADATA, _NO_METADATA))


def _ended(name: str) -> Kind[RunKey, _RunFact[EndedResults]]:
    return Kind(
        name,
        lambda fact: 500 + weigh_runs(fact.value.models) + weigh_nodes((*fact.value.tests, *fact.value.others)),
        codec=Codec(_RunFact[EndedResults]),
        is_final=_is_final,
    )


def _is_final(fact: _RunFact[R]) -> bool:
    return fact.final


def _fact(value: R, finished: bool, before: Fact[_RunFact[R]] | None, source: HistorySource) -> _RunFact[R]:
    final = finished and value.ingested
    missing_again = finished and not value.ingested and before is not None and not before.value.value.ingested
    tries = min(before.value.tries + 1, 20) if missing_again and before else 0
    return _RunFact(value, final, tries, source)
