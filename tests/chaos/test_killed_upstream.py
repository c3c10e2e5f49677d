"""dbt killed and paused under load, three times each: right, marked or null with a code, and right again after."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest

from gateway.services.resilience.policy import BreakerPolicy, ResiliencePolicy
from gateway.settings import Settings
from tests.chaos.conftest import OwnPlatform
from tests.services.conftest import ACCOUNT
from tests.services.faults import TOKEN
from tests.serving import Gateway, Reply, serving

PARTS = ("models", "jobs", "slowestModels")
QUESTION = """{ account {
  models(first: 100) { nodes { id runtime } }
  jobs { nodes { id runs(first: 2) { nodes { id } } } }
  slowestModels(first: 5, lastRuns: 3) { runtime model { id } }
} }"""
# What a dbt that is gone or silent may be called.
CODES = {"UPSTREAM_UNAVAILABLE", "UPSTREAM_TIMEOUT", "UPSTREAM_CIRCUIT_OPEN"}

log = logging.getLogger(__name__)


@dataclass
class Load:
    """Two who ask all the time. Every answer is weighed; `seen` counts fresh, stale and coded ones."""

    gateway: Gateway
    right: Any
    seen: Counter[str] = field(default_factory=Counter)

    async def run(self, stop: asyncio.Event) -> None:
        await asyncio.gather(*(self._ask(stop) for _ in range(2)))

    async def _ask(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            self.seen[self._weigh(await self.gateway.ask(QUESTION))] += 1
            await asyncio.sleep(0.1)

    def _weigh(self, reply: Reply) -> str:
        if not reply.errors:
            assert reply.data == self.right
            return "stale" if reply.gateway["stale"] else "fresh"
        assert {error["extensions"]["code"] for error in reply.errors} <= CODES
        account = (reply.data or {}).get("account")
        for part in PARTS if account else ():
            lost = any(path.startswith(f"account.{part}") for path in reply.codes)
            assert lost or account[part] == self.right["account"][part]
        return "coded"

    async def more(self, running: asyncio.Task[None], *kinds: str) -> None:
        """Waits for the next answer of one of these kinds."""
        before = sum(self.seen[kind] for kind in kinds)
        async with asyncio.timeout(60):
            while sum(self.seen[kind] for kind in kinds) == before:
                if running.done():
                    await running
                await asyncio.sleep(0.02)


@pytest.mark.slow
@pytest.mark.parametrize("times", [3, pytest.param(20, marks=pytest.mark.nightly)])
@pytest.mark.parametrize(("way", "stale_if_error"), [("killed", 0), ("paused", 3600)])
async def test_no_answer_is_wrong_while_dbt_comes_and_goes(
    platform: OwnPlatform,
    warm_gateway: Gateway,
    way: str,
    stale_if_error: float,
    times: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Ten seconds after each outage are too long to wait.
    hasty = ResiliencePolicy(breaker=BreakerPolicy(open_seconds=0.2))
    monkeypatch.setattr("gateway.wiring.upstream.resilience_of", lambda settings, most_calls: hasty)
    settings = Settings(
        discovery_url=f"{platform.url}/graphql",
        admin_url=platform.url,
        account_id=ACCOUNT,
        service_token=TOKEN,
        upstream_seconds=1 if way == "killed" else 0.3,
        revision_interval=0.05,
        topology_seconds=0.05,
        stale_seconds=0,
        stale_if_error_seconds=stale_if_error,
    )
    async with serving(settings) as gateway:
        load, stop = Load(gateway, await warm_gateway.data(QUESTION)), asyncio.Event()
        running = asyncio.create_task(load.run(stop))
        await load.more(running, "fresh")
        recovered = []
        for _ in range(times):
            platform.signal(signal.SIGKILL if way == "killed" else signal.SIGSTOP)
            await load.more(running, "stale", "coded")
            if way == "killed":
                await platform.start()
            else:
                platform.signal(signal.SIGCONT)
            back_at = time.perf_counter()
            await load.more(running, "fresh")
            recovered.append(time.perf_counter() - back_at)
        stop.set()
        await running
    recovered.sort()
    log.info(
        "%s %d times: %s; fresh facts %.2f s after it was back (%.2f s at most)",
        *(way, times, dict(load.seen), recovered[times // 2], recovered[-1]),
    )
    assert load.seen["coded"] if not stale_if_error else load.seen["stale"]
