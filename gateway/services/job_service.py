"""JobService: what each model did in a run, in full or in outline."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from gateway.caching.codec import Codec
from gateway.caching.facts import FactsCache, Kind
from gateway.caching.generations import ACCOUNT
from gateway.caching.memory import Fact
from gateway.caching.tiers import Tiers
from gateway.caching.validity import FINAL, Validity, for_seconds
from gateway.concurrency.checkpoints import pieces
from gateway.errors import GatewayError
from gateway.hierarchy.model import BuiltModel, ModelRun
from gateway.services.base_query import BaseQuery, BatchOperation
from gateway.services.command_span import UNKNOWN_SPAN, CommandSpan, command_span
from gateway.services.discovery_types import JobModels, JobOutline
from gateway.services.mapping import Share, to_built_model, to_model_run, weigh_runs
from gateway.services.models.model_histories import MODEL_RUN_FIELDS
from gateway.services.run_rows import RunKey, read_rows, runs_per_document
from gateway.telemetry.usage import current_usage

T = TypeVar("T")

# A finished run without metadata may yet get some, less and less likely: it is asked for at growing intervals, up to
# this many seconds.
_LONGEST_PAUSE = 3600.0

_FULL = BatchOperation(
    "RunModels", f"fragment R on ModelNode {{ {MODEL_RUN_FIELDS} paginationCursor }}", JobModels, nullable=True
)
# Of a model that several commands of a run executed, the fields above are those of one of them.
_EACH_COMMAND = BatchOperation(
    "RunModels",
    f"fragment R on ModelNode {{ {MODEL_RUN_FIELDS} runElapsedTime"
    " runResults { runGeneratedAt runElapsedTime } paginationCursor }",
    JobModels,
    nullable=True,
)

# A job's list holds every node of the manifest. To know what a run built, this little of each is enough.
_OUTLINE = BatchOperation(
    "RunOutline",
    "fragment R on ModelNode { uniqueId status tags materializedType executionTime paginationCursor }",
    JobOutline,
    nullable=True,
)


@dataclass(frozen=True, slots=True)
class RunModels(Generic[T]):
    """The models a run touched, ordered by unique id. `ingested` is False while (or when) dbt has no metadata of it.

    `commands` is the time from the start of the first command that executed a model to the end of the last; unknown
    where it was not asked for (see JobService).
    """

    models: tuple[T, ...]
    ingested: bool
    commands: CommandSpan


@dataclass(frozen=True, slots=True)
class _RunFact(Generic[T]):
    """`final`: the run had finished and was ingested when it was read, so that it will not change. `tries`: how often
    before a finished run was asked for and had no metadata."""

    models: RunModels[T]
    final: bool
    tries: int = 0


Read = Callable[[list[RunKey]], Awaitable[Mapping[RunKey, RunModels[T] | GatewayError]]]


class JobService:
    """Models of runs. Those of a finished run never change and are kept for good, within the bound.

    `reads_commands`: whether each command of a run is read too, for the run's times, where no Admin API tells them.
    """

    def __init__(self, query: BaseQuery, interval: float, tiers: Tiers, *, reads_commands: bool = False) -> None:
        self._query = query
        self._reads_commands = reads_commands
        self._interval = interval
        self._clock = tiers.clock
        full: Kind[RunKey, _RunFact[ModelRun]] = Kind(
            "run models",
            lambda fact: 500 + weigh_runs(fact.models.models),
            codec=Codec(_RunFact[ModelRun]),
            is_final=_is_final,
        )
        outline: Kind[RunKey, _RunFact[BuiltModel]] = Kind(
            "outline",
            lambda fact: 500 + 250 * len(fact.models.models),
            codec=Codec(_RunFact[BuiltModel]),
            is_final=_is_final,
        )
        self._full: FactsCache[RunKey, _RunFact[ModelRun]] = FactsCache(tiers, full)
        self._outlines: FactsCache[RunKey, _RunFact[BuiltModel]] = FactsCache(tiers, outline)

    async def run_models(
        self, keys: Sequence[RunKey], finished: frozenset[RunKey], models: int = 0
    ) -> dict[RunKey, RunModels[ModelRun] | GatewayError]:
        """The models each run touched. Runs not in `finished` are asked again every interval, those not ingested
        yet at growing ones.

        `models` says how many models the runs' projects have, where that is known, so that no document grows too big.
        """

        async def read(missing: list[RunKey]) -> Mapping[RunKey, RunModels[ModelRun] | GatewayError]:
            return await self._read_full(missing, runs_per_document(models))

        return await self._get(self._full, keys, finished, read)

    def invalidate(self, key: RunKey) -> None:
        """Has a run read again when it is asked for."""
        self._full.invalidate(key)
        self._outlines.invalidate(key)

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
            found = await read(missing)
            return {
                key: one if isinstance(one, GatewayError) else _fact(one, key in finished, cache.peek(key))
                for key, one in found.items()
            }

        def validate(_: RunKey, fact: Fact[_RunFact[T]]) -> Validity:
            if fact.value.final:
                return FINAL
            return for_seconds(fact.read_at, min(_LONGEST_PAUSE, self._interval * 2**fact.value.tries), now)

        current_usage().environments.add(ACCOUNT)
        facts = await cache.get_many(keys, fetch, validate)
        return {key: fact.models if isinstance(fact, _RunFact) else fact for key, fact in facts.items()}

    async def _read_full(
        self, keys: list[RunKey], per_document: int
    ) -> Mapping[RunKey, RunModels[ModelRun] | GatewayError]:
        operation = _EACH_COMMAND if self._reads_commands else _FULL
        found = await read_rows(self._query, operation, keys, per_document)
        share = Share()
        read: dict[RunKey, RunModels[ModelRun] | GatewayError] = {}
        for key, rows in found.items():
            if isinstance(rows, GatewayError):
                read[key] = rows
                continue
            models: list[ModelRun | None] = []
            async for piece in pieces(rows.rows, steps=8):
                models += [to_model_run(row, share) for row in piece]
            commands = command_span(rows.rows) if self._reads_commands else UNKNOWN_SPAN
            read[key] = RunModels(_touched(models), rows.known, commands)
        return read

    async def _read_outlines(self, keys: list[RunKey]) -> Mapping[RunKey, RunModels[BuiltModel] | GatewayError]:
        found = await read_rows(self._query, _OUTLINE, keys)
        share = Share()
        read: dict[RunKey, RunModels[BuiltModel] | GatewayError] = {}
        for key, rows in found.items():
            if isinstance(rows, GatewayError):
                read[key] = rows
                continue
            models: list[BuiltModel | None] = []
            async for piece in pieces(rows.rows, steps=4):
                models += [to_built_model(row, share) for row in piece]
            read[key] = RunModels(_touched(models), rows.known, UNKNOWN_SPAN)
        return read


def _is_final(fact: _RunFact[T]) -> bool:
    return fact.final


def _fact(models: RunModels[T], finished: bool, before: Fact[_RunFact[T]] | None) -> _RunFact[T]:
    final = finished and models.ingested
    missing_again = finished and not models.ingested and before is not None and not before.value.models.ingested
    return _RunFact(models, final, min(before.value.tries + 1, 20) if missing_again and before else 0)


M = TypeVar("M", ModelRun, BuiltModel)


def _touched(models: Iterable[M | None]) -> tuple[M, ...]:
    by_unique_id = {model.unique_id: model for model in models if model is not None}
    return tuple(by_unique_id[unique_id] for unique_id in sorted(by_unique_id))
