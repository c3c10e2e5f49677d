"""The command `gateway` with a watch on its event loop: `python -m benchmarks.watched_gateway CONTROL_PORT serve …`.

The watch is a timer of the loop. From one of its turns to the next the clock of the loop's own thread tells how long
that thread computed without letting anybody on; a busy machine does not change it. Whoever connects to the control port
is told the longest such stretch since the last time, in milliseconds, and the watch begins anew.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
import time

from gateway.cli import main
from gateway.http.server import server

_SECONDS_BETWEEN = 0.0005


class Watch:
    """The longest stretch of computing between two of its turns."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._before = time.thread_time()
        self.longest = 0.0
        self._turn()

    def _turn(self) -> None:
        self.longest = max(self.longest, time.thread_time() - self._before)
        self._before = time.thread_time()
        self._loop.call_later(_SECONDS_BETWEEN, self._turn)

    def tell(self, control: socket.socket) -> None:
        """Answers each connection, for ever."""
        while True:
            caller, _ = control.accept()
            longest, self.longest = self.longest, 0.0
            with caller:
                caller.sendall(f"{longest * 1000:.1f}".encode())


def run(control_port: int) -> int:
    """Watches from when the gateway has started on."""
    control = socket.create_server(("127.0.0.1", control_port))
    settle = server._settle

    def settle_and_watch() -> None:
        settle()
        watch = Watch(asyncio.get_running_loop())
        threading.Thread(target=watch.tell, args=(control,), daemon=True).start()

    server._settle = settle_and_watch
    return main(sys.argv[2:])


if __name__ == "__main__":
    raise SystemExit(run(int(sys.argv[1])))
