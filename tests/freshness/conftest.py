"""A gateway whose clock the test moves, over a dbt whose environments the test changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from gateway.settings import Settings
from tests.clock import Clock
from tests.serving import Call, Gateway, serving


@dataclass
class ChangingDbt:
    """Rewrites the platform's answers: a later `lastUpdatedAt` and `seconds` more of each model's execution time."""

    seconds: dict[int, float] = field(default_factory=dict)

    def change(self, environment_id: int) -> None:
        """The environment's models take a second more from now on."""
        self.seconds[environment_id] = self.seconds.get(environment_id, 0.0) + 1.0

    def __call__(self, call: Call, answer: Any) -> Any:
        for alias, environment_id in call.variables.items():
            found = (answer.get("data") or {}).get(alias) if isinstance(answer, dict) else None
            added = self.seconds.get(environment_id) if isinstance(environment_id, int) else None
            if not found or not added or not found.get("applied"):
                continue
            applied = found["applied"]
            if "lastUpdatedAt" in applied:
                applied["lastUpdatedAt"] = f"2030-01-01T00:00:{int(added):02d}.000Z"
            if call.operation == "EnvironmentModels":
                for edge in applied["models"]["edges"]:
                    info = edge["node"]["executionInfo"]
                    if info and info["executionTime"] is not None:
                        info["executionTime"] += added
        return answer


@dataclass
class Aging:
    """A running gateway, its clock and its changing dbt."""

    gateway: Gateway
    clock: Clock
    dbt: ChangingDbt

    async def settle(self) -> None:
        """Lets what runs in the background come to its end."""
        for _ in range(200):
            await asyncio.sleep(0.005)
            if not [task for task in asyncio.all_tasks() if "FactsCache._fetch" in repr(task.get_coro())]:
                return


@pytest.fixture
async def aging(settings: Settings) -> AsyncIterator[Aging]:
    clock, dbt = Clock(), ChangingDbt()
    async with serving(settings, clock) as gateway:
        gateway.upstream.rewrite = dbt
        yield Aging(gateway, clock, dbt)
