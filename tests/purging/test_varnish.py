"""A real cache in front: hits, what a webhook purges, revalidation with 304, and nothing private in it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
import uvicorn

from gateway.settings import Settings
from gateway.settings.neighbours import PurgeSetting
from tests.clock import Clock
from tests.freshness.conftest import ChangingDbt
from tests.identity.callers import Holder, known_to
from tests.oracle.account import Job, Oracle
from tests.purging.conftest import SECRET, webhook
from tests.purging.varnish import Watched, missing, varnish
from tests.serving import Gateway, serving
from tests.sharing.conftest import free_port
from tests.sockets import listening

pytestmark = [pytest.mark.external, pytest.mark.skipif(missing() is not None, reason=missing() or "")]

ACCOUNT = "{ account { models(first: 100) { nodes { id runtime } } } }"
FINANCE = '{ project(id: "finance") { models(first: 100) { nodes { id runtime } } } }'
MARKETING = '{ project(id: "marketing") { models(first: 100) { nodes { id runtime } } } }'
QUESTIONS = (ACCOUNT, FINANCE, MARKETING)
MUCH = Holder("everybody")
LITTLE = Holder("finance", ("finance",))


@dataclass
class Behind:
    """A gateway and the Varnish in front of it. `statuses` are those of the gateway's answers to Varnish."""

    gateway: Gateway
    watched: Watched
    client: httpx2.AsyncClient

    async def get(self, query: str, **headers: str) -> Any:
        return await self.client.get(f"/graphql?query={quote(query)}", headers=headers)

    async def hit(self, query: str) -> Any:
        """The answer, which the gateway is not asked for."""
        before = len(self.watched.statuses)
        reply = await self.get(query)
        assert (reply.headers["x-cache"], len(self.watched.statuses) - before) == ("HIT", 0)
        return reply


@asynccontextmanager
async def behind_varnish(settings: Settings, directory: Path, clock: Clock) -> AsyncIterator[Behind]:
    cache_port = free_port()
    entry = PurgeSetting(url=f"http://127.0.0.1:{cache_port}/", protocol="purge")
    changed = {"cache_tags": True, "cache_tag_header": "xkey", "purge": (entry,), "webhook_secret": SECRET}
    settings = Settings.model_validate({**settings.model_dump(exclude_unset=True), **changed})
    async with serving(settings, clock) as gateway:
        assert gateway.app is not None
        watched = Watched(gateway.app)
        server = uvicorn.Config(watched, log_config=None, lifespan="off", access_log=False)
        async with (
            listening(server) as port,
            varnish(port, directory, cache_port) as address,
            httpx2.AsyncClient(base_url=address, headers={"Accept": "application/json"}, trust_env=False) as client,
        ):
            yield Behind(gateway, watched, client)


async def warm(behind: Behind) -> None:
    """Asks until Varnish has answers that it may give again: the first ones were read for their questions."""
    for query in QUESTIONS * 2:
        await behind.get(query)


@pytest.mark.slow
async def test_a_webhook_purges_what_the_run_has_changed_and_nothing_else(
    demo_store: str, tmp_path: Path, oracle: Oracle, jobs: Mapping[str, Job]
) -> None:
    clock, dbt = Clock(), ChangingDbt()
    async with behind_varnish(Settings(store_url=demo_store, open=True), tmp_path, clock) as behind:
        behind.gateway.upstream.rewrite = dbt
        await warm(behind)
        before = {query: (await behind.hit(query)).json()["data"] for query in QUESTIONS}
        assert "xkey" not in (await behind.hit(ACCOUNT)).headers
        held = (await behind.hit(ACCOUNT)).headers["etag"]
        assert (await behind.get(ACCOUNT, **{"If-None-Match": held})).status_code == 304
        dbt.change(jobs["finance"].environment_id)
        clock.now += 6
        body, headers = webhook(oracle, jobs["finance"])
        assert (await behind.gateway.client.post("/webhooks/dbt", content=body, headers=headers)).status_code == 200
        async with asyncio.timeout(20):
            while (await behind.get(FINANCE)).json()["data"] == before[FINANCE]:
                await asyncio.sleep(0.05)
        assert (await behind.get(ACCOUNT)).json()["data"] != before[ACCOUNT]
        assert (await behind.hit(MARKETING)).json()["data"] == before[MARKETING]
        shown = (await behind.client.get("/metrics")).status_code
    assert shown == 404


@pytest.mark.slow
async def test_what_is_no_longer_fresh_and_has_not_changed_is_not_sent_again(demo_store: str, tmp_path: Path) -> None:
    clock = Clock()
    settings = Settings(store_url=demo_store, open=True, revision_interval=2)
    async with behind_varnish(settings, tmp_path, clock) as behind:
        await warm(behind)
        first = await behind.hit(ACCOUNT)
        assert first.headers["cache-control"] == "public, max-age=2"
        await asyncio.sleep(2.1)
        before = len(behind.watched.statuses)
        again = await behind.get(ACCOUNT)
        assert behind.watched.statuses[before:] == [304]
        assert (again.status_code, again.json()["data"]) == (200, first.json()["data"])
        await behind.hit(ACCOUNT)


@pytest.mark.slow
async def test_answers_of_callers_are_never_shared(demo_store: str, tmp_path: Path) -> None:
    settings = known_to(Settings(store_url=demo_store), MUCH, LITTLE)
    async with behind_varnish(settings, tmp_path, Clock()) as behind:
        told = []
        for holder in (MUCH, LITTLE) * 3:
            for headers in ({"X-API-Key": holder.key}, {"Authorization": f"Bearer {holder.key}"}):
                reply = await behind.get("{ account { projects { nodes { id } } } }", **headers)
                assert reply.headers["x-cache"] == "MISS"
                assert reply.headers["cache-control"].startswith("private")
                told.append((holder, [node["id"] for node in reply.json()["data"]["account"]["projects"]["nodes"]]))
        assert len(behind.watched.statuses) == len(told)
        assert {(holder.name, len(ids)) for holder, ids in told} == {("everybody", 4), ("finance", 1)}
        nobody = await behind.get("{ account { projects { nodes { id } } } }")
        assert (nobody.status_code, nobody.headers["cache-control"]) == (401, "no-store")


@pytest.mark.slow
async def test_nobody_else_purges(demo_store: str, tmp_path: Path) -> None:
    """Who may purge stands in the configuration: here the gateway's address, which is this machine's."""
    text = (Path(__file__).parents[2] / "deploy/varnish.vcl").read_text("utf-8")
    assert json.dumps("gateway") in text.partition("acl purgers")[2].partition("}")[0]
    async with behind_varnish(Settings(store_url=demo_store, open=True), tmp_path, Clock()) as behind:
        await warm(behind)
        purge = await behind.client.request("PURGE", "/", headers={"xkey": "project-finance"})
        assert (purge.status_code, purge.reason_phrase) == (202, "Purged 2")
        assert (await behind.get(FINANCE)).headers["x-cache"] == "MISS"
        await behind.hit(MARKETING)
