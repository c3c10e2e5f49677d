"""How the schema's fields are read from the objects behind them: one table of readers per type, attached to the schema."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from graphql import GraphQLObjectType, GraphQLResolveInfo, GraphQLSchema

Reader = Callable[[Any], Any]
Readers = Mapping[str, Reader]
Resolver = Callable[..., Any]


def attach_readers(schema: GraphQLSchema, type_name: str, readers: Readers) -> None:
    """Lets the fields of a type be read by functions of the object alone."""
    for name, reader in readers.items():
        attach_resolver(schema, type_name, name, _plain(reader))


def attach_resolver(schema: GraphQLSchema, type_name: str, field_name: str, resolver: Resolver) -> None:
    """Lets a field be resolved by `resolver(source, info, **arguments)`. Raises KeyError for an unknown field."""
    object_type = schema.type_map[type_name]
    if not isinstance(object_type, GraphQLObjectType):
        raise TypeError(f"{type_name} is no object type of the schema.")
    object_type.fields[field_name].resolve = resolver


def _plain(reader: Reader) -> Resolver:
    def resolve(source: Any, _info: GraphQLResolveInfo) -> Any:
        return reader(source)

    return resolve
