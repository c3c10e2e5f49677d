"""The Discovery endpoint as clients of dbt Cloud know it: errors, status codes, scalars, tokens."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from graphql import build_client_schema, build_schema, get_introspection_query, print_schema
from starlette.testclient import TestClient

from gateway.local_platform.app import create_platform
from tests.platform.conftest import Platform

PUBLISHED = Path(__file__).parents[2] / "gateway/local_platform/discovery.graphql"
ENVIRONMENT = "query Named($id: BigInt!) { environment(id: $id) { dbtProjectName } }"


def test_the_schema_served_is_the_published_one(platform: Platform) -> None:
    served = build_client_schema(platform.ask(get_introspection_query(descriptions=True)))
    published = build_schema(PUBLISHED.read_text())
    assert _sorted_sdl(print_schema(served)) == _sorted_sdl(print_schema(published))


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


@pytest.mark.parametrize("number", ["x", True, 1.5, [1], None])
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


@pytest.mark.parametrize("header", ["Token s3cret", "Bearer s3cret", "bearer s3cret"])
def test_a_known_token_is_let_in(platform: Platform, header: str) -> None:
    client = TestClient(create_platform(platform.archive, token="s3cret"), headers={"Authorization": header})
    body = {"query": ENVIRONMENT, "variables": {"id": 201001}}
    assert client.post("/graphql", json=body).json()["data"] == {"environment": {"dbtProjectName": "finance"}}
    assert client.get("/api/v3/accounts/").status_code == 200


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "s3cret"}])
def test_a_wrong_or_missing_token_is_401_in_both_apis(platform: Platform, headers: dict[str, str]) -> None:
    client = TestClient(create_platform(platform.archive, token="s3cret"), headers=headers)
    answer = client.post("/graphql", json={"query": ENVIRONMENT, "variables": {"id": 201001}})
    assert (answer.status_code, answer.json()["errors"][0]["message"]) == (401, "No token was provided.")
    admin = client.get("/api/v3/accounts/")
    assert (admin.status_code, admin.json()["status"]["is_success"], admin.json()["data"]) == (401, False, None)


def test_introspection_needs_no_token_but_data_beside_it_does(platform: Platform) -> None:
    client = TestClient(create_platform(platform.archive, token="s3cret"))
    introspection = "{ __schema { queryType { name } } }"
    assert client.post("/graphql", json={"query": introspection}).status_code == 200
    mixed = "{ __typename environment(id: 201001) { dbtProjectName } }"
    assert client.post("/graphql", json={"query": mixed}).status_code == 401
    two = introspection.replace("{", "query A {", 1) + " query B { environment(id: 201001) { dbtProjectName } }"
    assert client.post("/graphql", json={"query": two, "operationName": "B"}).status_code == 401


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
