"""Joins the edge and the schema for answers that come in parts: each step with its own usage, deadline and turn."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from msgspec import Struct

from gateway.concurrency.deadline import deadline_in
from gateway.errors import GatewayError
from gateway.execution.incremental_delivery import OperationArguments, StreamRunner
from gateway.execution.operation_runner import Outcome
from gateway.execution.request import Answer, GraphQLParams, Part, document_id
from gateway.identity.caller import Caller
from gateway.loading.field_context import FieldContext
from gateway.queries.live.live_queries import Live
from gateway.schema.context import GatewayContext
from gateway.services.bundle import Services
from gateway.services.changes.change_poller import ChangePoller
from gateway.telemetry.request_record import RequestRecord, codes_of, traced
from gateway.telemetry.tracing import Tracing, operation_span
from gateway.telemetry.usage import Usage, measuring

log = logging.getLogger(__name__)

# Events come to all subscribers at once; so many of them are answered at a time, and requests get their turn between.
_EVENTS_AT_ONCE = 8


class RequestScope(Struct, frozen=True):
    """What a request, or one event of a subscription, is given: a context without memory, and its usage. `total` is how
    often facts had changed when it began (see caching.generations)."""

    context: GatewayContext
    usage: Usage
    services: Services
    total: int


@dataclass(frozen=True, slots=True)
class SubscriptionSource:
    """The events of a subscription, and the watch they come from."""

    poller: ChangePoller
    events: AsyncIterable[Any]


Begin = Callable[[GraphQLParams, Caller], Awaitable[RequestScope]]


class Streams:
    """Runs subscriptions and deferring operations. `begin` opens what each step needs; a step has `seconds`. Each event
    that is answered has a span of its own, if there is `tracing`."""

    def __init__(self, runner: StreamRunner, begin: Begin, seconds: float, tracing: Tracing | None = None) -> None:
        self._tracing = tracing
        self._runner = runner
        self._begin = begin
        self._seconds = seconds
        self._turns = asyncio.Semaphore(_EVENTS_AT_ONCE)

    async def subscribe(self, params: GraphQLParams, caller: Caller) -> Answer | AsyncGenerator[Answer, None]:
        """The answers of a subscription as its events come, or the one that says why there is none."""
        asked = _asked(params)
        request_scope = await self._begin(params, caller)
        poller = request_scope.services.poller
        request_scope.context.live = Live(poller, lambda: self._asking(params, caller, poller))
        with measuring(request_scope.usage), deadline_in(self._seconds):
            events = await self._runner.events(asked, request_scope.context)
        if isinstance(events, Outcome):
            return Answer(None, events.errors, executed=False)
        return self._answers(asked, params, caller, SubscriptionSource(poller, events))

    @asynccontextmanager
    async def _asking(self, params: GraphQLParams, caller: Caller, poller: ChangePoller) -> AsyncIterator[FieldContext]:
        request_scope = await self._begin(params, caller)
        with poller.invalidation(), measuring(request_scope.usage), deadline_in(self._seconds):
            yield FieldContext(request_scope.context.loaders)

    async def _answers(
        self, asked: OperationArguments, params: GraphQLParams, caller: Caller, source: SubscriptionSource
    ) -> AsyncGenerator[Answer, None]:
        seen = RequestRecord("EVENT", document_id(params.query), "subscription", caller.name)
        try:
            async for event in source.events:
                async with self._turns:
                    request_scope = await self._begin(params, caller)
                    with (
                        operation_span(self._tracing, {}) as span,
                        source.poller.invalidation(),
                        measuring(request_scope.usage),
                        deadline_in(self._seconds),
                    ):
                        answer = _answer(
                            await self._runner.on_event(asked, event, request_scope.context), request_scope.usage
                        )
                        if span is not None:
                            seen.codes, seen.usage = codes_of(answer.errors), answer.extensions.get("gateway", {})
                            span.set_attributes(traced(seen))
                yield answer
        except GatewayError as failure:
            yield Answer(None, [{"message": failure.message, "extensions": failure.extensions}])
        finally:
            if isinstance(source.events, AsyncGenerator):
                await source.events.aclose()

    async def in_parts(self, params: GraphQLParams, caller: Caller) -> Answer | AsyncGenerator[Part, None]:
        """The parts of an operation that defers something, or its whole answer."""
        until = time.monotonic() + self._seconds
        request_scope = await self._begin(params, caller)
        with (
            measuring(request_scope.usage),
            deadline_in(self._seconds),
            request_scope.services.max_age_of(params.max_age),
        ):
            parts = await self._runner.parts(_asked(params), request_scope.context)
        return (
            _answer(parts, request_scope.usage)
            if isinstance(parts, Outcome)
            else self._parts(parts, request_scope.usage, until)
        )

    async def _parts(self, parts: AsyncGenerator[Part, None], usage: Usage, until: float) -> AsyncGenerator[Part, None]:
        """Each part with what the operation has cost so far. Usage and deadline are set for each step anew: between
        two parts the consumer runs, whose context they are not."""
        try:
            while True:
                with measuring(usage), deadline_in(until - time.monotonic()):
                    part = await anext(parts, None)
                if part is None:
                    return
                yield {**part, "extensions": {"gateway": usage.as_extension()}}
        finally:
            await parts.aclose()


def _asked(params: GraphQLParams) -> OperationArguments:
    return OperationArguments(params.document, params.operation_name, params.variables or {})


def _answer(outcome: Outcome, usage: Usage) -> Answer:
    extensions = {"gateway": usage.as_extension()} if outcome.executed else {}
    return Answer(outcome.data, outcome.errors, extensions, outcome.executed)
