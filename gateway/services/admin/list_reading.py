"""Reads a list of the Admin API, a few pages at a time, as far as its pages agree with the total that dbt reports."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from gateway.errors import UpstreamCallsExceeded, UpstreamInvalidResponse
from gateway.services.admin.list_pages import AdminRows
from gateway.telemetry.upstream_note import UpstreamNote
from gateway.telemetry.usage import current_usage

FULL_PAGE = 100
"""The most rows dbt's Admin API gives on one page."""

PAGES_AT_ONCE = 5
"""Pages of one list that are asked for side by side."""

ROWS_LEFT_OUT = "ROWS_LEFT_OUT"
VALUES_LEFT_OUT = "VALUES_LEFT_OUT"

_ATTEMPTS = 3


class Identified(Protocol):
    """A row of a list."""

    @property
    def id(self) -> int: ...


R = TypeVar("R", bound=Identified)

ReadPage = Callable[[int], Awaitable[AdminRows[R]]]
"""Reads the page that begins at an offset."""


@dataclass(slots=True)
class ListReading(Generic[R]):
    """How far a list has been read. `name` is its path, for messages; `most_rows` is where reading may end before the
    list does, None: nowhere; `most_calls` is how many requests to dbt the operation may cause in all.

    `total` is None where dbt reports no total; `complete` says whether the list was read to its end, `left_out` how
    many of its rows could not be read, `damaged` from how many a value could not.
    """

    name: str
    most_rows: int | None
    most_calls: int | None
    rows: dict[int, R] = field(default_factory=dict)
    total: int | None = 0
    complete: bool = False
    left_out: int = 0
    damaged: int = 0
    _received: int = 0
    _step: int = 0

    async def read(self, read_page: ReadPage[R]) -> None:
        """Reads to the end. Raises what `read_page` raises, UpstreamCallsExceeded before the pages that are one
        request too many, and UpstreamInvalidResponse where pages and total contradict each other, or the list shrinks
        each time it is read."""
        for _ in range(_ATTEMPTS):
            if await self._read_once(read_page):
                return
        raise UpstreamInvalidResponse(
            f"Rows of {self.name} in dbt's Admin API were deleted each of the {_ATTEMPTS} times it was read, so that "
            "others may be missing. Try again."
        )

    async def _read_once(self, read_page: ReadPage[R]) -> bool:
        """False where the list shrank meanwhile: pages begin at offsets, so a row may have moved onto a page that was
        read before. A row added in the same moment hides one that was deleted."""
        self.rows, self._received, self.left_out, self.damaged = {}, 0, 0, 0
        first = await read_page(0)
        self._step, self.total = first.received, first.total
        self._take(first)
        if self.total is None:
            await self._read_until_short(read_page)
            return True
        while self._received < self._end:
            self._check_calls()
            ahead = [self._received + n * self._step for n in range(PAGES_AT_ONCE)]
            offsets = [offset for offset in ahead if offset < self._end]
            pages = await asyncio.gather(*(read_page(offset) for offset in offsets))
            for offset, page in zip(offsets, pages, strict=True):
                if page.total is not None and self.total is not None and page.total < self.total:
                    return False
                # After a page that was shorter than the first the others do not begin where it ended.
                if offset == self._received:
                    self._take(page)
        self.complete = self._received >= (self.total or 0)
        return True

    async def _read_until_short(self, read_page: ReadPage[R]) -> None:
        """Where dbt reports no total: reads page after page until one is shorter than the first."""
        while self._step and (self.most_rows is None or self._received < self.most_rows):
            known, received = len(self.rows), self._received
            page = await read_page(self._received)
            self._take(page)
            if len(self.rows) == known and page.received == self._step == received:
                # The first page again: this list has no pages, and was whole, unless it ended where pages do.
                if self._step == FULL_PAGE:
                    raise self._contradiction(None)
                break
            if page.received < self._step:
                break
        else:
            self.complete = not self._step
            return
        self.complete = True

    @property
    def _end(self) -> int:
        total = self.total or 0
        return total if self.most_rows is None else min(total, self.most_rows)

    def _take(self, page: AdminRows[R]) -> None:
        """Adds a page. Rows that were added to the list meanwhile push others onto the next page: each counts once."""
        known = len(self.rows)
        self.rows |= {row.id: row for row in page.rows}
        self._received += page.received
        self.left_out += page.left_out
        self.damaged += page.damaged
        if self.total is None:
            return
        self.total = self.total if page.total is None else page.total
        nothing_new = len(self.rows) == known and not page.left_out and self._received < self.total
        if nothing_new or self._received > self.total:
            raise self._contradiction(self.total)

    def _contradiction(self, total: int | None) -> UpstreamInvalidResponse:
        says = f"has {total:,} entries" if total is not None else "has more than one page"
        return UpstreamInvalidResponse(
            f"dbt's Admin API says that {self.name} {says} and gives {len(self.rows):,}. What "
            "is missing is not known. Try again; if it stays so, ask dbt's support."
        )

    def _check_calls(self) -> None:
        """Of a list that takes more requests than the operation may cause not even the second page is asked for."""
        if self.most_calls is None:
            return
        usage = current_usage()
        made = usage.discovery_requests + usage.admin_requests
        needed = -(-(self._end - self._received) // self._step)
        if made + needed > self.most_calls:
            raise UpstreamCallsExceeded(
                f"dbt's Admin API says that {self.name} has {self.total or 0:,} entries, {self._step:,} a page: to "
                f"read them takes more than the {self.most_calls:,} requests that an operation may cause. The operator "
                "may raise GATEWAY_CALLS_PER_OPERATION.",
                most=self.most_calls,
            )


def notes_of_list(what: str, reading: ListReading[R]) -> tuple[UpstreamNote, ...]:
    """What a list lacks; `what` names its rows."""
    notes = []
    if reading.left_out:
        message = (
            f"dbt's list of {what} contains rows that cannot be read (for example a job without an environment): "
            "they are left out. The gateway's log names them; gateway doctor does too."
        )
        notes.append(UpstreamNote(ROWS_LEFT_OUT, message, missing=reading.left_out))
    if reading.damaged:
        message = f"Values in dbt's list of {what} cannot be read: they are null. The gateway's log says which."
        notes.append(UpstreamNote(VALUES_LEFT_OUT, message, missing=reading.damaged))
    return tuple(notes)
