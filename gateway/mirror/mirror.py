"""Brings the finished runs of a dbt Cloud account into an archive, each once, the newest first."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection

from gateway.archive.archive import Archive
from gateway.archive.changes_upkeep import look_at_new_runs
from gateway.archive.leases import Lease
from gateway.archive.mirrored_runs import (
    MirroredRun,
    forget_ended,
    noted_runs,
    place_of_mirror,
    told_as_ended,
    unread_runs,
)
from gateway.archive.reading.held_runs import whole_runs
from gateway.archive.tables.mirror_tables import mirrors
from gateway.archive.times import from_micros, moved, parse_micros
from gateway.archive.writing.account_rows import store_account
from gateway.errors import UpstreamInvalidResponse
from gateway.mirror.dbt_records import account_record
from gateway.mirror.run_mirroring import WAITS, MirrorReport, RunMirror
from gateway.services.admin.finished_runs import FinishedRuns, RecordedRun, RunPage
from gateway.services.runs.recorded_nodes import RecordedNodes
from gateway.telemetry.usage import Usage, measuring

_OVERLAP_SECONDS = 600.0
_DAY_SECONDS = 86_400.0
_MOST_PAUSES = 20
_MOST_TRIES = 4
"""Times that a run is read of which files are missing or cannot be used; what there is stands from the first one on."""
_ANY_TRIES = 2**31 - 1
_LONGEST_RETRY_SECONDS = 86_400.0

log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class MirrorPolicy:
    """How the mirror works: `days` back, `at_once` runs read side by side, `lease_seconds` (see Lease), whether to keep
    files as they are (`keep_raw`); `retry_seconds`: the first pause before a run that could not be read is tried again,
    which doubles; `again`: whether the first pass reads all runs again that were not read whole, however often they
    were."""

    days: int = 365
    at_once: int = 4
    lease_seconds: float = 30.0
    keep_raw: bool = True
    retry_seconds: float = 60.0
    again: bool = False


@dataclass(frozen=True, slots=True)
class MirrorProgress:
    """How far a pass has come: runs dealt with, of how many that dbt lists (None where it does not say); `until`: when
    the last one of them was created, as dbt writes it."""

    done: int
    listed: int | None
    until: str | None


Tell = Callable[[MirrorProgress], None]


class Mirror:
    """Mirrors one account into one archive; `lease` must be held meanwhile. `nodes`: what Discovery tells of runs whose
    artifacts are gone or forbidden; None for nothing. `now`: seconds since 1970."""

    def __init__(
        self,
        archive: Archive,
        runs: FinishedRuns,
        policy: MirrorPolicy,
        tell: Tell = lambda _: None,
        *,
        nodes: RecordedNodes | None = None,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._archive = archive
        self._runs = runs
        self._policy = policy
        self._tell = tell
        self._now = now
        self._sleep = sleep
        self._spent = Usage()
        self.nodes = nodes
        self.lease = Lease(archive, mirrors, runs.account_id, policy.lease_seconds)
        self._each = RunMirror(archive, runs, self.lease, nodes, keep_raw=policy.keep_raw, now=now)
        self._again = policy.again

    async def sweep(self) -> MirrorReport:
        """Deals with every run that is not in the archive yet, and with those again that could not be read before.

        Raises UpstreamError when dbt cannot be asked at all, LeaseLost where another process took over.
        """
        self._spent = Usage()
        with measuring(self._spent):
            return await self._sweep()

    async def _sweep(self) -> MirrorReport:
        report = self._each.report = MirrorReport()
        ended = await self._told_as_ended()
        await self._store_account()
        await self._try_again(ended)
        floor = round((self._now() - self._policy.days * _DAY_SECONDS) * 1_000_000)
        await self._follow_newest(floor)
        await self._go_back(floor)
        await asyncio.to_thread(look_at_new_runs, self._archive)
        await self._show(swept_at=round(self._now() * 1_000_000))
        return report

    async def wait(self, seconds: float) -> None:
        """Returns after so many seconds, or as soon as a run is told to have ended."""
        for _ in range(max(1, round(seconds))):
            await self._sleep(min(1.0, seconds))
            if await self._told_as_ended():
                return

    async def _told_as_ended(self) -> Sequence[int]:
        return await self._read(lambda connection: told_as_ended(connection, self._runs.account_id))

    async def _store_account(self) -> None:
        lists = await self._patiently(self._runs.account)
        self._each.projects.clear()
        self._each.projects.update((project.id, project.name) for project in lists.projects)
        await self._write(lambda connection: store_account(connection, account_record(lists)))

    async def _try_again(self, run_ids: Sequence[int]) -> None:
        """Reads again the runs that still ran or could not be read; at once those in `run_ids`, which have ended."""
        most = _ANY_TRIES if self._again else _MOST_TRIES
        noted = await self._read(lambda connection: unread_runs(connection, self._runs.account_id, most))
        due = [run for run in noted if self._again or run.run_id in run_ids or self._is_due(run)]
        await self._deal_with([(run.run_id, None, run) for run in due])
        self._again = False
        await self._write(lambda connection: forget_ended(connection, run_ids))

    def _is_due(self, run: MirroredRun) -> bool:
        pause = min(_LONGEST_RETRY_SECONDS, self._policy.retry_seconds * 2.0 ** min(run.tries - 1, 20))
        return moved(run.tried_at, pause) <= round(self._now() * 1_000_000)

    async def _follow_newest(self, floor: int) -> None:
        """Runs that were created since the last pass began. After one that was killed this begins at the top again."""
        place = await self._read(lambda connection: place_of_mirror(connection, self._runs.account_id))
        if place.until is None:
            page = await self._patiently(partial(self._runs.page, None, None, 0))
            newest = max(_creations(page), default=floor)
            await self._show(since=newest, until=newest)
            return
        newest = place.until
        async for page in self._pages(max(floor, moved(place.until, -_OVERLAP_SECONDS)), None):
            newest = max([newest, *_creations(page)])
            await self._deal_with_new(page.runs)
        await self._show(until=newest)

    async def _go_back(self, floor: int) -> None:
        """Older runs, as far as dbt keeps them or the policy goes; each page is noted."""
        place = await self._read(lambda connection: place_of_mirror(connection, self._runs.account_id))
        if place.since is None or place.since <= floor:
            return
        done = 0
        async for page in self._pages(floor, place.since):
            await self._deal_with_new(page.runs)
            done += page.received
            remaining = None if page.total is None else max(0, page.total - done)
            since = min(_creations(page), default=place.since)
            await self._show(since=since, listed=page.total, remaining=remaining)
            self._tell(MirrorProgress(done, page.total, page.runs[-1].created_at if page.runs else None))
        await self._show(since=floor, remaining=0)

    async def _pages(self, since: int, until: int | None) -> AsyncIterator[RunPage]:
        """The runs created within two times. While pages are read runs may be added before them, never behind."""
        offset = 0
        while True:
            page = await self._patiently(partial(self._runs.page, _iso(since), _iso(until), offset))
            offset += page.received
            yield page
            if not page.received or (page.total is not None and offset >= page.total):
                return

    async def _deal_with_new(self, rows: Sequence[RecordedRun]) -> None:
        """Those of a list of which nothing is noted, and that nobody else brought into the archive whole."""
        ids = [row.id for row in rows]
        noted = await self._read(lambda connection: noted_runs(connection, ids))
        whole = await self._read(lambda connection: whole_runs(connection, ids))
        await self._deal_with([(row.id, row, None) for row in rows if row.id not in noted and row.id not in whole])

    async def _deal_with(self, runs: Sequence[tuple[int, RecordedRun | None, MirroredRun | None]]) -> None:
        """A few runs side by side. Raises the first failure that is of none of them alone, when all have ended."""
        places = asyncio.Semaphore(self._policy.at_once)

        async def deal_with(run_id: int, listed: RecordedRun | None, before: MirroredRun | None) -> None:
            async with places:
                await self._patiently(partial(self._each.mirror, run_id, listed, before))

        ended = await asyncio.gather(*(deal_with(*run) for run in runs), return_exceptions=True)
        for failure in (each for each in ended if each is not None):
            raise failure

    async def _patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Asks again when the time has come that dbt, or the budget, names."""
        for _ in range(_MOST_PAUSES):
            try:
                return await ask()
            except WAITS as failure:
                seconds = float(failure.details.get("retryAfter", 10))
                log.warning("The mirror pauses for %.0f s: %s", seconds, failure.message)
                await self._sleep(seconds)
        return await ask()

    async def _read(self, work: Callable[[Connection], T]) -> T:
        def in_thread() -> T:
            with self._archive.reading() as connection:
                return work(connection)

        return await asyncio.to_thread(in_thread)

    async def _write(self, work: Callable[[Connection], None]) -> None:
        def in_thread() -> None:
            with self._archive.writing() as connection:
                self.lease.show(connection)
                work(connection)

        await asyncio.to_thread(in_thread)

    async def _show(self, **values: int | None) -> None:
        """Notes how far the mirror has come, and how many requests it took since it was noted last."""
        spent = self._spent.admin_requests + self._spent.discovery_requests
        self._spent.admin_requests = self._spent.discovery_requests = 0
        requests = mirrors.c.requests + spent
        await self._write(lambda connection: self.lease.show(connection, requests=requests, **values))


def _creations(page: RunPage) -> list[int]:
    """When the runs of a page were created, the newest first. Raises UpstreamInvalidResponse where they stand in
    another order: then nobody knows how far back the page goes."""
    times = [at for run in page.runs if (at := parse_micros(run.created_at)) is not None]
    if times != sorted(times, reverse=True):
        raise UpstreamInvalidResponse(
            "dbt's Admin API lists runs in another order than by their creation, the newest first, as it was asked to."
        )
    return times


def _iso(micros: int | None) -> str | None:
    return None if micros is None else from_micros(micros).isoformat()
