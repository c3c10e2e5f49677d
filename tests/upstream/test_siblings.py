"""Fields and requests that share one load: who fails or leaves takes nothing from the others."""

from __future__ import annotations

import asyncio

from tests.oracle.account import Oracle
from tests.serving import Gateway
from tests.upstream.faults import slow

MODELS = "{ account { models(first: 100) { totalCount nodes { id } } } }"


async def test_fields_that_fail_at_once_leave_those_that_wait_alone(gateway: Gateway, oracle: Oracle) -> None:
    gateway.upstream.fault = slow("EnvironmentModels", 0.2)
    got = await gateway.ask(
        """{
          early: account { models(first: 0) { totalCount } }
          first: account { models { totalCount } slowestModels(lastRuns: 0) { rank } }
          late: model(id: "finance.nothing") { id }
          job(id: "no number") { id }
          account { models { totalCount } projects { nodes { modelCount jobs(first: -1) { totalCount } } } }
        }"""
    )
    total = {"totalCount": len(oracle.models)}
    assert got.data["early"] == {"models": None}
    assert got.data["first"] == {"models": total, "slowestModels": None}
    assert got.data["late"] is None
    assert got.data["job"] is None
    assert got.data["account"]["models"] == total
    assert [node["modelCount"] for node in got.data["account"]["projects"]["nodes"]] == [16, 13, 12]
    assert got.codes == {
        "early.models": "BAD_USER_INPUT",
        "first.slowestModels": "BAD_USER_INPUT",
        "late": "NOT_FOUND",
        "job": "BAD_USER_INPUT",
        **{f"account.projects.nodes.{place}.jobs": "BAD_USER_INPUT" for place in range(3)},
    }
    assert gateway.upstream.operations["EnvironmentModels"] == 1


async def test_requests_at_the_same_time_share_what_they_ask_of_dbt(gateway: Gateway, oracle: Oracle) -> None:
    gateway.upstream.fault = slow("EnvironmentModels", 0.2)
    answers = await asyncio.gather(*(gateway.data(MODELS) for _ in range(8)))
    assert all(answer["account"]["models"]["totalCount"] == len(oracle.models) for answer in answers)
    assert set(gateway.upstream.operations.values()) == {1}


async def test_a_caller_who_leaves_does_not_take_the_answer_from_the_others(gateway: Gateway, oracle: Oracle) -> None:
    gateway.upstream.fault = slow("EnvironmentModels", 0.3)
    leaving = asyncio.create_task(gateway.data(MODELS))
    while "EnvironmentModels" not in gateway.upstream.operations:
        await asyncio.sleep(0.01)
    staying = asyncio.create_task(gateway.data(MODELS))
    await asyncio.sleep(0.05)
    leaving.cancel()
    data = await staying
    assert data["account"]["models"]["totalCount"] == len(oracle.models)
    assert gateway.upstream.operations["EnvironmentModels"] == 1
