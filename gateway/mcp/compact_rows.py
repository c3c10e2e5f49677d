"""Makes answers short enough for an agent: no wrappers, no nulls, milliseconds at most, and at most so many bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.mcp.tool import CONNECTION_FIELD, value_at

MOST_BYTES = 24 * 1024
# For errors, notes, and what says that an answer was cut.
_RESERVED = 3 * 1024
_LONGEST_TEXT = 600
_SHORTEST_TEXT = 200
_FEWEST_NESTED = 3


@dataclass(frozen=True, slots=True)
class RowPage:
    """Rows of one answer. `cursor` is the place of the next row, None where all that follow are here."""

    content: dict[str, Any]
    cursor: int | None


def compact(value: Any) -> Any:
    """A value without what says nothing: connections become lists, objects with one scalar that scalar, nulls go.

    Numbers keep three decimals (milliseconds), texts their first 600 characters.
    """
    if isinstance(value, float):
        return round(value, 3)
    if isinstance(value, str):
        return shortened(value, _LONGEST_TEXT)
    if isinstance(value, list | tuple):
        return [compact(item) for item in value]
    if isinstance(value, Mapping):
        return _compact_object(value)
    return value


def _compact_object(value: Mapping[str, Any]) -> Any:
    selected = {name: held for name, held in value.items() if name != "__typename"}
    if set(selected) == {CONNECTION_FIELD}:
        return compact(selected[CONNECTION_FIELD])
    if len(selected) == 1:
        (single,) = selected.values()
        if not isinstance(single, Mapping | list | tuple):
            return compact(single)
    named = {("rows" if name == CONNECTION_FIELD else name): compact(held) for name, held in selected.items()}
    return {name: held for name, held in named.items() if held is not None}


def shortened(text: str, most: int) -> str:
    """At most so many characters of a text, and how many are missing."""
    return text if len(text) <= most else f"{text[:most]} … ({len(text) - most:,} more characters)"


def page_of(data: Mapping[str, Any], path: tuple[str, ...], offset: int) -> RowPage:
    """The rows at `path` from `offset` on, as many as fit, with everything around them."""
    content: dict[str, Any] = {name: compact(held) for name, held in data.items()}
    rows = _rows_at(content, path)
    if not isinstance(rows, list):
        return RowPage(_cut_below(content), None)
    following = rows[offset:]
    fitting = _most_that_fit(content, rows, following)
    if not fitting and following:
        following = [_cut_below(row) for row in following]
        fitting = _most_that_fit(content, rows, following)
    rows[:] = following[:fitting]
    cursor = offset + fitting if fitting < len(following) else None
    return RowPage(content if _size(content) <= MOST_BYTES - _RESERVED else _cut_below(content), cursor)


def _rows_at(content: dict[str, Any], path: tuple[str, ...]) -> Any:
    held = value_at(content, path)
    return held.get("rows") if isinstance(held, dict) else held


def _most_that_fit(content: dict[str, Any], rows: list[Any], following: list[Any]) -> int:
    """How many of the rows fit beside the rest."""
    rows[:] = []
    left = MOST_BYTES - _RESERVED - _size(content)
    for place, row in enumerate(following):
        left -= _size(row) + 1
        if left < 0:
            return place
    return len(following)


def _cut_below(value: Any) -> Any:
    """A value with short texts and the first few items of each list in it, where it is longer than an answer may be."""
    if isinstance(value, str):
        return shortened(value, _SHORTEST_TEXT)
    if _size(value) <= MOST_BYTES // 4:
        return value
    if isinstance(value, list):
        items = [_cut_below(item) for item in value[:_FEWEST_NESTED]]
        return [*items, f"… ({len(value) - len(items):,} more)"] if len(value) > len(items) else items
    if isinstance(value, dict):
        return {name: _cut_below(held) for name, held in value.items()}
    return value


def encoded(content: Any) -> str:
    """The content as JSON, without spaces."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"), default=str)


def _size(content: Any) -> int:
    return len(encoded(content).encode())
