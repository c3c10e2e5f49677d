"""With introspection and suggestions off nobody learns the schema: not by asking, not by guessing."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from graphql import get_introspection_query

from gateway.settings import Settings
from tests.generated.demo import read_schema
from tests.serving import Gateway, serving


@pytest.fixture(scope="module")
async def silent(settings: Settings) -> AsyncIterator[Gateway]:
    changed = {"introspection": False, "suggestions": False, "explorer": False, "pages": False}
    async with serving(settings.model_copy(update=changed)) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def names() -> set[str]:
    """Every name of the schema that is no everyday word of an error's own text."""
    schema = read_schema()
    found = {name for name in schema.type_map if not name.startswith("__")}
    for kind in schema.type_map.values():
        if not kind.name.startswith("__"):
            found |= set(getattr(kind, "fields", ())) | set(getattr(kind, "values", ()))
            for field in getattr(kind, "fields", {}).values():
                found |= set(getattr(field, "args", ()))
    return found


ASKING = [
    get_introspection_query(),
    "{ __schema { types { name } } }",
    '{ __type(name: "Model") { name fields { name } } }',
    '{ account { id } x: __type(name: "Model") { name } }',
    "{ ...F } fragment F on Query { __schema { queryType { name } } }",
    "{ _service { sdl } }",
    "{ x: _service { y: sdl } }",
    "query($a: Boolean = true) { __schema @include(if: $a) { queryType { name } } }",
]


@pytest.mark.parametrize("query", ASKING, ids=lambda query: query[:40])
async def test_asking_for_the_schema_is_refused(silent: Gateway, query: str) -> None:
    reply = await silent.ask(query)
    assert (reply.status, reply.data) == (400, None)
    assert reply.codes == {"": "GRAPHQL_VALIDATION_FAILED"}
    assert len(reply.text) < 200


async def test_a_type_may_still_be_named_by_what_has_it(silent: Gateway) -> None:
    assert await silent.data("{ __typename account { __typename } }") == {
        "__typename": "Query",
        "account": {"__typename": "Account"},
    }


async def test_pages_and_explorer_can_be_taken_away(silent: Gateway) -> None:
    for path in ("/", "/graphiql"):
        assert (await silent.client.get(path)).status_code == 404


GUESSES = [
    "{ %s }",
    "{ %s { x } }",
    "{ account { %s } }",
    "{ account { %s { x } } }",
    "{ account(%s: 1) { id } }",
    "{ account { models(%s: {}) { totalCount } nothing } }",
    "{ account { models(first: 2147483647) { nodes { %s { x } } } } }",
    "{ account { models(filter: {%s: 1}) { totalCount } } }",
    "{ account { models(orderBy: {field: %s}) { totalCount } } }",
    "{ account { ... on %s { x } } }",
    "query($v: %s) { account { id } }",
    "query($v: %s!) { account { models(filter: $v) { totalCount } } }",
    "{ account @%s { id } }",
    "fragment F on %s { x } { ...F }",
    "mutation { %s }",
    "subscription { %s }",
]


@pytest.mark.slow
async def test_a_word_list_finds_out_nothing(silent: Gateway, names: set[str]) -> None:
    """Right and wrong words at every place of a document: whatever is refused is refused in the same words."""
    words = [*sorted(names & WORDS), "modell", "nothing", "acount", "JobOrde", "Modle"]
    assert len(words) > 15
    refusals: dict[str, set[str]] = {}
    for guess in GUESSES:
        for word in words:
            reply = await silent.ask(guess % word)
            if reply.data is None:
                refusals.setdefault(reply.errors[0]["extensions"]["code"], set()).add(reply.text)
    assert set(refusals) <= {"GRAPHQL_VALIDATION_FAILED", "BAD_USER_INPUT", "NOT_ACCEPTABLE"}
    assert {code: len(texts) for code, texts in refusals.items()} == dict.fromkeys(refusals, 1)
    found = {name for texts in refusals.values() for text in texts for name in re.findall(r"\w+", text)}
    assert found & names <= {"message", "code", "errors", "schema"}


WORDS = {
    *("account", "model", "models", "jobs", "job", "run", "runs", "project", "projects", "id", "name", "filter"),
    *("environment", "first", "tags", "RUNTIME", "NAME", "Model", "Job", "Account", "ModelFilter", "SearchFilter"),
    *("nodes", "edges", "totalCount", "runtime", "owner", "tests", "PRODUCTION", "Query"),
    "runFinished",
}


@pytest.mark.parametrize(
    "variables",
    [{"f": {"tags": 1}}, {"f": {"tag": []}}, {"f": {"tagsMatch": "ANI"}}, {"f": 1}, {"f": {"modelIds": {}}}],
    ids=str,
)
async def test_values_that_do_not_fit_name_no_types(silent: Gateway, variables: Any, names: set[str]) -> None:
    query = "query($f: ModelFilter) { account { models(filter: $f) { totalCount } } }"
    reply = await silent.ask(query, **variables)
    assert (reply.status, reply.codes) == (400, {"": "BAD_USER_INPUT"})
    assert [error["message"] for error in reply.errors] == ["A value does not fit its type."]


async def test_a_null_that_does_not_fit_names_no_types(silent: Gateway) -> None:
    reply = await silent.ask("query($n: Int = 1) { account { slowestModels(first: $n) { rank } } }", n=None)
    assert reply.codes == {"account.slowestModels": "BAD_USER_INPUT"}
    assert "Int" not in reply.text


NEARLY = [
    "{ acount { id } }",
    "{ account { modles { totalCount } } }",
    "{ account { models(firts: 1) { totalCount } } }",
    "{ account(environment: PRODUCTIO) { id } }",
    "{ account { models(filter: {tag: []}) { totalCount } } }",
    "query($f: ModelFilte) { account { models(filter: $f) { totalCount } } }",
    "{ account { ... on Acount { id } } }",
    "{ account { jobs { name } } }",
]


@pytest.mark.slow
@pytest.mark.parametrize("query", NEARLY)
async def test_suggestions_can_be_switched_off_alone(warm_gateway: Gateway, settings: Settings, query: str) -> None:
    assert "Did you mean" in (await warm_gateway.ask(query)).text
    async with serving(settings.model_copy(update={"suggestions": False})) as gateway:
        reply = await gateway.ask(query)
        assert "Did you mean" not in reply.text
        assert "locations" in reply.errors[0], "what is wrong is still told"
        assert (await gateway.ask("{ __schema { queryType { name } } }")).data


@pytest.mark.slow
async def test_the_sdl_has_its_own_switch(settings: Settings) -> None:
    for changed, told in (
        ({"introspection": False}, False),
        ({"introspection": False, "subgraph_sdl": True}, True),
        ({"subgraph_sdl": False}, False),
        ({}, True),
    ):
        async with serving(settings.model_copy(update=changed)) as gateway:
            reply = await gateway.ask("{ _service { sdl } }")
            assert (reply.data is not None) is told


async def test_what_is_wrong_with_a_dear_document_is_reported_before_its_price(warm_gateway: Gateway) -> None:
    dear = "{ account { models(first: 2147483647) { nodes { %s } } } }"
    assert (await warm_gateway.ask(dear % "nothing")).codes == {"": "GRAPHQL_VALIDATION_FAILED"}
    assert (await warm_gateway.ask(dear % "id")).codes == {"": "QUERY_TOO_LARGE"}


@pytest.mark.parametrize(
    ("query", "proposed"),
    [
        ("{ account { jobs { description } } }", "'nodes { description }'"),
        ("{ account { slowestModels { materialization } } }", "'model { materialization }'"),
        ("{ account { models { edges { materialization } } } }", "'node { materialization }'"),
    ],
)
async def test_what_is_one_step_further_is_proposed(warm_gateway: Gateway, query: str, proposed: str) -> None:
    reply = await warm_gateway.ask(query)
    assert proposed in reply.errors[0]["message"]
    step, field = proposed.strip("'").split(" {", 1)
    wanted = query.replace("{ " + field.strip(" }") + " }", "{ " + step + " {" + field + " }")
    assert (await warm_gateway.ask(wanted)).errors == []


async def test_where_checking_ends_early_the_error_says_what_to_do(settings: Settings) -> None:
    clashing = "{ account { " + "id " * 990 + "} }"
    async with serving(settings) as gateway:
        reply = await gateway.client.post("/graphql", json={"query": clashing})
    [error] = reply.json()["errors"]
    assert error["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert "Select each field once" in error["message"]
    assert "aborted" not in reply.text
