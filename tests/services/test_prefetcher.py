"""Models that will be needed whatever their project is called are read beside the headers, not after them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.responses import Response

from gateway.settings import Settings
from tests.freshness.conftest import Aging, aging  # noqa: F401  # the fixture
from tests.oracle.account import Oracle
from tests.serving import Call, Gateway, serving

LIST = "{ account { models(first: 100) { nodes { id runtime } } } }"
COLD = {"projects": 1, "environments": 1, "EnvironmentHeaders": 1, "EnvironmentModels": 1}


def ahead(gateway: Gateway) -> list[Call]:
    """The documents that read models before the headers were there."""
    models = [call for call in gateway.upstream.calls if call.operation == "EnvironmentModels"]
    return [call for call in models if "lastUpdatedAt" in call.document]


def listed(data: Any) -> list[tuple[str, float | None]]:
    return [(model["id"], model["runtime"]) for model in data["account"]["models"]["nodes"]]


def expected(oracle: Oracle) -> list[Any]:
    return [(one.id, None if one.runtime is None else pytest.approx(one.runtime)) for one in oracle.models]


@pytest.mark.slow
@pytest.mark.parametrize(
    "query",
    [
        "{ account { jobs { nodes { id } } } }",
        "{ account { projects { nodes { jobCount } } } }",
        "{ account { slowestModels(lastRuns: 3) { model { id } } } }",
        '{ model(id: "finance.rpt_ar_aging") { jobs { nodes { id } } } }',
    ],
)
async def test_jobs_that_will_be_needed_are_asked_for_beside_the_projects(settings: Settings, query: str) -> None:
    jobs_are_asked = asyncio.Event()

    async def together(call: Call) -> None:
        if call.operation == "jobs":
            jobs_are_asked.set()
        if call.operation == "environments":
            await asyncio.wait_for(jobs_are_asked.wait(), 20)

    async with serving(settings) as gateway:
        gateway.upstream.fault = together
        await gateway.data(query)
        assert gateway.upstream.operations["jobs"] == 1


@pytest.mark.slow
async def test_headers_and_models_are_asked_side_by_side(settings: Settings, oracle: Oracle) -> None:
    under_way: set[str] = set()
    both = asyncio.Event()

    async def together(call: Call) -> None:
        """Neither is answered before the other has been asked."""
        if call.operation in ("EnvironmentHeaders", "EnvironmentModels"):
            under_way.add(call.operation)
            if len(under_way) == 2:
                both.set()
            await asyncio.wait_for(both.wait(), 20)

    async with serving(settings) as gateway:
        gateway.upstream.fault = together
        assert listed(await gateway.data(LIST)) == expected(oracle)
        assert gateway.upstream.operations == COLD
        assert len(ahead(gateway)) == 1
        assert await gateway.count(LIST) == {}


@pytest.mark.parametrize(
    "question",
    [
        "{ account { models { nodes { id } } } }",
        "{ account { slowestModels { model { id } } } }",
        "{ account(environment: STAGING) { models { nodes { id } } } }",
    ],
)
async def test_only_environments_of_the_deployment_asked_for_are_read(settings: Settings, question: str) -> None:
    async with serving(settings) as gateway:
        await gateway.data(question)
        [document] = ahead(gateway)
        assert gateway.upstream.operations == COLD
        assert document.document.count("models(") == (4 if "STAGING" not in question else 1)


@pytest.mark.parametrize(
    "question",
    [
        '{ project(id: "finance") { models { nodes { id } } } }',
        '{ account { models(filter: {tags: ["finance"]}) { nodes { id } } } }',
        '{ account(filter: {tags: ["finance"]}) { models { nodes { id } } } }',
        "{ account { models @skip(if: true) { nodes { id } } id } }",
        "query($e: DeploymentEnvironment! = STAGING) { account(environment: $e) { models { nodes { id } } } }",
        "{ account { projects { nodes { id } } } }",
    ],
)
async def test_what_may_not_be_needed_is_not_read_ahead(settings: Settings, question: str) -> None:
    async with serving(settings) as gateway:
        await gateway.data(question)
        assert ahead(gateway) == []


def telling(revision: str) -> Any:
    """Pages that are told under this revision, the first of them with a runtime of their own."""
    told: list[str] = []

    def rewrite(call: Call, answer: Any) -> Any:
        if call.operation == "EnvironmentModels" and "lastUpdatedAt" in call.document:
            told.append(call.operation)
            for environment in answer["data"].values():
                environment["applied"]["lastUpdatedAt"] = revision
                for edge in environment["applied"]["models"]["edges"]:
                    if edge["node"]["executionInfo"]:
                        edge["node"]["executionInfo"]["executionTime"] = 123_456.0
        return answer

    return rewrite


@pytest.mark.slow
async def test_what_was_read_under_an_older_revision_than_the_headers_is_read_again(
    settings: Settings, oracle: Oracle
) -> None:
    async with serving(settings) as gateway:
        gateway.upstream.rewrite = telling("2020-01-01T00:00:00Z")
        assert listed(await gateway.data(LIST)) == expected(oracle)
        assert gateway.upstream.operations == {**COLD, "EnvironmentModels": 2}
        assert await gateway.count(LIST) == {}


@pytest.mark.slow
async def test_what_was_read_under_a_newer_one_is_kept(settings: Settings) -> None:
    async with serving(settings) as gateway:
        gateway.upstream.rewrite = telling("2040-01-01T00:00:00Z")
        runtimes = {runtime for _, runtime in listed(await gateway.data(LIST))}
        assert runtimes <= {123_456.0, None}
        assert gateway.upstream.operations == COLD


@pytest.mark.slow
async def test_a_reading_that_fails_is_not_tried_twice(settings: Settings) -> None:
    async def broken(call: Call) -> Response | None:
        return Response("{", 200) if call.operation == "EnvironmentModels" else None

    async with serving(settings) as gateway:
        gateway.upstream.fault = broken
        reply = await gateway.ask(LIST)
        assert set(reply.codes.values()) == {"UPSTREAM_INVALID_RESPONSE"}
        assert gateway.upstream.operations == COLD
        gateway.upstream.fault = None
        assert listed(await gateway.data(LIST))


@pytest.mark.slow
async def test_who_asks_at_the_same_time_waits_for_the_same_reading(settings: Settings, oracle: Oracle) -> None:
    async with serving(settings) as gateway:
        for answer in await asyncio.gather(*(gateway.data(LIST) for _ in range(20))):
            assert listed(answer) == expected(oracle)
        assert gateway.upstream.operations == COLD


@pytest.mark.slow
async def test_an_environment_looked_at_lately_is_asked_whether_it_has_changed(aging: Aging) -> None:  # noqa: F811
    await aging.gateway.data(LIST)
    aging.clock.now += 60 * 30 - 1.0
    assert await aging.gateway.count(LIST) == {"projects": 1, "environments": 1, "EnvironmentHeaders": 1}
    aging.clock.now += 60 * 30 + 1.0
    assert await aging.gateway.count(LIST) == COLD


@pytest.mark.slow
async def test_an_attempt_without_asking_begins_nothing(gateway: Gateway, oracle: Oracle) -> None:
    """Where headers cannot be read only the account is in memory; the next question is first tried without asking."""

    async def no_headers(call: Call) -> Response | None:
        return Response("gone", 500) if call.operation == "EnvironmentHeaders" else None

    gateway.upstream.fault = no_headers
    await gateway.ask("{ account { projects { nodes { id } } } }")
    gateway.upstream.fault = None
    assert listed(await gateway.data(LIST)) == expected(oracle)
