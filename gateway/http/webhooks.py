"""`POST /webhooks/dbt`: dbt reports that a run began or ended. A body not signed with our secret is not parsed."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.concurrency.bounded_map import BoundedMap
from gateway.errors import GatewayError
from gateway.hierarchy.runs.run_event import RunEvent
from gateway.http.errors import (
    BadRequest,
    EventNotOurs,
    EventNotTaken,
    EventOutOfTime,
    MethodRefused,
    SignatureRefused,
)
from gateway.http.negotiation import MediaType
from gateway.http.request.body import BodyLimits, ClientGone, read_body
from gateway.http.request.strict_json import JsonBounds, read_json
from gateway.http.responses import HEADERS, refusal_reply

PATH = "/webhooks/dbt"

_FINISHED = {"job.run.started": False, "job.run.completed": True, "job.run.errored": True}
_MOST_REMEMBERED = 10_000
# dbt wants an answer within ten seconds; ours comes within one, whatever is still being done.
_ANSWER_SECONDS = 0.8

Tell = Callable[[RunEvent], Awaitable[bool]]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WebhookPolicy:
    """The secret dbt signs with, and how many seconds an event's own time may be off ours."""

    secret: bytes = field(repr=False)
    window_seconds: float = 600.0
    body: BodyLimits = field(default_factory=lambda: BodyLimits(64 * 1024, 5.0))


# dbt's ids are BigInts. A greater number could not be told to replicas, and names nothing.
_Id = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class _Run(msgspec.Struct, rename="camel"):
    """dbt writes these ids as text."""

    job_id: _Id
    run_id: _Id
    environment_id: _Id


class _Event(msgspec.Struct, rename="camel"):
    event_id: str
    timestamp: str
    event_type: str
    account_id: _Id
    data: _Run


class WebhookEndpoint:
    """ASGI application. `tell` acts on an event and says whether it concerned us.

    An event is done only when `tell` has succeeded: until then dbt's repeats of it are let in.
    """

    def __init__(self, policy: WebhookPolicy, tell: Tell, clock: Callable[[], float] = time.time) -> None:
        self._policy = policy
        self._tell = tell
        self._clock = clock
        self._done: BoundedMap[str, bool] = BoundedMap(_MOST_REMEMBERED)
        self._under_way: dict[str, asyncio.Task[bool]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        try:
            reply = await self._reply(scope["method"], headers, receive)
        except ClientGone:
            return
        except GatewayError as refusal:
            reply = refusal_reply(refusal, MediaType.JSON)
        await reply(scope, receive, send)

    async def _reply(self, method: str, headers: Headers, receive: Receive) -> Response:
        if method != "POST":
            raise MethodRefused("dbt's webhooks are POSTed.", "POST")
        body = await read_body(headers, receive, self._policy.body)
        check_signature(headers, body, self._policy.secret)
        event = _read(body)
        self._check_time(event)
        if event.event_type not in _FINISHED:
            return _status(200, "ignored")
        if event.event_id in self._done:
            return _status(200, "known")
        return await self._act(event)

    def _check_time(self, event: _Event) -> None:
        if abs(self._clock() - _seconds(event.timestamp)) > self._policy.window_seconds:
            raise EventOutOfTime("The event's timestamp is too far from now: it is old, or a clock is wrong.")

    async def _act(self, event: _Event) -> Response:
        task = self._under_way.get(event.event_id)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._run(event))
            self._under_way[event.event_id] = task
        await asyncio.wait({task}, timeout=_ANSWER_SECONDS)
        if not task.done():
            return _status(202, "accepted")
        failure = task.exception()
        if isinstance(failure, EventNotOurs):
            raise failure
        if failure is not None:
            raise EventNotTaken("The event could not be acted upon now. Send it again.")
        return _status(200, "done" if task.result() else "ignored")

    async def _run(self, event: _Event) -> bool:
        data = event.data
        run_event = RunEvent(
            event.account_id, data.environment_id, data.job_id, data.run_id, _FINISHED[event.event_type]
        )
        try:
            concerned = await self._tell(run_event)
        except EventNotOurs:
            raise
        except Exception as failure:
            log.warning("webhook event of run %d could not be acted upon: %s", run_event.run_id, type(failure).__name__)
            raise
        finally:
            self._under_way.pop(event.event_id, None)
        self._done.put(event.event_id, True)
        return concerned


def check_signature(headers: Headers, body: bytes, secret: bytes) -> None:
    """Raises SignatureRefused unless the one Authorization header is the hex HMAC-SHA256 of the body."""
    signatures = headers.getlist("authorization")
    expected = hmac.new(secret, body, hashlib.sha256).hexdigest()
    if len(signatures) != 1 or not hmac.compare_digest(
        signatures[0].strip().lower().encode("latin-1"), expected.encode()
    ):
        raise SignatureRefused("The Authorization header is not this body's signature with the webhook's secret.")


def _read(body: bytes) -> _Event:
    try:
        # Lax: numbers may be written as text, as dbt does.
        return msgspec.convert(read_json(body, JsonBounds(depth=16)), _Event, strict=False)
    except msgspec.ValidationError:
        raise BadRequest("This is not an event as dbt sends it.") from None


def _seconds(timestamp: str) -> float:
    """dbt writes nanoseconds, and a Z."""
    head, dot, fraction = timestamp.strip().removesuffix("Z").partition(".")
    digits = fraction.rstrip("0123456789")
    try:
        moment = datetime.fromisoformat(f"{head}{dot}{fraction[:6]}" if dot and not digits else timestamp)
    except ValueError:
        raise BadRequest("The event's timestamp cannot be read.") from None
    return (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment).timestamp()


def _status(status: int, word: str) -> Response:
    return Response(msgspec.json.encode({"status": word}), status, HEADERS, "application/json")
