"""Requests to dbt are shared out fairly among those who ask the gateway: by the names that their keys give them."""

from __future__ import annotations

import asyncio

import pytest

from gateway.settings import Settings
from tests.identity.callers import Holder, known_to
from tests.oracle.account import Oracle
from tests.serving import serving

# Code is never kept: each question is a request.
CODE = "query ($id: ID!) { model(id: $id) { rawCode } }"
CROWD = 200


@pytest.mark.slow
async def test_a_crowd_of_one_caller_does_not_stand_before_another(demo_store: str, oracle: Oracle) -> None:
    dashboard, person = Holder("dashboard"), Holder("person")
    settings = Settings(
        store_url=demo_store, discovery_requests_per_minute=600, concurrent_operations=1_000, waiting_seconds=60
    )
    mine, theirs = oracle.models[:2]
    async with serving(known_to(settings, dashboard, person)) as gateway:
        calls = gateway.upstream.calls

        def sent(unique_id: str) -> int:
            return sum([unique_id] in call.variables.values() for call in calls if call.operation == "ModelDetails")

        crowd = [asyncio.create_task(dashboard.ask(gateway, CODE, id=theirs.id)) for _ in range(CROWD)]
        async with asyncio.timeout(60):
            while sent(theirs.unique_id) < 5:
                await asyncio.sleep(0.01)
        before = sent(theirs.unique_id)
        reply = await person.ask(gateway, CODE, id=mine.id)
        assert list(reply.errors) == []
        assert reply.data["model"]["rawCode"]
        assert sent(theirs.unique_id) < before + CROWD / 2, "he had not to wait for the crowd"
        for one in crowd:
            one.cancel()
        await asyncio.gather(*crowd, return_exceptions=True)
