"""Answers over HTTP that go on: a subscription as server-sent events, deferred parts as multipart or as events."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractContextManager, ExitStack, aclosing

from starlette.types import Scope

from gateway.execution.request import Answer, Executor, GraphQLParams, Part
from gateway.http.authentication import Authenticator, credentials_of
from gateway.http.errors import NothingAcceptable
from gateway.http.negotiation import EVENTS_TYPE, AcceptedStreams
from gateway.http.responses import error_of
from gateway.http.streaming.admission import Admission, share_key
from gateway.http.streaming.live_connections import LiveConnectionLimiter, LivePolicy
from gateway.http.streaming.part_encoding import (
    HEARTBEAT,
    LAST_EVENT,
    OPENING_PART,
    event_of_answer,
    events_of_answers,
    events_of_parts,
    multipart,
    parts_type,
)
from gateway.http.streaming.stream_response import Stream
from gateway.identity.caller import Caller
from gateway.identity.errors import Unauthenticated


class LiveAnswers:
    """Begins streams. An event stream takes the same places as a socket does."""

    def __init__(
        self,
        executor: Executor,
        authenticator: Authenticator,
        slots: LiveConnectionLimiter,
        policy: LivePolicy,
        response_bytes: int | None = None,
    ) -> None:
        self._response_bytes = response_bytes
        self._executor = executor
        self._authenticator = authenticator
        self._slots = slots
        self._policy = policy

    async def events(
        self, params: GraphQLParams, caller: Caller, scope: Scope, streams: AcceptedStreams
    ) -> Answer | Stream:
        """A subscription as events. Raises NothingAcceptable for a client that takes none, or TooManyStreams."""
        if not streams.events:
            raise NothingAcceptable(
                "A subscription is answered as text/event-stream, or over a WebSocket that speaks graphql-transport-ws."
            )
        with ExitStack() as places:
            places.enter_context(self._slots.place())
            places.enter_context(self._slots.place_of(share_key(scope, caller)))
            answers = await self._executor.subscribe(params, caller)
            if isinstance(answers, Answer):
                return answers
            admission = Admission(self._authenticator, credentials_of(scope), caller)
            return Stream(
                EVENTS_TYPE,
                events_of_answers(_while_admitted(answers, admission), self._response_bytes),
                heartbeat=HEARTBEAT,
                heartbeat_seconds=self._policy.heartbeat_seconds,
                farewell=LAST_EVENT,
                until=caller.until,
                # So that the client knows at once that it is heard.
                opening=HEARTBEAT,
                admitted=admission.holds,
                places=places.pop_all(),
            )

    async def parts(
        self,
        params: GraphQLParams,
        caller: Caller,
        scope: Scope,
        streams: AcceptedStreams,
        place: Callable[[], AbstractContextManager[None]],
    ) -> Answer | Stream:
        """What an operation defers in parts, and a whole answer otherwise; one event of it if only events are taken.

        `place` is one among the operations under way, held until the last part is sent. A part for somebody who would
        not be let in any more is not sent; an error stands for it and all that follow.
        """
        with ExitStack() as places:
            places.enter_context(place())
            answer = await self._executor.execute_in_parts(params, caller)
            if isinstance(answer, Answer):
                if not (streams.events and streams.only):
                    return answer
                return Stream(EVENTS_TYPE, event_of_answer(answer, self._response_bytes))
            parts = parts_while_admitted(answer, Admission(self._authenticator, credentials_of(scope), caller))
            if streams.parts is not None:
                body = multipart(parts, streams.parts, self._response_bytes)
                return Stream(parts_type(streams.parts), body, opening=OPENING_PART, places=places.pop_all())
            events = events_of_parts(parts, self._response_bytes)
            seconds = self._policy.heartbeat_seconds
            return Stream(EVENTS_TYPE, events, HEARTBEAT, seconds, places=places.pop_all())


async def parts_while_admitted(parts: AsyncGenerator[Part, None], admission: Admission) -> AsyncGenerator[Part, None]:
    """The parts, until one comes for somebody who would not be let in any more: in its place comes the last one, which
    says so for everything that is still to come."""
    pending: set[str] = set()
    async with aclosing(parts):
        async for part in parts:
            if not await admission.holds():
                yield _ended(pending, is_first="data" in part)
                return
            pending |= {announced["id"] for announced in part.get("pending", ())}
            pending -= {completed["id"] for completed in part.get("completed", ())}
            yield part


def _ended(pending: set[str], *, is_first: bool) -> Part:
    refusal = error_of(
        Unauthenticated("Your key or token has ended, or grants something else than when you asked. Ask again.")
    )
    if is_first:
        return {"data": None, "errors": [refusal], "hasNext": False}
    return {"completed": [{"id": part_id, "errors": [refusal]} for part_id in sorted(pending)], "hasNext": False}


async def _while_admitted(answers: AsyncGenerator[Answer, None], admission: Admission) -> AsyncGenerator[Answer, None]:
    """The answers, until one comes for somebody who would not be let in any more."""
    async with aclosing(answers):
        async for answer in answers:
            if not await admission.holds():
                return
            yield answer
