"""The edge over a schema of a few fields, executed for real."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import strawberry
from graphql import ExecutionResult, GraphQLError, execute, validate
from starlette.applications import Starlette

from gateway.execution.request import Answer, Caller, GraphQLParams
from gateway.http.edge import EdgePolicy, create_edge
from gateway.http.health import Readiness
from gateway.schema.core_schema import core_schema


@strawberry.type
class Query:
    @strawberry.field
    def greeting(self, name: str = "world") -> str:
        return f"hello {name}"

    @strawberry.field
    def double(self, number: int) -> int:
        return 2 * number

    @strawberry.field
    async def slow(self) -> str:
        await asyncio.sleep(0)
        return "done"

    @strawberry.field
    def broken(self) -> str | None:
        raise ValueError("a secret of the resolver")

    @strawberry.field
    def surrogate(self) -> str:
        return "\ud800"


@strawberry.type
class Mutation:
    @strawberry.mutation
    def rename(self, name: str) -> str:
        return name


class SmallExecutor:
    """Validates and executes with graphql-core, as the real executor does, without any of its other duties."""

    def __init__(self) -> None:
        self.schema = core_schema(strawberry.Schema(query=Query, mutation=Mutation))
        self.seen: list[GraphQLParams] = []

    def invalid(self, params: GraphQLParams) -> Answer | None:
        found = validate(self.schema, params.document)
        errors = [coded(error, "GRAPHQL_VALIDATION_FAILED") for error in found]
        return Answer(errors=errors, executed=False) if errors else None

    async def execute(self, params: GraphQLParams, caller: Caller) -> Answer:
        self.seen.append(params)
        invalid = self.invalid(params)
        if invalid:
            return invalid
        running = execute(
            self.schema,
            params.document,
            variable_values=dict(params.variables or {}),
            operation_name=params.operation_name,
        )
        result = running if isinstance(running, ExecutionResult) else await running
        assert isinstance(result, ExecutionResult)
        errors = result.errors or []
        if result.data is None and all(error.path is None for error in errors):
            return Answer(errors=[coded(error, "BAD_USER_INPUT") for error in errors], executed=False)
        return Answer(result.data, [coded(error, "INTERNAL_SERVER_ERROR") for error in errors])


def coded(error: GraphQLError, code: str) -> dict[str, Any]:
    masked = "Something went wrong." if code == "INTERNAL_SERVER_ERROR" else error.message
    return {**error.formatted, "message": masked, "extensions": {"code": code}}


class Readable:
    """A readiness that a test can switch."""

    ready = True
    seconds = 0.0

    async def __call__(self) -> Readiness:
        await asyncio.sleep(self.seconds)
        return Readiness(self.ready, {"upstream": "ok" if self.ready else "unreachable"})


@pytest.fixture
def executor() -> SmallExecutor:
    return SmallExecutor()


@pytest.fixture
def readiness() -> Readable:
    return Readable()


@pytest.fixture
def app(executor: SmallExecutor, readiness: Readable) -> Starlette:
    return create_edge(executor, EdgePolicy(), readiness)
