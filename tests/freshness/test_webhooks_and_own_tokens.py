"""Callers whose own dbt tokens read their facts are told of webhooks too: in answers and in subscriptions."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from gateway.settings import Settings
from tests.clock import Clock
from tests.freshness.conftest import ChangingDbt
from tests.oracle.account import Oracle
from tests.serving import Gateway, serving
from tests.streaming.conftest import hear, live, subscribe, until

SECRET = "a webhook's secret"
RUNTIMES = "{ account { models(first: 100) { nodes { id runtime } } } }"
ANNA, BERT = {"X-dbt-Token": "dbtu_anna"}, {"X-dbt-Token": "dbtu_bert"}


@pytest.fixture
def trusting(demo_store: str) -> Settings:
    """Without a token of its own, and of facts that are believed until something outdates them."""
    return Settings(
        store_url=demo_store,
        webhook_secret=SECRET,
        pass_through_tokens=True,
        stale_seconds=0,
        revision_interval=3600,
        topology_seconds=3600,
    )


@pytest.fixture
async def passing_through(trusting: Settings) -> AsyncIterator[Gateway]:
    async with serving(trusting, Clock()) as gateway:
        gateway.upstream.rewrite = ChangingDbt()
        yield gateway


def event_of(oracle: Oracle) -> dict[str, Any]:
    job = oracle.production_jobs[0]
    return {
        "accountId": oracle.record["account"]["id"],
        "eventId": "wev_1",
        "timestamp": datetime.now(UTC).isoformat(),
        "eventType": "job.run.completed",
        "data": {"jobId": str(job.id), "runId": str(job.runs[0].id), "environmentId": str(job.environment_id)},
    }


def signed(event: Mapping[str, Any]) -> tuple[bytes, dict[str, str]]:
    body = json.dumps(event).encode()
    return body, {"Authorization": hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()}


async def deliver(gateway: Gateway, event: Mapping[str, Any]) -> tuple[int, Any]:
    """Status, and the word or the code, of the answer."""
    body, headers = signed(event)
    reply = await gateway.client.post("/webhooks/dbt", content=body, headers=headers)
    answer = reply.json()
    return reply.status_code, answer.get("status") or answer["errors"][0]["extensions"]["code"]


async def runtimes(gateway: Gateway, headers: Mapping[str, str]) -> dict[str, Any]:
    reply = await gateway.ask(RUNTIMES, headers)
    assert list(reply.errors) == []
    return {model["id"]: model["runtime"] for model in reply.data["account"]["models"]["nodes"]}


@pytest.mark.slow
async def test_a_webhook_outdates_what_each_callers_token_has_read(passing_through: Gateway, oracle: Oracle) -> None:
    event = event_of(oracle)
    environment_id = int(event["data"]["environmentId"])
    before = {model.id: model.runtime for model in oracle.models}
    for headers in (ANNA, BERT):
        for _ in range(3):
            assert await runtimes(passing_through, headers) == before
    passing_through.upstream.rewrite.change(environment_id)  # type: ignore[union-attr]
    passing_through.upstream.calls.clear()
    assert await runtimes(passing_through, ANNA) == before, "nobody has told of it yet"
    assert await deliver(passing_through, event) == (200, "done")
    assert passing_through.upstream.calls == [], "dbt is not asked, as the gateway has no token of its own"
    after = {
        model.id: model.runtime
        if model.runtime is None or model.environment_id != environment_id
        else pytest.approx(model.runtime + 1.0)
        for model in oracle.models
    }
    assert await runtimes(passing_through, ANNA) == after
    assert await runtimes(passing_through, BERT) == after


@pytest.mark.slow
async def test_answers_kept_for_a_token_end_with_what_it_has_read(trusting: Settings, oracle: Oracle) -> None:
    """Webhooks no longer reach what is let go, so nothing that was made of it may be told."""
    event = event_of(oracle)
    async with serving(trusting.model_copy(update={"pass_through_kept": 1}), Clock()) as gateway:
        gateway.upstream.rewrite = dbt = ChangingDbt()
        before = [await runtimes(gateway, ANNA) for _ in range(3)][-1]
        assert await runtimes(gateway, BERT) == before
        dbt.change(int(event["data"]["environmentId"]))
        assert await deliver(gateway, event) == (200, "done")
        assert await runtimes(gateway, ANNA) == await runtimes(gateway, BERT) != before


async def test_another_accounts_event_is_refused_as_ever(passing_through: Gateway, oracle: Oracle) -> None:
    assert await deliver(passing_through, {**event_of(oracle), "accountId": 1}) == (403, "EVENT_NOT_OURS")


@pytest.mark.slow
async def test_a_webhook_is_sent_to_who_subscribed_with_a_token_of_his_own(demo_store: str, oracle: Oracle) -> None:
    event = event_of(oracle)
    settings = Settings(store_url=demo_store, webhook_secret=SECRET, pass_through_tokens=True, revision_interval=3600)
    async with live(settings) as gateway, gateway.talk(additional_headers=ANNA) as connection:
        await subscribe(connection, "1", "subscription { runFinished { id } }")
        await until(lambda: bool(gateway.upstream.calls))
        body, headers = signed(event)
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{gateway.port}") as client:
            reply = await client.post("/webhooks/dbt", content=body, headers=headers)
        assert reply.json() == {"status": "done"}
        heard = await hear(connection)
    assert heard["payload"]["data"] == {"runFinished": {"id": event["data"]["runId"]}}
