"""The fast path against graphql-core alone over facts that are wrong: the same data, errors and calls, bytewise."""

from __future__ import annotations

import gc
import logging
import re
from typing import Any

import msgspec
import pytest
import strawberry
from graphql import ExecutionResult, GraphQLSchema, execute, parse, validate

from gateway.execution.error_behavior import ErrorBehaviorExecutor
from gateway.execution.fast_path import columns
from gateway.execution.fast_path.operations import Operations
from gateway.execution.fast_path.row_classes import RowClasses
from gateway.execution.operation_runner import format_error
from gateway.schema.core_schema import core_schema
from tests.execution.hostile_schema import ROOTS, conjure, hostile_schema, without_descriptions
from tests.generated.queries import QueryGenerator, Shape
from tests.repetitions import daily_and_nightly

SHAPE = Shape(fields=30, depth=5, lists=3, undecided=0.2)
KINDS = {
    "aliases": r"a\d+: ",
    "fragments": r"\.\.\.F\d",
    "types of an interface": r"(mixed|named)\S* .*\.\.\. on (Part|Thing|Named)",
    "literal directives": r"@(skip|include)\(if: (true|false)",
    "deciding variables": r"@(skip|include)\(if: \$",
    "undecided variables": r"\$v\d+: Boolean = ",
    "variables": r"\$v\d+: Int",
    "scalars": r"\b(blob|at|seen|whens)\b",
    "enums": r"\b(colour|hue)\b",
    "coroutine functions": r"\b(related|needed)\b",
}
VALUES = {"first": [0, 1, 2, 3, 5], "id": [0, 1, 2, 7], "Query.thing(id)": [0, 1, 2, 3]}
FEATURES = """query ($yes: Boolean!, $no: Boolean = false, $count: Int) {
  __typename things(first: $count) { ...T @include(if: $yes) extra: name @skip(if: $no) name @skip(if: $yes) }
  again: things(first: 2) { related(first: $count) { id label } mixed { __typename name ... on Part { size colour }
    ... on Thing { id tags } ... on Named { label } } }
  named(id: 1) { name ... on Part { size } } first { id own { name } }
}
fragment T on Thing { id ... on Named { name label } part { ...P } parts { ...P } plains { id whens } }
fragment P on Part { kind: __typename name colour }"""


@pytest.fixture(scope="module")
def schema() -> strawberry.Schema:
    return hostile_schema()


def told(result: ExecutionResult, calls: list[Any]) -> bytes:
    """An outcome with its errors in their public form, and which resolvers were called in which order."""
    errors = [format_error(error) for error in result.errors or ()]
    for error in errors:
        if "errorId" in error["extensions"]:
            error["extensions"].pop("errorId")
            error["message"] = "masked"
    return msgspec.json.encode([result.data, errors, calls], enc_hook=lambda odd: type(odd).__name__)


async def fast(schema: strawberry.Schema, operations: Operations, text: str, variables: dict[str, Any]) -> bytes:
    calls: list[Any] = []
    result = await operations.run(parse(text), None, variables, calls)
    # None: left to graphql-core.
    return await slow(core_schema(schema), text, variables) if result is None else told(result, calls)


async def slow(schema: GraphQLSchema, text: str, variables: dict[str, Any]) -> bytes:
    calls: list[Any] = []
    # It adds nothing but coordinates to graphql-core's errors, since the context says nothing of `onError`.
    executor = ErrorBehaviorExecutor
    result = execute(schema, parse(text), context_value=calls, variable_values=variables, executor_class=executor)
    return told(result if isinstance(result, ExecutionResult) else await result, calls)


@pytest.mark.slow
@pytest.mark.parametrize("count", daily_and_nightly(50, 750))
@pytest.mark.parametrize("hostility", [0.0, 0.005, 0.03, 0.2])
async def test_generated_queries_come_to_the_same(
    schema: strawberry.Schema, hostility: float, count: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)  # thousands of masked errors, each with its traceback
    operations, walked = Operations(schema, most=50), without_descriptions(schema)
    generator = QueryGenerator(int(hostility * 1000), walked, VALUES, SHAPE)
    for seed in range(count):
        conjure(seed, hostility)
        text, variables = generator.query()
        assert await fast(schema, operations, text, variables) == await slow(core_schema(schema), text, variables), text


@pytest.mark.slow
def test_generated_queries_are_valid_and_of_every_kind(schema: strawberry.Schema) -> None:
    generator = QueryGenerator(0, without_descriptions(schema), VALUES, SHAPE)
    drawn = [generator.query() for _ in range(500)]
    assert [text for text, _ in drawn if validate(core_schema(schema), parse(text))] == []
    for kind, pattern in KINDS.items():
        assert len([text for text, _ in drawn if re.search(pattern, text)]) > 20, kind
    assert any(None in variables.values() for _, variables in drawn)


@pytest.mark.slow
@pytest.mark.parametrize("seeds", daily_and_nightly(4, 40))
@pytest.mark.parametrize("count", [None, 1, 2, 5])
@pytest.mark.parametrize("yes", [True, False])
async def test_fragments_interfaces_and_deciding_variables(
    schema: strawberry.Schema, count: int | None, yes: bool, seeds: int
) -> None:
    assert validate(core_schema(schema), parse(FEATURES)) == []
    operations = Operations(schema)
    document = parse(FEATURES)
    for seed in range(seeds):
        conjure(seed, 0.02)
        for no in (True, False):
            variables = {"yes": yes, "no": no, "count": count}
            if count is None:
                del variables["count"]
            calls: list[Any] = []
            result = await operations.run(document, None, variables, calls)
            assert result is not None
            assert told(result, calls) == await slow(core_schema(schema), FEATURES, variables)


async def test_a_field_with_a_lie_in_it_would_be_noticed(
    schema: strawberry.Schema, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "{ things { id size ratio at tags } }"
    conjure(3, 0.0)
    right = await slow(core_schema(schema), text, {})
    assert await fast(schema, Operations(schema), text, {}) == right
    monkeypatch.setitem(columns._AS_THEY_ARE, "Int", lambda values, kinds: True)  # type: ignore[index]
    ROOTS[0]._fields["size"] = 2**31
    assert await fast(schema, Operations(schema), text, {}) != await slow(core_schema(schema), text, {})


@pytest.mark.parametrize(
    "text",
    [
        "query ($yes: Boolean = true) { first @include(if: $yes) { id } }",
        "query ($yes: Boolean = true) { things { id name @skip(if: $yes) } }",
        "query ($yes: Boolean = true) { none: things(first: 0) { id name @skip(if: $yes) } }",
        "query ($yes: Boolean = true) { things { related { ...F } } } fragment F on Thing { id label @skip(if: $yes) }",
    ],
)
async def test_a_null_that_ought_to_decide_is_an_error_where_graphql_core_comes_upon_it(
    schema: strawberry.Schema, text: str
) -> None:
    conjure(1, 0.0)
    operations = Operations(schema)
    for variables in ({"yes": None}, {"yes": True}, {}, {"yes": False}, {"yes": None}):
        assert await fast(schema, operations, text, variables) == await slow(core_schema(schema), text, variables)
        assert operations.run_sync(parse(text), None, {"yes": None}, []) is None


async def test_what_another_operation_decides_by_keeps_nothing_from_being_compiled(schema: strawberry.Schema) -> None:
    conjure(1, 0.0)
    operations = Operations(schema)
    document = parse("query A { first { id } } query B($no: Boolean!) { first { id label @skip(if: $no) } }")
    for _ in range(2):
        for name, variables, fields in (("A", {}, ["id"]), ("B", {"no": True}, ["id"]), ("B", {"no": False}, 2)):
            result = await operations.run(document, name, variables, [])
            assert result is not None
            found = list((result.data or {})["first"])
            assert found == fields or len(found) == fields


async def test_variables_that_cannot_be_coerced_are_left_to_graphql_core(schema: strawberry.Schema) -> None:
    document = parse("query ($count: Int!) { things(first: $count) { id } }")
    assert await Operations(schema).run(document, None, {"count": "many"}, []) is None


@pytest.mark.parametrize(
    "text",
    [
        "subscription { a }",
        "mutation { a }",
        "query A { first { id } } query B { __typename }",
        "{ first { ... @defer { id } } }",
        "{ first { ...F } } fragment F on Thing { id ... @defer(if: false) { name } }",
        "{ things @stream { id } }",
    ],
)
async def test_what_is_no_single_query_is_left_to_graphql_core(schema: strawberry.Schema, text: str) -> None:
    assert await Operations(schema).run(parse(text), None, {}, []) is None


@pytest.mark.slow
async def test_plans_are_kept_within_their_bound_and_go_with_their_documents(schema: strawberry.Schema) -> None:
    conjure(1, 0.0)
    operations = Operations(schema, most=3)
    documents = [parse(f"{{ a{number}: first {{ id }} }}") for number in range(10)]
    for document in documents:
        assert await operations.run(document, None, {}, []) is not None
    assert len(operations) == 3
    del documents, document
    gc.collect()
    assert len(operations) == 0


@pytest.mark.slow
async def test_documents_that_ask_for_the_same_keys_share_a_class(schema: strawberry.Schema) -> None:
    """One that is made for each would stay, with others, until the garbage collector looks at what is old."""
    conjure(1, 0.0)
    operations = Operations(schema)

    def classes() -> set[type]:
        return {kind for kind in msgspec.Struct.__subclasses__() if kind.__name__ == "Row"}

    before = classes()
    texts = [f"query Q{number} {{ things {{ id same: label }} }}" for number in range(20)]
    answers = {await fast(schema, operations, text, {}) for text in texts}
    assert len(answers) == 1
    assert len(classes() - before) == 1


def test_no_more_classes_are_kept_than_there_is_room_for() -> None:
    kinds = RowClasses(most=3)
    first = kinds.of(("a", "b"))
    assert kinds.of(("b", "a")) is not first
    assert kinds.of(("a", "b")) is first
    for name in ("c", "d"):
        kinds.of((name,))
    assert kinds.of(("a", "b")) is first, "used last"
    for name in ("e", "f", "g"):
        kinds.of((name,))
    assert len(kinds) == 3
    assert kinds.of(("a", "b")) is not first
    assert msgspec.json.encode(kinds.of(("b", "a"))(1, "x")) == b'{"b":1,"a":"x"}'
