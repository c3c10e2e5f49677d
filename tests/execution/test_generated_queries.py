"""The fast path against graphql-core alone, over the demo: query by query the same bytes for the same requests.

Without run analysis: it reads several facts one after the other, and which of them share a batch depends on time.
tests/schema/test_run_analysis.py holds its answers against the artifacts.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator

import pytest
from graphql import FieldNode, GraphQLObjectType
from graphql.execution.executor import Executor
from starlette.responses import Response

from tests.execution.pair import Pair, lasting_pair
from tests.generated.demo import demo_values, read_schema_of_oracle
from tests.generated.queries import QueryGenerator, Shape
from tests.oracle.account import Oracle
from tests.repetitions import daily_and_nightly
from tests.serving import Call


@pytest.fixture
async def pair(demo_store: str) -> AsyncIterator[Pair]:
    async with lasting_pair(demo_store) as both:
        yield both


@pytest.mark.slow
@pytest.mark.parametrize("count", daily_and_nightly(80, 1_000))
async def test_generated_queries_get_the_same_bytes_for_the_same_requests(
    pair: Pair, oracle: Oracle, count: int
) -> None:
    generator = QueryGenerator(11, read_schema_of_oracle(), demo_values(oracle), Shape(fields=25, depth=7))
    with_errors = 0
    for _ in range(count):
        query, variables = generator.query()
        with_errors += '"errors"' in await pair.same(query, **variables)
    assert 0 < with_errors < count / 2, "both kinds are among them"


@pytest.mark.slow
@pytest.mark.parametrize("count", daily_and_nightly(30, 100))
async def test_what_is_deferred_is_in_the_whole_answer_of_who_takes_no_parts(
    pair: Pair, oracle: Oracle, count: int
) -> None:
    shape = Shape(fields=20, depth=6, deferred=0.5, undecided=0.2)
    generator, deferring = QueryGenerator(17, read_schema_of_oracle(), demo_values(oracle), shape), 0
    for _ in range(count):
        query, variables = generator.query()
        deferring += "@defer" in query
        await pair.same(query, **variables)
    assert deferring > count / 10


@pytest.mark.slow
async def test_operations_of_one_document_are_told_apart(pair: Pair) -> None:
    document = """query A($deep: Boolean!) { account { models(first: 2) { nodes { ...F } } } }
      query B($deep: Boolean! = false, $count: Int) { account { models(first: $count) { nodes { ...F name } } } }
      fragment F on Model { id tags @include(if: $deep) }"""
    answers = {}
    for name, variables in itertools.product("AB", ({"deep": True}, {"deep": False}, {"deep": True, "count": 1}) * 3):
        content = {"query": document, "operationName": name, "variables": variables}
        fast, slow = [(await one.client.post("/graphql", json=content)).json() for one in (pair.fast, pair.slow)]
        assert fast["data"] == slow["data"]
        answers[name, str(variables)] = str(fast["data"])
    assert len(set(answers.values())) == 5, "only A does not count"


@pytest.mark.slow
@pytest.mark.parametrize("count", daily_and_nightly(4, 25))
@pytest.mark.parametrize("operation", ["EnvironmentHeaders", "Models", "ModelHistories", "RunModels", "runs", "jobs"])
async def test_an_upstream_that_fails_midway_gives_the_same_errors(
    pair: Pair, oracle: Oracle, operation: str, count: int
) -> None:
    async def broken(call: Call) -> Response | None:
        # Forbidden is what is neither tried again nor waited for, so that nothing depends on the time it takes.
        return Response("not yours", 403) if operation in call.operation else None

    pair.fast.upstream.fault = pair.slow.upstream.fault = broken
    generator = QueryGenerator(len(operation), read_schema_of_oracle(), demo_values(oracle), Shape(fields=25, depth=6))
    for _ in range(count):
        query, variables = generator.query()
        await pair.same_errors(query, **variables)


@pytest.mark.slow
async def test_the_models_of_a_list_are_not_completed_leaf_by_leaf(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    query = """{ account { id projects { nodes { id name environmentId } } models(first: 50) { totalCount
      pageInfo { hasNextPage endCursor } edges { cursor node { id tags meta lastRunStatus startTime } } }
      slowestModels(first: 5) { rank runtime runCount runtimes { p95 } model { id name runtime } } } }"""
    await pair.same(query)  # the platform in the same process runs on graphql-core too; from now on facts are warm
    completed: list[str] = []
    original = Executor.execute_field

    def watched(self: Executor, parent: GraphQLObjectType, source: object, details: list, *rest: object) -> object:
        node: FieldNode = details[0].node
        completed.append(f"{parent.name}.{node.name.value}")
        return original(self, parent, source, details, *rest)

    monkeypatch.setattr(Executor, "execute_field", watched)
    assert "errors" not in (await pair.fast.ask(query)).text
    assert completed == []
    await pair.slow.ask(query)
    assert len(completed) > 50 * 5
