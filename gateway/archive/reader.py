"""Reads an archive from an event loop: statements run in a few threads of their own, each within the time it has."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Protocol, TypeVar

from sqlalchemy import Connection

from gateway.archive.archive import Archive
from gateway.concurrency.deadline import seconds_left
from gateway.errors import ConfigurationError, UpstreamTimeout, UpstreamUnavailable

T = TypeVar("T")

THREADS = 4
"""How many readings run at once; the others wait."""

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

        It ends when the time of the request is over, 60 s at most. Raises UpstreamTimeout then, and UpstreamUnavailable
        where the archive cannot be read.
        """
        until = time.monotonic() + seconds_left(_LONGEST_SECONDS)
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._run, work, until)

    def close(self) -> None:
        """Gives back threads and connections; what still runs ends within its time."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._archive.close()

    def _run(self, work: Callable[[Connection], T], until: float) -> T:
        try:
            with self._archive.reading() as connection, _ending(connection, until):
                return work(connection)
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
