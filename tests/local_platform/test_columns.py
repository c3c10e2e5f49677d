"""Lists that are completed column by column are what graphql-core makes of them, value by value and error by error."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from graphql import ExecutionResult, GraphQLSchema, execute_sync, parse
from graphql.execution import Executor

from gateway.archive.archive import Archive
from gateway.local_platform.discovery.execution.column_executor import ColumnExecutor
from gateway.local_platform.discovery.nodes.session import DerivedCaches, Session
from gateway.local_platform.discovery.schema import create_schema
from gateway.services.models.model_pages import models_operation, runtimes_operation, states_operation
from tests.local_platform.everything import all_fields
from tests.served_platform import Platform

ENVIRONMENTS = (201001, 203001)
_DAMAGED = """query ($id: BigInt!) { environment(id: $id) { applied { models { edges { node {
  uniqueId tags executionInfo { executionTime executeStartedAt lastRunGeneratedAt } } } } } } }"""


@cache
def platform_schema() -> GraphQLSchema:
    """The schema that the platform serves."""
    return create_schema()


def execute(
    archive: Archive, executor: type[Executor[Any]], query: str, variables: Mapping[str, Any]
) -> ExecutionResult:
    with archive.reading() as connection:
        context = Session(connection, DerivedCaches())
        return execute_sync(
            platform_schema(),
            parse(query),
            context_value=context,
            variable_values=dict(variables),
            executor_class=executor,
        )


class Watched(ColumnExecutor):
    """Counts the items that graphql-core completes one by one."""

    completed = 0

    def complete_list_item_value(self, *arguments: Any) -> bool:
        type(self).completed += 1
        return super().complete_list_item_value(*arguments)


def assert_same(archive: Archive, query: str, variables: Mapping[str, Any]) -> ExecutionResult:
    by_column, one_by_one = (execute(archive, kind, query, variables) for kind in (ColumnExecutor, Executor))
    assert by_column.data == one_by_one.data
    assert [error.formatted for error in by_column.errors or ()] == [
        error.formatted for error in one_by_one.errors or ()
    ]
    return by_column


@pytest.mark.slow
@pytest.mark.parametrize("environment_id", ENVIRONMENTS)
def test_every_field_of_an_environment_is_the_same(platform: Platform, environment_id: int) -> None:
    query = f"query ($id: BigInt!) {{ environment(id: $id) {all_fields(platform_schema(), 'Environment', 4)} }}"
    assert assert_same(platform.archive, query, {"id": environment_id}).data


@pytest.mark.slow
def test_every_field_of_jobs_is_the_same(platform: Platform) -> None:
    listed = platform.get("jobs/")["data"]
    query = f"query ($id: BigInt!) {{ job(id: $id) {all_fields(platform_schema(), 'JobNode', 1)} }}"
    assert any(assert_same(platform.archive, query, {"id": job["id"]}).data for job in listed[:4])


@pytest.mark.parametrize(
    "operation", [states_operation(), runtimes_operation(), models_operation(frozenset({"description", "meta"}))]
)
def test_the_gateways_own_lists_take_no_object_one_by_one(platform: Platform, operation: Any) -> None:
    lookup = "{ environment(id: 201001) { applied { models { ...Page } } } }"
    Watched.completed = 0
    found = execute(platform.archive, Watched, f"{lookup}\n{operation.fragments}", {})
    assert found.data
    assert len(found.data["environment"]["applied"]["models"]["edges"]) > 8
    assert Watched.completed == 0


def test_what_is_skipped_aliased_or_asked_twice_is_the_same(platform: Platform) -> None:
    query = """query ($id: BigInt!, $not: Boolean!) { environment(id: $id) { applied { models {
      a: edges { node { u: uniqueId ... on ModelAppliedStateNode { name @skip(if: $not) tags } } }
      edges { cursor node { ...N __typename } } edges { node { executionInfo { executionTime } } }
    } } } }
    fragment N on ModelAppliedStateNode { executionInfo { lastRunId } name @include(if: $not) catalog { type } }"""
    for skips in (True, False):
        assert assert_same(platform.archive, query, {"id": 201001, "not": skips}).errors is None


@pytest.mark.parametrize(
    ("column", "field"), [("execution_time", "executionTime"), ("execute_started_at", "executeStartedAt")]
)
def test_a_damaged_value_costs_its_own_field_only(demo_store: str, tmp_path: Path, column: str, field: str) -> None:
    """Somebody else wrote text into a column of numbers."""
    place = tmp_path / "runs.db"
    with (
        closing(sqlite3.connect(demo_store.removeprefix("sqlite:///"))) as demo,
        closing(sqlite3.connect(place)) as copy,
    ):
        demo.backup(copy)
        copy.execute(f"UPDATE results SET {column} = 'slow' WHERE resource_id % 3 = 0")  # noqa: S608  # named above
        copy.commit()
    archive = Archive.open(f"sqlite:///{place}")
    found = assert_same(archive, _DAMAGED, {"id": 201001})
    archive.close()
    assert found.errors
    edges = found.data["environment"]["applied"]["models"]["edges"] if found.data else []
    known = [edge["node"]["executionInfo"] for edge in edges if edge["node"]["executionInfo"]]
    assert 0 < len([info for info in known if info[field] is not None]) < len(known)
