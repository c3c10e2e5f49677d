"""Reading a list of the Admin API: a few pages at a time, as far as its pages bear out the total that it tells."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from gateway.errors import UpstreamCallsExceeded, UpstreamInvalidResponse
from gateway.services.admin.admin_types import AdminPage
from gateway.telemetry.usage import current_usage

PAGES_AT_ONCE = 5
"""Pages of one list that are asked for side by side."""

_ATTEMPTS = 3


class Identified(Protocol):
    """A row of a list."""

    @property
    def id(self) -> int: ...


R = TypeVar("R", bound=Identified)

ReadPage = Callable[[int], Awaitable[AdminPage[R]]]
"""Reads the page that begins at an offset."""


@dataclass(slots=True)
class ListReading(Generic[R]):
    """How far a list has been read. `name` is its path, for messages; `most_rows` is where reading may end before the
    list does, None: nowhere; `most_calls` is how many requests to dbt the operation may cause in all."""

    name: str
    most_rows: int | None
    most_calls: int | None
    rows: dict[int, R] = field(default_factory=dict)
    total: int = 0
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
        self.rows, self.total, self._received = {}, 0, 0
        self._take(await read_page(0))
        self._step = self._received
        while self._received < self._end:
            self._check_calls()
            ahead = [self._received + n * self._step for n in range(PAGES_AT_ONCE)]
            offsets = [offset for offset in ahead if offset < self._end]
            pages = await asyncio.gather(*(read_page(offset) for offset in offsets))
            for offset, page in zip(offsets, pages, strict=True):
                if page.extra.pagination.total_count < self.total:
                    return False
                # After a page that was shorter than the first the others do not begin where it ended.
                if offset == self._received:
                    self._take(page)
        return True

    @property
    def _end(self) -> int:
        return self.total if self.most_rows is None else min(self.total, self.most_rows)

    def _take(self, page: AdminPage[R]) -> None:
        """Adds a page. Rows that were added to the list meanwhile push others onto the next page: each counts once."""
        known = len(self.rows)
        self.rows |= {row.id: row for row in page.data}
        self.total = page.extra.pagination.total_count
        self._received += len(page.data)
        nothing_new = len(self.rows) == known and self._received < self.total
        if nothing_new or self._received > self.total:
            raise UpstreamInvalidResponse(
                f"dbt's Admin API says that {self.name} has {self.total:,} entries and gives {len(self.rows):,}. What "
                "is missing nobody can tell. Try again; if it stays so, ask dbt's support."
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
                f"dbt's Admin API says that {self.name} has {self.total:,} entries, {self._step:,} a page: to read "
                f"them takes more than the {self.most_calls:,} requests that an operation may cause. The operator "
                "may raise GATEWAY_CALLS_PER_OPERATION.",
                most=self.most_calls,
            )
