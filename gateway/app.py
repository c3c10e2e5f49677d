"""The composition root: wires the rooms together, opens and closes everything in one lifespan."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from starlette.applications import Starlette

from gateway.callers import authenticator_of
from gateway.errors import GatewayError, UpstreamForbidden, UpstreamUnauthenticated
from gateway.execution import GatewayExecutor
from gateway.http.body import BodyLimits
from gateway.http.cost_model import read_cost_model
from gateway.http.documents import DocumentLimits
from gateway.http.edge import EdgePolicy, create_edge
from gateway.http.gate import GateLimits
from gateway.http.graphql import EndpointPolicy
from gateway.http.health import Readiness
from gateway.http.pricing import CostPolicy
from gateway.schema.build import build_schema, print_sdl
from gateway.schema.disclosure import Disclosure
from gateway.schema.execution import OperationRunner
from gateway.services.bundle import Freshness, Upstream, open_services
from gateway.services.token_services import TokenServices, upstream_of
from gateway.settings import Settings
from gateway.upstream import WrapPlatform, open_upstream


def create_app(settings: Settings, wrap_platform: WrapPlatform | None = None) -> Starlette:
    """The gateway as an ASGI application.

    Nothing is opened before its lifespan starts. `wrap_platform` may put something before the embedded platform (see
    open_upstream).
    """
    schema = build_schema(settings.authenticated_schema)
    runner = OperationRunner(schema, settings.fast_path, _disclosure(settings))
    executor = GatewayExecutor(runner, settings.request_seconds)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            upstream = await stack.enter_async_context(open_upstream(settings, wrap_platform))
            freshness = Freshness(settings.revision_interval, settings.topology_seconds, settings.cached_rows)
            services = await stack.enter_async_context(open_services(upstream, freshness))
            by_token = _token_services(settings, upstream, freshness)
            stack.push_async_callback(by_token.close)
            executor.start(services, by_token)
            stack.callback(executor.stop)
            yield

    async def readiness() -> Readiness:
        try:
            await executor.services.admin.topology()
        except (UpstreamUnauthenticated, UpstreamForbidden) as refused:
            # Where callers bring their own tokens, dbt need not know ours.
            return Readiness(settings.pass_through_tokens, {"dbt": refused.code})
        except GatewayError as failure:
            return Readiness(False, {"dbt": failure.code})
        return Readiness(True, {"dbt": "ok"})

    return create_edge(executor, _edge_policy(settings, print_sdl(schema)), readiness, lifespan)


def _token_services(settings: Settings, upstream: Upstream, freshness: Freshness) -> TokenServices:
    """Services for callers' own dbt tokens; all of them together keep as much as the gateway's own do."""
    most = settings.pass_through_kept
    part = freshness.part(most)
    return TokenServices(lambda token: open_services(upstream_of(upstream, token), part), most)


def _disclosure(settings: Settings) -> Disclosure:
    sdl = settings.introspection if settings.subgraph_sdl is None else settings.subgraph_sdl
    return Disclosure(settings.introspection, sdl, settings.suggestions)


def _edge_policy(settings: Settings, sdl: str) -> EdgePolicy:
    gate = GateLimits(
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
        cost=CostPolicy(read_cost_model(sdl), settings.query_cost, settings.query_cost_mode),
        response_bytes=settings.response_bytes,
        trusted_documents=settings.trusted_documents,
        only_trusted_documents=settings.only_trusted_documents,
        automatic_documents=settings.automatic_documents,
        concurrent_operations=settings.concurrent_operations,
    )
    return EdgePolicy(
        allowed_hosts=settings.allowed_hosts,
        allowed_origins=settings.cors_origins,
        explorer=settings.explorer,
        metrics=settings.metrics,
        open_metrics=settings.open_metrics,
        slow_seconds=settings.slow_seconds,
        endpoint=endpoint,
        authenticator=authenticator_of(settings),
    )
