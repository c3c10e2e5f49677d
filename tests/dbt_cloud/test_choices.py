"""Environments that the configuration chooses, histories that are cut at other lengths, facts without a revision, lists
without totals."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from gateway.app import trouble_with_dbt
from gateway.services.bundle import CachePolicy, open_services
from gateway.services.transport.http_transport import TransportResponse
from gateway.services.transport.refusal_words import is_about_address, refusal_words
from gateway.services.transport.upstream_errors import exhausted_seconds, rate_limit_seconds
from gateway.settings import Settings
from tests.clock import Clock
from tests.dbt_cloud.account import ACCOUNT, DAILY, FIRST_RUN, PRODUCTION, SUCCESS, AccountFacts, Run
from tests.dbt_cloud.gateways import CONFIGURED, CloudGateway, upstream_of
from tests.dbt_cloud.questions import QUESTIONS
from tests.dbt_cloud.stand_in import StandIn
from tests.dbt_cloud.test_doctor import SECRET, on_a_socket


@pytest.mark.slow
async def test_the_configuration_chooses_beside_the_admin_api(
    cloud: CloudGateway, undisturbed: Mapping[str, Any]
) -> None:
    async with cloud.over(StandIn("nothing decided"), CONFIGURED):
        reply = await cloud.ask(QUESTIONS["models"])
    assert reply.data == undisturbed["models"]
    assert reply.gateway["notes"] == []


@pytest.mark.slow
async def test_a_project_that_nobody_decides_is_an_error_by_name(cloud: CloudGateway) -> None:
    asked = {
        "Query.project": '{ project(id: "finance") { id } }',
        "Query.model": '{ model(id: "finance.fct_orders") { id } }',
        "Query.account": '{ account(filter: { projectIds: ["finance"] }) { id } }',
    }
    async with cloud.over(StandIn("nothing decided")):
        for coordinate, query in asked.items():
            (error,) = (await cloud.ask(query)).errors
            extensions = {"code": "ENVIRONMENT_NOT_CHOSEN", "environments": ["1101", "1104"], "coordinate": coordinate}
            assert error["extensions"] == extensions
            assert "[[projects]]" in error["message"]
        (unknown,) = (await cloud.ask('{ project(id: "nowhere") { id } }')).errors
        assert unknown["extensions"]["code"] == "NOT_FOUND"


async def test_it_is_reported_at_start() -> None:
    async with on_a_socket(StandIn("nothing decided")) as url:
        settings = Settings(discovery_url=f"{url}/graphql", admin_url=url, account_id=ACCOUNT, service_token=SECRET)
        (line,) = await trouble_with_dbt(settings)
    assert line.startswith("ENVIRONMENT_NOT_CHOSEN: Project 'Finance' is left out")
    assert "1101 (Production), 1104 (Old)" in line


async def test_an_environment_that_is_not_there(cloud: CloudGateway) -> None:
    finance = CONFIGURED[0]
    misspelt = replace(finance, environments=(replace(finance.environments[0], id=9999),))
    async with cloud.over(StandIn(), (misspelt,)):
        reply = await cloud.ask("{ account { projects { totalCount } } }")
    assert reply.data["account"]["projects"]["totalCount"] == 2
    (note,) = reply.gateway["notes"]
    assert (note["code"], note["environments"]) == ("CONFIGURED_ENVIRONMENT_UNKNOWN", ["9999"])


@pytest.mark.slow
@pytest.mark.parametrize(("cap", "total"), [(10, None), (23, None), (24, 24), (50, 24)])
async def test_histories_cut_at_any_length(cloud: CloudGateway, cap: int, total: int | None) -> None:
    """24 runs there are; a history of 24 has ended, because no run before it built the model."""
    query = '{ model(id: "finance.fct_orders") { runs(first: 5) { totalCount nodes { runtime } } } }'
    async with cloud.over(StandIn("histories cut", cap=cap)):
        reply = await cloud.ask(query)
        again = await cloud.ask(query)
    assert reply.data["model"]["runs"]["totalCount"] == total
    assert [note["code"] for note in reply.gateway["notes"]] == ([] if total else ["HISTORY_CUT"])
    assert again.data == reply.data
    assert [note["code"] for note in again.gateway["notes"]] == ([] if total else ["HISTORY_CUT"])


@pytest.mark.slow
async def test_facts_without_a_revision_are_not_believed_for_ever() -> None:
    """Where dbt reports no lastUpdatedAt, models are read again after the interval."""
    clock, dbt = Clock(), StandIn("no lastUpdatedAt")
    async with open_services(upstream_of(dbt), CachePolicy(revision_interval=30), clock) as services:
        environments = (await services.admin.topology()).environments
        for expected in (1, 1, 2):
            await services.lineage.lineages([environments[0].id])
            assert dbt.calls["EnvironmentLineage"] == expected
            clock.now += 20


async def test_a_long_list_without_totals(cloud: CloudGateway) -> None:
    facts = AccountFacts()
    facts.runs += [Run(FIRST_RUN + 1000 + n, DAILY, PRODUCTION, 100, SUCCESS, 30) for n in range(250)]
    query = f'{{ job(id: "{DAILY}") {{ runs(first: 100) {{ totalCount nodes {{ id }} }} }} }}'
    dbt = StandIn("no totals", facts=facts)
    async with cloud.over(dbt):
        reply = await cloud.ask(query)
    runs = reply.data["job"]["runs"]
    assert len(runs["nodes"]) == 100
    # Two pages were read of three: nobody says how many runs there are.
    assert runs["totalCount"] is None
    short = AccountFacts()
    async with cloud.over(StandIn("no totals", facts=short)):
        reply = await cloud.ask(query)
    assert reply.data["job"]["runs"]["totalCount"] == sum(run.job == DAILY for run in short.runs)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"x-rate-limit-retry-after-seconds": "17"}, 17),
        ({"ratelimit-reset": "12"}, 12),
        ({"ratelimit": "limit=500, remaining=0, reset=31"}, 31),
        ({"ratelimit": '"default";r=0;t=41'}, 41),
        ({"x-ratelimit-reset": "9"}, 9),
        ({"retry-after": "7", "ratelimit-reset": "12"}, 7),
        ({"ratelimit-reset": "soon"}, 300),
        ({}, 300),
    ],
)
def test_whichever_header_says_when_to_come_again(headers: dict[str, str], seconds: float) -> None:
    assert rate_limit_seconds(TransportResponse(429, headers, b""), 300) == seconds
    assert rate_limit_seconds(TransportResponse(200, headers, b"{}"), 300) is None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"ratelimit-remaining": "0", "ratelimit-reset": "20"}, 20),
        ({"ratelimit": "limit=500, remaining=0, reset=31"}, 31),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "5"}, 5),
        ({"ratelimit-remaining": "1", "ratelimit-reset": "20"}, None),
        ({"ratelimit-remaining": "0"}, None),
        ({}, None),
    ],
)
def test_an_answer_that_is_the_last_one_for_now(headers: dict[str, str], seconds: float | None) -> None:
    assert exhausted_seconds(headers) == seconds


@pytest.mark.parametrize(
    ("body", "words", "about_address"),
    [
        ({"status": {"user_message": "Your IP 10.1.2.3 is not allowed"}}, "Your IP … is not allowed", True),
        ({"errors": [{"message": "no token dbtc_0123456789abcdefXYZ"}]}, "no token …", False),
        ({"status": {"user_message": "x" * 500}}, "x" * 200 + "…", False),
        ({"status": {"user_message": "bell \u0007"}}, None, False),
        ({"data": []}, None, False),
    ],
)
def test_a_sentence_without_addresses_and_keys(body: dict[str, Any], words: str | None, about_address: bool) -> None:
    said = refusal_words(json.dumps(body).encode())
    assert said == words
    assert is_about_address(said) is about_address
