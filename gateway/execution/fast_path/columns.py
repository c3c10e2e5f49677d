"""Values of one field over many objects at once, checked and made ready to be encoded.

A column is looked at as a whole: the kinds of its values show in one pass whether they go out as they are. Whatever is
not surely what the field's type takes raises; the caller then leaves the objects to graphql-core, which knows what
error belongs where.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum
from itertools import chain, islice
from math import isfinite
from types import NoneType
from typing import Any, Final

import msgspec
from graphql import (
    GRAPHQL_MAX_INT,
    GRAPHQL_MIN_INT,
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLLeafType,
    GraphQLNamedType,
    GraphQLString,
    Undefined,
    is_enum_type,
)
from strawberry.schema.types.base_scalars import isoformat

Values = Sequence[Any]
Column = Callable[[Values], Values]
"""From values to what is encoded in their place, one by one and in order."""

WholeList = Callable[[Values], Any]
"""From the items of one list to what is encoded in its place."""

Kinds = set[type]


class Unsupported(Exception):
    """Values are not surely what their field's type takes. Never leaves this room."""


def leaf_column(type_: GraphQLLeafType, nullable: bool) -> Column:
    """A column of scalars or of enum values, serialised as their type does."""
    if is_enum_type(type_):
        return _enum_column(type_, nullable)
    if type_.coerce_output_value is isoformat:
        return _time_column(nullable)
    fits = _AS_THEY_ARE.get(type_.name, _nothing_fits) if _is_specified(type_) else _nothing_fits

    def complete(values: Values) -> Values:
        kinds = kinds_of(values, nullable)
        return values if fits(values, kinds) else _serialised(values, kinds, type_.coerce_output_value)

    return complete


def _time_column(nullable: bool) -> Column:
    """Times in ISO 8601. Of those in UTC the JSON encoder writes many at once, seven times as fast as `isoformat` one
    by one; it ends them with Z where `isoformat` says +00:00."""
    encode, decode = msgspec.json.Encoder().encode, msgspec.json.Decoder(list[str | None]).decode

    def complete(values: Values) -> Values:
        kinds = kinds_of(values, nullable)
        if not kinds <= {datetime, NoneType}:
            return _serialised(values, kinds, isoformat)
        if {value.tzinfo for value in values if value is not None} <= {UTC}:
            return decode(encode(values).replace(b'Z"', b'+00:00"'))
        return [None if value is None else value.isoformat() for value in values]

    return complete


def _serialised(values: Values, kinds: Kinds, serialise: Callable[[Any], Any]) -> Values:
    if not kinds <= _SERIALISABLE:
        raise Unsupported
    done = [None if value is None else serialise(value) for value in values]
    if any(after is Undefined or (after is None) != (value is None) for value, after in zip(values, done, strict=True)):
        raise Unsupported
    return done


def _enum_column(type_: GraphQLEnumType, nullable: bool) -> Column:
    # Members are the same objects wherever they come from, and hashing an Enum member costs more than looking it up.
    members: Iterable[Enum] = getattr(type_, "wrapped_cls", ())
    names: Mapping[int, str | None] = {id(member): type_.coerce_output_value(member) for member in members}
    if nullable:
        names = {**names, id(None): None}

    def complete(values: Values) -> Values:
        return list(map(names.__getitem__, map(id, values)))

    return complete


def list_column(items: Column, nullable: bool, whole: WholeList) -> Column:
    """A column of lists: all their items are one column. One list by itself is taken as a `whole`."""

    def complete(values: Values) -> Values:
        if not kinds_of(values, nullable) <= _LISTS:
            raise Unsupported
        if len(values) == 1 and values[0] is not None:
            return (whole(values[0]),)
        present = [value for value in values if value is not None]
        flat = list(chain.from_iterable(present))
        done = items(flat)
        if done is flat:
            return values
        rest = iter(done)
        return [None if value is None else list(islice(rest, len(value))) for value in values]

    return complete


def sparse(column: Column, nullable: bool) -> Column:
    """A column that `column` makes of the values that are there; null stays null."""

    def complete(values: Values) -> Values:
        if NoneType not in kinds_of(values, nullable):
            return column(values)
        done = iter(column([value for value in values if value is not None]))
        return [None if value is None else next(done) for value in values]

    return complete


def kinds_of(values: Values, nullable: bool) -> Kinds:
    """The classes among these values. Raises Unlike for a null where none may be."""
    kinds = set(map(type, values))
    if not nullable and NoneType in kinds:
        raise Unsupported
    return kinds


def _is_specified(type_: GraphQLNamedType) -> bool:
    """Whether it is one of GraphQL's own scalars, not another of the same name."""
    return type_ in (GraphQLString, GraphQLID, GraphQLBoolean, GraphQLFloat, GraphQLInt)


def _nothing_fits(_values: Values, _kinds: Kinds) -> bool:
    return False


def _texts(_values: Values, kinds: Kinds) -> bool:
    return kinds <= {str, NoneType}


def _truths(_values: Values, kinds: Kinds) -> bool:
    return kinds <= {bool, NoneType}


def _finite_floats(values: Values, kinds: Kinds) -> bool:
    # Sums of finite values may overflow, but only finite ones have a finite sum; filter leaves out zeros and nulls.
    return kinds <= {float, NoneType} and isfinite(sum(filter(None, values)))


def _small_ints(values: Values, kinds: Kinds) -> bool:
    if not kinds <= {int, NoneType}:
        return False
    present = [value for value in values if value is not None]
    return not present or (min(present) >= GRAPHQL_MIN_INT and max(present) <= GRAPHQL_MAX_INT)


_AS_THEY_ARE: Final[Mapping[str, Callable[[Values, Kinds], bool]]] = {
    "String": _texts,
    "ID": _texts,
    "Boolean": _truths,
    "Float": _finite_floats,
    "Int": _small_ints,
}
_LISTS: Final = {list, tuple, NoneType}
# Classes of plain values. Any other may be an error, an awaitable, or something that only graphql-core can judge.
_SERIALISABLE: Final = {str, int, float, bool, datetime, dict, list, tuple, NoneType}
