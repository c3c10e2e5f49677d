"""Cutting a page out of an ordered list, with cursors that stay where they are while the list changes."""

from __future__ import annotations

import base64
import json
from bisect import bisect_left, bisect_right
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from gateway.errors import BadUserInput

T = TypeVar("T")

Position = tuple[str | int | float, ...]
Total = int | None | Awaitable[int | None]


@dataclass(frozen=True, slots=True)
class PageArguments:
    """What a caller asks of a connection. Raises BadUserInput when it makes no sense."""

    first: int | None
    after: str | None
    last: int | None
    before: str | None
    most: int

    def __post_init__(self) -> None:
        if self.first is not None and self.last is not None:
            raise BadUserInput("Give first (forward from the start) or last (backward from the end), not both.")
        for name, count in (("first", self.first), ("last", self.last)):
            ensure_count(name, count, self.most)


def ensure_count(name: str, count: int | None, most: int) -> None:
    """Raises BadUserInput unless `count` is None or from 1 to `most`."""
    if count is not None and not 1 <= count <= most:
        raise BadUserInput(f"{name} must be from 1 to {most}; it is {count}.", argument=name)


@dataclass(frozen=True, slots=True)
class PageEdge(Generic[T]):
    node: T
    cursor: str


@dataclass(frozen=True, slots=True)
class PageInfo:
    """Whether there is more on either side, and where this page begins and ends."""

    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A part of an ordered list."""

    nodes: Sequence[T]
    positions: Sequence[Position]
    has_next_page: bool
    has_previous_page: bool
    total: Callable[[], Total]

    @property
    def edges(self) -> list[PageEdge[T]]:
        return [PageEdge(node, encode(place)) for node, place in zip(self.nodes, self.positions, strict=True)]

    @property
    def page_info(self) -> PageInfo:
        start = encode(self.positions[0]) if self.positions else None
        end = encode(self.positions[-1]) if self.positions else None
        return PageInfo(self.has_next_page, self.has_previous_page, start, end)


def cut(
    items: Sequence[T],
    position: Callable[[T], Position],
    page: PageArguments,
    total: Callable[[], Total] | None = None,
    more_behind: bool = False,
) -> Page[T]:
    """The page of `items` that was asked for. `items` are ordered by `position`, which is unique and does not change.

    A cursor holds the position of its item, so that it keeps its place when that item, or others, come and go.
    `more_behind`: `items` is only the beginning of a longer list.
    """
    start = 0 if page.after is None else bisect_right(items, decode(page.after, "after"), key=position)
    end = len(items) if page.before is None else bisect_left(items, decode(page.before, "before"), key=position)
    end = max(start, end)
    if page.last is not None:
        start = max(start, end - page.last)
    elif page.first is not None:
        end = min(end, start + page.first)
    chosen = items[start:end]
    return Page(
        nodes=chosen,
        positions=[position(item) for item in chosen],
        has_next_page=end < len(items) or more_behind,
        has_previous_page=start > 0,
        total=total or (lambda: len(items)),
    )


def encode(position: Position) -> str:
    """A position as an opaque cursor."""
    text = json.dumps(position, separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(cursor: str, argument: str) -> Position:
    """The position in a cursor. Raises BadUserInput for anything that was never one of ours."""
    try:
        parts: Any = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except ValueError:
        raise _not_a_cursor(argument) from None
    if not isinstance(parts, list) or not all(isinstance(part, str | int | float) for part in parts):
        raise _not_a_cursor(argument)
    return tuple(parts)


def _not_a_cursor(argument: str) -> BadUserInput:
    return BadUserInput(
        f"{argument} is not a cursor of this list. Take it from an edge's cursor or from pageInfo.", argument=argument
    )
