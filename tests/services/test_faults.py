"""Whatever dbt answers: a code at the field's path, the other fields answered, and never a secret shown."""

from __future__ import annotations

import logging

import pytest
from starlette.responses import Response

from tests.oracle.account import Oracle
from tests.services.faults import ANSWERS, IN_A_ROW, TOKEN, on, on_environment, reply, slow
from tests.serving import Call, Gateway

EVERYTHING = """{
  account { name projects { nodes { id models(first: 1) { totalCount } jobs { totalCount } } } }
  job(id: "301001") { name }
}"""

WITHOUT_MODELS = {
    "account": {
        "name": "Harbor & Pine",
        "projects": {
            "nodes": [
                {"id": "finance", "models": None, "jobs": {"totalCount": 2}},
                {"id": "logistics", "models": None, "jobs": {"totalCount": 3}},
                {"id": "marketing", "models": None, "jobs": {"totalCount": 3}},
                {"id": "storefront", "models": None, "jobs": {"totalCount": 3}},
            ]
        },
    },
    "job": {"name": "Finance daily"},
}
MODELS_PATHS = [f"account.projects.nodes.{place}.models" for place in range(4)]


@pytest.mark.slow
async def test_an_answer_that_is_none_becomes_a_code_at_every_field_it_leaves_empty(disturbed: Gateway) -> None:
    for name, (respond, code) in IN_A_ROW.items():
        disturbed.upstream.fault = on("EnvironmentModels", respond)
        got = await disturbed.ask(EVERYTHING)
        assert got.status == 200
        assert got.data == WITHOUT_MODELS, name
        assert got.codes == dict.fromkeys(MODELS_PATHS, code), name


@pytest.mark.slow
async def test_where_jobs_cannot_be_listed_projects_and_models_are_reported(disturbed: Gateway) -> None:
    disturbed.upstream.fault = on("jobs", reply(500))
    got = await disturbed.ask(EVERYTHING)
    assert [node["models"] for node in got.data["account"]["projects"]["nodes"]] == [
        {"totalCount": 16},
        {"totalCount": 13},
        {"totalCount": 12},
        {"totalCount": 11},
    ]
    paths = ["job", *(f"account.projects.nodes.{place}.jobs" for place in range(4))]
    assert got.codes == dict.fromkeys(paths, "UPSTREAM_UNAVAILABLE")


async def test_a_retry_after_is_passed_on(disturbed: Gateway) -> None:
    disturbed.upstream.fault = on("EnvironmentModels", ANSWERS["429 with Retry-After"][0])
    got = await disturbed.ask('{ project(id: "finance") { modelCount } }')
    extensions = {"code": "UPSTREAM_RATE_LIMITED", "retryAfter": 7, "coordinate": "Project.modelCount"}
    assert got.errors[0]["extensions"] == extensions
    assert "7 s" in got.errors[0]["message"]


@pytest.mark.slow
async def test_an_upstream_that_does_not_answer_in_time_is_a_timeout(impatient: Gateway) -> None:
    impatient.upstream.fault = slow("EnvironmentModels", 30)
    got = await impatient.ask(EVERYTHING)
    assert got.data == WITHOUT_MODELS
    assert got.codes == dict.fromkeys(MODELS_PATHS, "UPSTREAM_TIMEOUT")


async def test_a_failure_is_not_remembered(disturbed: Gateway, oracle: Oracle) -> None:
    disturbed.upstream.fault = on("EnvironmentModels", reply(500))
    assert (await disturbed.ask("{ account { models { totalCount } } }")).codes == {
        "account.models": "UPSTREAM_UNAVAILABLE"
    }
    disturbed.upstream.fault = None
    data = await disturbed.data("{ account { models { totalCount } } }")
    assert data["account"]["models"]["totalCount"] == len(oracle.models)


OPERATIONS = {
    "projects": ("{ account { id } }", "account"),
    "environments": ("{ account { id } }", "account"),
    "jobs": ('{ job(id: "301001") { id } }', "job"),
    "account": ("{ account { name } }", "account.name"),
    "runs/70437490011508": ('{ run(id: "70437490011508") { id } }', "run"),
    "runs": ('{ job(id: "301001") { runs { totalCount } } }', "job.runs"),
    "ModelHistories": ('{ model(id: "finance.rpt_ar_aging") { runs { totalCount } } }', "model.runs"),
    "ModelDetails": ('{ model(id: "finance.rpt_ar_aging") { rawCode } }', "model.rawCode"),
    "RunModels": ('{ run(id: "70437490011508") { modelCount } }', "run.modelCount"),
}
DAILY_OPERATIONS = {"EnvironmentModels", "ModelDetails", "environments", "runs/70437490011508"}


# What a token may not read of these is inferred from Discovery, or null, with a note (tests/dbt_cloud).
INFERRED = ("jobs", "account", "runs/70437490011508", "runs")


@pytest.mark.slow
@pytest.mark.parametrize("operation", INFERRED)
@pytest.mark.parametrize("status", [401, 403])
async def test_what_is_refused_is_inferred_with_a_note(gateway: Gateway, operation: str, status: int) -> None:
    query, _ = OPERATIONS[operation]
    gateway.upstream.fault = on(operation, reply(status))
    got = await gateway.ask(query)
    assert got.codes == {}
    assert "NOT_PERMITTED" in [note["code"] for note in got.gateway["notes"]]
    sent = gateway.upstream.operations[operation]
    await gateway.ask(query)
    assert gateway.upstream.operations[operation] == sent, "a refusal is remembered"


@pytest.mark.slow
@pytest.mark.parametrize("operation", OPERATIONS)
async def test_every_operation_knows_every_fault(gateway_over_http: Gateway, operation: str) -> None:
    query, path = OPERATIONS[operation]
    refusals = () if operation in INFERRED else ("401", "403")
    for name in (*refusals, "500 with HTML", "redirect", "HTML", "cut off", "a list", "429"):
        respond, code = ANSWERS[name]
        gateway_over_http.upstream.fault = on(operation, respond)
        assert (await gateway_over_http.ask(query)).codes == {path: code}, name


@pytest.mark.slow
@pytest.mark.parametrize(
    "operation",
    [
        # One function shows what dbt answers: by day a list and one row of each API.
        pytest.param(name, marks=() if name in DAILY_OPERATIONS else pytest.mark.nightly)
        for name in ("EnvironmentModels", *OPERATIONS)
    ],
)
async def test_a_token_that_comes_back_is_shown_to_nobody(
    gateway_over_http: Gateway, operation: str, caplog: pytest.LogCaptureFixture
) -> None:
    query, path = OPERATIONS.get(operation, ('{ project(id: "finance") { modelCount } }', "project.modelCount"))
    with caplog.at_level(logging.DEBUG):
        for name, (respond, _) in IN_A_ROW.items():
            gateway_over_http.upstream.fault = on(operation, respond)
            got = await gateway_over_http.ask(query)
            assert TOKEN not in got.text
            if operation == "environments" and name == "404":
                # There is no such list: from then on environments are listed project by project.
                assert got.codes == {}
                break
            notes = {note["code"] for note in got.gateway["notes"] if "code" in note}
            assert path in got.codes or (operation in INFERRED and "NOT_PERMITTED" in notes), name
    assert TOKEN not in caplog.text


def fail_at_once(call: Call) -> Response:
    raise ConnectionResetError(f"no platform here {TOKEN}")


@pytest.mark.slow
async def test_a_platform_that_breaks_down_in_process_is_unavailable(gateway: Gateway) -> None:
    async def fault(call: Call) -> Response | None:
        return fail_at_once(call) if call.operation == "EnvironmentModels" else None

    gateway.upstream.fault = fault
    got = await gateway.ask(EVERYTHING)
    assert got.data == WITHOUT_MODELS
    assert got.codes == dict.fromkeys(MODELS_PATHS, "UPSTREAM_UNAVAILABLE")


FINANCE = 201001


@pytest.mark.slow
@pytest.mark.parametrize("answer", ["200 without permission", "an error without a path"])
async def test_one_unreadable_project_leaves_the_others_whole(disturbed: Gateway, oracle: Oracle, answer: str) -> None:
    respond, code = ANSWERS[answer]
    disturbed.upstream.fault = on_environment(FINANCE, respond)
    got = await disturbed.ask(
        "{ account { models(first: 100) { totalCount nodes { id } } "
        "slowest: slowestModels(first: 1, lastRuns: 3) { model { id } } "
        "projects { nodes { id modelCount } } } }"
    )
    others = [model for model in oracle.models if model.project != "finance"]
    account = got.data["account"]
    assert account["models"] == {"totalCount": len(others), "nodes": [{"id": model.id} for model in others]}
    assert account["slowest"] == [{"model": {"id": "storefront.fct_basket_pairs"}}]
    assert {one["id"]: one["modelCount"] for one in account["projects"]["nodes"]} == {
        "finance": None,
        "logistics": 13,
        "marketing": 12,
        "storefront": 11,
    }
    assert got.codes == {
        "account.models": code,
        "account.slowest": code,
        "account.projects.nodes.0.modelCount": code,
    }
    partial = [error for error in got.errors if "partial" in error["extensions"]]
    assert {error["extensions"]["project"] for error in partial} == {"finance"}
    missing = {tuple(one["path"]): one for one in got.gateway["incomplete"]}
    assert missing[("account", "models")] == {"project": "finance", "code": code, "path": ["account", "models"]}
    assert ("account", "slowest") in missing


@pytest.mark.slow
async def test_when_no_project_can_be_read_the_answer_is_an_error_never_an_empty_list(disturbed: Gateway) -> None:
    disturbed.upstream.fault = on("EnvironmentModels", reply(503))
    got = await disturbed.ask(
        "{ account { models { totalCount } slowestModels { rank } "
        'longestRunningJobs { job { id } } filtered: jobs(filter: {models: {tags: ["daily"]}}) { totalCount } } }'
    )
    account = got.data["account"]
    assert account["models"] is None
    assert account["slowestModels"] is None
    assert len(account["longestRunningJobs"]) == 5
    assert account["filtered"]["totalCount"] > 0
    assert got.codes == dict.fromkeys(["account.models", "account.slowestModels"], "UPSTREAM_UNAVAILABLE")


@pytest.mark.slow
@pytest.mark.parametrize(
    "query",
    [
        '{ model(id: "finance.rpt_ar_aging") { id } }',
        '{ model(id: "finance.nothing") { id } }',
        '{ model(id: "model.finance.rpt_ar_aging") { id } }',
        '{ model: account { models(filter: {modelIds: ["finance.rpt_ar_aging"]}) { totalCount } } }',
    ],
)
async def test_a_model_of_an_unreadable_project_is_unreadable_not_unknown(disturbed: Gateway, query: str) -> None:
    disturbed.upstream.fault = on_environment(FINANCE, ANSWERS["200 without permission"][0])
    got = await disturbed.ask(query)
    assert got.data == {"model": None} or got.data == {"model": {"models": None}}
    assert set(got.codes.values()) == {"UPSTREAM_FORBIDDEN"}
