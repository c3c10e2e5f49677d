"""The request budget: its rate, its closing, its turns, and what waiting for it may cost."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable

import pytest

from gateway.errors import GatewayError, UpstreamBudgetExhausted, UpstreamRateLimited
from gateway.services.resilience.policy import BudgetPolicy
from gateway.services.resilience.request_budget import FairBudget
from gateway.services.resilience.token_bucket import LocalTokenBucket
from tests.clock import Clock

POLICY = BudgetPolicy(per_minute=450)
HOURS = 10_000.0


@pytest.fixture
def clock() -> Clock:
    return Clock()


def full(policy: BudgetPolicy, clock: Clock) -> LocalTokenBucket:
    """A bucket that nobody has taken from for a minute."""
    tokens = LocalTokenBucket(policy, clock)
    clock.now += 60
    return tokens


@pytest.fixture
def budget(clock: Clock) -> FairBudget:
    return FairBudget(full(POLICY, clock), "Discovery", clock.sleep)


@pytest.mark.slow
async def test_no_minute_sees_more_than_dbt_allows(clock: Clock, budget: FairBudget) -> None:
    taken: list[float] = []

    async def take() -> None:
        await budget.take("one", HOURS)
        taken.append(clock.now)

    await asyncio.gather(*(take() for _ in range(1500)))
    assert max(sum(start <= one < start + 60 for one in taken) for start in taken) <= 500
    assert taken[-1] - taken[0] == pytest.approx((1500 - POLICY.burst) / 450 * 60, abs=1)


async def test_no_minute_sees_more_when_a_process_takes_the_place_of_another(clock: Clock) -> None:
    taken: list[float] = []
    tokens = full(POLICY, clock)
    for seconds in (20, 90):
        end = clock.now + seconds
        while clock.now < end:
            if (await tokens.take()).wait:
                clock.now += 0.05
            else:
                taken.append(clock.now)
        # The next one knows nothing of this one.
        tokens = LocalTokenBucket(POLICY, clock)
    assert 450 < max(sum(start <= one < start + 60 for one in taken) for start in taken) <= 500


async def test_a_caller_who_wants_one_waits_for_one_turn_not_for_a_crowd(budget: FairBudget) -> None:
    served: list[Hashable] = []

    async def take(caller: str) -> None:
        await budget.take(caller, HOURS)
        served.append(caller)

    crowd = [asyncio.create_task(take("dashboard")) for _ in range(300)]
    await asyncio.sleep(0)
    late = [asyncio.create_task(take(f"person {n}")) for n in range(3)]
    await asyncio.gather(*crowd, *late)
    burst = int(POLICY.burst)
    places = [served.index(f"person {n}") for n in range(3)]
    assert max(places) <= burst + 2 * len(late) + 1


async def test_who_cannot_be_served_in_time_is_told_so(clock: Clock, budget: FairBudget) -> None:
    for _ in range(int(POLICY.burst)):
        await budget.take("one", 0)
    with pytest.raises(UpstreamBudgetExhausted) as refused:
        await budget.take("one", 0.01)
    assert refused.value.extensions == {"code": "UPSTREAM_BUDGET_EXHAUSTED", "retryAfter": 1}


async def test_who_waits_no_longer_than_his_time_leaves_the_line(clock: Clock) -> None:
    budget = FairBudget(full(BudgetPolicy(per_minute=60), clock), "Discovery")  # sleeps for real
    for _ in range(6):
        await budget.take("one", 1)
    clock.now += 0.97
    waiting = [asyncio.create_task(budget.take("one", 0.05)) for _ in range(3)]
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(one) for one in outcomes] == [UpstreamBudgetExhausted] * 3
    assert budget.waiting == 0
    budget.close()


async def test_those_who_leave_lose_their_place_only(clock: Clock, budget: FairBudget) -> None:
    for _ in range(int(POLICY.burst)):
        await budget.take("one", 0)
    leaving = asyncio.create_task(budget.take("one", HOURS))
    staying = asyncio.create_task(budget.take("one", HOURS))
    await asyncio.sleep(0)
    leaving.cancel()
    await staying
    assert leaving.cancelled()


async def test_a_closed_budget_refuses_everybody_until_it_opens(clock: Clock, budget: FairBudget) -> None:
    for _ in range(int(POLICY.burst)):
        await budget.take("one", 0)

    async def outcome(caller: str) -> str | None:
        try:
            await budget.take(caller, HOURS)
        except GatewayError as error:
            return f"{error.code} {error.details['retryAfter']}"
        return None

    waiting = asyncio.gather(outcome("one"), outcome("other"))
    await asyncio.sleep(0)
    await budget.close_for(300)
    assert await waiting == ["UPSTREAM_RATE_LIMITED 300"] * 2
    clock.now += 100
    assert await outcome("third") == "UPSTREAM_RATE_LIMITED 200"
    assert budget.left().closed == 200
    await budget.close_for(10)
    assert budget.left().closed == 200, "a longer closure stands"
    clock.now += 200
    assert await outcome("one") is None


async def test_without_bounds_it_only_closes(clock: Clock) -> None:
    budget = FairBudget(LocalTokenBucket(BudgetPolicy(None), clock), "Admin", clock.sleep)
    for _ in range(10_000):
        await budget.take("one", 0)
    assert budget.left().tokens is None
    await budget.close_for(5)
    with pytest.raises(UpstreamRateLimited):
        await budget.take("one", 0)
