"""Documents and variables made to be dear, sent to the real application: refused for a bounded amount of work."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest
from graphql import OperationDefinitionNode, parse
from starlette.applications import Starlette

from gateway.app import create_app
from gateway.http.errors import LimitExceeded
from gateway.http.limits.variables import MOST_REFERENCES, check_variables
from gateway.settings import Settings
from tests.http.hostile_documents import GENERATORS
from tests.http.raw_http import RawResponse, post, send
from tests.http.steps import Counter
from tests.serving import UpstreamTap

FILTER = "query($v: ModelFilter) { account { models(filter: $v) { totalCount } } }"
NUMBER = "query($v: Int) { account { models(first: $v) { totalCount } } }"
NAME = "query($v: ID!) { model(id: $v) { id } }"
REFERENCES = "query($v: [_Any!]!) { _entities(representations: $v) { __typename } }"
NONE = "query($w: Int) { account { models(first: $w) { totalCount } } }"

# As much as a body holds, and a query string; the text around it is short.
BODY, QUERY_STRING = 250_000, 25_000
# What it takes to read a body of twenty-five thousand values, each with a line or two of its own.
MOST_LINES = 100_000
# The parser and validation are Python: the dearest, of a thousand tokens, takes 510,000 lines and 17 ms.
MOST_LINES_OF_A_DOCUMENT = 700_000


def repeated(text: str) -> Callable[[int], str]:
    return lambda size: "[" + ",".join([text] * (size // (len(text) + 1))) + "]"


def within(name: str, value: Callable[[int], str]) -> Callable[[int], str]:
    return lambda size: f'{{"{name}":{value(size)}}}'


def keys(size: int) -> str:
    return "{" + ",".join(f'"{number:x}":1' for number in range(size // 9)) + "}"


def nested(size: int) -> str:
    return '{"tags":' * (size // 9) + "[]" + "}" * (size // 9)


CLASSES: dict[str, tuple[str, Callable[[int], str]]] = {
    "strings in a list of strings": (FILTER, within("tags", repeated('""'))),
    "numbers in a list of strings": (FILTER, within("tags", repeated("1"))),
    "fractions in a list of strings": (FILTER, within("tags", repeated("1e0"))),
    "lists in a list of strings": (FILTER, within("tags", repeated("[]"))),
    "objects in a list of strings": (FILTER, within("tags", repeated("{}"))),
    "lists of lists": (FILTER, within("tags", repeated("[" * 40 + "]" * 40))),
    "nulls in a list of ids": (FILTER, within("modelIds", repeated("null"))),
    "ids": (FILTER, within("modelIds", repeated('"a.b"'))),
    "fields nobody knows": (FILTER, keys),
    "filters in filters": (FILTER, nested),
    "a list for an object": (FILTER, repeated("{}")),
    "a list for a number": (NUMBER, repeated("1")),
    "an object for a number": (NUMBER, keys),
    "a list for an id": (NAME, repeated("1")),
    "references that are empty": (REFERENCES, repeated("{}")),
    "references that are numbers": (REFERENCES, repeated("1")),
    "references of no type": (REFERENCES, repeated('{"id":"1"}')),
    "references of another type": (REFERENCES, repeated('{"__typename":"X","id":1}')),
    "lists that nobody declared": (NONE, repeated("[]")),
    "numbers of many digits": (NUMBER, repeated("9" * 5000)),
}


@dataclass
class OperationArguments:
    """What came of a request, how many lines it took, and what dbt was asked for it."""

    received: RawResponse
    lines: int
    upstream: int


class Gateway:
    """The real application, asked without a client in between."""

    def __init__(self, app: Starlette, upstream: UpstreamTap) -> None:
        self._app = app
        self._upstream = upstream

    async def ask(self, body: bytes) -> OperationArguments:
        counter, before, asked = Counter(), sys.gettrace(), len(self._upstream.calls)
        sys.settrace(counter.trace)
        try:
            received = await post(self._app, body)
        finally:
            sys.settrace(before)
        return OperationArguments(received, counter.lines, len(self._upstream.calls) - asked)

    async def get(self, query: str, variables: str) -> RawResponse:
        target = urlencode({"query": query, "variables": variables})
        return await send(self._app, "GET", f"/graphql?{target}", {"Accept": "application/graphql-response+json"})


@pytest.fixture(scope="module")
async def gateway(settings: Settings) -> AsyncIterator[Gateway]:
    upstream = UpstreamTap()
    app = create_app(settings, wrap_platform=upstream.wrap)
    async with app.router.lifespan_context(app):
        opened = Gateway(app, upstream)
        await opened.ask(body_of(FILTER, "{}"))
        yield opened


def body_of(query: str, value: str) -> bytes:
    return f'{{"query":{json.dumps(query)},"variables":{{"v":{value}}}}}'.encode()


@pytest.mark.parametrize("size", [50, 1_000])
@pytest.mark.parametrize("name", GENERATORS)
async def test_a_hostile_document_is_refused_for_bounded_work(gateway: Gateway, name: str, size: int) -> None:
    """From its first byte to the refusal, parsing and validation among it; those sizes are the dearest."""
    asked = await gateway.ask(json.dumps({"query": GENERATORS[name](size)}).encode())
    assert "data" not in asked.received.json
    assert asked.lines < MOST_LINES_OF_A_DOCUMENT
    assert asked.upstream == 0


@pytest.mark.parametrize("name", CLASSES)
async def test_hostile_variables_are_refused_for_little_work(gateway: Gateway, name: str) -> None:
    query, value = CLASSES[name]
    asked = await gateway.ask(body_of(query, value(BODY)))
    (error,) = asked.received.json["errors"]
    assert error["extensions"]["code"] in ("BAD_REQUEST", "QUERY_TOO_LARGE", "BAD_USER_INPUT")
    assert len(asked.received.body) < 1_000
    assert asked.lines < MOST_LINES
    assert asked.upstream == 0


@pytest.mark.parametrize("name", CLASSES)
async def test_hostile_variables_in_an_address_or_a_batch_are_refused(gateway: Gateway, name: str) -> None:
    query, value = CLASSES[name]
    response = await gateway.get(query, value(QUERY_STRING).join(('{"v":', "}")))
    assert 1 <= len(response.json["errors"]) <= 5
    assert "INTERNAL_SERVER_ERROR" not in response.codes
    batch = await gateway.ask(b"[" + body_of(query, value(BODY // 10)) + b"]")
    assert batch.received.status == 400
    assert batch.lines < MOST_LINES


@pytest.mark.slow
async def test_references_that_are_none_are_reported_once(gateway: Gateway) -> None:
    for count, told in ((100, 100), (101, 1), (5_000, 1)):
        asked = await gateway.ask(body_of(REFERENCES, json.dumps([{"__typename": "X"}] * count)))
        assert asked.received.codes == ["BAD_USER_INPUT"] * told
    asked = await gateway.ask(body_of(REFERENCES, json.dumps([{"__typename": "X"}] * 5_001)))
    assert asked.received.json["errors"][0]["extensions"]["limit"] == "references"


@pytest.mark.parametrize("name", CLASSES)
async def test_the_work_on_variables_grows_no_faster_than_they_do(gateway: Gateway, name: str) -> None:
    query, value = CLASSES[name]
    small, large = value(6_000), value(12_000)
    lines = [(await gateway.ask(body_of(query, text))).lines for text in (small, large)]
    assert lines[1] <= 1.15 * lines[0] * len(large) / len(small)


DECLARED = "query($v: [Int], $w: [[Filter!]!]!, $r: [_Any!]!) { a }"


@pytest.mark.parametrize(
    "variables",
    [
        {"v": [1] * 7},
        {"v": [1, 2, 3], "w": [[{"a": 1, "b": None}]]},
        {"w": [[[[[[[1]]]]]]]},
        {"w": {"a": {"b": 1, "c": {"d": [], "e": {"f": 1, "g": 1}}}}},
        {"v": [1] * 7, "r": [{"a": [1, 2, 3]}] * 50, "nobody": [1] * 50},
    ],
    ids=lambda variables: str(variables)[:80],
)
def test_so_many_values_may_be_in_variables_and_no_more(variables: Mapping[str, Any]) -> None:
    operation = parse(DECLARED).definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    check_variables(operation, variables, 7)
    with pytest.raises(LimitExceeded) as refused:
        check_variables(operation, variables, 6)
    assert refused.value.extensions == {"code": "QUERY_TOO_LARGE", "limit": "values", "most": 6}


def test_so_many_references_may_be_in_a_variable_and_no_more() -> None:
    operation = parse("query($r: [_Any!]!, $s: [_Any!]!) { a }").definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    most = [{"a": 1}] * MOST_REFERENCES
    check_variables(operation, {"r": most, "s": most}, 0)
    with pytest.raises(LimitExceeded) as refused:
        check_variables(operation, {"r": most, "s": [*most, {}]}, 0)
    assert refused.value.extensions == {"code": "QUERY_TOO_LARGE", "limit": "references", "most": MOST_REFERENCES}


def test_no_variables_are_none() -> None:
    for text in ("{ a }", DECLARED):
        operation = parse(text).definitions[0]
        assert isinstance(operation, OperationDefinitionNode)
        check_variables(operation, {}, 0)
        check_variables(operation, {"v": None}, 0)
        check_variables(operation, {"v": "x" * 99}, 0)
