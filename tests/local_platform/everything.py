"""Documents that ask for everything: every field of a type and of what it holds, down to a depth."""

from __future__ import annotations

from collections.abc import Iterator

from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_leaf_type,
    is_required_argument,
)

# What required arguments are given; lineage and resources ask for every type but the hundreds of macros.
_TYPES = "Exposure Metric Model SavedQuery Seed SemanticModel Snapshot Source Test"
_ARGUMENTS = {
    "lineage": f"filter: {{types: [{_TYPES}]}}",
    "resources": f"filter: {{types: [{_TYPES}]}}",
    "packages": "resource: model",
    "owners": "resource: exposure",
    "ancestors": "types: [Model Source Seed Snapshot Exposure]",
    "exposureTile": "filter: {}",
}


def all_fields(schema: GraphQLSchema, type_name: str, depth: int) -> str:
    """A selection of every field of a type that needs no argument we cannot know."""
    return "{ " + " ".join(_fields(schema, schema.type_map[type_name], depth, "")) + " }"


def _fields(schema: GraphQLSchema, named: GraphQLNamedType, depth: int, prefix: str) -> Iterator[str]:
    yield "__typename"
    if isinstance(named, GraphQLInterfaceType):
        for number, possible in enumerate(sorted(schema.get_possible_types(named), key=lambda each: each.name)):
            inner = " ".join(_fields(schema, possible, depth, f"t{number}_"))
            yield f"... on {possible.name} {{ {inner} }}"
    elif isinstance(named, GraphQLObjectType):
        for name, field in named.fields.items():
            yield from _field(schema, name, field, depth, prefix)


def _field(schema: GraphQLSchema, name: str, field: GraphQLField, depth: int, prefix: str) -> Iterator[str]:
    arguments = _ARGUMENTS.get(name, "")
    if any(is_required_argument(argument) for argument in field.args.values()) and not arguments:
        return
    if not field.args or (name == "ancestors" and "types" not in field.args):
        arguments = ""
    call = f"{prefix}{name}: {name}" + (f"({arguments})" if arguments else "")
    named = get_named_type(field.type)
    if is_leaf_type(named):
        yield call
    elif depth > 0:
        yield call + " { " + " ".join(_fields(schema, named, depth - 1, prefix)) + " }"
