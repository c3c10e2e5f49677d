"""Joins the edge and the schema: one request's context, its deadline, its usage, and what `extensions.gateway` says."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from functools import partial

from gateway.at_hand import at_hand
from gateway.caching.lasting import lasting
from gateway.deadline import deadline_in
from gateway.errors import UpstreamUnavailable
from gateway.http.execution import Answer, Caller, GraphQLParams, Part
from gateway.loading.loaders import Loaders
from gateway.schema.context import GatewayContext
from gateway.schema.execution import OperationRunner, Outcome
from gateway.schema.streaming import StreamRunner
from gateway.services.bundle import Services
from gateway.services.token_services import TokenServices
from gateway.streams import Begun, Streams
from gateway.telemetry.tracing import Tracing
from gateway.telemetry.usage import Usage, measuring


class GatewayExecutor:
    """Executes operations over the services of the running application; given them when it starts."""

    def __init__(
        self, runner: OperationRunner, streams: StreamRunner, request_seconds: float, tracing: Tracing | None = None
    ) -> None:
        self._runner = runner
        self._streams = Streams(streams, self._begin, request_seconds, tracing)
        self._request_seconds = request_seconds
        self._services: Services | None = None
        self._total = 0
        self._by_token: TokenServices | None = None

    def start(self, services: Services, by_token: TokenServices | None = None) -> None:
        """Takes the opened services; operations can be executed from now on. `by_token` serves callers who bring their
        own dbt tokens."""
        self._services = services
        self._by_token = by_token

    def stop(self) -> None:
        """Lets go of the services, which are about to be closed."""
        self._services = self._by_token = None

    @property
    def services(self) -> Services:
        """The opened services. Raises UpstreamUnavailable before the start and after the end."""
        if self._services is None:
            raise UpstreamUnavailable("The gateway is starting or stopping. Try again in a moment.")
        return self._services

    def known_models(self) -> int:
        """How many models the account has, as far as they have been read."""
        return self._services.models.known_models() if self._services else 0

    async def services_for(self, caller: Caller) -> Services:
        """The services that may be asked for this caller: those of his own dbt token, or everybody's."""
        if caller.dbt_token is None:
            return self.services
        if self._by_token is None:
            raise UpstreamUnavailable("The gateway is starting or stopping. Try again in a moment.")
        return await self._by_token.of(caller.dbt_token)

    async def execute(self, params: GraphQLParams, caller: Caller) -> Answer:
        """The answer to one operation (see Executor)."""
        at_once = self.at_once(params, caller)
        if at_once is not None:
            return at_once
        begun = await self._begin(params, caller)
        wanting = begun.services.wanting(params.max_age)
        with measuring(begun.usage), deadline_in(self._request_seconds), wanting:
            outcome = await self._runner.run(params.document, params.operation_name, params.variables, begun.context)
        return _answer(outcome, begun)

    def at_once(self, params: GraphQLParams, caller: Caller) -> Answer | None:
        """The answer to one operation whose facts are all at hand (see Executor)."""
        if self._services is None or caller.dbt_token is not None:
            return None
        begun = self._begun(self._services, params, caller)
        with at_hand(), measuring(begun.usage), begun.services.wanting(params.max_age):
            outcome = self._runner.at_once(params.document, params.operation_name, params.variables, begun.context)
        if outcome is None:
            return None
        begun.services.tiers.counts.note("memory", begun.usage.cache_hits, 0)
        return _answer(outcome, begun)

    async def subscribe(self, params: GraphQLParams, caller: Caller) -> Answer | AsyncGenerator[Answer, None]:
        """The answers to a subscription (see Executor)."""
        return await self._streams.subscribe(params, caller)

    async def execute_in_parts(self, params: GraphQLParams, caller: Caller) -> Answer | AsyncGenerator[Part, None]:
        """The answer to one operation, what it defers later (see Executor)."""
        return await self._streams.in_parts(params, caller)

    async def _begin(self, params: GraphQLParams, caller: Caller) -> Begun:
        return self._begun(await self.services_for(caller), params, caller)

    def _begun(self, services: Services, params: GraphQLParams, caller: Caller) -> Begun:
        projection = self._runner.projection(params.document, params.operation_name)
        total = services.generations.total
        if services is self._services and total != self._total:
            self._total = total
            self._runner.facts_changed()
        inferred = ("jobs", "runs") if services.admin.inferred else ()
        clock = services.tiers.clock
        sees_all = caller.visibility.is_everything
        usage = Usage(inferred=inferred, caller=caller.name, began=clock(), clock=clock, sees_all=sees_all)
        return Begun(GatewayContext(Loaders(services, projection, caller.visibility)), usage, services, total)

    def invalid(self, params: GraphQLParams) -> Answer | None:
        """The answer to a document that does not fit the schema (see Executor)."""
        outcome = self._runner.invalid(params.document)
        return None if outcome is None else Answer(outcome.data, outcome.errors, {}, outcome.executed)


def _answer(outcome: Outcome, begun: Begun) -> Answer:
    extensions = {"gateway": begun.usage.as_extension()} if outcome.executed else {}
    if outcome.errors:
        return Answer(outcome.data, outcome.errors, extensions, outcome.executed, way=outcome.way.value)
    # Most answers are given once; whether they might be again is told when it is asked.
    may_last = partial(lasting, begun.usage, begun.services.generations, begun.total)
    return Answer(outcome.data, outcome.errors, extensions, outcome.executed, may_last, outcome.way.value)
