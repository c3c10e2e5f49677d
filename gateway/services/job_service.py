"""JobService: what each model did in a run."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.caching.facts import Fact, FactsCache
from gateway.errors import GatewayError, UpstreamInvalidResponse
from gateway.hierarchy.model import ModelRun
from gateway.services.base_query import BaseQuery, Operation, RootLookup
from gateway.services.discovery_types import JobModels, RunModel
from gateway.services.mapping import to_model_run
from gateway.services.model_histories import MODEL_RUN_FIELDS

# A job's list has no page info: without `first` dbt gives every row, and has announced to cap that at 100. So the
# first reading asks for all; exactly this many rows may be a capped answer, and reading goes on behind the last one.
_CAP = 100

_RUNS_PER_DOCUMENT = 20

_OPERATION = Operation("RunModels", f"fragment R on ModelNode {{ {MODEL_RUN_FIELDS} paginationCursor }}", JobModels)


class RunKey(NamedTuple):
    """One run of one job."""

    job_id: int
    run_id: int


@dataclass(frozen=True, slots=True)
class RunModels:
    """The models a run touched, ordered by unique id. `ingested` is False while (or when) dbt has no metadata of it."""

    models: tuple[ModelRun, ...]
    ingested: bool


@dataclass(slots=True)
class _Reading:
    key: RunKey
    rows: list[RunModel] = field(default_factory=list)
    cursor: str | None = None
    done: bool = False
    known: bool = True
    failure: GatewayError | None = None

    def take(self, answer: JobModels | None) -> None:
        if answer is None:
            self.known = self.cursor is not None
            self.done = True
            return
        self.rows.extend(answer.models)
        self.done = len(answer.models) != _CAP
        cursor = answer.models[-1].pagination_cursor if answer.models else None
        if not self.done and cursor is not None and cursor == self.cursor:
            self.failure = UpstreamInvalidResponse(f"dbt repeats a page of run {self.key.run_id}. Try again.")
        self.done = self.done or cursor is None
        self.cursor = cursor


@dataclass(frozen=True, slots=True)
class _RunFact:
    """`final`: the run had finished and was ingested when it was read, so that it will not change."""

    models: RunModels
    final: bool


class JobService:
    """Models of runs. Those of a finished run never change and are kept for good, within the bound."""

    def __init__(
        self, query: BaseQuery, interval: float, capacity: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._query = query
        self._interval = interval
        self._clock = clock
        self._cache: FactsCache[RunKey, _RunFact] = FactsCache(
            capacity, weigh=lambda fact: len(fact.models.models) + 1, clock=clock
        )

    async def run_models(
        self, keys: Sequence[RunKey], finished: frozenset[RunKey]
    ) -> dict[RunKey, RunModels | GatewayError]:
        """The models each run touched. Runs not in `finished`, or not ingested yet, are asked again every interval."""
        now = self._clock()

        async def fetch(missing: list[RunKey]) -> Mapping[RunKey, _RunFact | GatewayError]:
            read = await self._read(missing)
            return {
                key: _RunFact(found, key in finished and found.ingested) if isinstance(found, RunModels) else found
                for key, found in read.items()
            }

        def believed(_: RunKey, fact: Fact[_RunFact]) -> bool:
            return fact.value.final or fact.younger_than(self._interval, now)

        facts = await self._cache.get_many(keys, fetch, believed)
        return {key: fact.models if isinstance(fact, _RunFact) else fact for key, fact in facts.items()}

    async def _read(self, keys: list[RunKey]) -> Mapping[RunKey, RunModels | GatewayError]:
        readings = [_Reading(key) for key in keys]
        while unfinished := [one for one in readings if not one.done and one.failure is None]:
            lookups = [_lookup(n, reading) for n, reading in enumerate(unfinished)]
            answers = await self._query.look_up(_OPERATION, lookups, _RUNS_PER_DOCUMENT)
            for n, reading in enumerate(unfinished):
                answer = answers.get(f"j{n}")
                if isinstance(answer, GatewayError):
                    reading.failure = answer
                else:
                    reading.take(answer)
        return {one.key: one.failure or _run_models(one) for one in readings}


def _lookup(n: int, reading: _Reading) -> RootLookup:
    variables: dict[str, tuple[str, object]] = {
        f"j{n}": ("BigInt!", reading.key.job_id),
        f"r{n}": ("BigInt", reading.key.run_id),
    }
    paging = ""
    if reading.cursor is not None:
        paging = f"(first: {_CAP}, after: $after{n})"
        variables[f"after{n}"] = ("String", reading.cursor)
    return RootLookup(f"j{n}", f"job(id: $j{n}, runId: $r{n}) {{ id runId models{paging} {{ ...R }} }}", variables)


def _run_models(reading: _Reading) -> RunModels:
    touched = {run.unique_id: run for run in map(to_model_run, reading.rows) if run is not None}
    return RunModels(tuple(touched[unique_id] for unique_id in sorted(touched)), reading.known)
