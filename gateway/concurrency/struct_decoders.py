"""Decoders of typed values, made by one thread at a time.

msgspec 0.22 learns a struct type when it first meets it, and ends the process when two threads teach it the same type
at once. A decoder that exists already may be used by any thread.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable
from functools import lru_cache
from typing import Any, TypeVar, overload

import msgspec

T = TypeVar("T")

_making = threading.Lock()
_MOST = 512


@lru_cache(maxsize=_MOST)
def _json_decoder(shape: Hashable) -> msgspec.json.Decoder[Any]:
    with _making:
        return msgspec.json.Decoder(shape)


@lru_cache(maxsize=_MOST)
def _msgpack_decoder(shape: Hashable) -> msgspec.msgpack.Decoder[Any]:
    with _making:
        return msgspec.msgpack.Decoder(shape)


@overload
def json_decoder(shape: type[T]) -> msgspec.json.Decoder[T]: ...


@overload
def json_decoder(shape: Any) -> msgspec.json.Decoder[Any]: ...


def json_decoder(shape: Any) -> msgspec.json.Decoder[Any]:
    """Reads JSON of this type."""
    return _json_decoder(shape)


def msgpack_decoder(shape: Any) -> msgspec.msgpack.Decoder[Any]:
    """Reads MessagePack of this type."""
    return _msgpack_decoder(shape)
