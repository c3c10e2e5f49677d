"""A real router that keeps answers: hits, expiry by the gateway's `Cache-Control`, and what a webhook purges by tag."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn

from gateway.settings import Settings
from gateway.settings.neighbours import PurgeSetting
from tests.clock import Clock
from tests.federation.programs import HERE, compose, running
from tests.freshness.conftest import ChangingDbt
from tests.node import node
from tests.oracle.account import Job, Oracle
from tests.purging.conftest import SECRET, webhook
from tests.purging.varnish import Watched
from tests.serving import Gateway, serving
from tests.sharing.conftest import free_port
from tests.sockets import listening

pytestmark = [pytest.mark.slow, pytest.mark.external, pytest.mark.nightly]

ACCOUNT = "{ account { id models(first: 100) { nodes { id runtime } } } }"
FINANCE = '{ project(id: "finance") { id models(first: 100) { nodes { id runtime } } } }'
MARKETING = '{ project(id: "marketing") { id models(first: 100) { nodes { id runtime } } } }'


@dataclass
class Behind:
    """A gateway, and the router in front of it, with the statuses of the gateway's answers to the router."""

    gateway: Gateway
    watched: Watched
    client: httpx2.AsyncClient

    async def ask(self, query: str) -> tuple[Any, bool]:
        """The data, and whether the gateway was asked for it."""
        before = len(self.watched.statuses)
        answer = (await self.client.post("/graphql", json={"query": query})).json()
        assert "errors" not in answer, answer["errors"]
        return answer["data"], len(self.watched.statuses) > before

    async def until_kept(self, query: str) -> Any:
        """The data, once the router has it: the first answers are read for their question, and not for long."""
        async with asyncio.timeout(30):
            while True:
                data, was_asked = await self.ask(query)
                if not was_asked:
                    return data


@asynccontextmanager
async def behind_hive(settings: Settings, folder: Path, clock: Clock, sdl: str) -> AsyncIterator[Behind]:
    router_port = free_port()
    entry = PurgeSetting(url=f"http://127.0.0.1:{router_port}/purge", protocol="json")
    changed = {"cache_tags": True, "purge": (entry,), "webhook_secret": SECRET}
    settings = Settings.model_validate({**settings.model_dump(exclude_unset=True), **changed})
    async with serving(settings, clock) as gateway:
        assert gateway.app is not None
        watched = Watched(gateway.app)
        server = uvicorn.Config(watched, log_config=None, lifespan="off", access_log=False)
        async with listening(server) as port:
            supergraph = folder / "supergraph.graphql"
            composed = compose("guild", folder, {("dbt", f"http://127.0.0.1:{port}/graphql"): sdl})
            supergraph.write_text(composed.supergraph or "", "utf-8")
            command = (str(node()), str(HERE / "router.mjs"), "caching", str(supergraph), str(router_port))
            with running(folder, "Router", *command) as address:
                base = address.removesuffix("/graphql")
                async with httpx2.AsyncClient(base_url=base, trust_env=False, timeout=60) as client:
                    yield Behind(gateway, watched, client)


async def test_a_router_keeps_what_the_gateway_allows_and_drops_what_a_webhook_purges(
    packages: None, demo_store: str, tmp_path: Path, gateway_sdl: str, oracle: Oracle, jobs: Mapping[str, Job]
) -> None:
    clock, dbt = Clock(), ChangingDbt()
    settings = Settings(store_url=demo_store, open=True, revision_interval=60)
    async with behind_hive(settings, tmp_path, clock, gateway_sdl) as behind:
        behind.gateway.upstream.rewrite = dbt
        before = {query: await behind.until_kept(query) for query in (ACCOUNT, FINANCE, MARKETING)}
        dbt.change(jobs["finance"].environment_id)
        clock.now += 61
        assert await behind.ask(FINANCE) == (before[FINANCE], False)
        body, headers = webhook(oracle, jobs["finance"])
        assert (await behind.gateway.client.post("/webhooks/dbt", content=body, headers=headers)).status_code == 200
        async with asyncio.timeout(20):
            while (await behind.ask(FINANCE))[0] == before[FINANCE]:
                await asyncio.sleep(0.05)
        assert (await behind.ask(ACCOUNT))[0] != before[ACCOUNT]
        assert await behind.ask(MARKETING) == (before[MARKETING], False)


async def test_a_router_asks_again_when_an_answer_is_no_longer_fresh(
    packages: None, demo_store: str, tmp_path: Path, gateway_sdl: str
) -> None:
    settings = Settings(store_url=demo_store, open=True, revision_interval=2)
    async with behind_hive(settings, tmp_path, Clock(), gateway_sdl) as behind:
        data = await behind.until_kept(MARKETING)
        await asyncio.sleep(2.1)
        assert await behind.ask(MARKETING) == (data, True)
        assert await behind.ask(MARKETING) == (data, False)
