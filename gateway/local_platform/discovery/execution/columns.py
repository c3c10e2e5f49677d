"""Values of one field over many objects at once, made ready to be encoded.

graphql-core completes a list object by object and field by field, for some six microseconds a value. Most of these
lists hold objects whose fields are read off them and nothing else; then each field is read of all objects in one pass.
Whatever is not surely what the field's type takes raises; the caller leaves such a list to graphql-core, which knows
what error belongs where.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain, islice
from types import NoneType
from typing import Any, Final

from graphql import (
    GraphQLBoolean,
    GraphQLID,
    GraphQLLeafType,
    GraphQLScalarType,
    GraphQLString,
    Undefined,
    is_enum_type,
)

from gateway.archive.times import iso_millis, iso_millis_of
from gateway.local_platform.discovery.fields.field_readers import ColumnReader, Reader

Values = Sequence[Any]
Column = Callable[[Values], Values]
"""From values to what is encoded in their place, one by one and in order."""


class UnusualValue(Exception):
    """Values are not surely what their field's type takes."""


def leaf_column(type_: GraphQLLeafType) -> Column:
    """A column of scalars or of enum values, as their type writes them."""
    if is_enum_type(type_):
        return lambda values: _enum_names(values, type_.coerce_output_value)
    if isinstance(type_, GraphQLScalarType) and type_.coerce_output_value is GraphQLScalarType.serialize:
        return _as_they_are
    if type_.coerce_output_value is iso_millis:
        return _times
    plain = _PLAIN.get(type_.name, frozenset()) if type_ in _SPECIFIED else frozenset()

    def complete(values: Values) -> Values:
        return values if _kinds(values) <= plain else _written(values, type_.coerce_output_value)

    return complete


def _as_they_are(values: Values) -> Values:
    _kinds(values)
    return values


def _times(values: Values) -> Values:
    if not _kinds(values) <= _TIMES:
        raise UnusualValue
    return iso_millis_of(values)


def _enum_names(values: Values, write: Callable[[Any], Any]) -> Values:
    names = {value: None if value is None else write(value) for value in set(values)}
    return [names[value] for value in values]


def _written(values: Values, write: Callable[[Any], Any]) -> Values:
    done = [None if value is None else write(value) for value in values]
    if type(Undefined) in set(map(type, done)) or done.count(None) != values.count(None):
        raise UnusualValue
    return done


def _kinds(values: Values) -> set[type]:
    """The classes among these values. Raises UnusualValue for errors and functions: graphql-core raises, calls them."""
    kinds = set(map(type, values))
    # mypy takes no abstract class here.
    if any(issubclass(kind, (BaseException, Callable)) for kind in kinds):  # type: ignore[arg-type]
        raise UnusualValue
    return kinds


def list_column(items: Column) -> Column:
    """A column of lists: all their items are one column."""

    def complete(values: Values) -> Values:
        if not _kinds(values) <= _LISTS:
            raise UnusualValue
        present = [value for value in values if value is not None]
        rest = iter(items(list(chain.from_iterable(present))))
        return [None if value is None else list(islice(rest, len(value))) for value in values]

    return complete


def object_column(fields: Mapping[str, Column]) -> Column:
    """A column of objects, as dicts of these fields."""
    names = tuple(fields)

    def complete(values: Values) -> Values:
        _kinds(values)
        if not values:
            return []
        columns = [column(values) for column in fields.values()]
        return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]

    return complete


def nullable(column: Column) -> Column:
    """A column that `column` makes of the values that are there; null stays null."""

    def complete(values: Values) -> Values:
        if None not in values:
            return column(values)
        done = iter(column([value for value in values if value is not None]))
        return [None if value is None else next(done) for value in values]

    return complete


def required(column: Column) -> Column:
    """The same as `column`. Raises UnusualValue for a null."""

    def complete(values: Values) -> Values:
        if any(value is None for value in values):
            raise UnusualValue
        return column(values)

    return complete


def read_column(reader: Reader) -> Column:
    """What `reader` reads off each object."""
    if isinstance(reader, ColumnReader):
        return reader.column
    return lambda sources: [reader(source) for source in sources]


def item_column(name: str) -> Column:
    """What dicts hold under a name. Raises UnusualValue for other objects."""

    def read(sources: Values) -> Values:
        if set(map(type, sources)) != {dict}:
            raise UnusualValue
        return [source.get(name) for source in sources]

    return read


def joined(first: Column, second: Column) -> Column:
    """What `second` makes of what `first` makes."""
    return lambda values: second(first(values))


_SPECIFIED: Final[Iterable[GraphQLLeafType]] = (GraphQLString, GraphQLID, GraphQLBoolean)
_PLAIN: Final[Mapping[str, frozenset[type]]] = {
    "String": frozenset({str, NoneType}),
    "ID": frozenset({str, NoneType}),
    "Boolean": frozenset({bool, NoneType}),
}
_TIMES: Final = {int, NoneType}
_LISTS: Final = {list, tuple, NoneType}
