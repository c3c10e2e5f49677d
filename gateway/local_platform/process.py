"""The local platform in a process of its own: its SQL, GraphQL and JSON never hold up the event loop of a gateway.

Threads of one process take turns at Python's lock, and its garbage collector stops all of them; a gateway that served
its own data would stand still whenever a large list is read. The process listens on a Unix socket that only its owner
can reach, and ends when the process that started it does.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import logging.config
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import uvicorn

import gateway
from gateway.archive.archive import Archive
from gateway.local_platform.app import create_platform
from gateway.telemetry.logs import logging_configuration

_log = logging.getLogger(__name__)

# Finds this package wherever it is started, and nothing in the folder that it is started in.
_PROGRAM = (
    "import sys; sys.path.append(sys.argv[1]); from gateway.local_platform.process import main; main(int(sys.argv[2]))"
)
_BACKLOG = 256
_RESTART_SECONDS = 1.0
_LONGEST_PLACE = 60
_SHORT_PLACE = "/tmp"  # noqa: S108  # the directory made in it has a name of its own and belongs to its owner alone
# As in the gateway: many objects live long, and looking at them again and again would take most of the time.
_COLLECTOR = (50_000, 20, 50)


class _Orders(msgspec.Struct, frozen=True):
    """What the process is told on its standard input: a store may have a password, which `ps` must not show."""

    store: str


@contextmanager
def platform_process(store: str) -> Iterator[Path]:
    """Serves the archive at `store` from another process within the block; the path of its Unix socket.

    The socket listens at once: requests wait until the process has started. A process that ends is started again.
    """
    with (
        tempfile.TemporaryDirectory(
            prefix="gateway-platform-", dir=_place_of_sockets(), ignore_cleanup_errors=True
        ) as directory,
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening,
    ):
        path = Path(directory) / "platform.sock"
        listening.bind(str(path))
        listening.listen(_BACKLOG)
        keeper = _Keeper(listening, _Orders(store))
        try:
            yield path
        finally:
            keeper.stop()


def _place_of_sockets() -> str | None:
    """Where a Unix socket's path is short enough: systems take about a hundred characters, and TMPDIR may be longer."""
    return None if len(tempfile.gettempdir()) <= _LONGEST_PLACE else _SHORT_PLACE


class _Keeper:
    """Starts the process, and starts it again should it end by itself."""

    def __init__(self, listening: socket.socket, orders: _Orders) -> None:
        self._listening = listening
        self._orders = orders
        self._stopping = threading.Event()
        self._process = self._start()
        self._thread = threading.Thread(target=self._keep, name="platform keeper", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends the process, whatever it is doing: it only reads."""
        self._stopping.set()
        self._process.kill()
        self._thread.join()

    def _start(self) -> subprocess.Popen[bytes]:
        descriptor = self._listening.fileno()
        process = subprocess.Popen(  # noqa: S603  # this interpreter and a module of ours
            [sys.executable, "-P", "-c", _PROGRAM, str(Path(gateway.__file__).parents[1]), str(descriptor)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            pass_fds=(descriptor,),
            start_new_session=True,
        )
        # Held open: the process ends when it is closed, by us or by our end.
        if process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(msgspec.json.encode(self._orders) + b"\n")
                process.stdin.flush()
        return process

    def _keep(self) -> None:
        while True:
            code = self._process.wait()
            if self._process.stdin is not None:
                self._process.stdin.close()
            if self._stopping.is_set():
                return
            _log.error("The process of the local platform ended with code %s; it is started again.", code)
            if self._stopping.wait(_RESTART_SECONDS):
                return
            self._process = self._start()
            if self._stopping.is_set():
                self._process.kill()


class _Server(uvicorn.Server):
    """A server that signals do not end."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def main(descriptor: int) -> None:
    """Serves on a listening socket until standard input is closed."""
    # A service manager signals every process of a service; the gateway answers what is under way, and needs us for it.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    orders = msgspec.json.decode(sys.stdin.buffer.readline(), type=_Orders)
    threading.Thread(target=_end_with_starter, name="lifeline", daemon=True).start()
    logging.config.dictConfig(dict(logging_configuration(False)))
    archive = Archive.open(orders.store)
    options: dict[str, Any] = {"access_log": False, "log_config": None, "server_header": False, "proxy_headers": False}
    config = uvicorn.Config(create_platform(archive), **options)
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECTOR)
    _Server(config).run(sockets=[socket.socket(fileno=descriptor)])


def _end_with_starter() -> None:
    sys.stdin.buffer.read()
    os._exit(0)
