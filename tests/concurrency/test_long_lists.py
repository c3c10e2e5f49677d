"""Long lists whose items are resolved one by one: the same answer as graphql-core's, in pieces."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import strawberry
from graphql import parse

from gateway.execution.fast_path.operations import Operations
from gateway.execution.operation_runner import OperationRunner

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


async def test_a_neighbour_has_its_turns_while_a_long_list_is_completed(schema: strawberry.Schema) -> None:
    turns = 0

    async def neighbour() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    beside = asyncio.create_task(neighbour())
    done = await Operations(schema).run(parse("{ items { number half } }"), None, None, None)
    beside.cancel()
    assert done is not None
    assert done.data is not None
    assert turns >= ITEMS * 25 // 3_000
