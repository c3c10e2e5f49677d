"""Restarts two replicas behind a plain TCP balancer again and again, under load, and counts the answers that are lost.

    python -m benchmarks.rolling_restarts [RESTARTS] [STORE]

The balancer looks at /readyz ten times a second and knows nothing of HTTP otherwise; a connection stays with the
replica it was made to. Clients keep their connections and never repeat a request.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp

CLIENTS = 8
DRAIN_SECONDS = "1"
QUERY = {"query": "{ account { slowestModels(first: 3) { runtime model { id } } } }"}


@dataclass
class Replica:
    """A gateway process on a port of its own."""

    store: list[str]
    process: asyncio.subprocess.Process | None = None
    port: int = 0
    is_ready: bool = False

    async def start(self) -> None:
        command = [sys.executable, "-m", "gateway", "serve", "--port", "0", *self.store]
        environment = {**os.environ, "GATEWAY_DRAIN_SECONDS": DRAIN_SECONDS}
        self.process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, env=environment)
        output = self.process.stdout
        while output and b"GraphQL " not in (line := await output.readline()):
            if not line:
                raise RuntimeError("the gateway did not start")
        self.port = int(line.rpartition(b":")[2].partition(b"/")[0])
        while not self.is_ready:  # noqa: ASYNC110  # told by the balancer, which polls
            await asyncio.sleep(0.1)

    async def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            await self.process.wait()
        self.is_ready = False


@dataclass
class Balancer:
    """Passes bytes on to a ready replica, in turns."""

    replicas: list[Replica]
    turn: int = 0

    async def poller(self) -> None:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session:
            while True:
                for replica in self.replicas:
                    replica.is_ready = bool(replica.port) and await self._ready(session, replica)
                await asyncio.sleep(0.1)

    async def _ready(self, session: aiohttp.ClientSession, replica: Replica) -> bool:
        try:
            async with session.get(f"http://127.0.0.1:{replica.port}/readyz") as reply:
                return reply.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ready = [replica for replica in self.replicas if replica.is_ready]
        self.turn += 1
        try:
            port = ready[self.turn % len(ready)].port
            upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", port)
        except (OSError, ZeroDivisionError):
            writer.transport.abort()
            return
        await asyncio.gather(_pass_on(reader, upstream_writer), _pass_on(upstream_reader, writer))


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()
    except OSError:
        writer.transport.abort()
    else:
        writer.close()


@dataclass
class Load:
    """Clients that ask one question after another, with pauses in which their connections are idle."""

    address: str
    answered: int = 0
    lost: Counter[str] = field(default_factory=Counter)
    is_over: bool = False

    async def run(self, number: int) -> None:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
            while not self.is_over:
                try:
                    async with session.post(self.address, json=QUERY) as reply:
                        body = await reply.json(content_type=None)
                        self.answered += reply.status == 200 and "errors" not in body
                        if reply.status != 200 or "errors" in body:
                            self.lost[f"{reply.status} {body.get('errors', [{}])[0].get('message')}"] += 1
                except (aiohttp.ClientError, TimeoutError) as problem:
                    self.lost[repr(problem)[:120]] += 1
                await asyncio.sleep(0.005 * number)


@asynccontextmanager
async def balanced(replicas: list[Replica]) -> AsyncIterator[str]:
    balancer = Balancer(replicas)
    watching = asyncio.create_task(balancer.poller())
    server = await asyncio.start_server(balancer.take, "127.0.0.1", 0)
    try:
        await asyncio.gather(*(replica.start() for replica in replicas))
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/graphql"
    finally:
        watching.cancel()
        server.close()
        await asyncio.gather(*(replica.stop() for replica in replicas), return_exceptions=True)


async def measure(restarts: int, store: list[str]) -> Load:
    """The load's figures after so many restarts, one replica at a time."""
    replicas = [Replica(store), Replica(store)]
    async with balanced(replicas) as address:
        load = Load(address)
        clients = [asyncio.create_task(load.run(number)) for number in range(CLIENTS)]
        await asyncio.sleep(1)
        for number in range(restarts):
            replica = replicas[number % 2]
            await replica.stop()
            replica.port = 0
            await replica.start()
        load.is_over = True
        await asyncio.gather(*clients)
    return load


def main() -> None:
    restarts = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    store = ["--store", sys.argv[2]] if len(sys.argv) > 2 else []
    began = time.monotonic()
    load = asyncio.run(measure(restarts, store))
    lost = sum(load.lost.values())
    print(f"{restarts} restarts in {time.monotonic() - began:.0f} s: {load.answered} answered, {lost} lost")
    for reason, count in load.lost.most_common():
        print(f"  {count} × {reason}")


if __name__ == "__main__":
    main()
