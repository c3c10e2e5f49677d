"""What an operator sees of the edge: metrics, the log of operations, and refusals when it is full."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette

from gateway.execution.request import Answer, Caller, GraphQLParams
from gateway.http.edge import EdgePolicy, create_edge
from gateway.http.graphql import EndpointPolicy
from tests.http.conftest import Readable, SmallExecutor
from tests.http.raw_http import RawResponse, post, send


async def figures(app: Starlette) -> Mapping[str, float]:
    """Every sample at /metrics by its name, with its labels' values appended."""
    response = await send(app, "GET", "/metrics")
    assert response.status == 200
    return {
        ":".join([sample.name, *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(response.body.decode())
        for sample in family.samples
    }


class Metered(SmallExecutor):
    """Answers say what they cost, as the real ones do."""

    async def execute(self, params: GraphQLParams, caller: Caller) -> Answer:
        answer = await super().execute(params, caller)
        usage = {
            "upstreamRequests": 5,
            "discoveryRequests": 3,
            "adminRequests": 2,
            "cacheHits": 7,
            "cacheMisses": 11,
            "incomplete": [{"project": "finance"}],
        }
        return Answer(answer.data, answer.errors, {"gateway": usage}, answer.executed)


@pytest.fixture
def metered() -> Starlette:
    return create_edge(Metered(), EdgePolicy(slow_seconds=60), Readable())


async def test_metrics_count_requests_codes_and_what_they_cost(metered: Starlette) -> None:
    await post(metered, {"query": "{ greeting }"})
    await post(metered, {"query": "{ broken other: broken greeting }"})
    await post(metered, b"nonsense")
    found = await figures(metered)
    assert found["gateway_requests_total:200"] == 2
    assert found["gateway_requests_total:400"] == 1
    assert found["gateway_errors_total:INTERNAL_SERVER_ERROR"] == 1
    assert found["gateway_errors_total:BAD_REQUEST"] == 1
    assert found["gateway_request_seconds_count"] == 3
    assert found["gateway_upstream_requests_total:discovery"] == 6
    assert found["gateway_upstream_requests_total:admin"] == 4
    assert found["gateway_cache_lookups_total:true"] == 14
    assert found["gateway_cache_lookups_total:false"] == 22
    assert found["gateway_incomplete_answers_total"] == 2
    assert found["gateway_operations_in_flight"] == 0
    assert found["gateway_response_bytes_total"] > 100


async def test_labels_never_hold_what_a_caller_sent(metered: Starlette) -> None:
    for query in ("query Canary { greeting }", "{ canary }", "canary"):
        await post(metered, {"query": query, "operationName": "Canary"}, {"X-Canary": "canary"})
    assert b"anary" not in (await send(metered, "GET", "/metrics")).body


async def test_two_edges_count_for_themselves(metered: Starlette, app: Starlette) -> None:
    await post(metered, {"query": "{ greeting }"})
    assert "gateway_requests_total:200" not in await figures(app)


async def test_metrics_can_be_switched_off(executor: SmallExecutor) -> None:
    app = create_edge(executor, EdgePolicy(metrics=False), Readable())
    assert (await send(app, "GET", "/metrics")).status == 404


async def test_an_operation_is_one_line_without_its_text(metered: Starlette, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "gateway.operations")
    query = 'query Canary($name: String!) { greeting(name: $name) b: greeting(name: "canary") broken }'
    await post(metered, {"query": query, "variables": {"name": "canary"}}, {"Authorization": "canary"})
    (record,) = [record for record in caplog.records if record.name == "gateway.operations"]
    line: dict[str, Any] = json.loads(record.getMessage())
    assert "anary" not in record.getMessage()
    assert line.pop("milliseconds") >= 0
    assert line.pop("bytes") > 0
    assert line.pop("document").startswith("sha256:")
    assert line == {
        "event": "operation",
        "method": "POST",
        "kind": "query",
        "caller": None,
        "status": 200,
        "codes": ["INTERNAL_SERVER_ERROR"],
        "cost": None,
        "exceeded": [],
        "upstreamRequests": 5,
        "cacheHits": 7,
        "cacheMisses": 11,
        "incomplete": 1,
    }


async def test_a_slow_operation_is_logged_even_when_others_are_not(
    executor: SmallExecutor, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "gateway.operations")
    await post(create_edge(executor, EdgePolicy(slow_seconds=60), Readable()), {"query": "{ greeting }"})
    await post(create_edge(executor, EdgePolicy(slow_seconds=1e-9), Readable()), {"query": "{ greeting }"})
    (record,) = [record for record in caplog.records if record.name == "gateway.operations"]
    assert json.loads(record.getMessage())["event"] == "slow operation"


class Waiting(SmallExecutor):
    """Holds every operation until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.free = asyncio.Event()

    async def execute(self, params: GraphQLParams, caller: Caller) -> Answer:
        self.seen.append(params)
        await self.free.wait()
        return Answer({"greeting": "late"})


async def test_beyond_its_capacity_the_gateway_says_so_at_once_and_recovers() -> None:
    executor = Waiting()
    policy = EdgePolicy(endpoint=EndpointPolicy(concurrent_operations=2))
    app = create_edge(executor, policy, Readable())
    held = [asyncio.create_task(post(app, {"query": "{ greeting }"})) for _ in range(2)]
    while len(executor.seen) < 2:
        await asyncio.sleep(0)
    assert (await figures(app))["gateway_operations_in_flight"] == 2
    refused = await post(app, {"query": "{ greeting }"})
    assert (refused.status, refused.codes, refused.headers["retry-after"]) == (503, ["OVERLOADED"], "1")
    assert (await send(app, "GET", "/livez")).status == 200
    executor.free.set()
    answers: list[RawResponse] = await asyncio.gather(*held)
    assert [answer.status for answer in answers] == [200, 200]
    assert (await post(app, {"query": "{ greeting }"})).status == 200


async def test_a_cancelled_operation_gives_its_place_back() -> None:
    executor = Waiting()
    app = create_edge(executor, EdgePolicy(endpoint=EndpointPolicy(concurrent_operations=1)), Readable())
    held = asyncio.create_task(post(app, {"query": "{ greeting }"}))
    while not executor.seen:
        await asyncio.sleep(0)
    held.cancel()
    await asyncio.gather(held, return_exceptions=True)
    executor.free.set()
    assert (await post(app, {"query": "{ greeting }"})).status == 200
