"""The local platform in a process of its own, for measurements over real HTTP."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.error import URLError

from gateway.archive.archive import Archive

_SECONDS_TO_START = 90


@dataclass(frozen=True)
class PlatformProcess:
    """Where the platform answers, and for which account."""

    url: str
    account_id: int


@contextmanager
def run_platform(store: str) -> Iterator[PlatformProcess]:
    """Serves an archive on a free port of the loopback for the block."""
    archive = Archive.open(store)
    account_id = archive.describe().account_id
    archive.close()
    if account_id is None:
        raise SystemExit(f"{store} holds no account")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "gateway", "platform", "--store", store, "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # our own
    try:
        _wait(f"http://127.0.0.1:{port}/api/v3/accounts/", process)
        yield PlatformProcess(f"http://127.0.0.1:{port}", account_id)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _SECONDS_TO_START
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()  # loopback
        except URLError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit("the local platform did not start")
