"""An archive that may not be there yet: it is opened beside the start, and tried again until it can be opened."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection

from gateway.archive.api_facts import ApiFacts
from gateway.archive.archive import Archive, UnusableArchive
from gateway.archive.reader import ArchiveReader
from gateway.concurrency.background_tasks import BackgroundTasks
from gateway.errors import UpstreamUnavailable

T = TypeVar("T")

_FIRST_SECONDS, _LONGEST_SECONDS = 1.0, 60.0
_PATIENCE_SECONDS = 5.0

log = logging.getLogger(__name__)


class ArchiveNotOpen(UpstreamUnavailable):
    """The archive could not be opened so far."""


class AwaitedFacts:
    """What an archive keeps of dbt's answers (see ApiFacts); nothing before it is `opened`."""

    def __init__(self) -> None:
        self.opened: ApiFacts | None = None

    async def close(self) -> None:
        """Waits for what is still being written."""
        if self.opened is not None:
            await self.opened.close()

    async def read(self, kind: str, names: Sequence[str]) -> dict[str, bytes]:
        """The payloads of those names that are stored."""
        return await self.opened.read(kind, names) if self.opened else {}

    async def write(self, kind: str, payloads: Mapping[str, bytes]) -> None:
        """Stores payloads; those that are stored already stay."""
        if self.opened is not None:
            await self.opened.write(kind, payloads)

    async def model_runs(self, environment_id: int, unique_ids: Sequence[str], count: int) -> dict[str, list[bytes]]:
        """The newest `count` runs of each model; see ApiFacts."""
        return await self.opened.model_runs(environment_id, unique_ids, count) if self.opened else {}

    async def write_model_runs(self, runs: Mapping[tuple[int, str, int], tuple[int, bytes]]) -> None:
        """Stores what models did in runs; what is stored already stays."""
        if self.opened is not None:
            await self.opened.write_model_runs(runs)

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        """Does something that nobody has to wait for."""
        if self.opened is not None:
            self.opened.later(work)
        else:
            work.close()


class AwaitedArchive:
    """Reads an archive, and the facts kept in it (`facts`), as soon as it is open.

    Until then reading raises ArchiveNotOpen, and no fact is found or kept. An attempt that fails is repeated after a
    second, then after two, four and so on, a minute at most. `opens` opens the archive, in a thread; `account` is the
    hash under which its facts are kept.
    """

    def __init__(self, opens: Callable[[], Archive], account: str) -> None:
        self._opens = opens
        self._account = account
        self.opened: Archive | None = None
        self._reader: ArchiveReader | None = None
        self.facts = AwaitedFacts()
        self._tasks = BackgroundTasks()
        self._retry_at = 0.0

    @property
    def is_open(self) -> bool:
        """Whether it can be read."""
        return self._reader is not None

    @property
    def state(self) -> str:
        """How it stands, for probes: without addresses and reasons, which the log has."""
        if self.is_open:
            return "open"
        seconds = self._retry_at - asyncio.get_running_loop().time()
        again = f"tried again in {seconds:.0f} s" if seconds > 0 else "being tried"
        return f"degraded: cannot be opened, {again}; the log says why"

    async def start(self) -> None:
        """Begins to open it, and returns when the first attempt has ended, after 5 s at most.

        Raises what that raises but UnusableArchive: of an address that is none no attempt succeeds.
        """
        tried = asyncio.Event()
        opening = self._tasks.start(self._open(tried))
        waiting = self._tasks.start(tried.wait())
        await asyncio.wait({opening, waiting}, timeout=_PATIENCE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if opening.done():
            opening.result()

    async def close(self) -> None:
        """Ends the attempts, waits for what is still being written, and gives back every connection."""
        await self._tasks.cancel()
        if self._reader is not None:
            self._reader.close()
        await self.facts.close()
        if self.opened is not None:
            self.opened.close()

    async def read(self, work: Callable[[Connection], T]) -> T:
        """See ArchiveReader. Raises ArchiveNotOpen."""
        if self._reader is None:
            raise ArchiveNotOpen("The archive of finished runs could not be opened yet. Try again in a moment.")
        return await self._reader.read(work)

    async def _open(self, tried: asyncio.Event) -> None:
        seconds = _FIRST_SECONDS
        while True:
            try:
                self._use(await self._attempt())
            except UnusableArchive as failure:
                log.warning(
                    "the archive of archive_url cannot be used, finished runs come from dbt; it is tried again in "
                    "%g s: %s",
                    seconds,
                    failure.message,
                )
            else:
                if tried.is_set():
                    log.warning("the archive of archive_url is open now")
                return
            self._retry_at = asyncio.get_running_loop().time() + seconds
            tried.set()
            await asyncio.sleep(seconds)
            seconds = min(2 * seconds, _LONGEST_SECONDS)

    async def _attempt(self) -> Archive:
        """The opened archive. One that is opened after all, when nobody waits for it any more, is closed."""
        opening = asyncio.get_running_loop().run_in_executor(None, self._opens)
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(_close_unused)
            raise

    def _use(self, archive: Archive) -> None:
        self.opened = archive
        self.facts.opened = ApiFacts(archive.url, self._account)
        # Last: from here on it is open.
        self._reader = ArchiveReader(archive)


def _close_unused(opening: asyncio.Future[Archive]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()
