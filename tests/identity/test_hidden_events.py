"""What happens where a caller may not look shows in nothing that he is told: no value, count or age."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.settings import Settings
from tests.clock import Clock
from tests.freshness.conftest import ChangingDbt
from tests.freshness.test_webhooks import SECRET, signature
from tests.identity.callers import Holder, known_to
from tests.oracle.account import Oracle
from tests.repetitions import daily_and_nightly
from tests.serving import Gateway, serving

FINANCE, EVERYBODY = Holder("finance", ("finance",)), Holder("everybody")
HIDDEN, VISIBLE = 202001, 201001
QUESTIONS = (
    "{ account { projects { nodes { id } } models { totalCount } jobs { nodes { id lastRun { id } } } } }",
    '{ project(id: "finance") { slowestModels(lastRuns: 3) { model { id } } runs(first: 3) { nodes { id } } } }',
)


async def deliver(gateway: Gateway, oracle: Oracle, environment_id: int, number: int, clock: Clock) -> None:
    """A run of a job of this environment has ended, and changed its models."""
    job = next(one for one in oracle.production_jobs if one.environment_id == environment_id)
    ids = {"jobId": str(job.id), "runId": str(job.runs[0].id), "environmentId": str(environment_id)}
    event = {
        "accountId": oracle.record["account"]["id"],
        "eventId": f"wev_{environment_id}_{number}",
        "timestamp": datetime.now(UTC).isoformat(),
        "eventType": "job.run.completed",
        "data": ids,
    }
    body = json.dumps(event).encode()
    gateway.upstream.rewrite.change(environment_id)  # type: ignore[union-attr]
    reply = await gateway.client.post("/webhooks/dbt", content=body, headers={"Authorization": signature(body)})
    assert reply.json()["status"] in ("done", "accepted")


def asked(gateway: Gateway) -> int:
    """How often dbt was asked, but for headers, which a webhook has looked at by itself."""
    return sum(count for name, count in gateway.upstream.operations.items() if name != "EnvironmentHeaders")


async def told(settings: Settings, oracle: Oracle, eventful: int | None) -> tuple[list[Any], list[int]]:
    """All that a caller is told over some minutes, and how often dbt was asked for each answer."""
    clock = Clock()
    answers: list[Any] = []
    calls: list[int] = []
    async with serving(known_to(settings, FINANCE, EVERYBODY), clock) as gateway:
        gateway.upstream.rewrite = ChangingDbt()
        for step in range(24):
            clock.now += 7
            if eventful is not None and step % 3 == 1:
                await deliver(gateway, oracle, eventful, step, clock)
            for question in QUESTIONS:
                before = sum(
                    count for name, count in gateway.upstream.operations.items() if name != "EnvironmentHeaders"
                )
                reply = await FINANCE.ask(gateway, question)
                answers.append((reply.status, reply.data, list(reply.errors), dict(reply.gateway)))
                after = sum(
                    count for name, count in gateway.upstream.operations.items() if name != "EnvironmentHeaders"
                )
                calls.append(after - before)
    return answers, calls


@pytest.mark.slow
@pytest.mark.parametrize("stale_seconds", daily_and_nightly(60, 0))
async def test_runs_in_hidden_projects_change_no_answer_count_or_age(
    demo_store: str, oracle: Oracle, stale_seconds: float
) -> None:
    settings = Settings(store_url=demo_store, webhook_secret=SECRET, stale_seconds=stale_seconds)
    quiet, quiet_calls = await told(settings, oracle, None)
    hidden, hidden_calls = await told(settings, oracle, HIDDEN)
    for place, (one, other) in enumerate(zip(quiet, hidden, strict=True)):
        assert one == other, place
    assert quiet_calls == hidden_calls
    visible, _ = await told(settings, oracle, VISIBLE)
    assert visible != quiet, "what may be seen does show"


@pytest.mark.slow
async def test_who_sees_a_part_is_not_told_how_the_shared_cache_was_used(demo_store: str) -> None:
    async with serving(known_to(Settings(store_url=demo_store), FINANCE, EVERYBODY)) as gateway:
        for _ in range(3):
            part = (await FINANCE.ask(gateway, QUESTIONS[0])).gateway
            assert (part["cacheHits"], part["cacheMisses"], part["sharedFlights"]) == (0, 0, 0)
        whole = (await EVERYBODY.ask(gateway, QUESTIONS[1])).gateway
        assert whole["cacheHits"] + whole["cacheMisses"] > 0
