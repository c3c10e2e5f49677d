"""Kept bytes of the real gateway: never beyond the time or the truth of the facts in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from gateway.settings import Settings
from tests.freshness.conftest import Aging
from tests.oracle.account import Oracle

RUNTIMES = "{ account { models(first: 100) { nodes { id runtime } } } }"


def is_repeated(told: Mapping[str, Any]) -> bool:
    """Whether an answer was given again from bytes: then nothing was looked up for it."""
    return bool(told["cacheHits"] == told["cacheMisses"] == told["upstreamRequests"] == 0)


async def keep(aging: Aging) -> Any:
    """Asks until the answer is given again; its data."""
    for _ in range(2):
        assert not is_repeated((await aging.gateway.ask(RUNTIMES)).gateway)
    again = await aging.gateway.ask(RUNTIMES)
    assert is_repeated(again.gateway)
    return again.data


async def test_a_repeated_answer_reports_its_age(aging: Aging) -> None:
    await keep(aging)
    aging.clock.now += 5.0
    again = await aging.gateway.ask(RUNTIMES)
    assert is_repeated(again.gateway)
    assert again.gateway["oldestFactSeconds"] == 5.0


@pytest.mark.slow
async def test_facts_past_their_time_are_asked_about_again(aging: Aging, settings: Settings) -> None:
    await keep(aging)
    aging.clock.now += settings.revision_interval + 1
    later = await aging.gateway.ask(RUNTIMES)
    assert not is_repeated(later.gateway)


@pytest.mark.slow
async def test_what_a_change_outdates_is_not_repeated_and_the_new_answer_is(
    aging: Aging, settings: Settings, oracle: Oracle
) -> None:
    before = await keep(aging)
    aging.dbt.change(oracle.production_jobs[0].environment_id)
    aging.clock.now += settings.revision_interval + settings.stale_seconds + 1
    replies = []
    for _ in range(6):
        replies.append(await aging.gateway.ask(RUNTIMES))
        await aging.settle()
    assert not [one for one in replies if one.gateway["stale"] and is_repeated(one.gateway)]
    assert is_repeated(replies[-1].gateway)
    assert replies[-1].data != before


@pytest.mark.slow
async def test_who_asks_for_fresh_facts_gets_them(aging: Aging, oracle: Oracle) -> None:
    before = await keep(aging)
    aging.dbt.change(oracle.production_jobs[0].environment_id)
    aging.clock.now += 2.0
    fresh = await aging.gateway.client.post(
        "/graphql", json={"query": RUNTIMES, "variables": {}}, headers={"Cache-Control": "no-cache"}
    )
    await aging.settle()
    assert fresh.json()["data"] != before
    assert (await aging.gateway.ask(RUNTIMES)).data == fresh.json()["data"]
