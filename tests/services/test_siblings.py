"""Fields and requests that share one load: who fails or leaves takes nothing from the others."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.responses import Response

from tests.oracle.account import Oracle
from tests.services.faults import slow
from tests.serving import Call, Gateway

MODELS = "{ account { models(first: 100) { totalCount nodes { id } } } }"


@pytest.mark.slow
async def test_fields_that_fail_at_once_leave_those_that_wait_alone(gateway: Gateway, oracle: Oracle) -> None:
    gateway.upstream.fault = slow("EnvironmentModels", 0.2)
    got = await gateway.ask(
        """{
          early: account { models(first: -2) { totalCount } }
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
    assert [node["modelCount"] for node in got.data["account"]["projects"]["nodes"]] == [16, 13, 12, 11]
    assert got.codes == {
        "early.models": "BAD_USER_INPUT",
        "first.slowestModels": "BAD_USER_INPUT",
        "late": "NOT_FOUND",
        "job": "BAD_USER_INPUT",
        **{f"account.projects.nodes.{place}.jobs": "BAD_USER_INPUT" for place in range(4)},
    }
    assert gateway.upstream.operations["EnvironmentModels"] == 1


@pytest.mark.slow
async def test_requests_at_the_same_time_share_what_they_ask_of_dbt(gateway: Gateway, oracle: Oracle) -> None:
    gateway.upstream.fault = slow("EnvironmentModels", 0.2)
    answers = await asyncio.gather(*(gateway.data(MODELS) for _ in range(8)))
    assert all(answer["account"]["models"]["totalCount"] == len(oracle.models) for answer in answers)
    assert set(gateway.upstream.operations.values()) == {1}


@pytest.mark.slow
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


@pytest.mark.slow
async def test_a_job_whose_runs_cannot_be_read_costs_its_project_only(gateway: Gateway, oracle: Oracle) -> None:
    def without_one_job(call: Call, body: Any) -> Any:
        """The list of everybody's runs is too long to hold those of one job, so that it is asked alone."""
        if call.operation == "runs":
            offset = int(call.query["offset"])
            others = [run for run in body["data"] if run["job_definition_id"] != 301001]
            of_nobody = [{"id": number, "status": 10, "job_definition_id": 1} for number in range(1, 101)]
            body["data"] = [*others, *({**run, "id": offset + run["id"]} for run in of_nobody[len(others) :])]
            body["extra"]["pagination"]["total_count"] = 10_000
        return body

    async def alone(call: Call) -> Response | None:
        return Response("broken", 500) if call.query.get("job_definition_id") == "301001" else None

    gateway.upstream.rewrite, gateway.upstream.fault = without_one_job, alone
    got = await gateway.ask("{ account { longestRunningJobs(first: 20, lastRuns: 5) { job { id } } } }")

    others = [job for job in oracle.production_jobs if job.environment_id != 201001]
    ranked = [int(one["job"]["id"]) for one in got.data["account"]["longestRunningJobs"]]
    assert ranked == [job_id for job_id, _, _ in oracle.longest(others, 5, 20)]
    assert got.codes == {"account.longestRunningJobs": "UPSTREAM_UNAVAILABLE"}
    assert [missing["project"] for missing in got.gateway["incomplete"]] == ["finance"]
