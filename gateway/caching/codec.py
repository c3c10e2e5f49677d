"""Facts as bytes, for what outlives the process or is shared with another: typed on the way back, never executed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

from gateway.concurrency.struct_decoders import msgpack_decoder

V = TypeVar("V")


def key_text(key: object) -> str:
    """A key in a form that is the same in every process."""
    return msgspec.json.encode(key).decode()


def _as_it_is(value: Any) -> Any:
    return value


@dataclass(frozen=True, slots=True)
class Codec(Generic[V]):
    """How a value becomes MessagePack and back: the type that `pack` makes of it, and `unpack` takes.

    `seconds` is how long it is worth keeping outside.
    """

    shape: Any
    pack: Callable[[V], Any] = _as_it_is
    unpack: Callable[[Any], V] = _as_it_is
    seconds: float = 3_600.0

    def to_bytes(self, value: V) -> bytes:
        return msgspec.msgpack.encode(self.pack(value))

    def from_bytes(self, payload: bytes) -> V | None:
        """The value; None for bytes of another shape."""
        try:
            return self.unpack(msgpack_decoder(self.shape).decode(payload))
        except (msgspec.MsgspecError, ValueError, TypeError, RecursionError):
            return None
