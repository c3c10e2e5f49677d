"""One WebSocket from its introduction to its end: the graphql-transport-ws protocol, message by message."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from starlette.types import Receive, Scope, Send

from gateway.concurrency.cancellation import end
from gateway.errors import GatewayError
from gateway.execution.request import Answer
from gateway.http.authentication import Authenticator
from gateway.http.errors import TooManyStreams
from gateway.http.request.body import ClientGone
from gateway.http.request.parameters import Parameters, parameters_of_body
from gateway.http.request.strict_json import JsonBounds
from gateway.http.responses import error_of
from gateway.http.streaming.admission import Admission, admit, share_key
from gateway.http.streaming.live_connections import Introduction, LiveConnectionLimiter, LivePolicy
from gateway.http.streaming.messages import (
    CloseCode,
    Closing,
    Message,
    acknowledged,
    completed,
    following,
    pong,
    read_message,
    refused,
)
from gateway.http.streaming.operation_endpoint import OperationEndpoint
from gateway.telemetry.request_record import RequestRecord

_log = logging.getLogger("gateway.http")


@dataclass(frozen=True, slots=True)
class WebSocketContext:
    """What every conversation shares."""

    operations: OperationEndpoint
    authenticator: Authenticator
    slots: LiveConnectionLimiter
    policy: LivePolicy
    json: JsonBounds
    response_bytes: int | None = None


class TransportWsHandler:
    """Talks with one client until one of the two has enough.

    What is sent waits until the client has read what was sent before: a slow one slows its own subscriptions down,
    whose oldest news are then dropped, and costs no memory.
    """

    def __init__(
        self, websockets: WebSocketContext, introduction: Introduction, scope: Scope, receive: Receive, send: Send
    ) -> None:
        self._websockets = websockets
        self._waiting = introduction
        self._scope = scope
        self._receive_frame = receive
        self._send_frame = send
        self._sending = asyncio.Lock()
        self._running: dict[str, asyncio.Task[None]] = {}
        self._withdrawn = asyncio.Event()

    async def run(self) -> None:
        """The whole conversation, after the socket has been accepted."""
        try:
            await self._talk()
        except Closing as closing:
            await self._close(closing)
        except ClientGone:
            pass
        finally:
            await self._stop(list(self._running.values()))

    async def _talk(self) -> None:
        admission = await self._introduction()
        slots = self._websockets.slots
        slots.introduced(self._waiting)
        try:
            with slots.place(), slots.place_of(share_key(self._scope, admission.caller)):
                await self._send(acknowledged())
                await self._until_the_end(admission)
        except TooManyStreams as full:
            raise Closing(CloseCode.TOO_MANY_REQUESTS, full.message) from None

    async def _introduction(self) -> Admission:
        try:
            async with asyncio.timeout(self._websockets.policy.init_seconds) as deadline:
                self._waiting.within(deadline)
                message = await self._receive()
                while message.type == "ping":
                    await self._send(pong(message.payload))
                    message = await self._receive()
                self._waiting.finish()
        except TimeoutError:
            raise Closing(CloseCode.INITIALISATION_TIMEOUT, "Connection initialisation timeout") from None
        if message.type != "connection_init":
            raise Closing(CloseCode.UNAUTHORIZED, "Unauthorized")
        try:
            return await admit(self._websockets.authenticator, self._scope, _authorization(message))
        except GatewayError:
            raise Closing(CloseCode.FORBIDDEN, "Forbidden") from None

    async def _until_the_end(self, admission: Admission) -> None:
        """Reads on until the client has left, its credential has ended, or the gateway leaves."""
        loop = asyncio.get_running_loop()
        until = admission.caller.until
        reading = loop.create_task(self._read_on(admission))
        leaving = loop.create_task(_never() if "leaving" not in self._scope else self._scope["leaving"].wait())
        withdrawn = loop.create_task(self._until_withdrawn(admission))
        ends = {reading, leaving, withdrawn}
        seconds = None if until is None else max(0.0, until - time.monotonic())
        try:
            done, _ = await asyncio.wait(ends, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in ends:
                task.cancel()
        if reading in done:
            reading.result()
        elif leaving in done:
            await self._complete_all()
            raise Closing(CloseCode.GOING_AWAY, "The gateway is going away; connect again")
        else:
            raise Closing(CloseCode.FORBIDDEN, "The credential has ended; connect again with a new one")

    async def _until_withdrawn(self, admission: Admission) -> None:
        """Returns when the credential was found withdrawn: before an answer, or looked at now and then in silence."""
        while not self._withdrawn.is_set():
            try:
                async with asyncio.timeout(self._websockets.policy.heartbeat_seconds):
                    await self._withdrawn.wait()
            except TimeoutError:
                if not await admission.holds():
                    return

    async def _read_on(self, admission: Admission) -> None:
        while True:
            message = await self._receive()
            match message.type:
                case "connection_init":
                    raise Closing(CloseCode.TOO_MANY_REQUESTS, "Too many initialisation requests")
                case "ping":
                    await self._send(pong(message.payload))
                case "subscribe":
                    await self._begin(message, admission)
                case "complete":
                    self._cancel(message.id)

    async def _begin(self, message: Message, admission: Admission) -> None:
        if message.id in self._running:
            raise Closing(CloseCode.SUBSCRIBER_ALREADY_EXISTS, f"Subscriber for {message.id[:40]} already exists")
        try:
            parameters = parameters_of_body(message.payload)
        except GatewayError:
            raise Closing(CloseCode.BAD_REQUEST, "The payload of a subscribe message is not a request") from None
        most = self._websockets.policy.operations
        if len(self._running) >= most:
            full = TooManyStreams(f"This socket runs {most} operations already; complete one first.")
            await self._send(refused(message.id, [error_of(full)]))
            return
        self._running[message.id] = asyncio.create_task(self._run(message.id, parameters, admission))

    def _cancel(self, message_id: str) -> None:
        task = self._running.pop(message_id, None)
        if task is not None:
            task.cancel()

    async def _run(self, message_id: str, parameters: Parameters, admission: Admission) -> None:
        try:
            await self._answer(message_id, parameters, admission)
        except GatewayError as refusal:
            await self._finish(message_id, refused(message_id, [error_of(refusal)]))
        except OSError:
            # The client is gone; the reader finds out by itself.
            return
        except Exception:
            error_id = secrets.token_hex(6)
            _log.exception("an operation on a socket failed, error id %s", error_id)
            failure = GatewayError("Something went wrong in the gateway; its log has the error id.", errorId=error_id)
            await self._finish(message_id, refused(message_id, [error_of(failure)]))

    async def _answer(self, message_id: str, parameters: Parameters, admission: Admission) -> None:
        if not await admission.holds():
            self._withdrawn.set()
            return
        answers = await self._websockets.operations.begin(parameters, RequestRecord("WEBSOCKET"), admission.caller)
        if isinstance(answers, Answer):
            if answers.executed:
                await self._send(following(message_id, answers, self._websockets.response_bytes))
                await self._finish(message_id, completed(message_id))
            else:
                await self._finish(message_id, refused(message_id, answers.errors))
            return
        async with aclosing(answers):
            async for answer in answers:
                if not await admission.holds():
                    self._withdrawn.set()
                    return
                await self._send(following(message_id, answer, self._websockets.response_bytes))
        await self._finish(message_id, completed(message_id))

    async def _finish(self, message_id: str, farewell: str) -> None:
        """Says that an operation is over, unless the client has said so before; its id is free from then on."""
        if self._running.pop(message_id, None) is not None:
            await self._send(farewell)

    async def _complete_all(self) -> None:
        running, self._running = self._running, {}
        await self._stop(list(running.values()))
        for message_id in running:
            await self._send(completed(message_id))

    async def _stop(self, tasks: list[asyncio.Task[None]]) -> None:
        await end(tasks)

    async def _receive(self) -> Message:
        frame = await self._receive_frame()
        if frame["type"] == "websocket.disconnect":
            raise ClientGone
        return read_message(frame, self._websockets.json)

    async def _send(self, text: str) -> None:
        async with self._sending:
            await self._send_frame({"type": "websocket.send", "text": text})

    async def _close(self, end: Closing) -> None:
        async with self._sending:
            await self._send_frame({"type": "websocket.close", "code": int(end.code), "reason": end.reason[:120]})


def _authorization(message: Message) -> str | None:
    """The credential in the first message, where browsers have to put it: they cannot set headers on a WebSocket."""
    payload: Any = message.payload or {}
    credential = payload.get("authorization", payload.get("Authorization"))
    if credential is not None and not isinstance(credential, str):
        raise Closing(CloseCode.BAD_REQUEST, "authorization is a string")
    return credential


async def _never() -> None:
    await asyncio.Event().wait()
