"""How the schema's own scalars are written and read."""

from __future__ import annotations

from typing import Any

from graphql import GraphQLError, GraphQLScalarType, GraphQLSchema, IntValueNode, StringValueNode, ValueNode

from gateway.archive.times import iso_millis

_GREATEST = 2**63 - 1  # as far as databases count
_MOST_DIGITS = 20


def bind_scalars(schema: GraphQLSchema, big_ints_as_text: bool) -> None:
    """BigInt as JSON number (or text), DateTime from microseconds, JSON values as they are."""
    big_int = _scalar(schema, "BigInt")
    big_int.coerce_input_value = _read_big_int
    big_int.coerce_input_literal = _read_big_int_literal
    if big_ints_as_text:
        big_int.coerce_output_value = str
    _scalar(schema, "DateTime").coerce_output_value = iso_millis


def _scalar(schema: GraphQLSchema, name: str) -> GraphQLScalarType:
    scalar = schema.type_map[name]
    if not isinstance(scalar, GraphQLScalarType):
        raise TypeError(f"{name} is no scalar in the schema.")
    return scalar


def _read_big_int(value: Any) -> int:
    number = _whole(value)
    if number is None or abs(number) > _GREATEST:
        raise GraphQLError(f"BigInt cannot represent {str(value)[:_MOST_DIGITS]!r}: an integer of 64 bits is needed.")
    return number


def _whole(value: Any) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and len(value) <= _MOST_DIGITS and value.removeprefix("-").isdecimal():
        return int(value)
    return None


def _read_big_int_literal(node: ValueNode, *_: Any) -> int:
    if isinstance(node, IntValueNode | StringValueNode):
        return _read_big_int(node.value)
    raise GraphQLError("BigInt cannot represent this value: an integer is needed.", node)
