"""The HTTP protocol with deadlines: who sends slowly, sends too long a head, or does not read, is let go.

uvicorn itself waits for a request as long as the client likes, and no ASGI middleware can see a request that has not
arrived. Idle keep-alive connections are uvicorn's own business. A request that the application has asked to be shown
first (see front) is answered before it is parsed.
"""

from __future__ import annotations

import asyncio
import select
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from gateway.errors import GatewayError
from gateway.http.negotiation import MediaType
from gateway.http.refusals import BadRequest, HeadTooLarge, Overloaded
from gateway.http.replies import refusal_reply
from gateway.http.serving.front import ARRIVED, EXACT, ExactRequest, Front, RawAnswer
from gateway.http.serving.request_names import unnamed


@dataclass(frozen=True, slots=True)
class ReceivingLimits:
    """Seconds for a request's head, for its body, and for a client to take what is sent; most bytes and headers.

    What is asked on a connection beyond so many `connections` is refused, except by probes, and the connection closed.
    """

    head_seconds: float = 10.0
    body_seconds: float = 15.0
    send_seconds: float = 30.0
    head_bytes: int = 64 * 1024
    headers: int = 100
    connections: int | None = None


class GuardedProtocol(HttpToolsProtocol):
    """uvicorn's protocol over httptools, with `limits`. One instance per connection."""

    def __init__(self, limits: ReceivingLimits, front: Front | None = None, **given: Any) -> None:
        super().__init__(**given)
        self._limits = limits
        self._front = front or Front()
        self._peer = ""
        self._exact: ExactRequest | None = None
        self._in_message = False
        self._deadline: asyncio.TimerHandle | None = None
        self._send_deadline: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        self._in_head = True
        self._is_leaving = False
        self._is_surplus = False
        self._answered_at = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        most = self._limits.connections
        self._is_surplus = most is not None and len(self.connections) > most
        self._peer = self.client[0] if self.client else ""
        self._expect_within(self._limits.head_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        self._expect_nothing()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._exact = None
        if not self._in_message and self._is_idle():
            known = data
            answer = self._front.answer(self._peer, data) if self._front.answer else None
            if answer is None:
                known = unnamed(data)
                if known is not data and self._front.answer:
                    answer = self._front.answer(self._peer, known)
            if answer is not None:
                self._send_at_once(answer)
                return
            self._exact = ExactRequest(self._front, self._peer, known)
        super().data_received(data)
        if self._in_message and self._deadline is None:
            self._expect_within(self._limits.head_seconds if self._in_head else self._limits.body_seconds)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > self._limits.head_bytes and not self.transport.is_closing():
                self.transport.write(_HEAD_TOO_LARGE)
                self.transport.close()

    def on_message_begin(self) -> None:
        if self._exact is not None and self._exact.is_whole:
            # Another message in the same piece of data.
            self._exact.is_whole = False
            self._exact = None
        self._in_message = self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head, self._head_bytes = False, 0
        self._expect_nothing()
        served = self.app
        if len(self.headers) > self._limits.headers:
            self.app = _refuse_headers
        elif _is_framed_oddly(self.headers, self.parser.get_http_version()):
            self.app = _refuse_framing
        elif self._is_surplus and self.url not in _PROBES:
            self.app = _refuse_connection
        if self._exact is not None:
            self.scope.update({EXACT: self._exact})  # type: ignore[misc]  # an open dict in truth
        if self.cycle is None or self.cycle.response_complete:
            # Others wait for the answer before them on their connection.
            self.scope.update({ARRIVED: time.monotonic()})  # type: ignore[misc]
        super().on_headers_complete()
        self.app = served
        if self._is_leaving and self.cycle is not None:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        self._in_message = False
        self._expect_nothing()
        super().on_message_complete()
        # A request to become a WebSocket has no cycle.
        if self._exact is not None and self.cycle is not None:
            self._exact.is_whole = self.cycle.keep_alive

    def timeout_keep_alive_handler(self) -> None:
        """The connection has been idle for long, or was when the timer was set: to set it anew for each answer that is
        sent at once would take longer than much of what such an answer takes."""
        self.timeout_keep_alive_task = None
        if self.transport.is_closing():
            return
        left = self._answered_at + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self.timeout_keep_alive_task = self.loop.call_later(left, self.timeout_keep_alive_handler)
        elif not self._is_being_sent_to():
            super().timeout_keep_alive_handler()

    def shutdown(self) -> None:
        """No new connections are taken any more; one that looks idle may have a request on its way already, which would
        be lost with it. It is answered, and then the connection is closed."""
        self._is_leaving = True
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.keep_alive = False
        else:
            self.loop.call_later(_LINGER_SECONDS, self._close_when_idle)

    def _close_when_idle(self) -> None:
        is_answered = self.cycle is None or self.cycle.response_complete
        if self.transport.is_closing() or not is_answered:
            return
        if self._head_bytes or self._is_being_sent_to():
            self.loop.call_later(_LINGER_SECONDS, self._close_when_idle)
        else:
            self.transport.close()

    def _is_being_sent_to(self) -> bool:
        """Whether something has arrived that has not been read yet."""
        waiting = select.poll()
        waiting.register(self.transport.get_extra_info("socket").fileno(), select.POLLIN)
        return bool(waiting.poll(0))

    def pause_writing(self) -> None:
        """The client reads more slowly than we send."""
        super().pause_writing()
        self._send_deadline = self.loop.call_later(self._limits.send_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """The client has caught up."""
        if self._send_deadline is not None:
            self._send_deadline.cancel()
            self._send_deadline = None
        super().resume_writing()

    def _is_idle(self) -> bool:
        """Whether nothing is under way, neither way."""
        if (
            self._is_leaving
            or self._is_surplus
            or self.pipeline
            or self.flow.write_paused
            or self.transport.is_closing()
        ):
            return False
        return self.cycle is None or self.cycle.response_complete

    def _send_at_once(self, answer: RawAnswer) -> None:
        if self._deadline is not None:
            # That of the first request on the connection, which has come.
            self._expect_nothing()
        head = [_STATUS_OK]
        for name, value in self.server_state.default_headers:
            head += (name, b": ", value, b"\r\n")
        head += (answer.headers, b"content-length: %d\r\n\r\n" % answer.length)
        if answer.length <= _LONG:
            self.transport.write(b"".join((*head, answer.start, answer.end)))
        else:
            # Joining them would copy the answer once more.
            self.transport.writelines([b"".join(head), answer.start, answer.end])
        self.server_state.total_requests += 1
        self._answered_at = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def _expect_within(self, seconds: float) -> None:
        self._expect_nothing()
        self._deadline = self.loop.call_later(seconds, self._let_go)

    def _let_go(self) -> None:
        """The time is up. A process that stood still meanwhile has not read what came in time, and reads it now."""
        if self.transport.is_closing() or not self._is_being_sent_to():
            self.transport.abort()
        else:
            self._deadline = self.loop.call_later(_LATE_SECONDS, self.transport.abort)

    def _expect_nothing(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class GuardedSocket(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket protocol: a client that does not read for `send_seconds` is let go, and at the end there is
    time to say goodbye first."""

    def __init__(self, limits: ReceivingLimits, **given: Any) -> None:
        super().__init__(**given)
        self._limits = limits
        self._send_deadline: asyncio.TimerHandle | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_deadline()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client reads more slowly than we send."""
        super().pause_writing()
        self._send_deadline = self.loop.call_later(self._limits.send_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """The client has caught up."""
        self._cancel_deadline()
        super().resume_writing()

    def shutdown(self) -> None:
        """The application has been told (see `draining`) and ends its conversations; who stays is cut off."""
        self.loop.call_later(_FAREWELL_SECONDS, self._cut_off)

    def _cut_off(self) -> None:
        if not self.transport.is_closing():
            super().shutdown()

    def _cancel_deadline(self) -> None:
        if self._send_deadline is not None:
            self._send_deadline.cancel()
            self._send_deadline = None


_FAREWELL_SECONDS = 2.0
_LINGER_SECONDS = 1.0
_LATE_SECONDS = 1.0
_PROBES = (b"/livez", b"/readyz")
_VERSIONS = ("1.0", "1.1")
# Up to here copying takes less than sending twice.
_LONG = 64 * 1024
_STATUS_OK = b"HTTP/1.1 200 OK\r\n"
_HEAD_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


async def _refuse_headers(scope: Scope, receive: Receive, send: Send) -> None:
    refusal: GatewayError = HeadTooLarge("The request has too many headers.")
    await refusal_reply(refusal, MediaType.JSON)(scope, receive, send)


def _is_framed_oddly(headers: Sequence[tuple[bytes, bytes]], version: str) -> bool:
    """Whether a proxy in front might see the body end elsewhere than we do."""
    codings = [value for name, value in headers if name == b"transfer-encoding"]
    return version not in _VERSIONS or (bool(codings) and (version != "1.1" or codings[0].lower() != b"chunked"))


async def _refuse_framing(scope: Scope, receive: Receive, send: Send) -> None:
    refusal: GatewayError = BadRequest("The body is framed in a way that this gateway does not read.")
    reply = refusal_reply(refusal, MediaType.JSON)
    reply.headers["Connection"] = "close"
    await reply(scope, receive, send)


async def _refuse_connection(scope: Scope, receive: Receive, send: Send) -> None:
    refusal: GatewayError = Overloaded("The gateway holds as many connections as it takes. Try again in a moment.")
    reply = refusal_reply(refusal, MediaType.JSON)
    reply.headers["Connection"] = "close"
    await reply(scope, receive, send)
