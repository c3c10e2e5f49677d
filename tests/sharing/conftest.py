"""A Redis of the test's own, which it may pause and kill."""

from __future__ import annotations

import asyncio
import shutil
import signal
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis


class OwnRedis:
    """A redis-server (or valkey-server) process on a free port, without persistence."""

    def __init__(self, program: str, directory: Path) -> None:
        self._program = program
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    async def start(self) -> None:
        """Starts the process and waits until it answers."""
        self._spawn()
        async with Redis.from_url(self.url) as redis:
            for _ in range(200):
                try:
                    await redis.ping()
                except Exception:
                    await asyncio.sleep(0.05)
                else:
                    return
        raise TimeoutError("redis-server does not answer")

    def _spawn(self) -> None:
        settings = ["--port", str(self.port), "--save", "", "--appendonly", "no", "--bind", "127.0.0.1"]
        self._process = subprocess.Popen(
            [self._program, *settings, "--dir", str(self._directory)], stdout=subprocess.DEVNULL
        )

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """As with kill -9."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
            self._process.wait()
            self._process = None

    async def values(self) -> dict[str, bytes]:
        """Everything in it that is a fact."""
        async with Redis.from_url(self.url) as redis:
            names = [name async for name in redis.scan_iter("dbt-gateway:*")]
            facts = [name for name in names if not name.endswith(b":lease")]
            return {name.decode(): value for name in facts if (value := await redis.get(name)) is not None}


@asynccontextmanager
async def own_redis(directory: Path) -> AsyncIterator[OwnRedis]:
    """A running one; skips the test where there is no program for it."""
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        pytest.skip("neither redis-server nor valkey-server is installed")
    own = OwnRedis(program, directory)
    await own.start()
    try:
        yield own
    finally:
        own.kill()


@pytest.fixture
async def redis(tmp_path: Path) -> AsyncIterator[OwnRedis]:
    async with own_redis(tmp_path) as own:
        yield own
