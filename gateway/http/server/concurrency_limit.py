"""Lets fewer operations run at once when requests have to wait for their turn, so that those are answered in time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.http.errors import NothingAcceptable, Overloaded
from gateway.http.negotiation import MediaType, negotiate, read_accept
from gateway.http.paths import GRAPHQL_PATHS
from gateway.http.responses import refusal_reply
from gateway.http.server.raw_hook import ARRIVED
from gateway.telemetry.request_record import Observer, RequestRecord

# So many operations may always run.
_LEAST = 16
# Seconds of waits that are judged together, and by what the number then shrinks or grows.
_INTERVAL = 0.1
_SHRINKING, _GROWING = 0.8, 1.1


@dataclass(frozen=True, slots=True)
class ConcurrencyPolicy:
    """At most `most` operations at once, and fewer while requests wait longer than `seconds` on average."""

    most: int = 200
    seconds: float = 0.05


class ConcurrencyWindow:
    """How many operations may run at once.

    A process whose core is busy answers no more by running more of them: they only take turns, and all become slow
    together, until every answer comes too late. What waits for dbt leaves the core alone, and so the window as it is.
    """

    def __init__(self, policy: ConcurrencyPolicy, now: float) -> None:
        self._policy = policy
        self._least = min(_LEAST, policy.most)
        self._began = now
        self._waits = 0
        self._waited = 0.0
        self.size = float(policy.most)

    def note(self, waited: float, now: float, in_flight: int) -> None:
        """Takes a request into account that has waited so many seconds for its turn."""
        intervals = (now - self._began) / _INTERVAL
        if intervals >= 1:
            self._judge(in_flight)
            # In which nobody came, and so nobody waited.
            self._grow(min(intervals - 1, 100.0))
            self._began, self._waits, self._waited = now, 0, 0.0
        self._waits += 1
        self._waited += waited

    def _judge(self, in_flight: int) -> None:
        if self._waited > self._policy.seconds * self._waits:
            self.size = max(float(self._least), min(self.size, in_flight) * _SHRINKING)
        else:
            self._grow(1.0)

    def _grow(self, intervals: float) -> None:
        self.size = min(float(self._policy.most), self.size * _GROWING**intervals)


class AdaptiveConcurrencyLimit:
    """ASGI middleware before the router. `in_flight` shows how many operations run.

    Saying no here costs a fraction of what an answer costs. What is not GraphQL is let through: probes must not fail
    because there is much to do.
    """

    def __init__(
        self,
        app: ASGIApp,
        policy: ConcurrencyPolicy,
        in_flight: Callable[[], int],
        observers: Sequence[Observer] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._in_flight = in_flight
        self._observers = observers
        self._clock = clock
        self._window = ConcurrencyWindow(policy, clock())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        arrived: float | None = scope.get(ARRIVED)
        if arrived is None or scope["path"] not in GRAPHQL_PATHS:
            await self._app(scope, receive, send)
            return
        now, in_flight = self._clock(), self._in_flight()
        self._window.note(now - arrived, now, in_flight)
        if in_flight < self._window.size:
            await self._app(scope, receive, send)
            return
        refusal = Overloaded("The gateway is asked for more than it can answer in time. Try again in a moment.")
        seen = RequestRecord(scope["method"], status=refusal.http_status, codes=[refusal.code], seconds=now - arrived)
        for observe in self._observers:
            observe(seen)
        await refusal_reply(refusal, _media_type(scope))(scope, receive, send)


def _media_type(scope: Scope) -> MediaType:
    try:
        return negotiate(read_accept(Headers(scope=scope).get("accept")))
    except NothingAcceptable:
        return MediaType.JSON
