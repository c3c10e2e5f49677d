"""Tags of answers: what a change makes different has a tag that the change purges; what it does not is left alone."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import quote

import pytest

from gateway.caching.cache_tags import TagKind, tag
from gateway.settings import Settings
from tests.clock import Clock
from tests.freshness.conftest import ChangingDbt
from tests.identity.callers import Holder, known_to
from tests.oracle.account import Job, Oracle
from tests.purging.conftest import SECRET
from tests.serving import Gateway, serving

ENTITIES = (
    "query ($references: [_Any!]!) { _entities(representations: $references) { __typename ... on Model { runtime } } }"
)
NAMES = "{ account { projects { nodes { id } } } }"
PROJECTS = ("finance", "marketing")
FINANCE = Holder("finance", ("finance",))


@pytest.fixture
async def gateway(demo_store: str) -> AsyncIterator[Gateway]:
    settings = Settings(store_url=demo_store, cache_tags=True, open=True, webhook_secret=SECRET)
    async with serving(settings, Clock()) as running:
        running.upstream.rewrite = ChangingDbt()
        yield running


async def get(gateway: Gateway, query: str, **variables: Any) -> Any:
    return await gateway.client.get(f"/graphql?query={quote(query)}&variables={quote(json.dumps(variables))}")


def tags(reply: Any) -> set[str]:
    return set(reply.json()["extensions"]["apolloCacheTags"])


def questions(oracle: Oracle, jobs: Mapping[str, Job]) -> list[tuple[str, set[str]]]:
    """Questions, and the tags that their answers must have: by hand."""
    account = f"account-{oracle.record['account']['id']}"
    every_project = {f"project-{project.id}" for project in oracle.production}
    asked: list[tuple[str, set[str]]] = [
        ("{ account { slowestModels(first: 3) { runtime } } }", {account, *every_project}),
        ("{ account { models(first: 100) { nodes { id runtime } } } }", {account, *every_project}),
        ("{ account(environment: STAGING) { models { totalCount } } }", {account, "project-finance"}),
        ("{ __typename }", {account}),
    ]
    for name in PROJECTS:
        job, model = jobs[name], next(one for one in oracle.models if one.project == name and one.runtime)
        run, project = job.runs[0].id, f"project-{name}"
        asked += [
            (f'{{ project(id: "{name}") {{ models(first: 100) {{ nodes {{ runtime }} }} }} }}', {project}),
            (
                f'{{ model(id: "{model.id}") {{ runtime jobs {{ nodes {{ name }} }} }} }}',
                {f"model-{model.id}", project},
            ),
            (f'{{ job(id: "{job.id}") {{ models {{ nodes {{ runtime }} }} }} }}', {f"job-{job.id}", project}),
            (f'{{ run(id: "{run}") {{ job {{ models {{ nodes {{ runtime }} }} }} }} }}', {f"run-{run}", project}),
        ]
    return asked


@pytest.mark.slow
async def test_a_change_purges_all_that_it_makes_different_and_no_answer_of_another_project(
    gateway: Gateway, oracle: Oracle, jobs: Mapping[str, Job]
) -> None:
    asked = questions(oracle, jobs)
    before = {query: await get(gateway, query) for query, _ in asked}
    assert {query: tags(reply) for query, reply in before.items()} == dict(asked)
    for query, reply in before.items():
        assert set(reply.headers["cache-tag"].split(",")) == tags(reply), query
    dbt, clock = gateway.upstream.rewrite, gateway.services.tiers.clock
    assert isinstance(dbt, ChangingDbt)
    assert isinstance(clock, Clock)
    dbt.change(jobs["finance"].environment_id)
    clock.now += 600
    after = {query: await get(gateway, query) for query, _ in asked}
    account = f"account-{oracle.record['account']['id']}"
    purged = {account, "project-finance"}
    changed = {query for query in before if before[query].json()["data"] != after[query].json()["data"]}
    assert len(changed) >= 5
    for query in changed:
        assert tags(before[query]) & purged, query
    left = {query for query in before if not tags(before[query]) & purged}
    assert len(left) == 4
    assert not left & changed


async def test_while_the_projects_name_was_not_read_the_accounts_tag_stands_in(
    gateway: Gateway, oracle: Oracle, jobs: Mapping[str, Job]
) -> None:
    reply = await get(gateway, f'{{ job(id: "{jobs["finance"].id}") {{ name }} }}')
    assert tags(reply) == {f"job-{jobs['finance'].id}", f"account-{oracle.record['account']['id']}"}


@pytest.mark.slow
async def test_a_kept_answer_has_its_tags(gateway: Gateway, jobs: Mapping[str, Job]) -> None:
    await gateway.data(NAMES)
    query = f'{{ job(id: "{jobs["finance"].id}") {{ name }} }}'
    replies = [await get(gateway, query) for _ in range(4)]
    told = [(tags(reply), reply.headers["cache-tag"]) for reply in replies]
    assert told == [({f"job-{jobs['finance'].id}", "project-finance"}, told[0][1])] * 4
    posted = [await gateway.client.post("/graphql", json={"query": query}) for _ in range(4)]
    assert [tags(reply) for reply in posted] == [told[0][0]] * 4


@pytest.mark.slow
async def test_routers_learn_how_long_an_answer_to_post_is_fresh(gateway: Gateway, jobs: Mapping[str, Job]) -> None:
    content = {"query": "{ account { slowestModels(first: 1) { runtime } } }"}
    first, second = [await gateway.client.post("/graphql", json=content) for _ in range(2)]
    assert first.headers["cache-control"] == "public, no-cache"
    assert second.headers["cache-control"] == "public, max-age=30"
    clock = gateway.services.tiers.clock
    assert isinstance(clock, Clock)
    clock.now += 11
    kept = await gateway.client.post("/graphql", json=content)
    assert kept.headers["cache-control"] == "public, max-age=19"
    assert "etag" not in kept.headers
    wrong = await gateway.client.post("/graphql", json={"query": '{ job(id: "1") { name } }'})
    assert wrong.headers["cache-control"] == "no-store"


@pytest.mark.slow
async def test_each_entity_has_its_own_tags_in_the_order_of_the_references(
    gateway: Gateway, oracle: Oracle, jobs: Mapping[str, Job]
) -> None:
    account = str(oracle.record["account"]["id"])
    models = [next(one.id for one in oracle.models if one.project == name) for name in PROJECTS]
    named: list[tuple[str, str, set[str]]] = [
        ("Model", models[1], {f"model-{models[1]}", "project-marketing"}),
        ("Account", account, {f"account-{account}"}),
        ("Model", models[0], {f"model-{models[0]}", "project-finance"}),
        ("Job", str(jobs["finance"].id), {f"job-{jobs['finance'].id}", "project-finance"}),
        ("Run", str(jobs["marketing"].runs[0].id), {f"run-{jobs['marketing'].runs[0].id}", "project-marketing"}),
        ("Project", "finance", {"project-finance"}),
    ]
    references = [{"__typename": kind, "id": key} for kind, key, _ in named]
    for _ in range(3):
        reply = await gateway.client.post("/graphql", json={"query": ENTITIES, "variables": {"references": references}})
        extensions = reply.json()["extensions"]
        assert [set(one) for one in extensions["apolloEntityCacheTags"]] == [one for _, _, one in named]
        assert "apolloCacheTags" not in extensions
    unknown = [{"__typename": "Model", "id": "finance.nothing"}, references[0]]
    reply = await gateway.client.post("/graphql", json={"query": ENTITIES, "variables": {"references": unknown}})
    assert [set(one) for one in reply.json()["extensions"]["apolloEntityCacheTags"]] == [set(), named[0][2]]
    assert reply.headers["cache-control"] == "no-store"


@pytest.mark.slow
async def test_aliased_references_stand_one_after_the_other(gateway: Gateway, jobs: Mapping[str, Job]) -> None:
    await gateway.data(NAMES)
    first, second = ([{"__typename": "Job", "id": str(jobs[name].id)}] for name in PROJECTS)
    query = """query ($a: [_Any!]!, $b: [_Any!]!) {
        a: _entities(representations: $a) { __typename } b: _entities(representations: $b) { __typename } }"""
    reply = await gateway.client.post("/graphql", json={"query": query, "variables": {"a": first, "b": second}})
    told = reply.json()["extensions"]["apolloEntityCacheTags"]
    assert [one[0] for one in told] == [f"job-{jobs[name].id}" for name in PROJECTS]


@pytest.mark.slow
async def test_tags_name_no_project_that_the_caller_may_not_see(
    demo_store: str, oracle: Oracle, jobs: Mapping[str, Job]
) -> None:
    settings = known_to(Settings(store_url=demo_store, cache_tags=True), FINANCE)
    async with serving(settings) as gateway:
        for query in (
            "{ account { models { totalCount } jobs { totalCount } } }",
            '{ project(id: "finance") { name } }',
        ):
            reply = await FINANCE.ask(gateway, query)
            told = json.loads(reply.text)["extensions"]["apolloCacheTags"]
            assert {tag for tag in told if tag.startswith("project-")} <= {"project-finance"}
            assert told
        hidden = await FINANCE.ask(gateway, f'{{ job(id: "{jobs["marketing"].id}") {{ name }} }}')
        assert "marketing" not in hidden.text


async def test_without_the_setting_nothing_is_tagged(warm_gateway: Gateway) -> None:
    reply = await get(warm_gateway, "{ account { id } }")
    assert set(reply.json()["extensions"]) == {"gateway", "cost"}
    assert "cache-tag" not in reply.headers
    posted = await warm_gateway.client.post("/graphql", json={"query": "{ account { id } }"})
    assert posted.headers["cache-control"] == "no-store"


@pytest.mark.slow
@pytest.mark.parametrize(("header", "divider"), [("Surrogate-Key", " "), ("xkey", " "), ("Edge-Cache-Tag", ",")])
async def test_the_header_is_the_one_that_the_cache_reads(demo_store: str, header: Any, divider: str) -> None:
    settings = Settings(store_url=demo_store, cache_tags=True, cache_tag_header=header, open=True)
    async with serving(settings) as gateway:
        reply = await get(gateway, "{ account { models { totalCount } } }")
    assert len(reply.headers[header].split(divider)) == 5
    assert set(reply.headers[header].split(divider)) == tags(reply)


def test_ids_that_would_divide_a_header_are_encoded() -> None:
    assert tag(TagKind.MODEL, "a.b c,d\r\né") == "model-a.b%20c%2Cd%0D%0A%C3%A9"
