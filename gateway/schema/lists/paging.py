"""Cutting a page out of an ordered list, with cursors that stay where they are while the list changes.

In an order by a value that the next run changes, an item can move past a cursor and be missed, or be read twice.
Cursors of such orders carry checksums of the ids on either side; a page behind a cursor whose checksum no longer holds
has a note in its usage. Nothing is kept between requests.
"""

from __future__ import annotations

import base64
import json
from bisect import bisect_left, bisect_right
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Generic, TypeVar
from zlib import crc32

from msgspec import Struct
from msgspec.structs import replace

from gateway.concurrency.checkpoints import pieces, sorted_in_pieces
from gateway.errors import BadUserInput
from gateway.hierarchy.lists.ordering import PLACED_ID, PLACED_VALUE, Direction, Order, Position
from gateway.telemetry.usage import current_usage

T = TypeVar("T")

_STEPS_OF_A_CHECKSUM = 0.5

Total = int | None | Awaitable[int | None]
Place = Callable[[], Sequence[str | int]]

_MOVED = (
    "The list is no longer the one this cursor is from, so items may be missing from its pages or come twice. "
    "Read it again from the start, or order it by ID."
)


class PageArguments(Struct, frozen=True):
    """What a caller asks of a connection. Raises BadUserInput when it makes no sense."""

    first: int | None
    after: str | None
    last: int | None
    before: str | None
    most: int

    def __post_init__(self) -> None:
        if self.first is not None and self.last is not None:
            raise BadUserInput(
                "Give first (forward from the start) or last (backward from the end), not both.", argument="last"
            )
        ensure_count("first", self.first, self.most, least=0)
        ensure_count("last", self.last, self.most, least=0)

    @property
    def from_the_start(self) -> int | None:
        """How many items from the start of the list hold the page; None when that cannot be known before reading it."""
        return self.first if self.after is None and self.before is None else None

    @property
    def goes_forward(self) -> bool:
        """Whether it is asked for from the start, or from a cursor on."""
        return self.last is None and self.before is None

    @property
    def after_id(self) -> str | None:
        """The id behind which the page begins, of things that text identifies. Raises BadUserInput."""
        if self.after is None:
            return None
        item_id = decode(self.after, "after")[1:2]
        if not item_id or not isinstance(item_id[0], str):
            raise _not_a_cursor("after")
        return item_id[0]


def ensure_count(name: str, count: int | None, most: int, *, least: int = 1) -> None:
    """Raises BadUserInput unless `count` is None or from `least` to `most`."""
    if count is not None and not least <= count <= most:
        raise BadUserInput(f"{name} must be from {least} to {most}; it is {count}.", argument=name)


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


class Page(Struct, Generic[T], frozen=True):
    """A part of an ordered list. `size` is the length of what is known of the list, `total` counts the whole of it;
    `ahead` and `whole` are the checksums of the ids before the page and of all ids, in a volatile order."""

    nodes: Sequence[T]
    order: Order[T]
    has_next_page: bool
    has_previous_page: bool
    size: int
    total: Callable[[], Total]
    ahead: int = 0
    whole: int = 0

    @property
    def edges(self) -> list[PageEdge[T]]:
        return [PageEdge(node, cursor) for node, cursor in zip(self.nodes, self._cursors(), strict=True)]

    @property
    def page_info(self) -> PageInfo:
        cursors = self._cursors(ends_only=True)
        start, end = (cursors[0], cursors[-1]) if cursors else (None, None)
        return PageInfo(self.has_next_page, self.has_previous_page, start, end)

    def _cursors(self, *, ends_only: bool = False) -> list[str]:
        """The cursors of the nodes, or of the first and the last of them."""
        shown = self.nodes[:: max(1, len(self.nodes) - 1)] if ends_only else self.nodes
        if not self.order.volatile:
            return [encode(self.order.position(node)) for node in shown]
        own = _checksums(self.nodes, self.order)
        upto = list(accumulate(own, initial=self.ahead))[1:]
        sides = [(through, self.whole - through + place) for through, place in zip(upto, own, strict=True)]
        shown_sides = sides[:: max(1, len(sides) - 1)] if ends_only else sides
        return [encode((*self.order.position(node), *side)) for node, side in zip(shown, shown_sides, strict=True)]


@dataclass(frozen=True, slots=True)
class PageView(Generic[T]):
    """A page as a connection reads it; subclasses add what is said of the whole list."""

    page: Page[T]

    @property
    def nodes(self) -> Sequence[T]:
        return self.page.nodes

    @property
    def edges(self) -> list[PageEdge[T]]:
        return self.page.edges

    @property
    def page_info(self) -> PageInfo:
        return self.page.page_info

    @property
    def size(self) -> int:
        return self.page.size


def cut(
    items: Sequence[T],
    order: Order[T],
    page: PageArguments,
    total: Callable[[], Total] | None = None,
    *,
    arrived_in: Order[T] | None = None,
    place: Place = tuple,
    sums: Sequence[int] | None = None,
) -> Page[T]:
    """The page of `items`, put in `order`, that was asked for; they are in it already if it is what they `arrived_in`.

    A cursor holds the position of its item, so that it keeps its place when that item, or others, come and go. `total`
    counts the whole list where `items` is only a part of it. Where items may have moved past a cursor since, a note in
    the usage says so at `place`, the path of the field that asks. `sums` are the checksums of the ordered items, where
    they are known already.
    """
    ordered = items if order is arrived_in else order.sort(items)
    start, end = _bounds(ordered, order, page)
    if sums is None:
        sums = _checksums(ordered, order) if order.volatile else []
    if order.volatile and _has_moved(page, sum(sums[:start]), sum(sums[end:])):
        current_usage().notes.append({"path": list(place()), "orderChanged": True, "message": _MOVED})
    if page.last is not None:
        start = max(start, end - page.last)
    elif page.first is not None:
        end = min(end, start + page.first)
    chosen = ordered[start:end]
    return Page(
        nodes=chosen,
        order=order,
        has_next_page=end < len(ordered),
        has_previous_page=start > 0,
        size=len(items),
        total=total or (lambda: len(items)),
        ahead=sum(sums[:start]),
        whole=sum(sums),
    )


def cut_stretch(items: Sequence[T], order: Order[T], page: PageArguments, ahead: int, behind: int) -> Page[T]:
    """The same of a list of which only `items` have been read, in its order: there are so many `ahead` of them and
    `behind` them, none of which is in the page."""
    of_stretch, size = cut(items, order, page, arrived_in=order), ahead + len(items) + behind
    return replace(
        of_stretch,
        size=size,
        total=lambda: size,
        has_next_page=of_stretch.has_next_page or behind > 0,
        has_previous_page=of_stretch.has_previous_page or ahead > 0,
    )


def _checksums(items: Sequence[T], order: Order[T]) -> list[int]:
    """A number for each id. About 0.3 µs for each; sums of them do not depend on the order within a side."""
    return [crc32(str(order.id(item)).encode(errors="surrogatepass")) for item in items]


def _has_moved(page: PageArguments, ahead: int, behind: int) -> bool:
    """Whether other ids are before `after`, or behind `before`, than when these cursors were made."""
    moved = False
    if page.after is not None:
        moment = decode(page.after, "after")[2:3]
        moved = bool(moment) and moment[0] != ahead
    if page.before is not None:
        moment = decode(page.before, "before")[3:4]
        moved = moved or (bool(moment) and moment[0] != behind)
    return moved


@dataclass(frozen=True, slots=True)
class OrderedItems(Generic[T]):
    """Items in an order, and the checksums of their ids where that is volatile."""

    items: Sequence[T]
    sums: Sequence[int]

    def __len__(self) -> int:
        return len(self.items)


async def put_in_order(items: Sequence[T], order: Order[T]) -> OrderedItems[T]:
    """The items in this order, in pieces between which others have their turn."""
    placed: list[Any] = []
    async for piece in pieces(items):
        placed += order.place(piece)
    ordered = await _in_order(placed, order)
    sums: list[int] = []
    if order.volatile:
        async for piece in pieces(ordered, _STEPS_OF_A_CHECKSUM):
            sums += _checksums(piece, order)
    return OrderedItems(ordered, sums)


async def cut_in_order(
    items: Sequence[T],
    order: Order[T],
    page: PageArguments,
    *,
    arrived_in: Order[T] | None = None,
    place: Place = tuple,
) -> Page[T]:
    """The same, with long lists put in order in pieces between which others have their turn."""
    if order is arrived_in:
        return cut(items, order, page, arrived_in=order, place=place)
    ordered = await put_in_order(items, order)
    return cut(ordered.items, order, page, arrived_in=order, place=place, sums=ordered.sums)


async def _in_order(placed: list[Any], order: Order[T]) -> list[T]:
    """What `Order.sort` makes of items that have been placed."""
    by_id = await sorted_in_pieces(placed, PLACED_ID, reverse=order.ties is Direction.DESC)
    valued = [pair for pair in by_id if pair[0] is not None]
    by_value = await sorted_in_pieces(valued, PLACED_VALUE, reverse=order.direction is Direction.DESC)
    return [item for _, _, item in by_value] + [item for value, _, item in by_id if value is None]


def _bounds(ordered: Sequence[T], order: Order[T], page: PageArguments) -> tuple[int, int]:
    """From where to where `after` and `before` leave the list."""
    if page.after is None and page.before is None:
        return 0, len(ordered)

    def key(item: T) -> tuple[Any, ...]:
        return order.key(order.position(item))

    start, end = 0, len(ordered)
    if page.after is not None:
        start = _seek(bisect_right, ordered, key, _key_of(order, page.after, "after"), "after")
    if page.before is not None:
        end = _seek(bisect_left, ordered, key, _key_of(order, page.before, "before"), "before")
    return start, max(start, end)


def _key_of(order: Order[T], cursor: str, argument: str) -> tuple[Any, ...]:
    position = decode(cursor, argument)
    if len(position) not in (2, 4) or position[1] is None:
        raise _not_a_cursor(argument)
    return order.key(position[:2])


def _seek(bisect: Any, ordered: Sequence[T], key: Any, place: tuple[Any, ...], argument: str) -> int:
    try:
        return int(bisect(ordered, place, key=key))
    except TypeError:
        # Values of another kind: the cursor is from a list in another order.
        raise _not_a_cursor(argument) from None


def encode(position: Position) -> str:
    """A position, and the checksums of both sides where it has them, as an opaque cursor."""
    text = json.dumps(position, separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(cursor: str, argument: str) -> Position:
    """The position in a cursor. Raises BadUserInput for anything that was never one of ours."""
    try:
        parts: Any = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (ValueError, RecursionError):
        raise _not_a_cursor(argument) from None
    if not isinstance(parts, list) or not all(isinstance(part, str | int | float | None) for part in parts):
        raise _not_a_cursor(argument)
    return tuple(parts)


def _not_a_cursor(argument: str) -> BadUserInput:
    return BadUserInput(
        f"{argument} is not a cursor of this list in this order. Take it from an edge's cursor or from pageInfo.",
        argument=argument,
    )
