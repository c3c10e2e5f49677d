"""Decoders of typed values, made by one thread at a time.

msgspec 0.22 learns a struct type when it first meets it, and ends the process when two threads teach it the same type
at once. A decoder that exists already may be used by any thread.
"""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import Any

import msgspec

_making = threading.Lock()
_MOST = 512


@lru_cache(maxsize=_MOST)
def json_decoder(shape: Any) -> msgspec.json.Decoder[Any]:
    """Reads JSON of this type."""
    with _making:
        return msgspec.json.Decoder(shape)


@lru_cache(maxsize=_MOST)
def msgpack_decoder(shape: Any) -> msgspec.msgpack.Decoder[Any]:
    """Reads MessagePack of this type."""
    with _making:
        return msgspec.msgpack.Decoder(shape)
