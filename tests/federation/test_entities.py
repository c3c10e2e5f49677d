"""References from a router: one batch for all of them, each in its own slot, whatever they are."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from starlette.responses import Response

from tests.oracle.account import Oracle
from tests.services.faults import ANSWERS, on_environment
from tests.serving import Call, Fault, Gateway

pytestmark = pytest.mark.external

ENTITIES = """query ($representations: [_Any!]!) { _entities(representations: $representations) {
    __typename
    ... on Account { id name }
    ... on Project { id adapterType }
    ... on Model { id runtime description }
    ... on Job { id name }
    ... on Run { id runtime }
} }"""

GOOD = {"__typename": "Model", "id": "finance.rpt_ar_aging"}
LISTS = {"projects": 1, "environments": 1}
MODELS = {**LISTS, "EnvironmentHeaders": 1, "EnvironmentModels": 1}

FINANCE = 201001
REFUSED = on_environment(FINANCE, ANSWERS["200 without permission"][0])


def reference(kind: str, key: object) -> dict[str, Any]:
    return {"__typename": kind, "id": str(key)}


def expected(oracle: Oracle, kind: str, key: str) -> dict[str, Any]:
    """What an entity must answer."""
    if kind == "Account":
        fields = {"name": oracle.record["account"]["name"]}
    elif kind == "Project":
        fields = {"adapterType": "duckdb"}
    elif kind == "Model":
        model = oracle.model(key)
        fields = {"runtime": model.runtime, "description": model.node.description}
    elif kind == "Job":
        fields = {"name": oracle.job(int(key)).record["name"]}
    else:
        fields = {"runtime": oracle.run(int(key)).runtime}
    return {"__typename": kind, "id": key, **fields}


def hundred_mixed(oracle: Oracle) -> list[dict[str, Any]]:
    """A hundred different references, the kinds mixed up: every model, job and project, the account, and runs."""
    ended = [run for run in oracle.runs if run.is_completed]
    kinds = [
        [reference("Model", model.id) for model in oracle.models],
        [reference("Run", run.id) for run in ended],
        [reference("Job", job.id) for job in oracle.jobs],
        [reference("Project", project.id) for project in oracle.production],
        [reference("Account", oracle.record["account"]["id"])],
    ]
    mixed = [one for row in itertools.zip_longest(*map(reversed, kinds)) for one in row if one]
    return mixed[:100]


async def test_a_hundred_references_of_all_kinds_are_one_batch_in_their_order(gateway: Gateway, oracle: Oracle) -> None:
    mixed = hundred_mixed(oracle)
    assert len({(one["__typename"], one["id"]) for one in mixed}) == 100
    assert {one["__typename"] for one in mixed} == {"Account", "Project", "Model", "Job", "Run"}
    assert await gateway.count(ENTITIES, representations=mixed) == {**MODELS, "jobs": 1, "account": 1, "runs": 1}
    assert await gateway.count(ENTITIES, representations=mixed) == {}
    data = await gateway.data(ENTITIES, representations=mixed)
    assert data["_entities"] == [expected(oracle, one["__typename"], one["id"]) for one in mixed]


async def test_a_hundred_references_to_models_cost_what_one_costs(gateway: Gateway, oracle: Oracle) -> None:
    hundred = [reference("Model", model.id) for model in itertools.islice(itertools.cycle(oracle.models), 100)]
    assert await gateway.count(ENTITIES, representations=hundred) == MODELS
    data = await gateway.data(ENTITIES, representations=hundred)
    assert [one["id"] for one in data["_entities"]] == [one["id"] for one in hundred]


async def test_references_to_jobs_need_no_projects_and_may_be_of_any_environment(
    gateway: Gateway, oracle: Oracle
) -> None:
    everyone = [reference("Job", job.id) for job in oracle.jobs]
    elsewhere = {job.id for job in oracle.jobs} - {job.id for job in oracle.production_jobs}
    assert elsewhere, "the demo has a job outside production"
    query = ENTITIES.replace("... on Project { id adapterType }", "").replace("... on Account { id name }", "")
    assert await gateway.count(query, representations=everyone) == {"jobs": 1}
    data = await gateway.data(query, representations=everyone)
    assert data["_entities"] == [expected(oracle, "Job", str(job.id)) for job in oracle.jobs]


async def test_fields_behind_references_are_loaded_for_all_of_them_together(gateway: Gateway, oracle: Oracle) -> None:
    query = """query ($representations: [_Any!]!) { _entities(representations: $representations) {
        ... on Model { id jobs { nodes { name } } runs(first: 2) { nodes { runtime } } }
    } }"""
    models = [model for model in oracle.models if model.project == "marketing"]
    representations = [reference("Model", model.id) for model in models]
    asked = await gateway.count(query, representations=representations)
    assert asked == {**MODELS, "jobs": 1, "ModelHistories": 1, "RunOutline": 1}
    data = await gateway.data(query, representations=representations)
    assert data["_entities"] == [
        {
            "id": model.id,
            "jobs": {"nodes": [{"name": job.record["name"]} for job in oracle.jobs_building(model)]},
            "runs": {"nodes": [{"runtime": attempt.result.runtime} for attempt in model.history[:2]]},
        }
        for model in models
    ]


@pytest.mark.parametrize(
    ("nobody", "code", "hint"),
    [
        (reference("Model", "finance.nothing"), "NOT_FOUND", "finance.nothing"),
        (reference("Model", "nowhere.rpt_ar_aging"), "NOT_FOUND", "nowhere.rpt_ar_aging"),
        (reference("Model", "rpt_ar_aging"), "NOT_FOUND", "rpt_ar_aging"),
        (reference("Model", "model.finance.rpt_ar_aging"), "NOT_FOUND", "as models { id } gives it"),
        (reference("Model", ""), "NOT_FOUND", "as models { id } gives it"),
        (reference("Model", "finance." + "x" * 5_000), "NOT_FOUND", "finance.xxx"),
        (reference("Project", "finanse"), "NOT_FOUND", "finance"),
        (reference("Job", 1), "NOT_FOUND", "'1'"),
        (reference("Run", 1), "NOT_FOUND", "'1'"),
        (reference("Account", 1), "NOT_FOUND", "serves account"),
        (reference("Job", "nightly"), "BAD_USER_INPUT", "nightly"),
        (reference("Run", -1), "BAD_USER_INPUT", "-1"),
        (reference("Nothing", 1), "BAD_USER_INPUT", "Account, Project, Model, Job, Run"),
        (reference("RankedModel", 1), "BAD_USER_INPUT", "Account, Project, Model, Job, Run"),
        ({"id": "finance.rpt_ar_aging"}, "BAD_USER_INPUT", "__typename"),
        ({"__typename": ["Model"], "id": "finance.rpt_ar_aging"}, "BAD_USER_INPUT", "__typename"),
        ({"__typename": None, "id": "finance.rpt_ar_aging"}, "BAD_USER_INPUT", "__typename"),
        ({"__typename": "Model"}, "BAD_USER_INPUT", "needs its id"),
        ({"__typename": "Model", "id": None}, "BAD_USER_INPUT", "needs its id"),
        ({"__typename": "Model", "id": True}, "BAD_USER_INPUT", "needs its id"),
        ({"__typename": "Job", "id": 301001.5}, "BAD_USER_INPUT", "needs its id"),
        ({"__typename": "Model", "id": {"name": "rpt_ar_aging"}}, "BAD_USER_INPUT", "needs its id"),
        ({"__typename": "Model", "uniqueId": "model.finance.rpt_ar_aging"}, "BAD_USER_INPUT", "needs its id"),
        ("finance.rpt_ar_aging", "BAD_USER_INPUT", "object"),
        (7, "BAD_USER_INPUT", "object"),
        ([GOOD], "BAD_USER_INPUT", "object"),
    ],
    ids=lambda given: str(given)[:60],
)
async def test_a_reference_to_nothing_is_null_in_its_own_slot(
    warm_gateway: Gateway, oracle: Oracle, nobody: object, code: str, hint: str
) -> None:
    reply = await warm_gateway.ask(ENTITIES, representations=[GOOD, nobody, GOOD])
    assert reply.status == 200
    there = expected(oracle, "Model", GOOD["id"])
    assert reply.data["_entities"] == [there, None, there]
    assert reply.codes == {"_entities.1": code}
    message = reply.errors[0]["message"]
    assert hint in message
    assert len(message) < 500


async def test_a_whole_number_is_as_good_an_id_as_its_digits(warm_gateway: Gateway, oracle: Oracle) -> None:
    data = await warm_gateway.data(ENTITIES, representations=[{"__typename": "Job", "id": 301001}])
    assert data["_entities"] == [expected(oracle, "Job", "301001")]


async def test_an_endless_number_in_the_query_is_no_id(warm_gateway: Gateway) -> None:
    query = '{ _entities(representations: [{__typename: "Job", id: %s}]) { __typename } }' % ("1" * 5_000)
    reply = await warm_gateway.ask(query)
    assert reply.status == 200
    assert reply.data == {"_entities": [None]}
    assert reply.codes == {"_entities.0": "BAD_USER_INPUT"}


@pytest.mark.parametrize("representations", [None, [None], [GOOD, None]])
async def test_null_is_no_reference_and_refuses_the_request(warm_gateway: Gateway, representations: object) -> None:
    reply = await warm_gateway.ask(ENTITIES, representations=representations)
    assert reply.status == 400
    assert reply.errors[0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_no_references_are_no_entities_and_no_loads(gateway: Gateway) -> None:
    assert await gateway.count(ENTITIES, representations=[]) == {}
    assert (await gateway.data(ENTITIES, representations=[]))["_entities"] == []


async def test_a_thousand_references_to_models_that_are_gone_cost_one_batch(gateway: Gateway) -> None:
    gone = [reference("Model", f"finance.gone_{number}") for number in range(1_000)]
    gateway.upstream.calls.clear()
    reply = await gateway.ask(ENTITIES, representations=[*gone, GOOD])
    # Of the first hundred the histories are read too, for each of the two packages that they may have been of.
    assert gateway.upstream.operations == {**MODELS, "ModelHistories": 2}
    assert reply.data["_entities"][:-1] == [None] * 1_000
    assert reply.data["_entities"][-1]["id"] == GOOD["id"]
    assert reply.codes == {f"_entities.{place}": "NOT_FOUND" for place in range(1_000)}


async def refuse_models(call: Call) -> Response | None:
    """The names of all projects are told, the models of finance are not."""
    return await REFUSED(call) if call.operation == "EnvironmentModels" else None


@pytest.mark.parametrize("fault", [refuse_models, REFUSED], ids=["its models", "even its name"])
async def test_a_project_that_cannot_be_read_leaves_only_its_own_references_empty(
    gateway: Gateway, fault: Fault
) -> None:
    gateway.upstream.fault = fault
    wanted = ("marketing.rpt_ltv", "finance.rpt_ar_aging", "marketing.gone", "logistics.int_legs")
    representations = [*(reference("Model", one) for one in wanted), reference("Job", 301001)]
    reply = await gateway.ask(ENTITIES, representations=representations)
    got = [one and one["id"] for one in reply.data["_entities"]]
    assert got == ["marketing.rpt_ltv", None, None, "logistics.int_legs", "301001"]
    assert reply.codes == {"_entities.1": "UPSTREAM_FORBIDDEN", "_entities.2": "NOT_FOUND"}
