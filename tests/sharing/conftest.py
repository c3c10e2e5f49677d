"""A Redis of the test's own, which it may pause and kill."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shutil
import signal
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

# Below the ports that systems give to outgoing connections: one of those may take a port between two of our starts.
_PORTS = range(20_000, 32_000)


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    while True:
        port = secrets.choice(_PORTS)
        with contextlib.suppress(OSError), socket.socket() as free:
            free.bind(("127.0.0.1", port))
            return port


class OwnRedis:
    """A redis-server (or valkey-server) process on a free port, without persistence."""

    def __init__(self, program: str, directory: Path) -> None:
        self._program = program
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self._has_answered = False

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    async def start(self) -> None:
        """Starts the process and waits until it answers: it, and not another test's that was faster to the port."""
        self._spawn()
        async with asyncio.timeout(60):
            while not await self._is_ours():
                if self._process is not None and self._process.poll() is not None:
                    assert not self._has_answered, "gateways know the old port"
                    self.port = free_port()
                    self._spawn()
                await asyncio.sleep(0.05)
        self._has_answered = True

    async def _is_ours(self) -> bool:
        async with Redis.from_url(self.url) as redis:
            try:
                server = await redis.info("server")
            except (RedisError, OSError):
                return False
        return self._process is not None and int(server["process_id"]) == self._process.pid

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
