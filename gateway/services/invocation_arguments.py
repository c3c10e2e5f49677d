"""InvocationArguments: what sets the commands of runs apart, by the arguments that dbt wrote beside their results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from gateway.caching.codec import Codec
from gateway.caching.facts import FactsCache, Kind
from gateway.caching.generations import ACCOUNT
from gateway.caching.tiers import Tiers
from gateway.caching.validity import FINAL
from gateway.errors import GatewayError
from gateway.hierarchy.history import Told
from gateway.hierarchy.variants import variant_of_arguments
from gateway.services.base_query import BaseQuery, BatchOperation, RootLookup
from gateway.services.discovery_types import JobArguments
from gateway.telemetry.usage import current_usage

_PER_DOCUMENT = 100

_OPERATION = BatchOperation("InvocationArguments", "fragment A on ModelNode { args }", JobArguments, nullable=True)


class CommandKey(NamedTuple):
    """One command of a run."""

    job_id: int
    run_id: int
    invocation_id: str | None


class Witness(NamedTuple):
    """A command and a model that it executed."""

    command: CommandKey
    unique_id: str


@dataclass(frozen=True, slots=True)
class _Fact:
    """`told` is None where dbt has no arguments of the command."""

    told: Told | None


class InvocationArguments:
    """Each command is asked for once, by one model that it executed; what has run does not change."""

    def __init__(self, query: BaseQuery, tiers: Tiers) -> None:
        self._query = query
        kind: Kind[CommandKey, _Fact] = Kind("command", lambda _: 200, codec=Codec(_Fact))
        self._facts: FactsCache[CommandKey, _Fact] = FactsCache(tiers, kind)

    async def told(self, witnesses: Sequence[Witness]) -> dict[Witness, Told | GatewayError | None]:
        """What the command of each witness is; None where dbt has no arguments of it."""
        by_command = {one.command: one.unique_id for one in witnesses}

        async def fetch(missing: list[CommandKey]) -> Mapping[CommandKey, _Fact | GatewayError]:
            return await self._read({key: by_command[key] for key in missing})

        current_usage().environments.add(ACCOUNT)
        found = await self._facts.get_many(list(by_command), fetch, lambda _, __: FINAL)
        return {one: _told_or_failure(found[one.command]) for one in witnesses}

    async def _read(self, witnesses: Mapping[CommandKey, str]) -> dict[CommandKey, _Fact | GatewayError]:
        lookups = [_lookup(n, key, unique_id) for n, (key, unique_id) in enumerate(witnesses.items())]
        answers = await self._query.look_up(_OPERATION, lookups, _PER_DOCUMENT)
        found: dict[CommandKey, _Fact | GatewayError] = {}
        for n, key in enumerate(witnesses):
            answer = answers.get(f"j{n}")
            found[key] = answer if isinstance(answer, GatewayError) else _Fact(_told(answer))
        return found


def _told_or_failure(found: _Fact | GatewayError) -> Told | GatewayError | None:
    return found.told if isinstance(found, _Fact) else found


def _lookup(n: int, key: CommandKey, unique_id: str) -> RootLookup:
    variables: dict[str, tuple[str, object]] = {
        f"j{n}": ("BigInt!", key.job_id),
        f"r{n}": ("BigInt", key.run_id),
        f"u{n}": ("String!", unique_id),
    }
    text = f"job(id: $j{n}, runId: $r{n}) {{ model(uniqueId: $u{n}) {{ ...A }} }}"
    return RootLookup(f"j{n}", text, variables)


def _told(answer: JobArguments | None) -> Told | None:
    text = answer.model.args if answer and answer.model else None
    try:
        args = msgspec.json.decode(text) if text else None
    except msgspec.MsgspecError:
        return None
    return Told(variant_of_arguments(args)) if isinstance(args, dict) else None
