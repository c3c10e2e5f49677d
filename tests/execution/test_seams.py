"""What the fast path takes for granted about graphql-core and Strawberry, beyond what they promise."""

from __future__ import annotations

import inspect
import random
from datetime import UTC, datetime

import pytest
from graphql import GraphQLEnumType, GraphQLObjectType
from graphql.execution.executor import Executor

from gateway.execution.fast_path.columns import leaf_column
from gateway.execution.fast_path.resolvers import async_resolver, definition_of, plain_reader
from gateway.schema.build import build_schema
from gateway.schema.core_schema import core_schema

SIGNATURES = {
    "execute_fields": ["self", "parent_type", "source_value", "path", "grouped_field_set", "position_context"],
    "execute_field": ["self", "parent_type", "source", "field_details_list", "path", "position_context"],
    "complete_list_value": [
        *("self", "return_type", "field_details_list", "info", "path", "result", "position_context"),
    ],
    "complete_awaitable_value": [
        *("self", "return_type", "field_details_list", "info", "path", "result", "position_context"),
    ],
    "collect_subfields": ["self", "return_type", "field_details_list"],
    "handle_field_error": ["self", "raw_error", "return_type", "field_details_list", "path"],
    "build_resolve_info": ["self", "field_def", "field_nodes", "parent_type", "path"],
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_the_executor_has_the_methods_that_are_overridden_and_called(name: str) -> None:
    assert list(inspect.signature(getattr(Executor, name)).parameters) == SIGNATURES[name]


def object_types() -> list[GraphQLObjectType]:
    kinds = core_schema(build_schema()).type_map.values()
    return [kind for kind in kinds if isinstance(kind, GraphQLObjectType) and not kind.name.startswith("_")]


def test_every_field_of_the_schema_is_known_to_strawberry_and_plain_or_a_coroutine_function() -> None:
    schema = build_schema()
    other = []
    for kind in object_types():
        for name, field in kind.fields.items():
            assert definition_of(field) is not None, f"{kind}.{name}"
            if plain_reader(field) is None and async_resolver(schema, field) is None:
                other.append(f"{kind}.{name}")
    assert other == ["Query._entities", "Query._service"]


def test_types_know_their_objects_by_class_alone() -> None:
    judging = [kind for kind in object_types() if kind.is_type_of is not None]
    results = {"ModelRun", "TestRun", "NodeRun", "Source", "Seed", "Snapshot", "Exposure", "OtherResource"}
    assert {kind.name for kind in judging} == {"Account", "Project", "Model", "Job", "Run"} | results
    for kind in judging:
        source = inspect.getsource(kind.is_type_of)  # type: ignore[arg-type]  # not None, see above
        verdict = source.rstrip().splitlines()[-1].strip()
        assert verdict.startswith(("return isinstance(value, ", "return type(value) is ")), source


def test_times_are_written_as_isoformat_writes_them() -> None:
    chance = random.Random(5)  # noqa: S311
    column = leaf_column(core_schema(build_schema()).type_map["DateTime"], nullable=True)  # type: ignore[arg-type]
    micros = (0, 1, 10, 100, 1_000, 100_000, 123_456, 999_999)
    times = [
        datetime.fromtimestamp(chance.randint(-(10**10), 10**11), UTC).replace(microsecond=chance.choice(micros))
        for _ in range(5_000)
    ]
    assert column([None, *times]) == [None, *(time.isoformat() for time in times)]


def test_enum_members_are_known_by_identity() -> None:
    enums = [kind for kind in core_schema(build_schema()).type_map.values() if isinstance(kind, GraphQLEnumType)]
    for kind in (one for one in enums if hasattr(one, "wrapped_cls")):
        members = list(kind.wrapped_cls)
        assert leaf_column(kind, nullable=False)(members) == [kind.coerce_output_value(one) for one in members]
