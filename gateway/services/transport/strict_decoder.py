"""Reading dbt's JSON: typed, and strict where the fast decoder is lenient."""

from __future__ import annotations

import asyncio
import json
from functools import cached_property
from typing import Any, Generic, TypeVar, get_origin

import msgspec
import msgspec.inspect

from gateway.concurrency.struct_decoders import json_decoder

T = TypeVar("T")


# Reading this much takes about a millisecond; more is read beside the event loop, which others wait for.
_AT_ONCE_BYTES = 256 * 1024

# Of less than this the names are read in no time.
_SMALL_BYTES = 4 * 1024


class DoubledKey(ValueError):
    """An object with two values for one key: which of them is meant cannot be known."""


class StrictDecoder(Generic[T]):
    """Reads JSON of one shape. Refuses what is not JSON (NaN too), is of other types, nests too deep, or doubles a key.

    msgspec keeps the last value of a doubled key without a word. Looking for doubled keys in Python takes three times
    as long as decoding, so it is avoided where counting shows that there can be none: what is decoded is encoded again,
    and has as many strings, names and values, as the answer. Every string of it came from one of its own in the answer
    (see `_is_exact`), so a name that was there twice would be a string too many; as would be an unknown one.
    """

    def __init__(self, shape: type[T]) -> None:
        self._shape = shape
        self._decoder = json_decoder(shape)

    @cached_property
    def _exact(self) -> bool:
        return _is_exact(msgspec.inspect.type_info(self._shape))

    def decode(self, body: bytes) -> T:
        """The typed value. Raises msgspec.MsgspecError, RecursionError, or ValueError."""
        value = self._decoder.decode(body)
        if len(body) < _SMALL_BYTES or not self._exact or _quotes(body) != _quotes(msgspec.json.encode(value)):
            json.loads(body, object_pairs_hook=_refuse_doubled)
        return value

    async def decode_aside(self, body: bytes) -> T:
        """The same, without holding up the event loop for long."""
        if len(body) <= _AT_ONCE_BYTES:
            return self.decode(body)
        return await asyncio.to_thread(self.decode, body)


def _quotes(text: bytes) -> int:
    """How many quotes begin or end a string of a JSON text."""
    if b"\\" not in text:
        return text.count(b'"')
    # Of a row of backslashes each second one is escaped by the one before; what is left over escapes what follows.
    single = text.replace(b"\\\\", b"")
    return single.count(b'"') - single.count(b'\\"')


_PLAIN = (
    msgspec.inspect.AnyType,
    msgspec.inspect.BoolType,
    msgspec.inspect.DateTimeType,
    msgspec.inspect.FloatType,
    msgspec.inspect.IntType,
    msgspec.inspect.NoneType,
    msgspec.inspect.StrType,
)


def _is_exact(shape: msgspec.inspect.Type) -> bool:
    """Whether every string in a value of this shape that is encoded again was in the text it was decoded from: no
    field may be reported that was not there, so what has a default is left out when it has it."""
    if isinstance(shape, msgspec.inspect.StructType):
        leaves_out = (get_origin(shape.cls) or shape.cls).__struct_config__.omit_defaults
        return all((leaves_out or field.required) and _is_exact(field.type) for field in shape.fields)
    if isinstance(shape, msgspec.inspect.UnionType):
        return all(map(_is_exact, shape.types))
    if isinstance(shape, msgspec.inspect.ListType):
        return _is_exact(shape.item_type)
    if isinstance(shape, msgspec.inspect.DictType):
        return isinstance(shape.key_type, msgspec.inspect.StrType) and _is_exact(shape.value_type)
    return isinstance(shape, _PLAIN)


def _refuse_doubled(pairs: list[tuple[str, Any]]) -> None:
    if len(dict(pairs)) != len(pairs):
        raise DoubledKey("an object names a key twice")
