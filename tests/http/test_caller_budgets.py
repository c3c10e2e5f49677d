"""What one caller may ask for in a minute: charged by cost, reported in every answer, refused beyond."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.applications import Starlette

from gateway.errors import ConfigurationError
from gateway.http.errors import RateLimited
from gateway.http.limits.caller_budgets import CallerBudgets
from gateway.http.limits.cost_model import read_cost_model
from gateway.http.operation_cost import CostPolicy
from gateway.settings import Settings, load_settings
from tests.http.raw_http import RawResponse, post
from tests.http.test_response_cache import ROOM, ByKey, Counting, edge

SDL = """directive @cost(weight: Int!) on FIELD_DEFINITION
type Query { greeting(name: String!): String @cost(weight: 1) }"""
ASK = {"query": '{ greeting(name: "dbt") }'}


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_a_budget_is_spent_and_comes_back_by_the_second() -> None:
    clock = Clock()
    budgets = CallerBudgets(600, clock)
    assert budgets.spend("ada", 400).available == 200
    with pytest.raises(RateLimited) as refused:
        budgets.spend("ada", 250)
    assert refused.value.details["retryAfter"] == 5  # 50 more, at 10 a second
    assert refused.value.details["throttleStatus"]["currentlyAvailable"] == 200
    clock.now += 5
    assert budgets.spend("ada", 250).available == 0
    clock.now += 3_600
    assert budgets.spend("ada", 600).available == 0


def test_callers_do_not_spend_from_each_other() -> None:
    budgets = CallerBudgets(100, Clock())
    for name in ("ada", "grace", None):
        assert budgets.spend(name, 100).available == 0
        with pytest.raises(RateLimited):
            budgets.spend(name, 1)


def test_a_clock_that_stands_still_gives_nothing_back() -> None:
    budgets = CallerBudgets(100, Clock())
    assert [budgets.spend("ada", 30).available for _ in range(3)] == [70, 40, 10]


@pytest.fixture
def app() -> Starlette:
    policy = CostPolicy(read_cost_model(SDL), most=5, per_minute=4)
    return edge(Counting(), ByKey(), room=ROOM, cost=policy)


async def ask(app: Starlette, content: Any = ASK, key: str = "ada") -> RawResponse:
    return await post(app, content, {"X-API-Key": key})


async def test_every_answer_shows_what_is_left_and_the_last_is_refused(app: Starlette) -> None:
    cost = (await ask(app, key="ops")).json["extensions"]["cost"]["requestedQueryCost"]
    most = 4
    for left in range(most - cost, -1, -cost):
        query = {"query": f'{{ greeting(name: "{left}") }}'}
        reply = await ask(app, query)
        assert reply.json["extensions"]["cost"]["throttleStatus"] == {
            "maximumAvailable": most,
            "currentlyAvailable": left,
            "restoreRate": most / 60,
        }
        assert reply.headers["ratelimit-policy"] == f'"cost";q={most};w=60'
        assert reply.headers["ratelimit"].startswith(f'"cost";r={left};t=')
    refused = await ask(app)
    assert (refused.status, refused.codes) == (429, ["RATE_LIMITED"])
    assert int(refused.headers["retry-after"]) > 0


async def test_what_is_invalid_or_kept_is_free(app: Starlette) -> None:
    for _ in range(10):
        assert "ratelimit" not in (await ask(app, {"query": "{ nonsense }"})).headers
    replies = [await ask(app) for _ in range(10)]
    assert [reply.status for reply in replies] == [200] * 10
    assert "throttleStatus" not in replies[-1].json["extensions"]["cost"]
    assert "ratelimit" not in replies[-1].headers


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"caller_cost_per_minute": 99_999}, "at least query_cost, 100000"),
        ({"caller_cost_per_minute": 200_000, "query_cost_mode": "off"}, "needs estimated costs"),
    ],
)
def test_a_budget_that_makes_no_sense_is_refused_at_start(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        load_settings(values)


def test_a_budget_is_a_setting() -> None:
    assert Settings(caller_cost_per_minute=250_000).caller_cost_per_minute == 250_000
