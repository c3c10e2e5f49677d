"""`onError`: what a field error does to the data around it."""

from __future__ import annotations

from typing import Any

import pytest
import strawberry
from graphql import parse

from gateway.errors import ErrorBehavior
from gateway.execution.incremental_delivery import OperationArguments, StreamRunner
from gateway.execution.operation_runner import OperationRunner, Outcome
from gateway.schema.context import GatewayContext
from tests.serving import Gateway

FAILING = '{ account { id } job(id: "no such job") { id } }'


@strawberry.type
class Item:
    number: int

    @strawberry.field
    async def half(self, parent: strawberry.Parent[Any]) -> int:
        if parent.number % 2:
            raise ValueError("odd")
        return int(parent.number) // 2

    @strawberry.field
    def never(self) -> int:
        return None  # type: ignore[return-value]  # as a resolver that is wrong


@strawberry.type
class Query:
    @strawberry.field
    async def items(self) -> list[Item]:
        return [Item(number=number) for number in range(3)]


SCHEMA = strawberry.Schema(Query)
EXPECTED = {
    ErrorBehavior.PROPAGATE: None,
    ErrorBehavior.NULL: {"items": [{"half": 0}, {"half": None}, {"half": 1}]},
    ErrorBehavior.HALT: None,
}


def context(on_error: ErrorBehavior) -> GatewayContext:
    return GatewayContext(None, on_error=on_error)  # type: ignore[arg-type]  # no field loads anything


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("on_error", list(ErrorBehavior))
async def test_an_error_stays_with_its_field_or_takes_what_is_around_it(on_error: ErrorBehavior, fast: bool) -> None:
    runner = OperationRunner(SCHEMA, fast_path=fast)
    outcome = await runner.run(parse("{ items { half } }"), None, None, context(on_error))
    assert outcome.data == EXPECTED[on_error]
    assert [error["path"] for error in outcome.errors] == [["items", 1, "half"]]


@pytest.mark.parametrize("fast", [True, False])
async def test_a_null_that_may_not_be_is_an_error_of_its_own_field(fast: bool) -> None:
    runner = OperationRunner(SCHEMA, fast_path=fast)
    outcome = await runner.run(parse("{ items { number never } }"), None, None, context(ErrorBehavior.NULL))
    assert outcome.data == {"items": [{"number": number, "never": None} for number in range(3)]}
    assert [error["path"] for error in outcome.errors] == [["items", number, "never"] for number in range(3)]


@pytest.mark.parametrize(
    ("on_error", "data"),
    [(ErrorBehavior.NULL, {"items": [{"half": 0}, {"half": None}, {"half": 1}]}), (ErrorBehavior.PROPAGATE, None)],
)
async def test_deferred_parts_honour_it_too(on_error: ErrorBehavior, data: Any) -> None:
    schema = strawberry.Schema(
        Query, config=strawberry.schema.config.StrawberryConfig(enable_experimental_incremental_execution=True)
    )
    runner = StreamRunner(schema, OperationRunner(schema))
    query = parse("{ __typename ... @defer { items { half } } }")
    parts = await runner.parts(OperationArguments(query), context(on_error))
    assert not isinstance(parts, Outcome)
    told = [part async for part in parts]
    deferred = [one.get("data") for part in told for one in part.get("incremental", ())]
    assert deferred == ([data] if data else [])


@pytest.mark.parametrize("on_error", [None, *ErrorBehavior])
async def test_clients_say_it_with_the_request(warm_gateway: Gateway, on_error: str | None) -> None:
    body = {"query": FAILING, "onError": on_error}
    for method, sent in (("POST", {"json": body}), ("GET", {"params": {k: v for k, v in body.items() if v}})):
        for _ in range(2):
            reply = (await warm_gateway.client.request(method, "/graphql", **sent)).json()
            account = (await warm_gateway.data("{ account { id } }"))["account"]
            whole = {"account": account, "job": None}
            assert reply["data"] == (None if on_error == "HALT" else whole)
            assert [error["extensions"]["code"] for error in reply["errors"]] == ["BAD_USER_INPUT"]


async def test_without_an_error_it_changes_nothing(warm_gateway: Gateway) -> None:
    expected = await warm_gateway.data("{ account { id } }")
    for on_error in ErrorBehavior:
        body = {"query": "{ account { id } }", "onError": on_error}
        assert (await warm_gateway.client.post("/graphql", json=body)).json()["data"] == expected


@pytest.mark.parametrize("value", ["null", "IGNORE", "", 1, True, [], {}, ["NULL"]])
async def test_another_word_is_refused(warm_gateway: Gateway, value: Any) -> None:
    response = await warm_gateway.client.post("/graphql", json={"query": "{ __typename }", "onError": value})
    assert response.status_code == 400
    assert response.json()["errors"][0]["message"] == '"onError" must be "PROPAGATE", "NULL" or "HALT".'
