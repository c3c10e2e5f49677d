"""Several redis-server processes together: a cluster whose masters have replicas, and a master with Sentinels."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from tests.sharing.conftest import free_port

SLOTS = 16_384
MASTERS = 3
# How long a node must be silent before the others replace it. Redis' own default is 15 s, Sentinel's 30 s.
SILENCE_MILLISECONDS = 1_000


class RedisProcess:
    """One process with its options, on a port of its own."""

    def __init__(self, folder: Path, *options: str, port: int | None = None) -> None:
        program = shutil.which("redis-server") or shutil.which("valkey-server")
        if program is None:
            pytest.skip("neither redis-server nor valkey-server is installed")
        self.port = port or free_port()
        folder.mkdir(parents=True, exist_ok=True)
        command = [program, *options, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(folder)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)

    async def ask(self, *command: str | int, patience: float = 30) -> Any:
        """What it answers, once it does."""
        async with asyncio.timeout(patience):
            while True:
                try:
                    async with Redis(port=self.port, socket_timeout=5) as redis:
                        return await redis.execute_command(*command)
                except (RedisError, OSError):
                    assert self._process.poll() is None, "it has ended"
                    await asyncio.sleep(0.05)

    def kill(self) -> None:
        """As with kill -9."""
        self._process.kill()
        self._process.wait()


class Cluster:
    """Three masters with one replica each, in this order."""

    def __init__(self, nodes: Sequence[RedisProcess]) -> None:
        self.masters, self.replicas = nodes[:MASTERS], nodes[MASTERS:]

    @property
    def url(self) -> str:
        return "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in [*self.masters, *self.replicas])


async def role_of(node: RedisProcess) -> str:
    """`master` or `slave`."""
    return bytes((await node.ask("ROLE"))[0]).decode()


async def until(is_so: Callable[[], Awaitable[bool]], patience: float = 60) -> None:
    """Waits until something is so."""
    async with asyncio.timeout(patience):
        while not await is_so():
            await asyncio.sleep(0.05)


@asynccontextmanager
async def cluster_of_six(folder: Path) -> AsyncIterator[Cluster]:
    """A cluster that has formed, with all slots and all replicas."""
    async with AsyncExitStack() as stack:
        nodes = [_node(folder / str(number)) for number in range(2 * MASTERS)]
        for node in nodes:
            stack.callback(node.kill)
        cluster = Cluster(nodes)
        step = -(-SLOTS // MASTERS)
        for number, master in enumerate(cluster.masters):
            last = min(SLOTS, (number + 1) * step) - 1
            await master.ask("CLUSTER", "ADDSLOTSRANGE", number * step, last)
            await master.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for one, other in itertools.pairwise(nodes):
            await one.ask("CLUSTER", "MEET", "127.0.0.1", other.port, await _bus_port(other))
        for node in nodes:
            await until(lambda node=node: _knows(node, 2 * MASTERS))  # type: ignore[misc]
        for master, replica in zip(cluster.masters, cluster.replicas, strict=True):
            await replica.ask("CLUSTER", "REPLICATE", (await master.ask("CLUSTER", "MYID")).decode())
        for replica in cluster.replicas:
            await until(lambda replica=replica: _follows(replica))  # type: ignore[misc]
        for node in nodes:
            await until(lambda node=node: _is_whole(node))  # type: ignore[misc]
        yield cluster


def _node(folder: Path) -> RedisProcess:
    bus = ["--cluster-port", str(free_port()), "--cluster-node-timeout", str(SILENCE_MILLISECONDS)]
    return RedisProcess(folder, "--cluster-enabled", "yes", *bus, "--save", "", "--appendonly", "no")


async def _bus_port(node: RedisProcess) -> int:
    return int((await node.ask("CONFIG", "GET", "cluster-port"))[b"cluster-port"])


async def _knows(node: RedisProcess, count: int) -> bool:
    return b"cluster_known_nodes:%d\r" % count in await node.ask("CLUSTER", "INFO")


async def _is_whole(node: RedisProcess) -> bool:
    return b"cluster_state:ok" in await node.ask("CLUSTER", "INFO")


async def _follows(node: RedisProcess) -> bool:
    role = await node.ask("ROLE")
    return role[0] == b"slave" and role[3] == b"connected"


class Watched:
    """A master, its replica, and three Sentinels of which two must agree."""

    service = "facts"

    def __init__(self, master: RedisProcess, replica: RedisProcess, sentinels: Sequence[RedisProcess]) -> None:
        self.master, self.replica, self.sentinels = master, replica, sentinels

    @property
    def url(self) -> str:
        places = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        return f"redis+sentinel://{places}/{self.service}"

    async def agree_on_the_replica(self) -> bool:
        """Whether all Sentinels name it as the master."""
        named = [await sentinel.ask("SENTINEL GET-MASTER-ADDR-BY-NAME", self.service) for sentinel in self.sentinels]
        return {int(address[1]) for address in named} == {self.replica.port}


@asynccontextmanager
async def watched_pair(folder: Path) -> AsyncIterator[Watched]:
    """A master that its replica follows and that every Sentinel watches."""
    async with AsyncExitStack() as stack:

        def start(name: str, *options: str) -> RedisProcess:
            process = RedisProcess(folder / name, *options)
            stack.callback(process.kill)
            return process

        plain = ["--save", "", "--appendonly", "no"]
        master = start("master", *plain)
        replica = start("replica", *plain, "--replicaof", f"127.0.0.1 {master.port}")
        await until(lambda: _follows(replica))
        sentinels = []
        for number in range(3):
            file = folder / f"sentinel-{number}.conf"
            file.write_text(
                f"sentinel monitor {Watched.service} 127.0.0.1 {master.port} 2\n"
                f"sentinel down-after-milliseconds {Watched.service} {SILENCE_MILLISECONDS}\n"
                f"sentinel failover-timeout {Watched.service} 5000\n"
            )
            sentinels.append(start(f"sentinel-{number}", str(file), "--sentinel"))
        for sentinel in sentinels:
            await until(lambda sentinel=sentinel: _watches(sentinel))  # type: ignore[misc]
        yield Watched(master, replica, sentinels)


async def _watches(sentinel: RedisProcess) -> bool:
    state = await sentinel.ask("SENTINEL MASTER", Watched.service)
    return (state["num-other-sentinels"], state["num-slaves"]) == (2, 1)
