"""Facts of an environment stand while its revision does; outdated ones are told marked, and not for long."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from starlette.responses import Response

from gateway.settings import Settings
from tests.clock import Clock
from tests.freshness.conftest import Aging, ChangingDbt
from tests.oracle.account import Oracle
from tests.services.faults import errors, on, reply
from tests.serving import Call, Reply, serving

RUNTIMES = "{ account { models(first: 100) { nodes { id runtime } } } }"


def told(reply: Reply) -> Mapping[str, float | None]:
    assert list(reply.errors) == []
    return {model["id"]: model["runtime"] for model in reply.data["account"]["models"]["nodes"]}


def expected(oracle: Oracle, seconds: Mapping[int, float] | None = None) -> Mapping[str, Any]:
    """Each model's runtime by the artifacts, and the seconds that its environment's models take longer by now."""
    added = seconds or {}
    return {
        model.id: None if model.runtime is None else pytest.approx(model.runtime + added.get(model.environment_id, 0.0))
        for model in oracle.models
    }


def an_environment(oracle: Oracle) -> int:
    return next(model.environment_id for model in oracle.models if model.runtime is not None)


async def down(_: Call) -> Response:
    return Response("gone", 503)


async def limited(_: Call) -> Response:
    return Response("", 429, {"Retry-After": "60"})


# What is said of the token, or of the question: old facts would hide it.
TOLD = {
    "UPSTREAM_UNAUTHENTICATED": reply(401, "who?"),
    "UPSTREAM_FORBIDDEN": reply(403),
    "UPSTREAM_REJECTED": errors({"message": "no such field"}, status=400),
    "UPSTREAM_COMPLEXITY_EXCEEDED": errors({"message": "too much", "extensions": {"code": "COMPLEXITY_EXCEEDED"}}),
}


@pytest.mark.slow
async def test_within_the_interval_nothing_is_asked(aging: Aging, oracle: Oracle) -> None:
    assert told(await aging.gateway.ask(RUNTIMES)) == expected(oracle)
    aging.clock.now += 29.9
    assert await aging.gateway.count(RUNTIMES) == {}


@pytest.mark.slow
async def test_what_an_operation_has_read_is_current_for_all_of_it(aging: Aging, oracle: Oracle) -> None:
    async def slow(_: Call) -> None:
        aging.clock.now += 60.0

    aging.gateway.upstream.fault = slow
    asked = {"projects": 1, "environments": 1, "EnvironmentHeaders": 1, "EnvironmentModels": 1}
    assert await aging.gateway.count(RUNTIMES) == asked
    # The next operation began later: for it the same facts are as old as they are.
    aging.gateway.upstream.fault = None
    assert (await aging.gateway.count(RUNTIMES))["EnvironmentHeaders"] == 1
    assert told(await aging.gateway.ask(RUNTIMES)) == expected(oracle)


@pytest.mark.slow
async def test_after_the_interval_one_request_checks_all_environments(aging: Aging, oracle: Oracle) -> None:
    await aging.gateway.ask(RUNTIMES)
    aging.clock.now += 30.0
    assert await aging.gateway.count(RUNTIMES) == {"EnvironmentHeaders": 1}
    again = await aging.gateway.ask(RUNTIMES)
    assert told(again) == expected(oracle)
    assert again.gateway["stale"] is False
    assert (again.gateway["oldestFactSeconds"], again.gateway["confirmedSeconds"]) == (30.0, 30.0)


@pytest.mark.slow
async def test_a_changed_environment_is_reported_as_it_was_and_marked_while_it_is_read_again(
    aging: Aging, oracle: Oracle
) -> None:
    await aging.gateway.ask(RUNTIMES)
    changed = an_environment(oracle)
    aging.dbt.change(changed)
    aging.clock.now += 31.0
    aging.gateway.upstream.calls.clear()
    old = await aging.gateway.ask(RUNTIMES)
    assert told(old) == expected(oracle)
    assert old.gateway["stale"] is True
    assert old.gateway["staleReasons"] == ["REVALIDATING"]
    assert old.gateway["staleEnvironments"] == [str(changed)]
    await aging.settle()
    assert aging.gateway.upstream.operations == {"EnvironmentHeaders": 1, "EnvironmentModels": 1}
    (read,) = [call for call in aging.gateway.upstream.calls if call.operation == "EnvironmentModels"]
    assert changed in read.variables.values()
    assert len([name for name in read.variables if name.startswith("e")]) == 1, "only what changed is read again"
    aging.gateway.upstream.calls.clear()
    new = await aging.gateway.ask(RUNTIMES)
    assert told(new) == expected(oracle, aging.dbt.seconds)
    assert (new.gateway["stale"], aging.gateway.upstream.operations) == (False, {})


@pytest.mark.slow
async def test_what_nobody_asked_for_in_a_while_is_not_told_outdated(aging: Aging, oracle: Oracle) -> None:
    await aging.gateway.ask(RUNTIMES)
    aging.dbt.change(an_environment(oracle))
    aging.clock.now += 60.0
    new = await aging.gateway.ask(RUNTIMES)
    assert told(new) == expected(oracle, aging.dbt.seconds)
    assert new.gateway["stale"] is False


@pytest.mark.slow
async def test_without_tolerance_everybody_waits_for_what_is_new(demo_store: str, oracle: Oracle) -> None:
    clock, dbt = Clock(), ChangingDbt()
    async with serving(Settings(store_url=demo_store, stale_seconds=0), clock) as gateway:
        gateway.upstream.rewrite = dbt
        await gateway.ask(RUNTIMES)
        dbt.change(an_environment(oracle))
        clock.now += 30.0
        assert told(await gateway.ask(RUNTIMES)) == expected(oracle, dbt.seconds)


@pytest.mark.slow
async def test_while_dbt_is_down_the_last_facts_are_reported_with_the_reason(aging: Aging, oracle: Oracle) -> None:
    await aging.gateway.ask(RUNTIMES)
    aging.gateway.upstream.fault = down
    aging.clock.now += 1_000.0
    reply = await aging.gateway.ask(RUNTIMES)
    assert told(reply) == expected(oracle)
    assert (reply.gateway["stale"], reply.gateway["staleReasons"]) == (True, ["UPSTREAM_UNAVAILABLE"])
    assert reply.gateway["confirmedSeconds"] == 1_000.0
    aging.gateway.upstream.fault = None
    again = await aging.gateway.ask(RUNTIMES)
    assert told(again) == expected(oracle)
    assert again.gateway["stale"] is False, "no error is kept"


@pytest.mark.slow
async def test_facts_that_are_too_old_are_not_reported_for_an_error(aging: Aging) -> None:
    await aging.gateway.ask(RUNTIMES)
    aging.gateway.upstream.fault = down
    aging.clock.now += 3_600.0
    assert set((await aging.gateway.ask(RUNTIMES)).codes.values()) == {"UPSTREAM_UNAVAILABLE"}


@pytest.mark.slow
@pytest.mark.parametrize("code", TOLD)
async def test_what_dbt_says_of_the_question_is_reported_and_not_hidden(aging: Aging, code: str) -> None:
    await aging.gateway.ask(RUNTIMES)
    aging.gateway.upstream.fault = on("EnvironmentHeaders", TOLD[code])
    aging.clock.now += 31.0
    assert set((await aging.gateway.ask(RUNTIMES)).codes.values()) == {code}


@pytest.mark.slow
async def test_after_a_429_the_last_facts_are_reported_and_dbt_is_left_alone(aging: Aging, oracle: Oracle) -> None:
    await aging.gateway.ask(RUNTIMES)
    aging.gateway.upstream.fault = limited
    for _ in range(3):
        aging.clock.now += 100.0
        reply = await aging.gateway.ask(RUNTIMES)
        assert told(reply) == expected(oracle)
        assert (reply.gateway["stale"], reply.gateway["staleReasons"]) == (True, ["UPSTREAM_RATE_LIMITED"])
    assert {name: reply.gateway[name] for name in ("upstreamRequests", "confirmedSeconds")} == {
        "upstreamRequests": 0,
        "confirmedSeconds": 300.0,
    }
    fresh = await aging.gateway.ask(RUNTIMES, headers={"Cache-Control": "max-age=5"})
    assert set(fresh.codes.values()) == {"UPSTREAM_RATE_LIMITED"}
    assert all(0 < error["extensions"]["retryAfter"] <= 60 for error in fresh.errors)


@pytest.mark.slow
async def test_a_slow_dbt_holds_nobody_up_who_can_be_told_something(aging: Aging, oracle: Oracle) -> None:
    await aging.gateway.ask(RUNTIMES)
    released = asyncio.Event()

    async def slow(_: Call) -> None:
        await released.wait()

    aging.gateway.upstream.fault = slow
    aging.clock.now += 31.0
    reply = await aging.gateway.ask(RUNTIMES)
    assert told(reply) == expected(oracle)
    assert reply.gateway["staleReasons"] == ["REVALIDATING"]
    released.set()
    await aging.settle()
    assert await aging.gateway.count(RUNTIMES) == {}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("directive", "age", "is_asked"),
    [
        ("max-age=10", 9.0, False),
        ("max-age=10", 11.0, True),
        ("no-cache", 0.5, False),
        ("no-cache", 1.5, True),
        ("max-age=0", 1.5, True),
        ("max-age=600", 29.0, False),
        ("no-store", 20.0, False),
        ("max-age=-5, max-age=x", 20.0, False),
        ("max-age=100, no-cache", 20.0, True),
    ],
)
async def test_a_caller_may_ask_for_fresher_facts(aging: Aging, directive: str, age: float, is_asked: bool) -> None:
    await aging.gateway.ask(RUNTIMES)
    aging.clock.now += age
    aging.gateway.upstream.calls.clear()
    reply = await aging.gateway.ask(RUNTIMES, headers={"Cache-Control": directive})
    headers = aging.gateway.upstream.operations.get("EnvironmentHeaders", 0)
    assert headers == (1 if is_asked else 0)
    assert "EnvironmentModels" not in aging.gateway.upstream.operations, "the revision stands"
    assert reply.gateway["confirmedSeconds"] == (0.0 if is_asked else age)


@pytest.mark.slow
async def test_who_asks_for_fresh_facts_sees_a_change_at_once(aging: Aging, oracle: Oracle) -> None:
    await aging.gateway.ask(RUNTIMES)
    aging.dbt.change(an_environment(oracle))
    aging.clock.now += 5.0
    reply = await aging.gateway.ask(RUNTIMES, headers={"Cache-Control": "max-age=2"})
    assert told(reply) == expected(oracle, aging.dbt.seconds)
    assert reply.gateway["stale"] is False


@pytest.mark.slow
async def test_who_asks_for_fresh_facts_is_not_told_old_ones_for_an_error(aging: Aging) -> None:
    await aging.gateway.ask(RUNTIMES)
    aging.gateway.upstream.fault = down
    aging.clock.now += 10.0
    assert (await aging.gateway.ask(RUNTIMES)).codes == {}
    fresh = await aging.gateway.ask(RUNTIMES, headers={"Cache-Control": "max-age=5"})
    assert set(fresh.codes.values()) == {"UPSTREAM_UNAVAILABLE"}
