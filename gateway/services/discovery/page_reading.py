"""Reading lists to their end, many side by side: page after page, as far as dbt's cursors lead."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from gateway.errors import GatewayError, UpstreamInvalidResponse
from gateway.services.discovery.base_query import BaseQuery, BatchOperation, RootLookup
from gateway.services.rows.discovery_types import PageInfo

A = TypeVar("A")
A_contra = TypeVar("A_contra", contravariant=True)
N = TypeVar("N")
N_co = TypeVar("N_co", covariant=True)

PAGE_SIZE = 500
"""The most rows dbt gives on one page of an environment's list."""

PAGES_PER_DOCUMENT = 20
"""Twenty pages of 500 are what dbt's own clients take as the most one answer should hold."""

Place = str | None
"""A cursor behind which a page begins; None is the beginning of the list."""


class Reading(Protocol[A_contra]):
    """How far a list has been read."""

    cursor: Place
    done: bool
    failure: GatewayError | None

    def places(self) -> Sequence[Place]:
        """Where to read from next: at `cursor`, and at places where further pages are expected to begin."""
        ...

    def lookup(self, number: int, place: Place) -> RootLookup:
        """Requests the page that begins at a place; `number` distinguishes the lookups of one document."""
        ...

    def take(self, answer: A_contra | None) -> None:
        """Adds the page at `cursor` and moves it, or ends the reading as done or failed."""
        ...


async def read_to_end(
    query: BaseQuery,
    operation: BatchOperation[A],
    readings: Sequence[Reading[A]],
    per_document: int = PAGES_PER_DOCUMENT,
) -> None:
    """Reads until each is done or has a failure, one document for the next pages of up to `per_document` lists. An
    error is the failure of the list it was met in; the others are read on."""
    while unfinished := [reading for reading in readings if _is_unfinished(reading)]:
        asked = [(reading, place) for reading in unfinished for place in reading.places()]
        lookups = [reading.lookup(number, place) for number, (reading, place) in enumerate(asked)]
        answers = await query.look_up(operation, lookups, per_document)
        for (reading, place), lookup in zip(asked, lookups, strict=True):
            # A page counts only where the one before it has ended, be it asked for beside that one or after it.
            if reading.cursor == place and _is_unfinished(reading):
                answer = answers.get(lookup.alias)
                if isinstance(answer, GatewayError):
                    reading.failure = answer
                else:
                    reading.take(answer)


def _is_unfinished(reading: Reading[A]) -> bool:
    return not reading.done and reading.failure is None


class ListEdge(Protocol[N_co]):
    """A place in a page."""

    @property
    def node(self) -> N_co: ...


class ListPage(Protocol[N_co]):
    """A page of a list. Not every list reports how many rows there are in all."""

    @property
    def page_info(self) -> PageInfo | None: ...

    @property
    def total_count(self) -> int | None: ...

    @property
    def edges(self) -> Sequence[ListEdge[N_co]]: ...


@dataclass(frozen=True, slots=True)
class PagedList(Generic[A, N]):
    """A list that every environment has.

    `name` is what it holds, for messages. `selection` is what is selected below the environment, with {arguments} for
    those of the list and {first} for what is selected with its first page only. `page` finds the page in an answer;
    an environment without state has none.
    """

    name: str
    selection: str
    page: Callable[[A], ListPage[N] | None]


@dataclass(frozen=True, slots=True)
class FilterVariable:
    """A filter as the variable of a document. Equal filters of one document have one name."""

    name: str
    type: str
    value: Mapping[str, object]


@dataclass(slots=True)
class PageReading(Generic[A, N]):
    """How far a list of one environment has been read. `marks` are the cursors at which its pages ended when it was
    last read, `seen` those of this reading."""

    environment_id: int
    paged: PagedList[A, N]
    marks: Sequence[str] = ()
    filter: FilterVariable | None = None
    beside_first: str = ""
    first: A | None = None
    nodes: list[N] = field(default_factory=list)
    cursor: Place = None
    seen: dict[str, None] = field(default_factory=dict)
    done: bool = False
    failure: GatewayError | None = None

    def places(self) -> Sequence[Place]:
        """At the beginning also behind the pages there were the last time: what stands there counts if the pages still
        end where they did."""
        return [self.cursor] if self.cursor else [None, *self.marks]

    def lookup(self, number: int, place: Place) -> RootLookup:
        """Asks for a page."""
        variables: dict[str, tuple[str, object]] = {
            f"e{number}": ("BigInt!", self.environment_id),
            f"after{number}": ("String", place),
        }
        arguments = f"first: {PAGE_SIZE}, after: $after{number}"
        if self.filter is not None:
            arguments += f", filter: ${self.filter.name}"
            variables[self.filter.name] = (self.filter.type, dict(self.filter.value))
        selection = self.paged.selection.replace("{first}", "" if place else self.beside_first)
        text = f"environment(id: $e{number}) {{ {selection.replace('{arguments}', arguments)} }}"
        return RootLookup(f"e{number}", text, variables, self.environment_id)

    def take(self, answer: A | None) -> None:
        """Adds a page and notes where the next one begins."""
        if self.cursor is None:
            self.first = answer
        page = None if answer is None else self.paged.page(answer)
        if page is None:
            self.done = True
            return
        self.nodes.extend(edge.node for edge in page.edges)
        info = page.page_info
        if info is not None and not info.has_next_page:
            self.done = True
            self._check_total(page.total_count)
        elif info is None or not info.end_cursor or info.end_cursor in self.seen or not page.edges:
            self.failure = UpstreamInvalidResponse(
                f"dbt says that environment {self.environment_id} has more {self.paged.name} but not where they begin. "
                "Try again."
            )
        else:
            self.cursor = info.end_cursor
            self.seen[info.end_cursor] = None

    def _check_total(self, total: int | None) -> None:
        """dbt may report more rows than its pages held, and fewer where some went while they were read."""
        if total is not None and total > len(self.nodes):
            self.failure = UpstreamInvalidResponse(
                f"dbt says that environment {self.environment_id} has {total:,} {self.paged.name} and gives "
                f"{len(self.nodes):,}. What is missing is not known. Try again; if it stays so, ask dbt's support."
            )


async def read_lists(
    query: BaseQuery, operation: BatchOperation[A], paged: PagedList[A, N], environment_ids: Iterable[int]
) -> dict[int, list[N] | GatewayError]:
    """The whole list of each environment, or the error that stopped its reading."""
    readings = [PageReading(environment_id, paged) for environment_id in environment_ids]
    await read_to_end(query, operation, readings)
    return {reading.environment_id: reading.failure or reading.nodes for reading in readings}
