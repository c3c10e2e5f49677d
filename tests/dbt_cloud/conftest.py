"""One gateway for all stand-ins, and what it answers over an undisturbed one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from tests.dbt_cloud.gateways import CloudGateway
from tests.dbt_cloud.questions import QUESTIONS
from tests.dbt_cloud.stand_in import StandIn


@pytest.fixture(scope="session")
async def cloud() -> AsyncIterator[CloudGateway]:
    gateway = CloudGateway()
    try:
        yield gateway
    finally:
        await gateway.client.aclose()


@pytest.fixture(scope="session")
async def undisturbed(cloud: CloudGateway) -> Mapping[str, Any]:
    """The eighteen answers of a healthy dbt; test_figures holds them against sums by hand."""
    answers: dict[str, Any] = {}
    async with cloud.over(StandIn()):
        for name, query in QUESTIONS.items():
            reply = await cloud.ask(query)
            assert not reply.errors, reply.errors
            assert not [note for note in reply.gateway["notes"] if "code" in note]
            answers[name] = reply.data
    return answers
