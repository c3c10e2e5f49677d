"""The generator itself: its queries are valid, use the whole schema, and are the same for the same seed."""

from __future__ import annotations

import pytest
from graphql import GraphQLObjectType, TypeInfo, TypeInfoVisitor, Visitor, parse, validate, visit
from graphql.language import ArgumentNode, FieldNode

from tests.generated.demo import demo_values, read_schema
from tests.generated.queries import QueryGenerator
from tests.oracle.account import Oracle

COUNT = 2_500


@pytest.fixture(scope="module")
def queries(oracle: Oracle) -> list[str]:
    generator = QueryGenerator(8, read_schema(), demo_values(oracle))
    return [generator.query()[0] for _ in range(COUNT)]


@pytest.mark.slow
@pytest.mark.parametrize("every", [5, pytest.param(1, marks=pytest.mark.nightly)])
def test_every_generated_query_is_valid(queries: list[str], every: int) -> None:
    schema = read_schema()
    for query in queries[::every]:
        assert validate(schema, parse(query)) == [], query


@pytest.mark.slow
def test_they_use_every_field_and_argument_that_a_query_can(queries: list[str]) -> None:
    schema, used = read_schema(), set[str]()
    types = TypeInfo(schema)

    class Uses(Visitor):
        def enter_field(self, node: FieldNode, *_: object) -> None:
            used.add(f"{types.get_parent_type()}.{node.name.value}")

        def enter_argument(self, node: ArgumentNode, *_: object) -> None:
            used.add(f"{types.get_field_def() and types.get_parent_type()} {node.name.value}")

    for query in queries:
        visit(parse(query), TypeInfoVisitor(types, Uses()))
    objects = [kind for kind in schema.type_map.values() if isinstance(kind, GraphQLObjectType)]
    objects.remove(schema.type_map["Subscription"])
    everything = {f"{kind}.{name}" for kind in objects if not kind.name.startswith("__") for name in kind.fields}
    # What a query asks of an interface it asks of each type that has it.
    used |= {f"{kind}.{name}" for kind in objects for one in kind.interfaces for name in asked_of(one.name, used)}
    assert everything - used == set()


def asked_of(kind: str, used: set[str]) -> list[str]:
    """The fields of a type that were asked for."""
    return [name for type_name, name in (one.split(".") for one in used if "." in one) if type_name == kind]


@pytest.mark.slow
def test_they_use_what_graphql_has(queries: list[str]) -> None:
    text = "\n".join(queries)
    for part in ("fragment F", "... on ", "@include(if: $", "@skip(if: ", ": null", "__typename", " = ", "... {"):
        assert part in text, part


@pytest.mark.slow
def test_the_same_seed_gives_the_same_queries(oracle: Oracle) -> None:
    schema, values = read_schema(), demo_values(oracle)
    one, other, third = (QueryGenerator(seed, schema, values) for seed in (1, 1, 2))
    drawn = [one.query() for _ in range(20)]
    assert drawn == [other.query() for _ in range(20)]
    assert drawn != [third.query() for _ in range(20)]
