"""InvocationArguments: what sets the commands of runs apart, by the arguments that dbt wrote beside their results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from gateway.caching.codec import Codec
from gateway.caching.facts import FactsCache, Kind
from gateway.caching.generations import ACCOUNT
from gateway.caching.tiers import Tiers
from gateway.caching.validity import FINAL
from gateway.errors import GatewayError
from gateway.hierarchy.history.counted_runs import CommandFacts
from gateway.services.runs.run_history import CommandKey, RunHistory
from gateway.telemetry.usage import current_usage


class Witness(NamedTuple):
    """A command and a model that it executed."""

    command: CommandKey
    unique_id: str


@dataclass(frozen=True, slots=True)
class _Fact:
    """`command` is None where dbt has no arguments of the command."""

    command: CommandFacts | None


class InvocationArguments:
    """Each command is asked for once, by one model that it executed; what has run does not change."""

    def __init__(self, history: RunHistory, tiers: Tiers) -> None:
        self._history = history
        kind: Kind[CommandKey, _Fact] = Kind("command", lambda _: 200, codec=Codec(_Fact))
        self._facts: FactsCache[CommandKey, _Fact] = FactsCache(tiers, kind)

    async def commands(self, witnesses: Sequence[Witness]) -> dict[Witness, CommandFacts | GatewayError | None]:
        """What the command of each witness is; None where dbt has no arguments of it."""
        by_command = {witness.command: witness.unique_id for witness in witnesses}

        async def fetch(missing: list[CommandKey]) -> Mapping[CommandKey, _Fact | GatewayError]:
            return await self._read({key: by_command[key] for key in missing})

        current_usage().environments.add(ACCOUNT)
        facts = await self._facts.get_many(list(by_command), fetch, lambda _, __: FINAL)
        return {witness: _command_or_failure(facts[witness.command]) for witness in witnesses}

    async def _read(self, witnesses: Mapping[CommandKey, str]) -> dict[CommandKey, _Fact | GatewayError]:
        commands = await self._history.commands(witnesses)
        return {
            key: command if isinstance(command, GatewayError) else _Fact(command) for key, command in commands.items()
        }


def _command_or_failure(fact: _Fact | GatewayError) -> CommandFacts | GatewayError | None:
    return fact.command if isinstance(fact, _Fact) else fact
