"""The composition root: wires the rooms together, opens and closes everything in one lifespan."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

import strawberry
from starlette.applications import Starlette

from gateway.caching.counts import LookupCounts
from gateway.caching.shared_facts import SharedFacts
from gateway.caching.signer import Signer
from gateway.caching.validity import StalePolicy
from gateway.concurrency.deadline import deadline_in
from gateway.errors import ConfigurationError, GatewayError, UpstreamRefused
from gateway.execution.disclosure import Disclosure
from gateway.execution.executor import GatewayExecutor
from gateway.execution.incremental_delivery import StreamRunner
from gateway.execution.operation_runner import OperationRunner
from gateway.execution.request import Caller
from gateway.hierarchy.runs.run_event import RunEvent
from gateway.http.edge import EdgePolicy, create_edge
from gateway.http.errors import EventNotOurs
from gateway.http.graphql import EndpointPolicy
from gateway.http.limits.cost_model import read_cost_model
from gateway.http.limits.query_limits import QueryLimits
from gateway.http.operation_cost import CostPolicy
from gateway.http.request.body import BodyLimits
from gateway.http.request.documents import DocumentLimits
from gateway.http.streaming.live_connections import LivePolicy
from gateway.http.webhooks import Tell, WebhookPolicy
from gateway.mcp.tool import read_texts
from gateway.schema.build import build_schema, print_sdl
from gateway.services.bundle import CachePolicy, Services, Upstream, open_services
from gateway.services.tokens.token_proofs import TokenProofs
from gateway.services.tokens.token_services import TokenServices, upstream_of
from gateway.settings import Settings, environment_variables
from gateway.settings.problems import UNSIGNED
from gateway.telemetry.exporting import open_tracing
from gateway.telemetry.samples import ReadSamples
from gateway.telemetry.tracing import Tracing
from gateway.wiring.authenticator import authenticator_of
from gateway.wiring.purging import purging
from gateway.wiring.readiness import UpstreamReadiness
from gateway.wiring.upstream import WrapPlatform, open_upstream
from gateway.wiring.upstream_samples import samples_of


def create_app(
    settings: Settings,
    wrap_platform: WrapPlatform | None = None,
    clock: Callable[[], float] = time.monotonic,
    platform: Path | None = None,
) -> Starlette:
    """The gateway as an ASGI application. Nothing is opened before its lifespan starts.

    `wrap_platform` and `platform` say where the local platform runs (see open_upstream); facts grow old by `clock`.
    """
    tracing, end_tracing = _tracing(settings)
    schema = build_schema(settings.authenticated_schema)
    runner = OperationRunner(schema, settings.fast_path, _disclosure(settings))
    executor = GatewayExecutor(
        *(runner, StreamRunner(schema, runner), settings.request_seconds, tracing), cache_tags=settings.cache_tags
    )
    figures: list[ReadSamples] = []

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            # Sends the last spans, which may take a moment.
            stack.push_async_callback(asyncio.to_thread, end_tracing)
            upstream = await stack.enter_async_context(open_upstream(settings, wrap_platform, platform))
            counts = LookupCounts()
            services = await stack.enter_async_context(_own_services(settings, upstream, clock, counts))
            # What a caller's own token reads is his alone: it is neither shared with replicas nor kept for good.
            by_token = _token_services(settings, upstream, clock, counts)
            stack.push_async_callback(by_token.close)
            services.invalidation.subscribe(by_token.take)
            executor.start(services, by_token)
            stack.callback(executor.stop)
            await stack.enter_async_context(open_agents())
            figures[:] = [upstream.samples, *await _start_purging(stack, settings, services)]
            app.state.services = executor.services
            yield

    policy = _edge_policy(settings, print_sdl(schema), tracing, executor.known_models)
    readiness = UpstreamReadiness(lambda: executor.services, settings.pass_through_tokens)
    samples = samples_of(lambda: executor.services, lambda: figures)
    tell = _tell_events(lambda: executor.services, settings)
    counting = _counting_fields(policy, settings, runner)
    edge = create_edge(executor, counting, readiness, lifespan, tell=tell, samples=samples)
    open_agents = _agent_sessions(edge, schema, policy) if settings.mcp else nullcontext
    return edge


async def _start_purging(stack: AsyncExitStack, settings: Settings, services: Services) -> list[ReadSamples]:
    """Has caches in front told what is outdated, until the stack is closed; returns what reads the figures of it."""
    return [purger.samples for purger in await stack.enter_async_context(purging(settings, services))]


def _counting_fields(policy: EdgePolicy, settings: Settings, runner: OperationRunner) -> EdgePolicy:
    """The same with field usage, if it is counted. Several workers share a directory already, for their metrics."""
    if not settings.field_usage:
        return policy
    directory = environment_variables().get("PROMETHEUS_MULTIPROC_DIR")
    endpoint = replace(policy.endpoint, coordinates=runner.coordinates)
    return replace(policy, endpoint=endpoint, usage_directory=Path(directory) if directory else None)


def _tell_events(services: Callable[[], Services], settings: Settings) -> Tell:
    """What takes the events of webhooks. Raises EventNotOurs for one of another account."""

    async def tell(event: RunEvent) -> bool:
        if event.account_id != services().admin.account_id:
            raise EventNotOurs("The event is of another dbt account than this gateway serves.")
        invalidation = services().invalidation
        if settings.pass_through_tokens:
            # What is served is for each caller's token to say; the gateway's own may be unknown to dbt.
            await invalidation.spread(event)
            return True
        return await invalidation.tell(event)

    return tell


def _agent_sessions(
    edge: Starlette, schema: strawberry.Schema, policy: EdgePolicy
) -> Callable[[], AbstractAsyncContextManager[None]]:
    """Serves the tools for agents while what it returns is open. Raises ConfigurationError without the extra."""
    # Imported here: the SDK takes longer to import than the rest of the edge.
    try:
        from gateway.wiring.agents import mount_agents
    except ImportError as missing:
        raise ConfigurationError(f"mcp needs the extra: pip install 'dbt-gateway[agents]' ({missing}).") from None
    return mount_agents(edge, schema, policy).sessions


async def trouble_with_dbt(settings: Settings, seconds: float = 5.0) -> tuple[str, ...]:
    """Why dbt would refuse a gateway of these settings, and what of the account it would leave out, a line each; none
    where dbt answers whole, or is not asked.

    Both APIs are asked once, within so many seconds.
    """
    if not settings.uses_dbt_cloud or settings.service_token is None:
        return ()
    async with open_upstream(settings) as upstream, open_services(upstream, CachePolicy()) as services:
        try:
            with deadline_in(seconds):
                await services.admin.account_name()
                topology = await services.admin.topology()
                headers = await services.environments.headers(
                    [environment.id for environment in topology.environments[:1]]
                )
        except GatewayError as failure:
            return (_told(failure),)
    lines = [_told(header) for header in headers.values() if isinstance(header, GatewayError)]
    return (*lines, *(f"{note.code}: {note.message}" for note in (*topology.notes, *upstream.notes())))


def _told(failure: GatewayError) -> str:
    """With dbt's own sentence: whoever starts the gateway may read it."""
    words = failure.words if isinstance(failure, UpstreamRefused) else None
    return f"{failure.code}: {failure.message}" + (f" dbt says: {words}" if words else "")


@asynccontextmanager
async def _own_services(
    settings: Settings, upstream: Upstream, clock: Callable[[], float], counts: LookupCounts
) -> AsyncIterator[Services]:
    """The services with the gateway's own token, and what they share with replicas."""
    async with AsyncExitStack() as stack:
        shared = shared_facts(settings, upstream)
        if shared is not None:
            stack.push_async_callback(shared.close)
        opening = open_services(upstream, _cache_policy(settings), clock, shared=shared, counts=counts)
        yield await stack.enter_async_context(opening)


def _tracing(settings: Settings) -> tuple[Tracing | None, Callable[[], None]]:
    if settings.otlp_endpoint is None:
        return None, lambda: None
    return open_tracing(settings.otlp_endpoint, settings.trace_upstream)


def _cache_policy(settings: Settings) -> CachePolicy:
    return CachePolicy(
        revision_interval=settings.revision_interval,
        topology_seconds=settings.topology_seconds,
        cache_bytes=settings.cache_bytes,
        least_max_age=settings.least_max_age,
        reading_seconds=settings.request_seconds,
        stale_policy=StalePolicy(settings.stale_seconds, settings.stale_if_error_seconds),
    )


def shared_facts(settings: Settings, upstream: Upstream) -> SharedFacts | None:
    """What this process shares with its replicas; None without a Redis.

    The secret is one that all replicas have and Redis has not; raises ConfigurationError without one. Accounts, and
    what is served instead of dbt Cloud, are kept apart.
    """
    if upstream.link is None:
        return None
    secret = settings.sharing_secret
    if not secret:
        raise ConfigurationError(UNSIGNED)
    key = hmac.digest(secret.encode(), b"shared facts", hashlib.sha256)
    return SharedFacts(upstream.link, Signer(key), upstream.account_key)


def _webhooks(settings: Settings) -> WebhookPolicy | None:
    if settings.webhook_secret is None:
        return None
    return WebhookPolicy(settings.webhook_secret.get_secret_value().encode(), settings.webhook_window_seconds)


def _token_services(
    settings: Settings, upstream: Upstream, clock: Callable[[], float], counts: LookupCounts
) -> TokenServices:
    """Services for callers' own dbt tokens; all of them together keep as much as the gateway's own do."""
    most = settings.pass_through_kept
    part = _cache_policy(settings).part(most)
    proofs = TokenProofs(upstream, settings.request_seconds)
    return TokenServices(
        lambda token: open_services(upstream_of(upstream, token), part, clock, counts=counts), most, prove=proofs.prove
    )


def _disclosure(settings: Settings) -> Disclosure:
    sdl = settings.introspection if settings.subgraph_sdl is None else settings.subgraph_sdl
    return Disclosure(settings.introspection, sdl, settings.suggestions)


def _cost_policy(settings: Settings, sdl: str, models: Callable[[Caller], int]) -> CostPolicy:
    return CostPolicy(
        read_cost_model(sdl),
        settings.query_cost,
        settings.query_cost_mode,
        models,
        settings.caller_cost_per_minute,
    )


def _edge_policy(settings: Settings, sdl: str, tracing: Tracing | None, models: Callable[[Caller], int]) -> EdgePolicy:
    gate = QueryLimits(
        depth=settings.query_depth,
        fields=settings.query_fields,
        root_fields=settings.query_root_fields,
        aliases=settings.query_aliases,
        directives=settings.query_directives,
        arguments=settings.query_arguments,
    )
    endpoint = EndpointPolicy(
        body=BodyLimits(settings.body_bytes),
        documents=DocumentLimits(
            settings.query_characters, settings.query_tokens, gate=gate, enforce_gate=settings.limits == "enforce"
        ),
        cost=_cost_policy(settings, sdl, models),
        response_bytes=settings.response_bytes,
        trusted_documents=settings.trusted_documents,
        only_trusted_documents=settings.only_trusted_documents,
        automatic_documents=settings.automatic_documents,
        concurrent_operations=settings.concurrent_operations,
        tracing=tracing,
        response_cache_bytes=settings.response_cache_bytes,
        compression=settings.compression,
        cache_tag_header=settings.cache_tag_header if settings.cache_tags else None,
    )
    return EdgePolicy(
        path_prefix=settings.path_prefix,
        allowed_hosts=settings.allowed_hosts,
        allowed_origins=settings.cors_origins,
        pages=settings.pages,
        explorer=settings.explorer,
        metrics=settings.metrics,
        open_metrics=settings.open_metrics,
        slow_seconds=settings.slow_seconds,
        waiting_seconds=settings.waiting_seconds,
        endpoint=endpoint,
        webhooks=_webhooks(settings),
        authenticator=authenticator_of(settings),
        trusted=tuple(read_texts().values()) if settings.mcp else (),
        live=LivePolicy(settings.live_connections, settings.live_connections_per_caller, settings.live_operations),
    )
