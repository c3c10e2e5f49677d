"""JSON as strangers send it, read strictly and in linear time: what a lenient reader would let through is refused."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import Any

from gateway.http.refusals import BadRequest

# Strings are taken whole, closed or not, and never looked at twice: the scan stays linear for any text.
_TOKENS = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


@dataclass(frozen=True, slots=True)
class JsonBounds:
    """How deep arrays and objects may nest, and how many digits a whole number may have."""

    depth: int = 64
    digits: int = 19


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
    _check_depth(text, bounds.depth)

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


def _check_depth(text: str, limit: int) -> None:
    # Nesting cannot exceed the number of opening brackets; most requests end here without a scan.
    if text.count("{") + text.count("[") <= limit:
        return
    depth = 0
    for token in _TOKENS.finditer(text):
        mark = token[0]
        if mark in "[{":
            depth += 1
            if depth > limit:
                raise BadRequest(f"The JSON is nested more than {limit} levels deep.")
        elif mark in "]}":
            depth -= 1


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
        raise BadRequest("A string holds half of a surrogate pair.") from None
