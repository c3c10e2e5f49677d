"""An event loop on a thread of its own, so that blocking calls work in scripts and inside a running loop alike."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import CancelledError, ThreadPoolExecutor
from typing import Any, TypeVar

from gateway.concurrency.cancellation import end
from gateway.discovery_api.exceptions import ClosedError

T = TypeVar("T")

_THREADS = 8


class BackgroundLoop:
    """Runs coroutines for callers on other threads, one after another or side by side."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stopped = False
        self._loop = asyncio.new_event_loop()
        # The loop's own way to end its worker threads needs a new thread, which a closing interpreter refuses.
        self._workers = ThreadPoolExecutor(_THREADS, thread_name_prefix="discovery-api-worker")
        self._loop.set_default_executor(self._workers)
        self._thread = threading.Thread(target=self._serve, name="discovery-api", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What the coroutine returns or raises. Raises ClosedError when the loop stops meanwhile.

        An interrupt of the waiting thread cancels the work.
        """
        with self._lock:
            if self._stopped:
                work.close()
                raise closed()
            waiting = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return waiting.result()
        except CancelledError:
            raise closed() from None
        except KeyboardInterrupt:
            waiting.cancel()
            raise

    def stop(self, farewell: Callable[[], Awaitable[None]]) -> None:
        """Runs `farewell`, cancels what still runs, and waits for the end of loop and thread. Once is enough."""
        with self._lock:
            if self._stopped:
                return
            self._stopped = True

        async def end() -> None:
            try:
                await farewell()
            finally:
                self._loop.stop()

        asyncio.run_coroutine_threadsafe(end(), self._loop)
        # Garbage collection may close an account from any thread, this loop's own among them.
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            self._loop.run_until_complete(self._cancel_the_rest())
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._workers.shutdown(wait=True)
            self._loop.close()

    async def _cancel_the_rest(self) -> None:
        rest = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        await end(rest)


def closed() -> ClosedError:
    """The error for whoever asks after the end."""
    return ClosedError("This account is closed. Make another one with dbtAccount(…).", code="CLOSED")
