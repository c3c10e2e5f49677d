"""JSON as strangers send it, read strictly and in linear time: what a lenient reader would let through is refused."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from gateway.http.errors import BadRequest

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_OTHERS = bytes(byte for byte in range(256) if byte not in b"[]{},")
_STEPS = bytes.maketrans(b"[{]},", b"\x01\x01\xff\xff\x00")
_OPENS, _STAYS = b"\x01", b"\x00"


@dataclass(frozen=True, slots=True)
class JsonBounds:
    """How deep arrays and objects may nest, how many digits a whole number may have, how many values there may be."""

    depth: int = 64
    digits: int = 19
    values: int = 25_000


def read_json(raw: bytes, bounds: JsonBounds) -> Any:
    """The value of a UTF-8 JSON text. Refuses NaN, infinities, doubled keys, lone surrogates and what exceeds `bounds`.

    Raises BadRequest.
    """
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise BadRequest("The body is not valid UTF-8.") from None
    return read_json_text(text, bounds)


def read_json_text(text: str, bounds: JsonBounds) -> Any:
    """Like `read_json`, for text that is already decoded."""
    _check_shape(text, bounds)

    def whole_number(literal: str) -> int:
        if len(literal.lstrip("-")) > bounds.digits:
            raise BadRequest(f"A whole number has more than {bounds.digits} digits.")
        return int(literal)

    try:
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=whole_number,
            parse_float=_finite_number,
            parse_constant=_refuse_constant,
        )
    except json.JSONDecodeError as broken:
        raise BadRequest(f"This is not valid JSON: {broken.msg} at character {broken.pos}.") from None
    if _SURROGATE.search(text):
        _check_surrogates(value)
    return value


def _check_shape(text: str, bounds: JsonBounds) -> None:
    # Nesting cannot exceed the number of opening brackets; most requests end here without a look.
    if text.count("{") + text.count("[") <= bounds.depth and len(text) <= bounds.values:
        return
    # A body may hold a hundred thousand of them: they are counted without a line of Python for each.
    steps = _steps(text)
    if steps.count(_OPENS) + steps.count(_STAYS) > bounds.values:
        raise BadRequest(f"The JSON holds more than {bounds.values} values.")
    if max(accumulate(memoryview(steps).cast("b")), default=0) > bounds.depth:
        raise BadRequest(f"The JSON is nested more than {bounds.depth} levels deep.")


def _steps(text: str) -> bytes:
    """A byte for each bracket, brace and comma that is in none of the strings of a JSON text: 1 for one that opens, -1
    for one that closes, 0 for a comma."""
    # Without what is escaped, every second piece between quotation marks is a string.
    outside = text.replace("\\\\", "").replace('\\"', "").split('"')[::2]
    return "".join(outside).encode().translate(_STEPS, _OTHERS)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise BadRequest("A JSON object has the same key twice.")
    return value


def _finite_number(literal: str) -> float:
    number = float(literal)
    if math.isinf(number):
        raise BadRequest("A number is too large.")
    return number


def _refuse_constant(_literal: str) -> Any:
    raise BadRequest("NaN and Infinity are not JSON.")


def _check_surrogates(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise BadRequest("A string contains a lone surrogate.") from None
