"""The Discovery endpoint as clients of dbt Cloud know it: errors, status codes, scalars, tokens."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from graphql import (
    build_client_schema,
    build_schema,
    find_breaking_changes,
    find_dangerous_changes,
    get_introspection_query,
    print_schema,
)
from starlette.testclient import TestClient

from gateway.local_platform.app import create_platform
from tests.served_platform import Platform

pytestmark = pytest.mark.sqlite_by_day

_BESIDE = Path(__file__).parents[3] / "shared" / "upstream" / "discovery-api.graphql"
UPSTREAM = Path(os.environ.get("DBT_DISCOVERY_SDL", _BESIDE))
PUBLISHED = Path(__file__).parents[2] / "gateway/local_platform/discovery.graphql"
ENVIRONMENT = "query Named($id: BigInt!) { environment(id: $id) { dbtProjectName } }"


@pytest.mark.slow
def test_the_schema_served_is_the_published_one(platform: Platform) -> None:
    served = build_client_schema(platform.ask(get_introspection_query(descriptions=True)))
    published = build_schema(PUBLISHED.read_text())
    assert _sorted_sdl(print_schema(served)) == _sorted_sdl(print_schema(published))


@pytest.mark.slow
def test_the_published_schema_is_upstreams() -> None:
    """Types, fields, arguments, nullability, enums: no change in either direction breaks or surprises a client."""
    if not UPSTREAM.is_file():
        pytest.skip(f"no description of the Discovery API at {UPSTREAM}: put it there, or name it in DBT_DISCOVERY_SDL")
    upstream, ours = build_schema(UPSTREAM.read_text("utf-8")), build_schema(PUBLISHED.read_text("utf-8"))
    for old, new in ((upstream, ours), (ours, upstream)):
        assert find_breaking_changes(old, new) == []
        assert find_dangerous_changes(old, new) == []
    assert len(ours.type_map) == len(upstream.type_map) > 150


def _sorted_sdl(sdl: str) -> list[str]:
    return sorted(sdl.split("\n\n"))


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{ environment(id: 201001) { nothing } }", "GRAPHQL_VALIDATION_FAILED"),
        ('{ environment(id: 201001) { applied { models(first: "x") { totalCount } } } }', "GRAPHQL_VALIDATION_FAILED"),
        ("{ environment(id: 201001", "GRAPHQL_PARSE_FAILED"),
        ("query ($id: BigInt!) { environment(id: $id) { dbtProjectName } }", "BAD_USER_INPUT"),
    ],
)
def test_a_request_that_cannot_be_executed_is_400(platform: Platform, query: str, code: str) -> None:
    answer = platform.post(query)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["extensions"]["code"] == code
    assert "data" not in answer.json()


@pytest.mark.parametrize("body", ["", "[]", "not json", '{"query": 5}', '{"variables": {}}'])
def test_a_body_that_is_no_request_is_400(platform: Platform, body: str) -> None:
    answer = platform.http.post("/graphql", content=body)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


def test_an_unknown_environment_is_an_error_with_null_data(platform: Platform) -> None:
    answer = platform.post(ENVIRONMENT, {"id": 5})
    assert answer.status_code == 200
    assert answer.json()["data"] is None
    [error] = answer.json()["errors"]
    assert (error["path"], error["extensions"]["code"]) == (["environment"], "NOT_FOUND")


@pytest.mark.parametrize("number", [201001, "201001", 201001.0])
def test_a_big_number_is_read_as_number_and_as_text(platform: Platform, number: object) -> None:
    assert platform.ask(ENVIRONMENT, id=number) == {"environment": {"dbtProjectName": "finance"}}


@pytest.mark.parametrize("number", ["x", True, 1.5, [1], None, 2**63, -(2**70), "9" * 5000, 1e300])
def test_what_is_no_number_is_refused(platform: Platform, number: object) -> None:
    assert platform.post(ENVIRONMENT, {"id": number}).status_code == 400


def test_ids_beyond_32_bits_are_json_numbers(platform: Platform) -> None:
    raw = platform.post("{ job(id: 301001) { runId } }").text
    assert json.loads(raw)["data"]["job"]["runId"] > 2**31
    assert '"runId":7043' in raw.replace(" ", "")


def test_a_query_may_come_by_get(platform: Platform) -> None:
    params = {"query": ENVIRONMENT, "variables": '{"id": 201001}', "operationName": "Named"}
    answer = platform.http.get("/graphql", params=params)
    assert answer.json() == {"data": {"environment": {"dbtProjectName": "finance"}}}


@pytest.mark.slow
@pytest.mark.parametrize("header", ["Token s3cret", "Bearer s3cret", "bearer s3cret"])
def test_a_known_token_is_let_in(platform: Platform, header: str) -> None:
    client = TestClient(create_platform(platform.archive, token="s3cret"), headers={"Authorization": header})
    body = {"query": ENVIRONMENT, "variables": {"id": 201001}}
    assert client.post("/graphql", json=body).json()["data"] == {"environment": {"dbtProjectName": "finance"}}
    assert client.get("/api/v3/accounts/").status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "s3cret"}])
def test_a_wrong_or_missing_token_is_401_in_both_apis(platform: Platform, headers: dict[str, str]) -> None:
    client = TestClient(create_platform(platform.archive, token="s3cret"), headers=headers)
    answer = client.post("/graphql", json={"query": ENVIRONMENT, "variables": {"id": 201001}})
    assert (answer.status_code, answer.json()["errors"][0]["message"]) == (401, "No token was provided.")
    admin = client.get("/api/v3/accounts/")
    assert (admin.status_code, admin.json()["status"]["is_success"], admin.json()["data"]) == (401, False, None)


def test_requests_are_counted_with_their_operation_names(platform: Platform) -> None:
    app = create_platform(platform.archive)
    client = TestClient(app)
    client.post("/graphql", json={"query": ENVIRONMENT, "variables": {"id": 201001}})
    client.get("/api/v3/accounts/")
    client.post("/graphql", content="broken")
    assert app.state.requests.records == [
        ("POST", "/graphql", "Named"),
        ("GET", "/api/v3/accounts/", None),
        ("POST", "/graphql", None),
    ]
    assert app.state.requests.count == 3
    app.state.requests.clear()
    assert app.state.requests.records == []


def test_text_that_no_archive_could_hold_is_no_server_error(platform: Platform) -> None:
    query = """query ($name: String!) { environment(id: 201001) { applied {
      models(filter: {uniqueIds: [$name]}) { totalCount } modelHistoricalRuns(uniqueId: $name) { runId } } } }"""
    answer = platform.post(query, {"name": "model.finance.\0"})
    codes = {error["extensions"]["code"] for error in answer.json().get("errors", [])}
    assert codes <= {"BAD_USER_INPUT"}


MACROS = "query ($first: Int, $after: String) { environment(id: 201001) { definition { resources(filter: {types: [Macro"
MACROS += " Model Test Source Seed Snapshot Exposure]}, first: $first, after: $after) { totalCount edges { node { "
MACROS += "__typename } } pageInfo { hasNextPage endCursor } } } } }"


@pytest.mark.parametrize("first", [None, 500, 501, 2**31 - 1])
def test_a_page_of_an_environment_has_five_hundred_rows_at_most(platform: Platform, first: int | None) -> None:
    page = platform.ask(MACROS, first=first)["environment"]["definition"]["resources"]
    assert page["totalCount"] > 500
    assert (len(page["edges"]), page["pageInfo"]["hasNextPage"]) == (500, True)
    rest = platform.ask(MACROS, first=first, after=page["pageInfo"]["endCursor"])["environment"]["definition"][
        "resources"
    ]
    assert (len(rest["edges"]), rest["pageInfo"]["hasNextPage"]) == (page["totalCount"] - 500, False)


def test_a_page_of_a_job_has_a_hundred_rows_at_most(platform: Platform) -> None:
    query = """query ($first: Int, $after: String) { job(id: 301001) {
      macros(first: $first, after: $after) { uniqueId paginationCursor } } }"""
    whole = platform.ask(query)["job"]["macros"]
    assert len(whole) > 200
    assert len(platform.ask(query, first=99)["job"]["macros"]) == 99
    for first in (100, 101, 2**31 - 1):
        rows = platform.ask(query, first=first)["job"]["macros"]
        assert rows == whole[:100]
        assert platform.ask(query, first=first, after=rows[-1]["paginationCursor"])["job"]["macros"] == whole[100:200]
