"""An event loop that takes in all who wait at the door when it is busy, and before the door is closed.

libuv accepts one connection in each turn of its loop. A loop that has much to do takes few turns, so that clients with
new connections wait in the kernel, where nobody sees them, until they give up; and who waits there when the socket is
closed is cut off. An idle loop is left as it is: of several processes on one socket each takes some then.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from typing import Any

import uvloop

from gateway.concurrency.background_tasks import BackgroundTasks

# A turn of the loop that takes longer than this has others waiting.
_BUSY_SECONDS = 0.005
# At most so many in one turn: taking in 500 at once keeps those for 25 ms who are there already.
_MOST_IN_A_TURN = 64
# When the door is closed: as many as the kernel keeps for us.
_MOST_AT_THE_END = 1024


class AcceptingLoop(uvloop.Loop):
    """uvloop's loop; servers on a socket that is given take in more when it is busy."""

    async def create_server(self, protocol_factory: Any, *places: Any, sock: Any = None, **options: Any) -> Any:
        if sock is None:
            return await super().create_server(protocol_factory, *places, **options)
        door = _ListeningSocket(self, sock, protocol_factory)
        door.server = await super().create_server(door.one_came, sock=sock, **options)
        return door


class _ListeningSocket:
    """Stands for the server of one listening socket."""

    def __init__(self, loop: asyncio.AbstractEventLoop, listening: socket.socket, make: Callable[[], Any]) -> None:
        self._loop = loop
        self._listening = listening
        self._make = make
        self._tasks = BackgroundTasks()
        self._is_closed = False
        self._is_going_on = False
        self.server: Any = None

    def one_came(self) -> Any:
        """The protocol of a connection that libuv has accepted; others may wait behind it."""
        if not self._is_going_on:
            self._is_going_on = True
            self._loop.call_soon(self._look_behind, time.monotonic())
        return self._make()

    def close(self) -> None:
        """Takes in who has come already, and nobody else."""
        self._is_closed = True
        self._accept(_MOST_AT_THE_END)
        self.server.close()

    async def wait_closed(self) -> None:
        await self.server.wait_closed()

    def _look_behind(self, came: float) -> None:
        is_busy = not self._is_closed and time.monotonic() - came > _BUSY_SECONDS
        self._is_going_on = is_busy and self._accept(_MOST_IN_A_TURN)
        if self._is_going_on:
            self._loop.call_soon(self._look_behind, came)

    def _accept(self, most: int) -> bool:
        """Whether more may be waiting than it took."""
        for _ in range(most):
            try:
                connection, _address = self._listening.accept()
            except OSError:
                # Nobody waits, or the one who did has left.
                return False
            self._tasks.start(self._take(connection))
        return True

    async def _take(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        _, protocol = await self._loop.connect_accepted_socket(self._make, connection)
        if self._is_closed:
            # The server has told all others to leave by now.
            protocol.shutdown()
