"""Joins the edge and the schema: one request's context, its deadline, its usage, and what `extensions.gateway` says."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from functools import partial

from gateway.caching.cache_tags import CacheTags
from gateway.caching.cache_validator import lasting
from gateway.concurrency.checkpoints import STEPS_PER_TURN, checkpoint
from gateway.concurrency.deadline import deadline_in
from gateway.concurrency.only_if_cached import only_if_cached
from gateway.errors import ErrorBehavior, UpstreamUnavailable
from gateway.execution.event_streams import RequestScope, Streams
from gateway.execution.incremental_delivery import StreamRunner
from gateway.execution.operation_runner import OperationRunner, Outcome
from gateway.execution.request import Answer, Caller, GraphQLParams, Part
from gateway.loading.loaders import Loaders
from gateway.loading.projection import Projection
from gateway.schema.context import GatewayContext
from gateway.services.bundle import Services
from gateway.services.tokens.token_services import TokenServices
from gateway.telemetry.tracing import Tracing
from gateway.telemetry.usage import Usage, measuring


class GatewayExecutor:
    """Executes operations over the services of the running application; given them when it starts."""

    def __init__(
        self,
        runner: OperationRunner,
        streams: StreamRunner,
        request_seconds: float,
        tracing: Tracing | None = None,
        *,
        cache_tags: bool = False,
    ) -> None:
        """With `cache_tags` each answer holds its tags (see caching.cache_tags)."""
        self._cache_tags = cache_tags
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

    def known_models(self, caller: Caller) -> int:
        """How many models the caller may see, as far as they have been read. Hidden ones do not count: a price that
        held them would show their number."""
        services = self._services
        if caller.dbt_token is not None:
            services = self._by_token.opened(caller.dbt_token) if self._by_token else None
        return services.models.known_models(caller.visibility) if services else 0

    async def services_for(self, caller: Caller) -> Services:
        """The services that may be asked for this caller: those of his own dbt token, or everybody's."""
        if caller.dbt_token is None:
            return self.services
        if self._by_token is None:
            raise UpstreamUnavailable("The gateway is starting or stopping. Try again in a moment.")
        return await self._by_token.of(caller.dbt_token)

    async def execute(self, params: GraphQLParams, caller: Caller) -> Answer:
        """The answer to one operation (see Executor)."""
        answer = self.execute_sync(params, caller)
        if answer is not None:
            return answer
        # The attempt may have taken as long as a turn of the loop.
        await checkpoint(STEPS_PER_TURN)
        request_scope = await self._begin(params, caller)
        max_age_of = request_scope.services.max_age_of(params.max_age)
        with measuring(request_scope.usage), deadline_in(self._request_seconds), max_age_of:
            outcome = await self._runner.run(
                params.document, params.operation_name, params.variables, request_scope.context
            )
        return self._answer(outcome, request_scope)

    def execute_sync(self, params: GraphQLParams, caller: Caller) -> Answer | None:
        """The answer to one operation whose facts are all in memory (see Executor)."""
        if self._services is None or caller.dbt_token is not None:
            return None
        projection = self._runner.projection(params.document, params.operation_name)
        if projection.details:
            # No cache holds details: the attempt would do all the work before them, and then be dropped.
            return None
        request_scope = self._request_scope(self._services, projection, caller)
        with only_if_cached(), measuring(request_scope.usage), request_scope.services.max_age_of(params.max_age):
            outcome = self._runner.run_sync(
                params.document, params.operation_name, params.variables, request_scope.context
            )
        if outcome is None:
            return None
        request_scope.services.tiers.counts.note("memory", request_scope.usage.cache_hits, 0)
        return self._answer(outcome, request_scope)

    async def subscribe(self, params: GraphQLParams, caller: Caller) -> Answer | AsyncGenerator[Answer, None]:
        """The answers to a subscription (see Executor)."""
        return await self._streams.subscribe(params, caller)

    async def execute_in_parts(self, params: GraphQLParams, caller: Caller) -> Answer | AsyncGenerator[Part, None]:
        """The answer to one operation, what it defers later (see Executor). With HALT it comes whole: a part once sent
        cannot become null."""
        if params.on_error is ErrorBehavior.HALT:
            return await self.execute(params, caller)
        return await self._streams.in_parts(params, caller)

    async def _begin(self, params: GraphQLParams, caller: Caller) -> RequestScope:
        projection = self._runner.projection(params.document, params.operation_name)
        request_scope = self._request_scope(await self.services_for(caller), projection, caller)
        request_scope.context.on_error = params.on_error
        return request_scope

    def _request_scope(self, services: Services, projection: Projection, caller: Caller) -> RequestScope:
        total = services.generations.total
        if services is self._services and total != self._total:
            self._total = total
            self._runner.facts_changed()
        inferred = ("jobs", "runs") if services.admin.inferred else ()
        clock = services.tiers.clock
        sees_all = caller.visibility.is_everything
        usage = Usage(inferred=inferred, caller=caller.name, began=clock(), clock=clock, sees_all=sees_all)
        context = GatewayContext(Loaders(services, projection, caller.visibility))
        return RequestScope(context, usage, services, total)

    def invalid(self, params: GraphQLParams) -> Answer | None:
        """The answer to a document that does not fit the schema (see Executor)."""
        outcome = self._runner.invalid(params.document)
        return None if outcome is None else Answer(outcome.data, outcome.errors, {}, outcome.executed)

    def _answer(self, outcome: Outcome, request_scope: RequestScope) -> Answer:
        usage, services = request_scope.usage, request_scope.services
        usage.upstream_notes.update(services.notes())
        tags = tags_within(services).extensions(usage) if self._cache_tags and outcome.executed else {}
        extensions = {"gateway": usage.as_extension(), **tags} if outcome.executed else {}
        if outcome.errors:
            return Answer(outcome.data, outcome.errors, extensions, outcome.executed, way=outcome.way.value)
        # Most answers are given once; whether they might be again is decided when it is asked.
        may_last = partial(lasting, usage, services.generations, request_scope.total, tags)
        return Answer(outcome.data, outcome.errors, extensions, outcome.executed, may_last, outcome.way.value)


def tags_within(services: Services) -> CacheTags:
    """The cache tags of the account that these services ask for."""
    return CacheTags(services.admin.account_id, services.environments.project_name)
