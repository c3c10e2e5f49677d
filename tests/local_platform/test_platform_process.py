"""The local platform in a process of its own: serves one archive on a Unix socket, comes back, and goes with us."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from gateway.local_platform.process import platform_process
from gateway.services.transport.aiohttp_transport import AiohttpTransport
from gateway.services.transport.http_transport import TransportLimits, TransportRequest
from tests.conftest import copied


@pytest.fixture
def store(demo_store: str, tmp_path: Path) -> str:
    return copied(demo_store, tmp_path)


def answered(socket: Path) -> object:
    """What the platform says to a question that every archive can answer."""

    async def ask() -> object:
        transport = AiohttpTransport(None, TransportLimits(), socket)
        try:
            reply = await transport.send(
                TransportRequest("POST", "http://platform/graphql", body=b'{"query": "{ __typename }"}')
            )
            return reply.status, msgspec.json.decode(reply.body)
        finally:
            await transport.close()

    return asyncio.run(ask())


def children() -> list[int]:
    """The processes of the platform that this process has started."""
    listed = subprocess.run(["ps", "-ww", "-eo", "pid,ppid,args"], capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 2) for line in listed.splitlines()[1:]]
    return [int(pid) for pid, parent, line in rows if int(parent) == os.getpid() and "local_platform.process" in line]


def eventually(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end, "it never came to pass"
        time.sleep(0.05)


@pytest.mark.slow
def test_the_archive_is_served_by_another_process_whose_arguments_name_no_store(store: str) -> None:
    with platform_process(store) as socket:
        assert answered(socket) == (200, {"data": {"__typename": "Query"}})
        (child,) = children()
        assert store not in Path(f"/proc/{child}/cmdline").read_text("utf-8")
        assert socket.parent.stat().st_mode & 0o077 == 0
    assert children() == []
    assert not socket.exists()


@pytest.mark.slow
def test_a_process_that_is_killed_is_started_again(store: str) -> None:
    with platform_process(store) as socket:
        answered(socket)
        (first,) = children()
        os.kill(first, signal.SIGKILL)
        assert answered(socket) == (200, {"data": {"__typename": "Query"}})
        assert children() != [first]


@pytest.mark.slow
def test_signals_to_the_whole_service_leave_it_answering(store: str) -> None:
    with platform_process(store) as socket:
        answered(socket)
        (child,) = children()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            os.kill(child, number)
        assert answered(socket) == (200, {"data": {"__typename": "Query"}})
        assert children() == [child]


@pytest.mark.slow
def test_it_ends_when_the_process_that_started_it_is_killed(store: str) -> None:
    program = (
        "import sys, time; from gateway.local_platform.process import platform_process\n"
        "with platform_process(sys.argv[1]) as socket: print(socket, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program, store], stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        socket = starter.stdout.readline().strip()
        assert answered(Path(socket))
        listed = subprocess.run(["ps", "--ppid", str(starter.pid), "-o", "pid="], capture_output=True, text=True)
        child = int(listed.stdout)
        starter.kill()
    eventually(lambda: not Path(f"/proc/{child}").exists() or "Z" in Path(f"/proc/{child}/stat").read_text("utf-8"))


def test_its_socket_has_a_short_path_wherever_temporary_files_go(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A path of more than about a hundred characters cannot be bound."""
    place = tmp_path / ("long" * 30)
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    with platform_process(store) as path:
        assert len(str(path)) < 100
        assert path.is_socket()
