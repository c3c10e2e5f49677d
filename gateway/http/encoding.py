"""Responses as JSON bytes, bounded: a large answer is encoded piece by piece and given up where it passes the bound."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from gateway.concurrency.checkpoints import checkpoint
from gateway.http.errors import LimitExceeded

LIMIT = "response_bytes"
# A list within a list within an object: deep enough to reach the long lists of an answer.
_OPENED_LEVELS = 6
_LONG = 50
_PIECES_AT_ONCE = 500


def encode_within(content: Mapping[str, Any], most: int | None, *, in_pieces: bool) -> bytes:
    """The JSON of a response. Raises LimitExceeded when it is longer than `most` bytes.

    `in_pieces` for answers that may be long: then no more than the bound is ever built. One piece is faster.
    """
    if most is None or not in_pieces:
        encoded = msgspec.json.encode(content)
        if most is not None and len(encoded) > most:
            raise too_long(most)
        return encoded
    return b"".join(_bounded(content, most))


async def encode_in_turns(content: Mapping[str, Any], most: int | None) -> bytes:
    """The same of an answer that may be long, with others let on in between."""
    built: list[bytes | memoryview] = []
    for piece in _bounded(content, math.inf if most is None else most):
        if len(built) % _PIECES_AT_ONCE == 0:
            await checkpoint(_PIECES_AT_ONCE * 2)
        built.append(piece)
    return b"".join(built)


def _bounded(content: Mapping[str, Any], most: float) -> Iterator[bytes | memoryview]:
    length = 0
    for piece in _pieces(content, _OPENED_LEVELS):
        length += len(piece)
        if length > most:
            raise too_long(int(most))
        yield piece


def too_long(most: int) -> LimitExceeded:
    """The refusal of an answer that has more than so many bytes."""
    return LimitExceeded(
        f"The answer is longer than {most} bytes. Ask for fewer items in lists, or for fewer fields of them.",
        limit=LIMIT,
        most=most,
    )


def _pieces(value: Any, levels: int) -> Iterator[bytes | memoryview]:
    """The same bytes as in one piece: objects are opened down to some level, long lists are taken item by item."""
    if levels and isinstance(value, Mapping) and value:
        opening = b"{"
        for name, item in value.items():
            yield opening + msgspec.json.encode(name) + b":"
            yield from _pieces(item, levels - 1)
            opening = b","
        yield b"}"
    elif isinstance(value, Sequence) and not isinstance(value, str) and len(value) >= _LONG:
        opening = b"["
        for item in value:
            yield opening
            yield msgspec.json.encode(item)
            opening = b","
        yield b"]"
    elif isinstance(value, msgspec.Raw):
        # Encoded already, and perhaps long: not to be copied once more.
        yield memoryview(value)
    else:
        yield msgspec.json.encode(value)
