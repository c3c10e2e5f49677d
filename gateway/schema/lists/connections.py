"""Connections as GitHub has them: `nodes` beside `edges`, with an exact `totalCount`."""

from __future__ import annotations

from typing import Annotated, Generic, TypeVar

import strawberry
from strawberry import UNSET

from gateway.schema.lists import paging

T = TypeVar("T")

DEFAULT_PAGE = 100
PROJECTS_PAGE = 25
"""So that the whole hierarchy, every list of it with `first` left out, is within the limit on costs: 25 projects, their
100 models and 100 jobs with 10 runs each."""
RUNS_PAGE = 10
JOBS_OF_A_MODEL = 10
REMOVED_PAGE = 20
CHANGES_PAGE = 10
LARGEST_PAGE = 5_000


def _first(usual: int, most: int = LARGEST_PAGE) -> str:
    return f"Return at most this many items, from the start or after `after`; 0 to {most}. Returns {usual} if left out."


First = Annotated[int | None, strawberry.argument(description=_first(DEFAULT_PAGE))]
FirstProjects = Annotated[int | None, strawberry.argument(description=_first(PROJECTS_PAGE))]
FirstRuns = Annotated[int | None, strawberry.argument(description=_first(RUNS_PAGE, 500))]
FirstRunsOfModel = Annotated[int | None, strawberry.argument(description=_first(RUNS_PAGE, 100))]
FirstJobsOfModel = Annotated[int | None, strawberry.argument(description=_first(JOBS_OF_A_MODEL))]
FirstRemoved = Annotated[int | None, strawberry.argument(description=_first(REMOVED_PAGE))]
FirstChanged = Annotated[int | None, strawberry.argument(description=_first(CHANGES_PAGE))]
After = Annotated[str | None, strawberry.argument(description="Return items after this cursor.")]
Last = Annotated[
    int | None,
    strawberry.argument(
        description="Return at most this many items, back from the end or from `before`; as many as `first` may be."
    ),
]
Before = Annotated[str | None, strawberry.argument(description="Return items before this cursor.")]

_PAGE = "A page of an ordered list. Ask for nodes, or for edges when you need every item's cursor."
_NODES = "The items on this page."
_EDGES = "The items on this page with their cursors."
_PAGE_INFO = "Whether there is more, and the cursors of this page's ends."


@strawberry.federation.type(
    shareable=True, description="Whether there is more on either side of a page, and the cursors of its ends."
)
class PageInfo:
    has_next_page: bool = strawberry.field(description="True when there are items after this page.")
    has_previous_page: bool = strawberry.field(description="True when there are items before this page.")
    start_cursor: str | None = strawberry.field(description="Cursor of the first item; null on an empty page.")
    end_cursor: str | None = strawberry.field(description="Cursor of the last item; null on an empty page.")


@strawberry.type(description="An item of a page with its cursor.")
class Edge(Generic[T]):
    node: T = strawberry.field(description="The item.")
    cursor: str = strawberry.field(description="The position of the item; pass it as `after` or `before`.")


@strawberry.type(description=_PAGE)
class Connection(Generic[T]):
    nodes: list[T] = strawberry.field(description=_NODES)
    edges: list[Edge[T]] = strawberry.field(description=_EDGES)
    page_info: PageInfo = strawberry.field(description=_PAGE_INFO)

    @strawberry.field(description="Number of items on all pages.")
    def total_count(self, parent: strawberry.Parent[paging.Page[T]]) -> int:
        return parent.size


@strawberry.type(name="Connection", description=_PAGE)
class PartlyKnownConnection(Generic[T]):
    """A connection to a list of which only the newest end is looked at, so that its length may be unknown."""

    nodes: list[T] = strawberry.field(description=_NODES)
    edges: list[Edge[T]] = strawberry.field(description=_EDGES)
    page_info: PageInfo = strawberry.field(description=_PAGE_INFO)

    @strawberry.field(description="Number of items on all pages; null where dbt cannot say.")
    async def total_count(self, parent: strawberry.Parent[paging.Page[T]]) -> int | None:
        total = parent.total()
        return total if total is None or isinstance(total, int) else await total


def page_arguments(
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
    most: int = LARGEST_PAGE,
    *,
    default: int = DEFAULT_PAGE,
) -> paging.PageArguments:
    """What a caller asked for, UNSET taken as None; without first and last, the first `default`."""
    first = None if first is UNSET else first
    last = None if last is UNSET else last
    if first is None and last is None:
        first = min(default, most)
    after = None if after is UNSET else after
    before = None if before is UNSET else before
    return paging.PageArguments(first, after, last, before, most)
