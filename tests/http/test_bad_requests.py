"""Requests no honest client sends. Each is refused with a coded error in GraphQL shape: no 5xx, no echo."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette

from gateway.http.edge import EdgePolicy, create_edge
from gateway.http.errors import BadRequest
from gateway.http.graphql import EndpointPolicy
from gateway.http.request.body import BodyLimits
from gateway.http.request.strict_json import JsonBounds, read_json_text
from tests.http.conftest import Readable, SmallExecutor
from tests.http.raw_http import post, send

CANARY = "canary-4711"
FINE = b'{"query": "{ greeting }"}'


def with_variables(text: str) -> bytes:
    return b'{"query": "{ greeting }", "variables": ' + text.encode() + b"}"


NOT_ONE_REQUEST: dict[str, bytes] = {
    "empty": b"",
    "blank": b"  \n",
    "null": b"null",
    "true": b"true",
    "one": b"1",
    "negative": b"-1",
    "float": b"1.5",
    "string": b'"{ greeting }"',
    "empty array": b"[]",
    "batch": b"[" + FINE + b"]",
    "nested batch": b"[[" + FINE + b"]]",
    "empty object": b"{}",
    "no query": b'{"operationName": "A"}',
    "query null": b'{"query": null}',
    "query number": b'{"query": 1}',
    "query true": b'{"query": true}',
    "query object": b'{"query": {"a": 1}}',
    "query array": b'{"query": ["{ greeting }"]}',
    "operationName number": b'{"query": "{ greeting }", "operationName": 1}',
    "operationName array": b'{"query": "{ greeting }", "operationName": []}',
    "operationName object": b'{"query": "{ greeting }", "operationName": {}}',
    "variables string": with_variables('"a"'),
    "variables encoded twice": with_variables('"{}"'),
    "variables number": with_variables("0"),
    "variables array": with_variables("[1]"),
    "variables false": with_variables("false"),
    "extensions string": b'{"query": "{ greeting }", "extensions": "a"}',
    "extensions array": b'{"query": "{ greeting }", "extensions": []}',
}

NOT_JSON: dict[str, bytes] = {
    "garbage": CANARY.encode(),
    "html": b"<html>" + CANARY.encode(),
    "graphql": b"{ greeting }",
    "form": b"query=%7B+greeting+%7D",
    "cut short": b'{"query": "{ gree',
    "cut in an escape": b'{"query": "\\u12',
    "single quotes": b"{'query': '{ greeting }'}",
    "trailing comma": b'{"query": "{ greeting }",}',
    "comment": b'{"query": "{ greeting }" /* hi */}',
    "two values": FINE + FINE,
    "trailing text": FINE + b" x",
    "only braces": b"{{{{",
    "only brackets": b"]]]]",
    "control character": b'{"query": "{ greet\x01ing }"}',
    "raw newline": b'{"query": "{\n greeting }"}',
    "NaN": with_variables('{"a": NaN}'),
    "Infinity": with_variables('{"a": Infinity}'),
    "minus Infinity": with_variables('{"a": -Infinity}'),
    "hexadecimal": with_variables('{"a": 0x10}'),
    "leading zero": with_variables('{"a": 01}'),
    "plus sign": with_variables('{"a": +1}'),
    "bare point": with_variables('{"a": .5}'),
    "byte order mark": b"\xef\xbb\xbf" + FINE,
    "latin-1": b'{"query": "{ greeting(name: \\"\xe9\\") }"}',
    "overlong encoding": b'{"query": "\xc0\xaf"}',
    "raw surrogate": b'{"query": "\xed\xa0\x80"}',
    "half a character": b'{"query": "\xe2\x82"}',
    "utf-16": FINE.decode().encode("utf-16"),
    "utf-16 without mark": FINE.decode().encode("utf-16-le"),
    "utf-32": FINE.decode().encode("utf-32"),
    "gzip": b"\x1f\x8b\x08\x00" + bytes(40),
    "zeros": bytes(64),
    "invalid bytes": bytes(range(128, 256)),
}

OUT_OF_BOUNDS: dict[str, bytes] = {
    "number of 5,000 digits": with_variables('{"a": ' + "9" * 5000 + "}"),
    "number of 100,000 digits": with_variables('{"a": ' + "9" * 100_000 + "}"),
    "negative of 21 digits": with_variables('{"a": -' + "1" * 21 + "}"),
    "huge exponent": with_variables('{"a": 1e999}'),
    "huge negative exponent": with_variables('{"a": -1e999}'),
    "long exponent": with_variables('{"a": 1e' + "9" * 4000 + "}"),
    "deep array": with_variables('{"a": ' + "[" * 65 + "]" * 65 + "}"),
    "very deep array": with_variables('{"a": ' + "[" * 50_000 + "]" * 50_000 + "}"),
    "very deep array never closed": b"[" * 200_000,
    "very deep object": with_variables('{"a":' * 20_000 + "1" + "}" * 20_000),
    "deep mixture": with_variables('{"a":[' * 10_000 + "]}" * 10_000),
    "many quotes": b'{"query": "' + b'\\"' * 100_000,
    "many brackets in a string never closed": b'{"query": "' + b"[" * 200_000,
    "many backslashes": b'{"query": "' + b"\\" * 200_001,
    "doubled query": b'{"query": "{ greeting }", "query": "{ slow }"}',
    "doubled key escaped": b'{"query": "{ greeting }", "qu\\u0065ry": "{ slow }"}',
    "doubled variable": with_variables('{"a": 1, "a": 2}'),
    "doubled deep key": with_variables('{"a": [{"b": {"c": 1, "c": 1}}]}'),
    "half a surrogate pair in the query": b'{"query": "{ greeting(name: \\"\\ud800\\") }"}',
    "half a surrogate pair in the operation's name": b'{"query": "query A { greeting }", "operationName": "\\ud800"}',
    "number beyond any float in a list": with_variables('{"a": [0, [1e400]]}'),
    "half a surrogate pair in a variable": with_variables('{"a": "\\udfff"}'),
    "half a surrogate pair in a key": with_variables('{"\\ud83d": 1}'),
    "surrogates in the wrong order": with_variables('{"a": "\\udc00\\ud800"}'),
}

HOSTILE_DOCUMENTS: dict[str, str] = {
    "unclosed": "{",
    "unopened": "}",
    "only a comment": "# hello",
    "only commas": ",,,,",
    "NUL": "{ greeting\x00 }",
    "unterminated string": '{ greeting(name: "',
    "unterminated block string": '{ greeting(name: """',
    "invalid escape": '{ greeting(name: "\\q") }',
    "deep selection": "{a" * 2000 + "}" * 2000,
    "deep selection never closed": "{a" * 2000,
    "deep list literal": "{ greeting(name: " + "[" * 1900 + "]" * 1900 + ") }",
    "deep object literal": "{ greeting(name: " + "{a:" * 1200 + "1" + "}" * 1200 + ") }",
    "deep list type": "query($a: " + "[" * 1900 + "Int" + "]" * 1900 + ") { greeting }",
    "many tokens": "{ " + "greeting " * 3600 + "}",
    "many comments": "{ greeting }" + "#\n" * 5000,
    "long source": "{ greeting }" + " " * 40_000,
    "long name": "{ " + "a" * 30_000 + " }",
    "schema definition": "type Query { a: Int }",
    "unknown fragment": "{ ...F }",
    "fragment cycle": "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }",
    "fragment of itself": "{ ...A } fragment A on Query { greeting ...A }",
    "unknown directive": "{ greeting @nothing }",
    "huge number": "{ double(number: " + "9" * 5000 + ") }",
    "number out of range": "{ double(number: 2147483648) }",
    "float for int": "{ double(number: 1e999) }",
    "subscription": "subscription { greeting }",
    "doubled operation": "query A { greeting } query A { slow }",
    "doubled argument": '{ greeting(name: "a", name: "b") }',
    "unused variable": "query($a: Int) { greeting }",
    "undefined variable": "{ greeting(name: $a) }",
    "conflicting aliases": '{ a: greeting(name: "1") a: greeting(name: "2") }',
}

MEDIA_TYPES = [
    "",
    "text/plain",
    "text/html",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/graphql",
    "application/graphql-response+json",
    "application/jsonp",
    "application/json5",
    "application/vnd.api+json",
    "json",
    "*/*",
    "application/json, text/plain",
    "text/plain; application/json",
    "application/json; charset=utf-16",
    "application/json; charset=latin-1",
    "application/json; charset=" + CANARY,
    "x" * 5000,
]

QUERY_STRINGS = [
    "",
    "query",
    "query=",
    "query=%7B+greeting+%7D&query=%7B+slow+%7D",
    "query=%FF",
    "query=%C0%AF",
    "query=%ED%A0%80",
    "query=%7B+greeting+%7D&variables=" + CANARY,
    "query=%7B+greeting+%7D&variables=null&variables=null",
    "query=%7B+greeting+%7D&variables=%5B%5D",
    "query=%7B+greeting+%7D&variables=1",
    "query=%7B+greeting+%7D&variables=" + "%5B" * 5000,
    "query=%7B+greeting+%7D&variables=" + quote('{"a":' + "9" * 5000 + "}"),
    "query=%7B+greeting+%7D&variables=" + quote('{"a":1,"a":2}'),
    "query=%7B+greeting+%7D&extensions=" + quote("[1]"),
    "query=%7B+greeting+%7D&operationName=" + CANARY,
    "&".join(f"a{number}=1" for number in range(500)),
    "query=" + "a" * 40_000,
    "query=%7B" + "%7Ba" * 3000,
    "variables=%7B%7D",
]


def assert_refused(status: int, body: bytes, executor: SmallExecutor) -> None:
    assert 400 <= status < 500, body[:300]
    content = json.loads(body)
    assert set(content) == {"errors"}
    assert 1 <= len(content["errors"]) <= 5
    for error in content["errors"]:
        assert error["message"]
        assert error["extensions"]["code"] not in ("INTERNAL_SERVER_ERROR", "")
        assert len(error["message"]) < 1000
    assert CANARY.encode() not in body


@pytest.mark.parametrize("name", [*NOT_ONE_REQUEST, *NOT_JSON, *OUT_OF_BOUNDS])
async def test_a_body_that_is_not_one_request_is_refused_before_anything_runs(
    app: Starlette, executor: SmallExecutor, name: str
) -> None:
    body = {**NOT_ONE_REQUEST, **NOT_JSON, **OUT_OF_BOUNDS}[name]
    response = await post(app, body)
    assert_refused(response.status, response.body, executor)
    assert response.codes in (["BAD_REQUEST"], ["BATCHING_NOT_SUPPORTED"])
    assert executor.seen == []


@pytest.mark.parametrize("name", HOSTILE_DOCUMENTS)
async def test_a_document_that_cannot_run_is_refused(app: Starlette, executor: SmallExecutor, name: str) -> None:
    response = await post(app, {"query": HOSTILE_DOCUMENTS[name]})
    assert_refused(response.status, response.body, executor)


@pytest.mark.parametrize("media_type", MEDIA_TYPES, ids=lambda value: value[:40] or "none")
async def test_a_body_of_another_media_type_is_refused_unread(
    app: Starlette, executor: SmallExecutor, media_type: str
) -> None:
    response = await post(app, FINE, {"Content-Type": media_type})
    assert (response.status, response.codes) == (415, ["UNSUPPORTED_MEDIA_TYPE"])
    assert_refused(response.status, response.body, executor)
    assert executor.seen == []


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "zstd", "identity, gzip", CANARY])
async def test_a_compressed_body_is_refused(app: Starlette, executor: SmallExecutor, encoding: str) -> None:
    response = await post(app, FINE, {"Content-Encoding": encoding})
    assert (response.status, response.codes) == (415, ["UNSUPPORTED_MEDIA_TYPE"])
    assert_refused(response.status, response.body, executor)


@pytest.mark.parametrize("query", QUERY_STRINGS, ids=lambda value: value[:40] or "none")
async def test_a_query_string_that_is_not_one_request_is_refused(
    app: Starlette, executor: SmallExecutor, query: str
) -> None:
    response = await send(app, "GET", f"/graphql?{query}", {"Accept": "application/graphql-response+json"})
    assert_refused(response.status, response.body, executor)
    assert executor.seen == []


async def test_a_body_that_is_too_large_is_refused_by_its_declared_length(app: Starlette) -> None:
    response = await post(app, FINE, {"Content-Length": str(10**30)})
    assert (response.status, response.codes) == (413, ["PAYLOAD_TOO_LARGE"])


async def test_a_body_that_grows_too_large_is_not_read_to_its_end(executor: SmallExecutor) -> None:
    app = create_edge(executor, EdgePolicy(endpoint=EndpointPolicy(body=BodyLimits(bytes=1000))), Readable())
    response = await send(app, "POST", "/graphql", {"Content-Type": "application/json"}, [b" " * 300] * 100)
    assert (response.status, response.codes) == (413, ["PAYLOAD_TOO_LARGE"])
    assert executor.seen == []


async def test_a_body_of_exactly_the_limit_is_read(executor: SmallExecutor) -> None:
    app = create_edge(executor, EdgePolicy(endpoint=EndpointPolicy(body=BodyLimits(bytes=len(FINE)))), Readable())
    assert (await post(app, FINE)).status == 200
    assert (await post(app, FINE + b" ")).status == 413


async def test_a_whole_number_of_nineteen_digits_is_read_and_one_more_is_not(app: Starlette) -> None:
    for digits, status in ((19, 200), (20, 400)):
        query = {"query": "{ greeting }", "variables": {"a": 10 ** (digits - 1)}}
        assert (await post(app, query)).status == status


@pytest.mark.parametrize(("levels", "status"), [(62, 200), (63, 400)])
async def test_json_may_nest_sixty_four_levels(app: Starlette, levels: int, status: int) -> None:
    # The body and `variables` are two levels themselves.
    body = with_variables('{"a": ' + "[" * levels + "]" * levels + "}")
    assert (await post(app, body)).status == status


@pytest.mark.parametrize(("values", "status"), [(25_000, 200), (25_001, 400)])
async def test_json_may_hold_twenty_five_thousand_values(app: Starlette, values: int, status: int) -> None:
    # The body, its query and its variables are three themselves, and so is the list.
    body = with_variables('{"a": [' + ",".join("1" * (values - 3)) + "]}")
    assert (await post(app, body)).status == status


async def test_a_number_with_a_point_is_read(app: Starlette) -> None:
    body = {"query": "query($n: Int!) { double(number: $n) }", "variables": {"n": 2.0}}
    assert (await post(app, body)).json == {"data": {"double": 4}}
    assert read_json_text("[1.5, -2e3, 0.0]", JsonBounds()) == [1.5, -2000.0, 0.0]


async def test_brackets_within_strings_are_not_nesting(app: Starlette) -> None:
    text = '{"a": ' + json.dumps('[{"' * 500) + "}"
    assert (await post(app, with_variables(text))).status == 200


def nesting(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(nesting, inner), default=0)


@pytest.mark.slow
@settings(max_examples=500, deadline=None)
@given(
    st.recursive(
        st.none() | st.text('[]{}",:\\/ä\U0001f600', max_size=9),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text('[{"\\', max_size=4), inner, max_size=4),
        max_leaves=12,
    ),
    st.booleans(),
)
def test_nesting_is_counted_outside_of_strings_only(value: Any, escaped: bool) -> None:
    text = json.dumps(value, ensure_ascii=escaped)
    most = nesting(value)
    assert read_json_text(text, JsonBounds(depth=most)) == value
    if most:
        with pytest.raises(BadRequest, match="nested more"):
            read_json_text(text, JsonBounds(depth=most - 1))


async def test_a_whole_surrogate_pair_is_a_character(app: Starlette) -> None:
    body = b'{"query": "{ greeting(name: \\"\\ud83d\\ude00\\") }"}'
    assert (await post(app, body)).json == {"data": {"greeting": "hello \N{GRINNING FACE}"}}


@pytest.mark.parametrize(
    "headers",
    [
        {"Accept": "x" * 10_000},
        {"Accept": "," * 10_000},
        {"Accept": "application/json;" + "a=b;" * 5000},
        {"Accept": "application/json;q=" + "9" * 5000},
        {"Accept": "application/json;q=nan"},
        {"Content-Length": "-5"},
        {"Content-Length": "x"},
        {"Content-Length": "\xb2\xb3"},
        {"Authorization": CANARY * 500},
        {"X-Forwarded-Host": CANARY, "X-Forwarded-Proto": "javascript", "Forwarded": f"host={CANARY}"},
    ],
    ids=lambda headers: str(headers)[:80],
)
async def test_odd_headers_are_no_server_error_and_are_not_repeated(app: Starlette, headers: Mapping[str, str]) -> None:
    response = await post(app, FINE, headers)
    assert response.status in (200, 400, 401, 406)
    assert CANARY.encode() not in response.body
    assert CANARY not in str(response.headers)
