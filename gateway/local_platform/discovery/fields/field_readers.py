"""How the schema's fields are read from the objects behind them: one table of readers per type."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, runtime_checkable

from graphql import GraphQLField, GraphQLFieldMap, GraphQLObjectType, GraphQLResolveInfo, GraphQLSchema

Reader = Callable[[Any], Any]
Readers = Mapping[str, Reader]
Info: TypeAlias = GraphQLResolveInfo[Any]
Arguments: TypeAlias = Mapping[str, Any]
Resolver = Callable[[Any, Info, Arguments], Any]


@runtime_checkable
class ColumnReader(Protocol):
    """A reader that reads many objects at once in less time than one by one."""

    def __call__(self, source: Any) -> Any:
        """The field's value."""

    def column(self, sources: Sequence[Any]) -> list[Any]:
        """The values of several objects."""


@dataclass(frozen=True, slots=True)
class PlainField:
    """The resolver of a field that is read off its object, and asks nothing else."""

    reader: Reader

    def __call__(self, source: Any, _info: Info) -> Any:
        """The field's value."""
        return self.reader(source)


def attach_readers(schema: GraphQLSchema, type_name: str, readers: Readers) -> None:
    """Lets the fields of a type be read by functions of the object alone."""
    for name, reader in readers.items():
        _field(schema, type_name, name).resolve = PlainField(reader)


def attach_resolver(schema: GraphQLSchema, type_name: str, field_name: str, resolver: Resolver) -> None:
    """Lets a field be resolved by `resolver(source, info, arguments)`. Raises KeyError for an unknown field."""

    def resolve(source: Any, info: Info, **arguments: Any) -> Any:
        return resolver(source, info, arguments)

    _field(schema, type_name, field_name).resolve = resolve


def object_fields(schema: GraphQLSchema, type_name: str) -> GraphQLFieldMap:
    """The fields of an object type. Raises KeyError or TypeError when there is no such type."""
    object_type = schema.type_map[type_name]
    if not isinstance(object_type, GraphQLObjectType):
        raise TypeError(f"{type_name} is no object type of the schema.")
    fields: GraphQLFieldMap = object_type.fields
    return fields


def _field(schema: GraphQLSchema, type_name: str, field_name: str) -> GraphQLField:
    return object_fields(schema, type_name)[field_name]
