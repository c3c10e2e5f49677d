"""Cursors: what existed throughout a walk over the pages is seen exactly once, whatever comes and goes meanwhile."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import BadUserInput
from gateway.hierarchy.lists.ordering import Direction, Order
from gateway.schema.lists.paging import PageArguments, cut, decode, encode

Item = tuple[float | None, str]
VALUES = st.one_of(st.none(), st.sampled_from([0.0, 1.0, 1.5]), st.floats(allow_nan=False, allow_infinity=False))
ITEMS = st.lists(st.tuples(VALUES, st.text(min_size=1, max_size=3)), max_size=12, unique_by=lambda item: item[1])
ORDERS = st.sampled_from([Order(lambda item: item[0], lambda item: item[1], direction) for direction in Direction])
MOST = 100


@pytest.mark.slow
@given(st.lists(st.one_of(st.none(), st.integers(), st.text(), st.floats(allow_nan=False)), min_size=2, max_size=2))
def test_a_position_comes_back_out_of_its_cursor(position: list[float | int | str | None]) -> None:
    assert decode(encode(tuple(position)), "after") == tuple(position)


@given(st.text())
def test_any_text_is_a_cursor_or_refused(text: str) -> None:
    with contextlib.suppress(BadUserInput):
        assert isinstance(decode(text, "after"), tuple)


@pytest.mark.slow
@given(st.data(), ITEMS, ORDERS, st.integers(1, 4))
def test_a_walk_forwards_sees_what_stayed_exactly_once(
    data: st.DataObject, items: list[Item], order: Order[Item], size: int
) -> None:
    stayed, seen, after = set(items), [], None
    present = list(items)
    for turn in range(40):
        page = cut(present, order, PageArguments(size, after, None, None, MOST))
        seen += list(page.nodes)
        after = page.page_info.end_cursor or after
        if not page.has_next_page:
            break
        if turn < 6:
            present = data.draw(changed(present))
            stayed &= set(present)
    else:
        pytest.fail("the walk did not end")
    assert [item for item in seen if item in stayed] == order.sort(stayed)


@pytest.mark.slow
@given(st.data(), ITEMS, ORDERS, st.integers(1, 4))
def test_a_walk_backwards_sees_what_stayed_exactly_once(
    data: st.DataObject, items: list[Item], order: Order[Item], size: int
) -> None:
    stayed, seen, before = set(items), [], None
    present = list(items)
    for turn in range(40):
        page = cut(present, order, PageArguments(None, None, size, before, MOST))
        seen = [*page.nodes, *seen]
        before = page.page_info.start_cursor or before
        if not page.has_previous_page:
            break
        if turn < 6:
            present = data.draw(changed(present))
            stayed &= set(present)
    else:
        pytest.fail("the walk did not end")
    assert [item for item in seen if item in stayed] == order.sort(stayed)


@st.composite
def changed(draw: st.DrawFn, items: list[Item]) -> list[Item]:
    """The list with some items gone; new ones have new names."""
    kept = [item for item in items if draw(st.integers(0, 9)) > 1]
    taken = {item[1] for item in items}
    fresh = draw(st.lists(st.tuples(VALUES, st.text(min_size=1, max_size=3)), max_size=1))
    return kept + [item for item in fresh if item[1] not in taken]


@pytest.mark.slow
@given(ITEMS, ORDERS, st.integers(1, 5))
def test_pages_say_truly_whether_there_is_more(items: list[Item], order: Order[Item], size: int) -> None:
    whole = order.sort(items)
    first = cut(items, order, PageArguments(size, None, None, None, MOST))
    last = cut(items, order, PageArguments(None, None, size, None, MOST))
    assert list(first.nodes) == whole[:size]
    assert list(last.nodes) == whole[-size:]
    assert first.has_next_page is last.has_previous_page is (len(items) > size)
    assert first.total() == last.total() == len(items)


@pytest.mark.slow
@given(ITEMS)
def test_no_value_stands_last_in_both_directions(items: list[Item]) -> None:
    for direction in Direction:
        order: Order[Item] = Order(lambda item: item[0], lambda item: item[1], direction)
        values = [value for value, _ in order.sort(items)]
        known = [value for value in values if value is not None]
        assert values == known + [None] * (len(values) - len(known))
        assert known == sorted(known, reverse=direction is Direction.DESC)
