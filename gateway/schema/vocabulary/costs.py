"""What fields cost, as directives that routers read too: how long lists are thought to be, which fields are dear.

A field of an object costs 1 and a scalar nothing, unless it says otherwise here. docs/edge.md has the formula.
"""

from __future__ import annotations

from collections.abc import Sequence

import strawberry
from strawberry.federation.schema_directives import Cost, ListSize

_PAGES = ("first", "last")
_LISTS_OF_A_PAGE = ("nodes", "edges")


def paged(usual: int) -> Sequence[object]:
    """Of a connection: as long as its page, `usual` where the caller does not say."""
    return [_list_size(usual, [*_PAGES], [*_LISTS_OF_A_PAGE])]


def sliced_by(argument: str, usual: int) -> Sequence[object]:
    """Of a list with an argument for its length, whose default is `usual`."""
    return [_list_size(usual, [argument])]


def holding(field: str, argument: str, usual: int) -> Sequence[object]:
    """Of an object with a list `field`, as long as an argument of the object says, whose default is `usual`."""
    return [_list_size(usual, [argument], [field])]


def about(size: int) -> Sequence[object]:
    """Of a list whose length nobody can say beforehand."""
    return [_list_size(size)]


def dear(weight: int) -> Sequence[object]:
    """Of a field that costs more than its type does: more facts have to be read for it."""
    return [Cost(weight=weight)]


def _list_size(
    usual: int, slicing: list[str] | None = strawberry.UNSET, sized: list[str] | None = strawberry.UNSET
) -> ListSize:
    # UNSET keeps an argument out of the SDL; composers do not take null.
    # Ours may be left out; routers would refuse a query without one, as the directive is by default.
    return ListSize(
        assumed_size=usual, slicing_arguments=slicing, sized_fields=sized, require_one_slicing_argument=False
    )
