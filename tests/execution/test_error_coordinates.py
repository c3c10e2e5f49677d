"""`extensions.coordinate`: the schema element that an error is about."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Any

import pytest
import strawberry
from graphql import parse
from graphql.utilities import resolve_schema_coordinate
from strawberry.schema.config import StrawberryConfig

from gateway.errors import BadUserInput, ErrorBehavior, NotFound
from gateway.execution.disclosure import Disclosure
from gateway.execution.incremental_delivery import OperationArguments, StreamRunner
from gateway.execution.operation_runner import OperationRunner, Outcome
from gateway.hierarchy.objects.project import Environment, Project
from gateway.schema.context import GatewayContext, Info, field_context
from gateway.schema.core_schema import core_schema
from gateway.telemetry.usage import Usage, measuring
from tests.serving import Gateway


@strawberry.input
class Range:
    least: int = 0
    most: int | None = None


@strawberry.input
class Filter:
    runtime: Range | None = None
    tags: list[str] | None = None


@strawberry.interface
class Resource:
    @strawberry.field
    async def owner(self) -> str:
        raise NotFound("Nobody owns it.")


@strawberry.type
class Table(Resource):
    @strawberry.field
    async def rows(self, first: int = 10, filter: Filter | None = None) -> list[int]:
        if first < 1:
            raise BadUserInput("first is too small.", argument="first")
        if filter and filter.tags == []:
            raise BadUserInput("tags is empty.", argument="tags")
        if filter and filter.runtime and filter.runtime.least < 0:
            raise BadUserInput("least is too small.", argument="least")
        return list(range(first))


@strawberry.type
class View(Resource):
    @strawberry.field
    def broken(self) -> int:
        return None  # type: ignore[return-value]  # as a resolver that is wrong


@strawberry.type
class Query:
    @strawberry.field
    async def table(self) -> Table | None:
        return Table()

    @strawberry.field
    async def resources(self, info: Info) -> list[Resource]:
        project = Project("shop", "Shop", Environment(1, None, 1, None), None)
        with measuring(Usage()):
            field_context(info).report(NotFound("It is gone."), project)
        return [Table(), View()]


async def ticking(seconds: int) -> AsyncGenerator[int, None]:
    yield seconds


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def ticks(self, seconds: int = 1) -> AsyncGenerator[int, None]:
        if seconds < 1:
            raise BadUserInput("seconds is too small.", argument="seconds")
        return ticking(seconds)

    @strawberry.subscription
    async def broken(self) -> AsyncGenerator[int, None]:
        raise NotFound("There is nothing to listen to.")


CONFIG = StrawberryConfig(enable_experimental_incremental_execution=True)
SCHEMA = strawberry.Schema(Query, None, Subscription, types=[Table, View], config=CONFIG)
FIELD_ERRORS: dict[str, tuple[str, dict[str, Any], list[str]]] = {
    "the type of the object, not the interface": (
        "{ resources { owner } }",
        {},
        ["Query.resources", "Table.owner", "View.owner"],
    ),
    "an alias, through fragments": (
        "{ all: resources { ...on View { ...F } } } fragment F on View { whose: owner }",
        {},
        ["Query.resources", "View.owner"],
    ),
    "a null that may not be": ("{ resources { ...on View { broken } } }", {}, ["Query.resources", "View.broken"]),
    "an argument": ("{ table { rows(first: 0) } }", {}, ["Table.rows(first:)"]),
    "an argument that is left to its default by null": (
        "query ($n: Int = 1) { table { rows(first: $n) } }",
        {"n": None},
        ["Table.rows(first:)"],
    ),
    "an input field": ("{ table { rows(filter: { tags: [] }) } }", {}, ["Filter.tags"]),
    "an input field within another, in a variable": (
        "query ($f: Filter) { table { rows(filter: $f) } }",
        {"f": {"runtime": {"least": -1}}},
        ["Range.least"],
    ),
}
# Documents and variables that do not fit, and the coordinates of their errors in order.
REQUEST_ERRORS: dict[str, tuple[str, dict[str, Any], list[str | None]]] = {
    "an unknown field": ("{ table { nope } }", {}, ["Table"]),
    "a field without its selection": ("{ table }", {}, ["Query.table"]),
    "an unknown argument": ("{ table { rows(last: 1) } }", {}, ["Table.rows"]),
    "a value": ('{ table { rows(first: "x") } }', {}, ["Table.rows(first:)"]),
    "a value in an input object": ("{ table { rows(filter: { runtime: { most: true } }) } }", {}, ["Range.most"]),
    "an unknown input field": ("{ table { rows(filter: { runtime: { max: 1 } }) } }", {}, ["Range"]),
    "in a fragment": ("{ table { ...F } } fragment F on Table { rows(first: 1.5) }", {}, ["Table.rows(first:)"]),
    "a fragment that never fits": ("{ table { ...on View { owner } } }", {}, ["Query.table"]),
    "a directive's argument": ("{ table @include(if: 1) { owner } }", {}, ["@include(if:)"]),
    "a directive": ("{ table @include { owner } }", {}, ["@include"]),
    "a variable of another type": (
        "query ($n: String) { table { rows(filter: { runtime: { most: $n } }) } }",
        {},
        ["Range.most"],
    ),
    "a meta-field": ("{ table { __typename { x } } }", {}, ["Table"]),
    "nothing of the schema": ("query ($n: Int) { table { owner } } fragment F on Table { owner }", {}, [None, None]),
    "a variable": ("query ($n: Int) { table { rows(first: $n) } }", {"n": "x"}, ["Table.rows(first:)"]),
    "a variable within a literal": (
        "query ($n: Int) { table { rows(filter: { runtime: { most: $n } }) } }",
        {"n": "x"},
        ["Range.most"],
    ),
    "two input fields in a variable": (
        "query ($f: Filter) { table { rows(filter: $f) } }",
        {"f": {"tags": [1], "runtime": {"most": []}}},
        ["Range.most", "Filter.tags"],
    ),
    "an unknown input field in a variable": (
        "query ($f: Filter) { table { rows(filter: $f) } }",
        {"f": {"runtime": {"max": 1}}},
        ["Range"],
    ),
    "an input object of another kind": ("query ($f: Filter) { table { rows(filter: $f) } }", {"f": 3}, ["Filter"]),
    "a missing variable": ("query ($f: Int!) { table { rows(first: $f) } }", {}, ["Table.rows(first:)"]),
}


def context() -> GatewayContext:
    return GatewayContext(None, on_error=ErrorBehavior.NULL)  # type: ignore[arg-type]  # no field loads anything


def coordinates(errors: Sequence[Any]) -> list[str | None]:
    return [error["extensions"].get("coordinate") for error in errors]


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize(("query", "variables", "expected"), FIELD_ERRORS.values(), ids=FIELD_ERRORS)
async def test_a_field_error_names_field_argument_or_input_field(
    query: str, variables: dict[str, Any], expected: list[str], fast: bool
) -> None:
    outcome = await OperationRunner(SCHEMA, fast_path=fast).run(parse(query), None, variables, context())
    assert outcome.executed
    assert sorted(map(str, coordinates(outcome.errors))) == sorted(expected)


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize(("query", "variables", "expected"), REQUEST_ERRORS.values(), ids=REQUEST_ERRORS)
async def test_a_request_error_names_what_is_known_of_the_schema(
    query: str, variables: dict[str, Any], expected: list[str | None], fast: bool
) -> None:
    outcome = await OperationRunner(SCHEMA, fast_path=fast).run(parse(query), None, variables, context())
    assert not outcome.executed
    assert coordinates(outcome.errors) == expected


def test_every_expected_coordinate_is_one_of_the_schema() -> None:
    expected = [name for *_, names in (*FIELD_ERRORS.values(), *REQUEST_ERRORS.values()) for name in names if name]
    assert not [name for name in expected if resolve_schema_coordinate(core_schema(SCHEMA), name) is None]


async def test_an_error_keeps_its_coordinate_on_its_way_up() -> None:
    runner = OperationRunner(SCHEMA)
    propagating = GatewayContext(None)  # type: ignore[arg-type]  # no field loads anything
    outcome = await runner.run(parse("{ table { rows(first: 0) } }"), None, None, propagating)
    assert (outcome.data, coordinates(outcome.errors)) == ({"table": None}, ["Table.rows(first:)"])


async def test_deferred_parts_have_them() -> None:
    runner = StreamRunner(SCHEMA, OperationRunner(SCHEMA))
    query = parse("{ table { ... @defer { rows(first: 0) } } }")
    parts = await runner.parts(OperationArguments(query), context())
    assert not isinstance(parts, Outcome)
    deferred = [part.get("incremental", ()) async for part in parts]
    assert [coordinates(more["errors"]) for part in deferred for more in part] == [["Table.rows(first:)"]]


@pytest.mark.parametrize(
    ("query", "variables", "expected"),
    [
        ("subscription { every: ticks(seconds: 0) }", {}, "Subscription.ticks(seconds:)"),
        ("subscription { ...F } fragment F on Subscription { broken }", {}, "Subscription.broken"),
        ("subscription ($n: Int!) { ticks(seconds: $n) }", {"n": "x"}, "Subscription.ticks(seconds:)"),
        ("subscription ($n: Int = 2) { ticks(seconds: $n) }", {"n": None}, "Subscription.ticks(seconds:)"),
    ],
)
async def test_a_subscription_that_cannot_begin_has_it(query: str, variables: dict[str, Any], expected: str) -> None:
    runner = StreamRunner(SCHEMA, OperationRunner(SCHEMA))
    refused = await runner.events(OperationArguments(parse(query), None, variables), context())
    assert isinstance(refused, Outcome)
    assert coordinates(refused.errors) == [expected]


@pytest.mark.parametrize("query", ["{ resources { owner } }", "{ table { rows(first: 0) nope } }"])
async def test_a_gateway_that_tells_nothing_of_its_schema_leaves_them_out(query: str) -> None:
    silent = OperationRunner(SCHEMA, disclosure=Disclosure(introspection=False, suggestions=False))
    outcome = await silent.run(parse(query), None, None, context())
    assert outcome.errors
    assert set(coordinates(outcome.errors)) == {None}


async def test_clients_read_them(warm_gateway: Gateway) -> None:
    asked = {
        "{ account { slowestModels(first: 0) { rank } } }": ["Account.slowestModels(first:)"],
        "{ account { models(filter: { minRuntime: -1 }) { totalCount } } }": ["ModelFilter.minRuntime"],
        '{ job(id: "x") { id } model(id: "no.such") { id } }': ["Query.job(id:)", "Query.model"],
        "{ account { nope } }": ["Account"],
        "mutation { x }": [None],
    }
    for query, expected in asked.items():
        errors = (await warm_gateway.client.post("/graphql", json={"query": query})).json()["errors"]
        assert coordinates(errors) == expected, query
