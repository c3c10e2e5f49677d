"""Documents of many aliases: what fails in one part costs the others nothing but another request."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from starlette.responses import Response

from tests.oracle.account import Oracle
from tests.services.faults import errors
from tests.serving import Call, Fault, Gateway

FINANCE = 201001
COUNTS = "{ account { projects { nodes { id modelCount } } } }"


def counts(data: Any) -> dict[str, int | None]:
    return {node["id"]: node["modelCount"] for node in data["account"]["projects"]["nodes"]}


def alias_of(call: Call, value: object) -> str | None:
    return next((name for name, given in call.variables.items() if given == value), None)


def null_document(operation: str, environment_id: int, message: str) -> Fault:
    """As dbt does it: an environment that cannot be had is non-null, so its error nulls the whole document."""

    async def fault(call: Call) -> Response | None:
        alias = alias_of(call, environment_id)
        if call.operation != operation or alias is None:
            return None
        return errors({"message": message, "path": [alias]})()

    return fault


@pytest.mark.slow
async def test_an_error_with_a_path_leaves_that_alias_out_and_asks_for_the_others_once_more(
    disturbed: Gateway,
) -> None:
    disturbed.upstream.fault = null_document("EnvironmentModels", FINANCE, "You do not have permission")
    got = await disturbed.ask(COUNTS)
    assert counts(got.data) == {"finance": None, "logistics": 13, "marketing": 12, "storefront": 11}
    assert got.codes == {"account.projects.nodes.0.modelCount": "UPSTREAM_FORBIDDEN"}
    asked = [call for call in disturbed.upstream.calls if call.operation == "EnvironmentModels"]
    assert [FINANCE in call.variables.values() for call in asked] == [True, False]


async def test_an_error_without_a_path_is_found_by_halving(disturbed: Gateway) -> None:
    async def fault(call: Call) -> Response | None:
        refused = call.operation == "EnvironmentModels" and FINANCE in call.variables.values()
        return errors({"message": "Something is wrong with one of them"})() if refused else None

    disturbed.upstream.fault = fault
    got = await disturbed.ask(COUNTS)
    assert counts(got.data) == {"finance": None, "logistics": 13, "marketing": 12, "storefront": 11}
    assert got.codes == {"account.projects.nodes.0.modelCount": "UPSTREAM_REJECTED"}


@pytest.mark.slow
@pytest.mark.parametrize("status", [200, 400])
async def test_a_document_too_complex_is_halved_until_it_passes(
    disturbed: Gateway, oracle: Oracle, status: int
) -> None:
    refusal = errors(
        {
            "message": "Error: This query exceeds the complexity limit.",
            "extensions": {"code": "COMPLEXITY_EXCEEDED"},
        },
        status=status,
    )

    async def fault(call: Call) -> Response | None:
        return refusal() if call.document.count("modelHistoricalRuns") > 10 else None

    disturbed.upstream.fault = fault
    data = await disturbed.data("{ account { slowestModels(first: 100, lastRuns: 3) { runtime model { id } } } }")
    assert data["account"]["slowestModels"] == [
        {"runtime": runtime, "model": {"id": model_id}}
        for model_id, runtime, _ in oracle.slowest(oracle.models, 3, 100)
    ]


@pytest.mark.slow
async def test_a_document_that_stays_too_complex_is_a_coded_error(disturbed: Gateway) -> None:
    disturbed.upstream.fault = complexity_always
    got = await disturbed.ask('{ project(id: "finance") { modelCount slowestModels(lastRuns: 3) { rank } } }')
    assert got.data == {"project": {"modelCount": 16, "slowestModels": None}}
    assert got.codes == {"project.slowestModels": "UPSTREAM_COMPLEXITY_EXCEEDED"}


async def complexity_always(call: Call) -> Response | None:
    refusal = errors({"message": "…", "extensions": {"code": "COMPLEXITY_EXCEEDED"}})
    return refusal() if call.operation == "ModelHistories" else None


@pytest.mark.slow
async def test_one_failing_project_is_left_out_of_a_ranking_by_history(disturbed: Gateway, oracle: Oracle) -> None:
    disturbed.upstream.fault = null_document("ModelHistories", FINANCE, "You do not have permission")
    got = await disturbed.ask("{ account { slowestModels(first: 100, lastRuns: 3) { runtime model { id } } } }")
    others = [model for model in oracle.models if model.project != "finance"]
    assert [one["model"]["id"] for one in got.data["account"]["slowestModels"]] == [
        model_id for model_id, *_ in oracle.slowest(others, 3, 100)
    ]
    assert got.codes == {"account.slowestModels": "UPSTREAM_FORBIDDEN"}
    assert [one["project"] for one in got.gateway["incomplete"]] == ["finance"]


def rewriting(operation: str, change: Callable[[Call, Any], Any]) -> Callable[[Call, Any], Any]:
    return lambda call, body: change(call, body) if call.operation == operation else body


def models_of(body: Any) -> list[Any]:
    return [root["applied"]["models"] for root in body["data"].values()]


@pytest.mark.parametrize("cursors", [["same"], [None], ["a", "b"], [""]])
async def test_pages_that_go_in_a_circle_are_an_error_not_an_endless_loop(
    disturbed: Gateway, cursors: list[str | None]
) -> None:
    async def circle(call: Call) -> Response | None:
        if call.operation != "EnvironmentModels":
            return None
        cursor = cursors[disturbed.upstream.operations["EnvironmentModels"] % len(cursors)]
        page = {"totalCount": 9, "pageInfo": {"hasNextPage": True, "endCursor": cursor}, "edges": []}
        roots = {name: {"applied": {"models": page}} for name in call.variables if name.startswith("e")}
        return Response(json.dumps({"data": roots}))

    disturbed.upstream.fault = circle
    got = await disturbed.ask("{ account { models { totalCount } } }")
    assert got.data["account"]["models"] is None
    assert got.codes == {"account.models": "UPSTREAM_INVALID_RESPONSE"}
    assert disturbed.upstream.operations["EnvironmentModels"] <= 1 + len(cursors)


@pytest.mark.slow
async def test_a_page_without_page_info_is_not_taken_for_the_last(disturbed: Gateway) -> None:
    def strip(_: Call, body: Any) -> Any:
        for models in models_of(body):
            del models["pageInfo"]
        return body

    disturbed.upstream.rewrite = rewriting("EnvironmentModels", strip)
    got = await disturbed.ask("{ account { models { totalCount } } }")
    assert got.codes == {"account.models": "UPSTREAM_INVALID_RESPONSE"}


async def test_ids_written_as_text_are_read_as_numbers(disturbed: Gateway, oracle: Oracle) -> None:
    query = '{ run(id: "70437490011508") { modelRuns { nodes { runId jobId } } } }'
    disturbed.upstream.rewrite = rewriting("RunModels", lambda _, body: with_text_ids(body))
    data = await disturbed.data(query)
    assert data["run"]["modelRuns"]["nodes"] == [{"runId": "70437490011508", "jobId": "301001"}] * 15


def with_text_ids(value: Any, name: str = "") -> Any:
    if isinstance(value, Mapping):
        return {key: with_text_ids(one, key) for key, one in value.items()}
    if isinstance(value, list):
        return [with_text_ids(one) for one in value]
    return str(value) if name in ("id", "runId", "jobId", "environmentId") else value


async def test_a_status_nobody_knew_is_unknown_with_its_word(disturbed: Gateway) -> None:
    def change(_: Call, body: Any) -> Any:
        for root in body["data"].values():
            for model in root["rows"]:
                model["status"] = model["status"] and "teleported"
        return body

    disturbed.upstream.rewrite = rewriting("RunModels", change)
    data = await disturbed.data('{ run(id: "70437490011508") { modelRuns(first: 1) { nodes { status statusText } } } }')
    assert data["run"]["modelRuns"]["nodes"] == [{"status": "UNKNOWN", "statusText": "teleported"}]


@pytest.mark.slow
@pytest.mark.parametrize("most", [3, 7])
async def test_pages_of_the_admin_api_smaller_than_asked_for_are_all_read(
    disturbed: Gateway, oracle: Oracle, most: int
) -> None:
    def shorten(call: Call, body: Any) -> Any:
        if "pagination" in (body.get("extra") or {}):
            body["data"] = body["data"][:most]
        return body

    disturbed.upstream.rewrite = shorten
    data = await disturbed.data("{ account { jobs { nodes { id runs(first: 500) { totalCount nodes { id } } } } } }")
    assert data["account"]["jobs"]["nodes"] == [
        {
            "id": str(job.id),
            "runs": {"totalCount": len(job.runs), "nodes": [{"id": str(run.id)} for run in job.runs]},
        }
        for job in oracle.production_jobs
    ]


@pytest.mark.parametrize("body", ["{}", '{"data": null}', '{"data": [], "extra": {}}', '{"data": {}}'])
async def test_an_admin_answer_without_its_list_is_no_empty_list(disturbed: Gateway, body: str) -> None:
    async def fault(call: Call) -> Response | None:
        return Response(body) if call.operation == "runs" else None

    disturbed.upstream.fault = fault
    got = await disturbed.ask('{ job(id: "301001") { runs { totalCount } } }')
    assert got.data == {"job": {"runs": None}}
    assert got.codes == {"job.runs": "UPSTREAM_INVALID_RESPONSE"}


async def test_a_capped_list_of_a_run_is_read_to_its_end(disturbed: Gateway) -> None:
    """dbt has announced to cap a job's list at 100 rows; it is read on behind the last row's cursor."""
    unknown = "name packageName tags materializedType error executionTime executeStartedAt executeCompletedAt threadId"
    unknown += " invocationId runGeneratedAt runElapsedTime compileStartedAt compileCompletedAt"
    rows = [
        dict.fromkeys(unknown.split())
        | {"uniqueId": f"model.finance.pad_{n:03}", "status": "success", "paginationCursor": f"c{n}"}
        | {"runId": 70437490011508, "jobId": 301001, "environmentId": FINANCE}
        for n in range(200)
    ]

    async def capped(call: Call) -> Response | None:
        if call.operation != "RunModels":
            return None
        start = next((n for n, row in enumerate(rows, 1) if row["paginationCursor"] in call.variables.values()), 0)
        root = {"id": 301001, "runId": 70437490011508, "rows": rows[start : start + 100]}
        return Response(json.dumps({"data": {"j0": root}}))

    disturbed.upstream.fault = capped
    data = await disturbed.data('{ run(id: "70437490011508") { modelCount } }')
    assert data["run"]["modelCount"] == 200
    assert disturbed.upstream.operations["RunModels"] == 3
