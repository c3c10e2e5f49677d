"""Servers under measurement: each a process of its own on a free loopback port, pinned to a core, its CPU time read."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parents[1]
NODE = ROOT / "benchmarks" / "node"
SERVER_CORE, LOAD_CORE = 0, 1
_SECONDS_TO_START = 60
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Program:
    """How to start a server; `{port}` in the command is the port it shall listen on. Memory is what it keeps."""

    command: Sequence[str]
    environment: Mapping[str, str]
    cores: frozenset[int] = frozenset({SERVER_CORE})


@dataclass(frozen=True)
class Running:
    """A started server."""

    port: int
    pid: int

    def cpu_seconds(self) -> float:
        """User and system time that it and its children have spent."""
        return sum(_cpu_ticks(pid) for pid in self._family()) / _TICKS

    def cpu_by_process(self) -> dict[int, float]:
        """The same for each of them."""
        return {pid: _cpu_ticks(pid) / _TICKS for pid in self._family()}

    def memory_bytes(self) -> int:
        """Resident memory of it and its children."""
        pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self._family())
        return pages * os.sysconf("SC_PAGE_SIZE")

    def _family(self) -> list[int]:
        family, seen = [self.pid], 0
        while seen < len(family):
            tasks = Path(f"/proc/{family[seen]}/task")
            for task in tasks.iterdir():
                family += [int(child) for child in (task / "children").read_text().split()]
            seen += 1
        return family


def _cpu_ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def python(module: str, *arguments: str, environment: Mapping[str, str] | None = None) -> Program:
    """A server of ours: `python -m module PORT arguments`."""
    return Program((sys.executable, "-m", module, "{port}", *arguments), environment or {})


def node(script: str, *arguments: str) -> Program:
    """A Node server: `node script PORT arguments`, as in production."""
    return Program(("node", str(NODE / script), "{port}", *arguments), {"NODE_ENV": "production"})


@contextmanager
def running(program: Program) -> Iterator[Running]:
    """Starts a server for the block and waits until it accepts connections. What it says is shown when it does not."""
    port = free_port()
    command = [part.replace("{port}", str(port)) for part in program.command]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
    # A pipe that nobody reads would hold up a server that has much to say.
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**inherited, **program.environment},
            stdout=subprocess.DEVNULL,
            stderr=said,
            start_new_session=True,
        )
        pin(process.pid, program.cores)
        try:
            _wait(process, port, command, said)
            yield Running(port, process.pid)
        finally:
            _stop(process)


def pin(pid: int, cores: frozenset[int]) -> None:
    """Keeps a process, and what it starts from now on, on these cores; on a machine with fewer it runs anywhere."""
    if cores <= os.sched_getaffinity(0) | {SERVER_CORE, LOAD_CORE} and max(cores) < (os.cpu_count() or 1):
        os.sched_setaffinity(pid, cores)


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _wait(process: subprocess.Popen[bytes], port: int, command: Sequence[str], said: IO[bytes]) -> None:
    deadline = time.monotonic() + _SECONDS_TO_START
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    process.kill()
    said.seek(0)
    raise SystemExit(f"{' '.join(command)} did not start:\n{said.read().decode(errors='replace')[-2000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
