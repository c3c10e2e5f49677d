"""Long lists whose items are resolved one by one: the same answer as graphql-core's, in pieces."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import strawberry
from graphql import parse

from gateway.execution.operation_runner import OperationRunner
from tests.concurrency.stretches import longest_stretch
from tests.serving import Gateway

ITEMS = 1_500


@strawberry.type
class Item:
    number: int

    @strawberry.field
    async def half(self, parent: strawberry.Parent[Any]) -> int:
        if parent.number % 500 == 7:
            raise ValueError(f"{parent.number} has none")
        await asyncio.sleep(0)
        return int(parent.number) // 2


@strawberry.type
class Query:
    @strawberry.field
    async def items(self) -> list[Item | None]:
        return [None if number % 400 == 3 else Item(number=number) for number in range(ITEMS)]

    @strawberry.field
    async def strict(self, least: int) -> list[Item] | None:
        return [Item(number=number) for number in range(least, least + ITEMS)]


@pytest.fixture(scope="module")
def schema() -> strawberry.Schema:
    return strawberry.Schema(Query)


async def told(schema: strawberry.Schema, query: str, *, fast: bool) -> Any:
    runner = OperationRunner(schema, fast_path=fast)
    found = await runner._execute(parse(query), None, None, None)  # type: ignore[arg-type]  # no field looks at it
    errors = sorted((str(error.path), error.message) for error in found.errors or ())
    return found.data, errors


@pytest.mark.slow
@pytest.mark.parametrize(
    "query",
    [
        "{ items { number half } }",
        "{ strict(least: 10) { half } }",
        "{ strict(least: 1600) { number half } }",
        "{ __schema { types { name fields { name type { name kind } } } } }",
    ],
)
async def test_long_lists_are_what_graphql_core_makes_of_them(schema: strawberry.Schema, query: str) -> None:
    assert await told(schema, query, fast=True) == await told(schema, query, fast=False)


@pytest.mark.slow
@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("query", ["{ items { number half } }", "{ strict(least: 10) { half } }"])
async def test_a_neighbour_has_its_turns_while_a_long_list_is_completed(
    schema: strawberry.Schema, query: str, fast: bool
) -> None:
    runner = OperationRunner(schema, fast_path=fast)
    found, calls = await longest_stretch(
        runner._execute(parse(query), None, None, None)  # type: ignore[arg-type]  # no field looks at it
    )
    assert found.errors
    # 63,000 where all that has been started goes on in the same turn.
    assert calls < 40_000


async def test_what_a_failing_item_leaves_waiting_is_ended(schema: strawberry.Schema) -> None:
    before = asyncio.all_tasks()
    found = await OperationRunner(schema)._execute(parse("{ strict(least: 10) { half } }"), None, None, None)  # type: ignore[arg-type]
    assert found.data == {"strict": None}
    assert asyncio.all_tasks() == before


@pytest.mark.slow
async def test_introspection_lets_a_neighbour_on(gateway: Gateway) -> None:
    query = "{ __schema { types { name fields { name args { name } type { name kind } } } } }"
    await gateway.data("{ account { id } }")
    reply, calls = await longest_stretch(gateway.ask(query))
    assert len(reply.data["__schema"]["types"]) > 50
    assert calls < 60_000


@pytest.mark.slow
async def test_thousands_of_references_let_a_neighbour_on(gateway: Gateway) -> None:
    keys = [{"__typename": "Job", "id": f"90000000{number}"} for number in range(5_000)]
    query = "query ($r: [_Any!]!) { _entities(representations: $r) { __typename } }"
    await gateway.data("{ account { jobs { totalCount } } }")
    reply, calls = await longest_stretch(gateway.ask(query, r=keys))
    assert reply.data == {"_entities": [None] * 5_000}
    assert {error["extensions"]["code"] for error in reply.errors} == {"NOT_FOUND"}
    assert calls < 180_000


@pytest.mark.slow
async def test_runs_that_are_asked_for_one_by_one_let_a_neighbour_on(gateway: Gateway) -> None:
    """dbt's list names none of them, so each is asked alone: requests begin a few in a turn, not all in one."""
    keys = [{"__typename": "Run", "id": f"90000000{number}"} for number in range(300)]
    query = "query ($r: [_Any!]!) { _entities(representations: $r) { __typename } }"
    await gateway.data("{ account { jobs { totalCount } } }")
    reply, calls = await longest_stretch(gateway.ask(query, r=keys))
    assert {error["extensions"]["code"] for error in reply.errors} == {"NOT_FOUND"}
    assert sum(gateway.upstream.operations.values()) >= 300
    # 25,000 where all requests of a list begin in the same turn.
    assert calls < 21_000
