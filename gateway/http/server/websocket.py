"""The WebSocket protocol with deadlines and bounds: who does not read is not read from, nobody holds up the others."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from websockets.frames import Frame, Opcode
from websockets.http11 import Request

from gateway.http.server.context import ServerContext
from gateway.http.server.slices import Intake
from gateway.http.server.uvicorn_internals import WebSocketsSansIOProtocol

FRAGMENTS = 1000
"""Most frames of one message."""

_FAREWELL_SECONDS = 2.0
_MESSAGE_TOO_BIG, _NOT_TEXT = 1009, 1007
_UNREADABLE = (
    b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 41\r\n"
    b"connection: close\r\n\r\nThis WebSocket handshake cannot be read.\n"
)


class GuardedSocket(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket protocol: a handshake that is not accepted in the time of a head is let go, as is a client
    that does not read for `send_seconds`; at the end there is time to say goodbye first. One instance per connection.
    """

    idle_seconds = None
    """Places of live connections are bounded by themselves, see `live.slots`."""

    def __init__(self, context: ServerContext, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._context = context
        self._intake = Intake(context.reads, self.loop, self._feed, self._may_feed, self._pause_or_resume)
        self._handshake_deadline: asyncio.TimerHandle | None = None
        self._send_deadline: asyncio.TimerHandle | None = None
        self._is_write_paused = False
        self._events = 0

    def open(self, transport: asyncio.Transport, head: bytes, client: tuple[str, int] | None) -> None:
        """Takes a connection over, with the head of its handshake; `client` is whom it is for.

        A handshake takes as long as a few requests: when many arrive at once, a few are read in each turn of the loop.
        """
        self.connection_made(transport)
        self.client = client
        self._handshake_deadline = self.loop.call_later(self._context.limits.head_seconds, transport.abort)
        self._context.reads.add(partial(self._begin, transport, head), self.loop)

    def _begin(self, transport: asyncio.Transport, head: bytes) -> None:
        if transport.is_closing():
            return
        self.conn.receive_data(head)
        self.handle_events()
        if not self.handshake_initiated:
            # The library did not make a request of it, and says nothing by itself.
            transport.write(_UNREADABLE)
            transport.close()

    @property
    def has_asked(self) -> bool:
        """False once we have closed it: a client that does not say goodbye makes room first."""
        return not self.close_sent

    def evict(self) -> None:
        """Closes the connection."""
        self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._context.limiter.release(self)
        self._intake.clear()
        self._cancel_deadlines()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._intake.take(data)

    def _feed(self, data: bytes) -> int:
        self._events = 0
        self.conn.receive_data(data)
        if self.conn.parser_exc is not None:
            self.handle_parser_exception()
        else:
            self.handle_events()
        return self._events

    def _may_feed(self) -> bool:
        is_taken = self.handshake_complete and not self.read_paused
        return is_taken and not self._is_write_paused and not self.transport.is_closing()

    def _pause_or_resume(self) -> None:
        if self.transport.is_closing():
            self._intake.clear()
        elif self._intake.pending or self._is_write_paused or self.read_paused:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    def handle_events(self) -> None:
        events = self.conn.events_received()
        self._events += len(events)
        for event in events:
            if isinstance(event, Request):
                self.handle_connect(event)
            elif isinstance(event, Frame):
                self._handle_frame(event)

    def _handle_frame(self, frame: Frame) -> None:
        match frame.opcode:
            case Opcode.CONT:
                self.handle_cont(frame)
            case Opcode.TEXT:
                self.handle_text(frame)
            case Opcode.BINARY:
                self.handle_bytes(frame)
            case Opcode.PING:
                self.handle_ping()
            case Opcode.PONG:
                self.handle_pong(frame)
            case Opcode.CLOSE:
                self.handle_close(frame)

    def handle_cont(self, event: Frame) -> None:
        if len(self.frames) >= FRAGMENTS:
            # Empty ones count for nothing in a message's size, and take memory all the same.
            self._fail(_MESSAGE_TOO_BIG)
        else:
            super().handle_cont(event)

    def send_receive_event_to_app(self) -> None:
        if self.curr_msg_data_type == "text" and not _is_utf8(b"".join(self.frames)):
            # uvicorn would log a stack trace for each.
            self._fail(_NOT_TEXT)
        else:
            super().send_receive_event_to_app()

    def _fail(self, code: int) -> None:
        self.frames = []
        if not (self.close_sent or self.transport.is_closing()):
            self.conn.fail(code)
            self.handle_parser_exception()

    def handle_parser_exception(self) -> None:
        if self.conn.close_sent is None:
            self.transport.close()
        else:
            super().handle_parser_exception()

    async def send(self, message: Any) -> None:
        await super().send(message)
        if self._handshake_deadline is not None and self.handshake_complete:
            self._handshake_deadline.cancel()
            self._handshake_deadline = None
            self._intake.resume()

    async def receive(self) -> Any:
        message = await super().receive()
        if self._intake.pending or self._is_write_paused:
            self._intake.resume()
            self._pause_or_resume()
        return message

    def pause_writing(self) -> None:
        """The client reads more slowly than we send: nothing is read of it either, which we might have to answer."""
        super().pause_writing()
        self._is_write_paused = True
        self._pause_or_resume()
        self._send_deadline = self.loop.call_later(self._context.limits.send_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """The client has caught up."""
        self._is_write_paused = False
        self._cancel_send_deadline()
        super().resume_writing()
        self._intake.resume()
        self._pause_or_resume()

    def shutdown(self) -> None:
        """The application has been told (see `draining`) and ends its conversations; who stays is cut off."""
        self.loop.call_later(_FAREWELL_SECONDS, self._cut_off)

    def _cut_off(self) -> None:
        if not self.transport.is_closing():
            super().shutdown()

    def _cancel_deadlines(self) -> None:
        if self._handshake_deadline is not None:
            self._handshake_deadline.cancel()
            self._handshake_deadline = None
        self._cancel_send_deadline()

    def _cancel_send_deadline(self) -> None:
        if self._send_deadline is not None:
            self._send_deadline.cancel()
            self._send_deadline = None


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
