"""The HTTP protocol with deadlines and bounds: who sends slowly, sends too much in one go, or does not read, is let go.

uvicorn itself waits for a request as long as the client likes, and no ASGI middleware can see a request that has not
arrived. A request that the application has asked to be shown first (see `raw_hook`) is answered before it is parsed.
"""

from __future__ import annotations

import asyncio
import logging
import select
import time
from collections.abc import Callable
from typing import Any

import httptools

from gateway.http.server.connections import forwarded_address
from gateway.http.server.context import ServerContext
from gateway.http.server.heads import handshake_refusal, head_refusal, may_be_handshake, refuse_surplus, values_of
from gateway.http.server.raw_hook import ARRIVED, EXACT, ExactRequest, RawAnswer
from gateway.http.server.request_names import unnamed
from gateway.http.server.slices import Intake
from gateway.http.server.uvicorn_internals import FlowControl, HttpToolsProtocol

_log = logging.getLogger("gateway.http")


class _ReadFlow(FlowControl):
    """uvicorn's flow of a connection, whose reading we hold too: it goes on when nobody has paused it."""

    def __init__(self, transport: asyncio.Transport, on_wanted: Callable[[], None]) -> None:
        super().__init__(transport)
        self._wanted = on_wanted
        self._is_held = False

    def hold(self, is_held: bool) -> None:
        """Pauses reading, or gives it free again."""
        self._is_held = is_held
        if self._transport.is_closing():
            return
        if is_held or self.read_paused:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def resume_reading(self) -> None:
        if not self._is_held:
            super().resume_reading()
        elif self.read_paused:
            self.read_paused = False
            self._wanted()


class GuardedProtocol(HttpToolsProtocol):
    """uvicorn's protocol over httptools, with the limits of its `context`. One instance per connection."""

    flow: _ReadFlow

    def __init__(self, context: ServerContext, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._context = context
        self._limits = context.limits
        self._raw_hook = context.raw_hook
        self._intake = Intake(context.reads, self.loop, self._feed, self._may_feed, self._hold_reading)
        self._peer = ""
        self._exact: ExactRequest | None = None
        self._in_message = False
        self._deadline: asyncio.TimerHandle | None = None
        self._send_deadline: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        self._in_head = True
        # Bytes in a row that belong to a body and are none of it.
        self._framing_bytes = 0
        self._events = 0
        self._is_leaving = False
        self._is_surplus = False
        self._is_refused = False
        self._is_websocket = False
        self._answered_at = 0.0
        self.has_asked = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        self.flow = _ReadFlow(transport, self._intake.resume)
        self._peer = self.client[0] if self.client else ""
        self._answered_at = self.loop.time()
        self._is_surplus = not self._context.limiter.admit(self, self._peer)
        self._expect_within(self._limits.head_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        self._context.limiter.release(self)
        self._intake.clear()
        self._expect_nothing()
        self.resume_writing()
        super().connection_lost(exc)

    @property
    def idle_seconds(self) -> float | None:
        """For how long nothing has been under way; None while something is."""
        return self.loop.time() - self._answered_at if self._is_idle() and not self._in_message else None

    def evict(self) -> None:
        """Closes the connection; nothing is under way on it."""
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        self._exact = None
        if not self._in_message and self._is_idle():
            known = data
            answer = self._raw_hook.answer(self._peer, data) if self._raw_hook.answer else None
            if answer is None:
                known = unnamed(data)
                if known is not data and self._raw_hook.answer:
                    answer = self._raw_hook.answer(self._peer, known)
            if answer is not None:
                self._send_at_once(answer)
                return
            self._exact = ExactRequest(self._raw_hook, self._peer, known)
        if self._in_head if self._in_message else may_be_handshake(data):
            # Handshakes take as long as several requests: who asks for anything else is served before them.
            self._intake.take_later(data)
        else:
            self._intake.take(data)

    def _may_feed(self) -> bool:
        """Whether what has arrived may be parsed: not while requests wait for the answer before theirs."""
        return not (self.pipeline or self.flow.read_paused or self.flow.write_paused or self.transport.is_closing())

    def _hold_reading(self) -> None:
        if not self._is_websocket:
            self.flow.hold(self._intake.pending or bool(self.pipeline))

    def _feed(self, data: bytes) -> int:
        """Parses a slice of what has arrived; how many headers, pieces of bodies and requests were in it."""
        self._unset_keepalive_if_required()
        self._events = 0
        if self._in_message and not self._in_head:
            self._framing_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            _log.debug("what arrived is no HTTP")
            self.send_400_response("Invalid HTTP request received.")
        if not (self._is_websocket or self.transport.is_closing()):
            self._check_progress(len(data))
        return self._events

    def _check_progress(self, size: int) -> None:
        if self._in_head:
            self._head_bytes += size
        if self._head_bytes > self._limits.head_bytes or self._framing_bytes > self._limits.framing_bytes:
            if self._in_head or not self.cycle.response_started:
                self.transport.write(_HEAD_TOO_LARGE)
            self.transport.close()
        elif self._deadline is None and self._in_message:
            self._expect_within(self._limits.head_seconds if self._in_head else self._limits.body_seconds)
        elif self._deadline is None and self.timeout_keep_alive_task is None and self._is_idle():
            # Empty lines, which may stand before a request.
            self._expect_within(self._limits.head_seconds)

    def _upgrade(self, rest: bytes) -> None:
        if self._should_upgrade():
            self._open_websocket(rest)
        else:
            # Whether the client goes on in HTTP, or in what it asked for, cannot be known.
            self._intake.clear()
            if self.cycle is not None:
                self.cycle.keep_alive = False

    def _should_upgrade(self) -> bool:
        return not self._is_refused and super()._should_upgrade()

    def _open_websocket(self, rest: bytes) -> None:
        head = [self.scope["method"].encode(), b" ", self.url, b" HTTP/1.1\r\n"]
        for name, value in self.headers:
            head += (name, b": ", value, b"\r\n")
        head.append(b"\r\n")
        rest += self._intake.rest()
        self.flow.hold(False)
        self._expect_nothing()
        self._is_websocket = True
        self.connections.discard(self)
        socket: Any = self.ws_protocol_class(  # type: ignore[misc, call-arg]
            config=self.config, server_state=self.server_state, app_state=self.app_state
        )
        self._context.limiter.replace(self, socket)
        self.transport.set_protocol(socket)
        socket.open(self.transport, b"".join(head), self.scope["client"])
        if rest:
            socket.data_received(rest)

    def on_message_begin(self) -> None:
        self._events += 1
        if self._exact is not None and self._exact.is_whole:
            # Another message in the same piece of data.
            self._exact.is_whole = False
            self._exact = None
        self._in_message = self._in_head = True
        self._framing_bytes = 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._events += 1
        # Those of a trailer are none (RFC 9110, 6.5.1): nobody has looked at them who decided about the request.
        if self._in_head:
            super().on_header(name, value)

    def on_body(self, body: bytes) -> None:
        self._events += 1
        self._framing_bytes = 0
        super().on_body(body)

    def on_headers_complete(self) -> None:
        self._in_head, self._head_bytes, self.has_asked = False, 0, True
        self._expect_nothing()
        if self._context.limiter.is_proxy(self._peer):
            client = forwarded_address(values_of(self.headers, b"x-forwarded-for"), self._limits.proxies)
            if client is not None:
                self.scope["client"] = (client, 0)
        served, refused = self.app, self._refusal()
        self._is_refused = refused is not None
        if refused is not None:
            self.app = refused
        if self._exact is not None:
            self.scope.update({EXACT: self._exact})  # type: ignore[misc]  # an open dict in truth
        if self.cycle is None or self.cycle.response_complete:
            # Others wait for the answer before them on their connection.
            self.scope.update({ARRIVED: time.monotonic()})  # type: ignore[misc]
        before = self.cycle
        super().on_headers_complete()
        self.app = served
        if self.cycle is not before and (self._is_leaving or self._is_surplus):
            self.cycle.keep_alive = False

    def _refusal(self) -> Any:
        version, method = self.parser.get_http_version(), self.parser.get_method()
        refusal = head_refusal(self.url, self.headers, version, self._limits.headers)
        if refusal is None and self._is_surplus and self.url not in _PROBES:
            refusal = refuse_surplus()
        if refusal is None and self.parser.should_upgrade() and super()._should_upgrade():
            refusal = handshake_refusal(method, self.url, self.headers, version)
        return refusal

    def on_message_complete(self) -> None:
        self._in_message = False
        self._expect_nothing()
        super().on_message_complete()
        # A request to become a WebSocket has no cycle.
        if self._exact is not None and self.cycle is not None:
            self._exact.is_whole = self.cycle.keep_alive and not self._intake.pending

    def on_response_complete(self) -> None:
        self._answered_at = self.loop.time()
        super().on_response_complete()
        self._intake.resume()
        self._hold_reading()

    def timeout_keep_alive_handler(self) -> None:
        """The connection has been idle for long, or was when the timer was set: to set it anew for each answer that is
        sent at once would take longer than much of what such an answer takes."""
        self.timeout_keep_alive_task = None
        if self.transport.is_closing():
            return
        left = self._answered_at + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self.timeout_keep_alive_task = self.loop.call_later(left, self.timeout_keep_alive_handler)
        elif not (self._intake.pending or self._is_being_sent_to()):
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
        if self._head_bytes or self._intake.pending or self._is_being_sent_to():
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
        self._intake.resume()

    def _is_idle(self) -> bool:
        """Whether nothing is under way, neither way."""
        if (
            self._is_leaving
            or self._is_surplus
            or self.pipeline
            or self._intake.pending
            or self.flow.write_paused
            or self.transport.is_closing()
        ):
            return False
        return self.cycle is None or self.cycle.response_complete

    def _send_at_once(self, answer: RawAnswer) -> None:
        if self._deadline is not None:
            # That of the first request on the connection, which has come.
            self._expect_nothing()
        self.has_asked = True
        length = answer.length
        head = [_STATUS_NOT_MODIFIED if length is None else _STATUS_OK]
        for name, value in self.server_state.default_headers:
            head += (name, b": ", value, b"\r\n")
        head += (answer.headers, b"\r\n" if length is None else b"content-length: %d\r\n\r\n" % length)
        if length is None or length <= _LONG:
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


_LINGER_SECONDS = 1.0
_LATE_SECONDS = 1.0
_PROBES = (b"/livez", b"/readyz")
# Up to here copying takes less than sending twice.
_LONG = 64 * 1024
_STATUS_OK = b"HTTP/1.1 200 OK\r\n"
_STATUS_NOT_MODIFIED = b"HTTP/1.1 304 Not Modified\r\n"
_HEAD_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
