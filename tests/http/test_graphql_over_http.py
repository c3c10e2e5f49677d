"""What a well-behaved client meets at the GraphQL endpoint."""

from __future__ import annotations

import json
from urllib.parse import urlencode, urljoin

import pytest
from starlette.applications import Starlette

from gateway.http.edge import EdgePolicy, create_edge
from tests.http.conftest import Readable, SmallExecutor
from tests.http.raw_http import post, send

GRAPHQL = "application/graphql-response+json; charset=utf-8"
JSON = "application/json; charset=utf-8"


async def test_a_query_is_answered(app: Starlette) -> None:
    response = await post(app, {"query": "{ greeting }"})
    assert (response.status, response.json) == (200, {"data": {"greeting": "hello world"}})
    assert response.headers["content-type"] == GRAPHQL
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-content-type-options"] == "nosniff"


async def test_variables_and_operation_name_reach_the_executor(app: Starlette) -> None:
    query = "query A { greeting } query B($name: String!) { greeting(name: $name) }"
    response = await post(app, {"query": query, "operationName": "B", "variables": {"name": "dbt"}})
    assert response.json == {"data": {"greeting": "hello dbt"}}


async def test_response_keys_keep_the_order_of_the_selection(app: Starlette) -> None:
    response = await post(app, {"query": "{ z: greeting slow a: double(number: 1) }"})
    assert list(response.json["data"]) == ["z", "slow", "a"]


async def test_null_parameters_are_absent_ones(app: Starlette) -> None:
    response = await post(app, {"query": "{ greeting }", "operationName": None, "variables": None, "extensions": None})
    assert response.json == {"data": {"greeting": "hello world"}}


async def test_empty_parameters_are_absent_ones(app: Starlette, executor: SmallExecutor) -> None:
    """As many clients send them where there is nothing to say."""
    posted = await post(app, {"query": "query A { greeting }", "operationName": "", "variables": ""})
    for empty in ("variables=", "variables=%22%22", "variables=&extensions="):
        got = await send(app, "GET", f"/graphql?query=%7Bgreeting%7D&operationName=&{empty}")
        assert (got.status, got.json) == (200, posted.json)
    assert posted.json == {"data": {"greeting": "hello world"}}
    assert {(one.operation_name, one.variables) for one in executor.seen} == {(None, None)}
    several = await post(app, {"query": "query A { greeting } query B { greeting }", "operationName": ""})
    assert (several.status, several.codes) == (400, ["OPERATION_RESOLUTION_FAILURE"])


async def test_a_query_is_answered_over_get(app: Starlette) -> None:
    target = urlencode({"query": "query($n: Int!) { double(number: $n) }", "variables": '{"n": 21}'})
    response = await send(app, "GET", f"/graphql?{target}")
    assert (response.status, response.json) == (200, {"data": {"double": 42}})


async def test_a_mutation_over_get_is_not_run(app: Starlette, executor: SmallExecutor) -> None:
    target = urlencode({"query": 'mutation { rename(name: "x") }'})
    response = await send(app, "GET", f"/graphql?{target}")
    assert (response.status, response.codes, response.headers["allow"]) == (405, ["METHOD_NOT_ALLOWED"], "POST")
    assert executor.seen == []


async def test_a_mutation_hidden_behind_a_query_is_not_run_over_get(app: Starlette, executor: SmallExecutor) -> None:
    target = urlencode({"query": 'query A { greeting } mutation B { rename(name: "x") }', "operationName": "B"})
    assert (await send(app, "GET", f"/graphql?{target}")).status == 405
    assert executor.seen == []


async def test_a_mutation_is_run_over_post(app: Starlette) -> None:
    assert (await post(app, {"query": 'mutation { rename(name: "x") }'})).json == {"data": {"rename": "x"}}


async def test_a_failing_field_leaves_the_others_and_hides_its_cause(app: Starlette) -> None:
    response = await post(app, {"query": "{ broken greeting }"})
    assert response.status == 200
    assert response.json["data"] == {"broken": None, "greeting": "hello world"}
    assert response.codes == ["INTERNAL_SERVER_ERROR"]
    assert response.json["errors"][0]["path"] == ["broken"]
    assert b"secret" not in response.body


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("application/json", JSON),
        ("application/graphql-response+json", GRAPHQL),
        ("application/graphql-response+json, application/json;q=0.9", GRAPHQL),
        ("application/json, application/graphql-response+json", GRAPHQL),
        ("application/json, application/graphql-response+json;q=0.9", JSON),
        ("application/graphql-response+json;q=0, */*", JSON),
        ("text/html, application/json;q=0.1", JSON),
        ("APPLICATION/JSON; charset=UTF-8", JSON),
        ("application/json; charset=utf-16, application/graphql-response+json;q=0.5", GRAPHQL),
    ],
)
async def test_the_better_acceptable_media_type_answers(app: Starlette, accept: str | None, expected: str) -> None:
    headers = {"Content-Type": "application/json"} | ({} if accept is None else {"Accept": accept})
    response = await send(app, "POST", "/graphql", headers, b'{"query": "{ greeting }"}')
    assert (response.status, response.headers["content-type"]) == (200, expected)


@pytest.mark.parametrize("accept", ["text/html", "image/*", "application/json;q=0", "application/json;q=x", ";;,,"])
async def test_a_client_that_accepts_nothing_we_have_is_told_so(app: Starlette, accept: str) -> None:
    response = await post(app, {"query": "{ greeting }"}, {"Accept": accept})
    assert (response.status, response.codes) == (406, ["NOT_ACCEPTABLE"])


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ({"query": "{"}, "GRAPHQL_PARSE_FAILED"),
        ({"query": ""}, "GRAPHQL_PARSE_FAILED"),
        ({"query": "{ nothing }"}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": "query($n: Int!) { double(number: $n) }"}, "BAD_USER_INPUT"),
        ({"query": "query A { greeting } query B { greeting }"}, "OPERATION_RESOLUTION_FAILURE"),
        ({"query": "{ greeting }", "operationName": "Other"}, "OPERATION_RESOLUTION_FAILURE"),
        ({"query": "fragment F on Query { greeting }"}, "OPERATION_RESOLUTION_FAILURE"),
    ],
)
async def test_a_refused_document_is_a_400_and_for_old_clients_a_200(
    app: Starlette, content: dict[str, str], code: str
) -> None:
    modern = await post(app, content)
    legacy = await post(app, content, {"Accept": "application/json"})
    assert (modern.status, modern.codes) == (400, [code])
    assert (legacy.status, legacy.codes) == (200, [code])
    assert "data" not in modern.json
    assert "data" not in legacy.json


async def test_a_syntax_error_says_where_it_is(app: Starlette) -> None:
    error = (await post(app, {"query": "{\n  greeting("})).json["errors"][0]
    assert error["locations"] == [{"line": 2, "column": 12}]
    assert "locations" not in error["extensions"]


async def test_at_most_five_faults_of_a_document_are_reported(app: Starlette) -> None:
    fields = " ".join(f"nothing{number}" for number in range(15))
    assert len((await post(app, {"query": f"{{ {fields} }}"})).json["errors"]) == 5


async def test_a_batch_is_refused(app: Starlette, executor: SmallExecutor) -> None:
    response = await post(app, [{"query": "{ greeting }"}, {"query": "{ greeting }"}])
    assert (response.status, response.codes) == (400, ["BATCHING_NOT_SUPPORTED"])
    assert executor.seen == []


async def test_the_same_text_is_parsed_once(app: Starlette, executor: SmallExecutor) -> None:
    for _ in range(2):
        await post(app, {"query": "{ greeting }"})
    assert executor.seen[0].document is executor.seen[1].document


async def test_a_browser_that_opens_the_endpoint_is_sent_to_the_explorer(app: Starlette) -> None:
    response = await send(app, "GET", "/graphql", {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert (response.status, response.headers["location"]) == (303, "graphiql")


async def test_a_get_without_a_query_and_without_a_wish_for_a_page_is_a_bad_request(app: Starlette) -> None:
    response = await send(app, "GET", "/graphql", {"Accept": "*/*"})
    assert (response.status, response.codes) == (400, ["BAD_REQUEST"])


async def test_an_answer_that_cannot_be_encoded_is_one_coded_error(
    app: Starlette, caplog: pytest.LogCaptureFixture
) -> None:
    response = await post(app, {"query": "{ surrogate }"})
    assert (response.status, response.codes) == (500, ["INTERNAL_SERVER_ERROR"])
    assert response.json["errors"][0]["extensions"]["errorId"] in caplog.text


class FailingExecutor(SmallExecutor):
    async def execute(self, params: object, caller: object) -> object:  # type: ignore[override]  # it never answers
        raise RuntimeError("a secret of the executor")


async def test_an_executor_that_fails_is_one_coded_error_with_an_id_from_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    response = await post(create_edge(FailingExecutor(), EdgePolicy(), Readable()), {"query": "{ greeting }"})
    assert (response.status, response.codes) == (500, ["INTERNAL_SERVER_ERROR"])
    assert b"secret" not in response.body
    assert response.json["errors"][0]["extensions"]["errorId"] in caplog.text


async def test_liveness_asks_nobody_and_readiness_says_what_is_missing(app: Starlette, readiness: Readable) -> None:
    assert (await send(app, "GET", "/readyz")).json == {"status": "ready", "checks": {"upstream": "ok"}}
    readiness.ready = False
    response = await send(app, "GET", "/readyz")
    assert (response.status, response.json["checks"]) == (503, {"upstream": "unreachable"})
    assert (await send(app, "GET", "/livez")).status == 200


async def test_an_unknown_path_is_a_coded_404_that_repeats_nothing(app: Starlette) -> None:
    response = await send(app, "GET", "/<script>alert(1)</script>")
    assert (response.status, response.codes) == (404, ["NOT_FOUND"])
    assert b"script" not in response.body


@pytest.mark.parametrize("target", ["/graphql//", "/livez/", "/graphiql/"])
async def test_a_slash_too_many_redirects_nowhere(app: Starlette, target: str) -> None:
    response = await send(app, "GET", target, {"Host": "evil.example"})
    assert response.status == 404
    assert "location" not in response.headers


async def test_graphql_is_answered_with_a_slash_behind_it_too(app: Starlette) -> None:
    posted = await send(app, "POST", "/graphql/", {"Content-Type": "application/json"}, b'{"query": "{ greeting }"}')
    got = await send(app, "GET", "/graphql/?query=%7Bgreeting%7D")
    assert (posted.status, posted.json) == (got.status, got.json) == (200, {"data": {"greeting": "hello world"}})
    page = await send(app, "GET", "/graphql/", {"Accept": "text/html"})
    assert (page.status, urljoin("https://host.test/dbt/graphql/", page.headers["location"])) == (
        303,
        "https://host.test/dbt/graphiql",
    )


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "QUERY", "GEt"])
async def test_other_methods_are_refused_with_those_allowed(app: Starlette, method: str) -> None:
    response = await send(app, method, "/graphql")
    assert (response.status, response.headers["allow"]) == (405, "GET, POST")


async def test_a_body_in_pieces_is_one_body(app: Starlette) -> None:
    body = json.dumps({"query": "{ greeting }"}).encode()
    pieces = [body[index : index + 3] for index in range(0, len(body), 3)]
    response = await send(app, "POST", "/graphql", {"Content-Type": "application/json"}, pieces)
    assert response.json == {"data": {"greeting": "hello world"}}
