"""JobService: what each model did in a run, in full or in outline."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from gateway.caching.facts import Fact, FactsCache
from gateway.errors import GatewayError
from gateway.hierarchy.model import BuiltModel, ModelRun
from gateway.services.base_query import BaseQuery, Operation
from gateway.services.discovery_types import JobModels, JobOutline
from gateway.services.mapping import to_built_model, to_model_run
from gateway.services.model_histories import MODEL_RUN_FIELDS
from gateway.services.run_rows import RunKey, read_rows, runs_per_document

T = TypeVar("T")

_FULL = Operation(
    "RunModels", f"fragment R on ModelNode {{ {MODEL_RUN_FIELDS} paginationCursor }}", JobModels, nullable=True
)

# A job's list holds every node of the manifest. To know what a run built, this little of each is enough.
_OUTLINE = Operation(
    "RunOutline",
    "fragment R on ModelNode { uniqueId status tags materializedType executionTime paginationCursor }",
    JobOutline,
    nullable=True,
)


@dataclass(frozen=True, slots=True)
class RunModels(Generic[T]):
    """The models a run touched, ordered by unique id. `ingested` is False while (or when) dbt has no metadata of it."""

    models: tuple[T, ...]
    ingested: bool


@dataclass(frozen=True, slots=True)
class _RunFact(Generic[T]):
    """`final`: the run had finished and was ingested when it was read, so that it will not change."""

    models: RunModels[T]
    final: bool


Read = Callable[[list[RunKey]], Awaitable[Mapping[RunKey, RunModels[T] | GatewayError]]]


class JobService:
    """Models of runs. Those of a finished run never change and are kept for good, within the bound."""

    def __init__(
        self, query: BaseQuery, interval: float, capacity: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._query = query
        self._interval = interval
        self._clock = clock
        self._full: FactsCache[RunKey, _RunFact[ModelRun]] = FactsCache(
            capacity, weigh=lambda fact: len(fact.models.models) + 1, clock=clock
        )
        self._outlines: FactsCache[RunKey, _RunFact[BuiltModel]] = FactsCache(
            capacity, weigh=lambda fact: len(fact.models.models) + 1, clock=clock
        )

    async def run_models(
        self, keys: Sequence[RunKey], finished: frozenset[RunKey], models: int = 0
    ) -> dict[RunKey, RunModels[ModelRun] | GatewayError]:
        """The models each run touched. Runs not in `finished`, or not ingested yet, are asked again every interval.

        `models` says how many models the runs' projects have, where that is known, so that no document grows too big.
        """

        async def read(missing: list[RunKey]) -> Mapping[RunKey, RunModels[ModelRun] | GatewayError]:
            return await self._read_full(missing, runs_per_document(models))

        return await self._get(self._full, keys, finished, read)

    def unread(self, keys: Sequence[RunKey]) -> list[RunKey]:
        """Those of these runs whose models would have to be read now."""
        facts = {key: self._full.peek(key) for key in keys}
        return [key for key, fact in facts.items() if fact is None or not fact.value.final]

    async def outlines(
        self, keys: Sequence[RunKey], finished: frozenset[RunKey]
    ) -> dict[RunKey, RunModels[BuiltModel] | GatewayError]:
        """The same in outline: which models each run touched and what a filter looks at, for a third of the bytes."""
        return await self._get(self._outlines, keys, finished, self._read_outlines)

    async def _get(
        self, cache: FactsCache[RunKey, _RunFact[T]], keys: Sequence[RunKey], finished: frozenset[RunKey], read: Read[T]
    ) -> dict[RunKey, RunModels[T] | GatewayError]:
        now = self._clock()

        async def fetch(missing: list[RunKey]) -> Mapping[RunKey, _RunFact[T] | GatewayError]:
            return {
                key: found if isinstance(found, GatewayError) else _RunFact(found, key in finished and found.ingested)
                for key, found in (await read(missing)).items()
            }

        def believed(_: RunKey, fact: Fact[_RunFact[T]]) -> bool:
            return fact.value.final or fact.younger_than(self._interval, now)

        facts = await cache.get_many(keys, fetch, believed)
        return {key: fact.models if isinstance(fact, _RunFact) else fact for key, fact in facts.items()}

    async def _read_full(
        self, keys: list[RunKey], per_document: int
    ) -> Mapping[RunKey, RunModels[ModelRun] | GatewayError]:
        found = await read_rows(self._query, _FULL, keys, per_document)
        return {
            key: rows
            if isinstance(rows, GatewayError)
            else RunModels(_touched(map(to_model_run, rows.rows)), rows.known)
            for key, rows in found.items()
        }

    async def _read_outlines(self, keys: list[RunKey]) -> Mapping[RunKey, RunModels[BuiltModel] | GatewayError]:
        found = await read_rows(self._query, _OUTLINE, keys)
        return {
            key: rows
            if isinstance(rows, GatewayError)
            else RunModels(_touched(map(to_built_model, rows.rows)), rows.known)
            for key, rows in found.items()
        }


M = TypeVar("M", ModelRun, BuiltModel)


def _touched(models: Iterable[M | None]) -> tuple[M, ...]:
    by_unique_id = {model.unique_id: model for model in models if model is not None}
    return tuple(by_unique_id[unique_id] for unique_id in sorted(by_unique_id))
