"""A platform in a process of its own, which tests kill, pause and start again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest


class OwnPlatform:
    """The process that is the platform now."""

    def __init__(self, store: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        command = [sys.executable, "-m", "tests.chaos.forking_platform", store, str(self._port)]
        self._parent = subprocess.Popen(
            command, cwd=Path(__file__).parents[2], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._child = 0
        self._line()

    async def start(self) -> None:
        """Starts a process and waits until it accepts connections."""
        assert self._parent.stdin
        self._parent.stdin.write("\n")
        self._parent.stdin.flush()
        self._child = int(await asyncio.to_thread(self._line))
        for _ in range(600):
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", self._port)
                writer.close()
                return
            await asyncio.sleep(0.05)
        raise TimeoutError("the platform does not answer")

    def signal(self, number: signal.Signals) -> None:
        os.kill(self._child, number)

    def close(self) -> None:
        if self._child:
            with contextlib.suppress(ProcessLookupError):
                self.signal(signal.SIGKILL)
        self._parent.kill()
        self._parent.communicate()

    def _line(self) -> str:
        assert self._parent.stdout
        return self._parent.stdout.readline()


@pytest.fixture
async def platform(demo_store: str) -> AsyncIterator[OwnPlatform]:
    own = OwnPlatform(demo_store)
    try:
        await own.start()
        yield own
    finally:
        own.close()
