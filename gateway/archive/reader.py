"""Reads an archive from an event loop: statements run in a few threads of their own, each within the time it has."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final, Protocol, TypeVar

from sqlalchemy import Connection

from gateway.archive.archive import Archive
from gateway.archive.columnar.compacted_files import files_of
from gateway.archive.columnar.parquet_rows import MissingExtra
from gateway.concurrency.deadline import seconds_left
from gateway.errors import ConfigurationError, UpstreamTimeout, UpstreamUnavailable
from gateway.telemetry.upstream_note import UpstreamNote
from gateway.telemetry.usage import current_usage

_log = logging.getLogger(__name__)

T = TypeVar("T")

THREADS = 4
"""How many readings run at once; the others wait."""

COMPACTED_UNREADABLE: Final = "COMPACTED_UNREADABLE"
"""The code of the note about a file of a compacted month that is left out."""

_LONGEST_SECONDS = 60.0
_STEPS_BETWEEN_LOOKS = 200_000  # of SQLite's virtual machine: some milliseconds


class Reader(Protocol):
    """What reads an archive that may be opened later."""

    async def read(self, work: Callable[[Connection], T]) -> T:
        """What `work` makes of one consistent view of the archive. Raises GatewayError where it cannot be read."""


class ArchiveReader:
    """Runs functions of a connection in threads. To be used from one event loop, and closed at the end."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive.read_only(THREADS)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="archive-history")

    async def read(self, work: Callable[[Connection], T]) -> T:
        """What `work` makes of one consistent view of the archive.

        It ends when the time of the request is over, 60 s at most. Files of compacted months that cannot be read are
        left out, noted in the request's usage and logged. Raises UpstreamTimeout then, and UpstreamUnavailable
        where the archive cannot be read.
        """
        until = time.monotonic() + seconds_left(_LONGEST_SECONDS)
        answer, problems = await asyncio.get_running_loop().run_in_executor(self._threads, self._run, work, until)
        for problem in problems:
            current_usage().upstream_notes.add(UpstreamNote(COMPACTED_UNREADABLE, problem))
        return answer

    def close(self) -> None:
        """Gives back threads and connections; what still runs ends within its time."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._archive.close()

    def _run(self, work: Callable[[Connection], T], until: float) -> tuple[T, list[str]]:
        """What `work` makes, and what was left out of compacted months."""
        try:
            with self._archive.reading() as connection, _ending(connection, until):
                answer = work(connection)
                files = files_of(connection)
                if files is None:
                    return answer, []
                for problem in files.problems:
                    _log.warning("In the folder %s: %s", files.root(connection), problem)
                return answer, files.problems
        except MissingExtra as error:
            raise UpstreamUnavailable(error.message) from error
        except ConfigurationError as error:
            if time.monotonic() >= until:
                raise UpstreamTimeout(
                    "The archive did not answer within the time this request had left. Ask for less at once, or try "
                    "again later."
                ) from error
            raise UpstreamUnavailable(f"{error.message} Try again in a moment.") from error


@contextmanager
def _ending(connection: Connection, until: float) -> Iterator[None]:
    """Ends the statements of the block when their time is over."""
    driver = connection.connection.driver_connection
    if not isinstance(driver, sqlite3.Connection):
        milliseconds = max(1, int((until - time.monotonic()) * 1000))
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = {milliseconds}")
        yield
        return
    driver.set_progress_handler(lambda: time.monotonic() >= until, _STEPS_BETWEEN_LOOKS)
    try:
        yield
    finally:
        driver.set_progress_handler(None, 0)
