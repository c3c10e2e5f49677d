"""Puts the edge together: middleware and routes, in the order docs/edge.md explains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Lifespan

from gateway.execution.request import Executor
from gateway.http.authentication import Authenticator, EverybodyAuthenticator, ThisMachineAuthenticator
from gateway.http.error_middleware import ErrorMiddleware
from gateway.http.errors import MethodRefused, PathUnknown
from gateway.http.graphql import EndpointPolicy, GraphQLEndpoint
from gateway.http.guarded import Guarded
from gateway.http.health import ReadinessCheck, health_routes
from gateway.http.negotiation import MediaType
from gateway.http.observability.field_usage import CLIENT_HEADERS, FieldUsage
from gateway.http.observability.metrics import Metrics
from gateway.http.observability.operation_log import OperationLog
from gateway.http.pages.dashboard import dashboard_routes
from gateway.http.pages.documents import PageDocument, read_documents
from gateway.http.pages.explorer import explorer_routes
from gateway.http.pages.tabs import read_tabs
from gateway.http.path_prefix import PathPrefix
from gateway.http.paths import GRAPHQL_PATHS
from gateway.http.request.csrf import PREFLIGHT_HEADERS
from gateway.http.request.hosts import HostGuard
from gateway.http.response_cache.middleware import CachedResponses
from gateway.http.responses import refusal_reply
from gateway.http.server.concurrency_limit import AdaptiveConcurrencyLimit, ConcurrencyPolicy
from gateway.http.streaming.live_connections import LiveConnectionLimiter, LivePolicy
from gateway.http.streaming.live_responses import LiveAnswers
from gateway.http.streaming.websocket_handler import WebSocketContext
from gateway.http.streaming.websocket_route import LiveSocket
from gateway.http.webhooks import PATH as WEBHOOKS
from gateway.http.webhooks import Tell, WebhookEndpoint, WebhookPolicy
from gateway.identity.caller import Scope as CallerScope
from gateway.telemetry.request_record import Observer
from gateway.telemetry.samples import ReadSamples

_OWN_HEADERS = ("authorization", "x-api-key", "x-dbt-token", "content-type")


@dataclass(frozen=True, slots=True)
class EdgePolicy:
    """What the edge lets in and shows.

    `path_prefix`, such as `/dbt`, stands before all paths; empty: nothing does. `allowed_hosts` empty: any Host is
    answered. `allowed_origins` empty: no foreign page may call. `authenticator` knows who may ask; by default only
    this machine. Metrics are shown to those with that scope, or to everybody with `open_metrics`. Without
    `webhooks` their path does not exist. `trusted` are the texts of documents trusted beside those of the pages.
    Several workers add up their field usage in `usage_directory`.
    """

    title: str = "dbt gateway"
    path_prefix: str = ""
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    pages: bool = True
    explorer: bool = True
    metrics: bool = True
    open_metrics: bool = False
    slow_seconds: float = 5.0
    waiting_seconds: float = 0.05
    endpoint: EndpointPolicy = field(default_factory=EndpointPolicy)
    webhooks: WebhookPolicy | None = None
    authenticator: Authenticator = field(default_factory=ThisMachineAuthenticator)
    live: LivePolicy = field(default_factory=LivePolicy)
    trusted: tuple[str, ...] = ()
    usage_directory: Path | None = None


def create_edge(
    executor: Executor,
    policy: EdgePolicy,
    readiness: ReadinessCheck,
    lifespan: Lifespan[Starlette] | None = None,
    *,
    tell: Tell | None = None,
    samples: ReadSamples | None = None,
) -> Starlette:
    """The ASGI application. `executor` is first called after `lifespan` has started; `tell` takes what webhooks
    bring; `figures` reads what else the metrics show."""
    metrics, usage = Metrics(samples or tuple), _field_usage(policy)
    observers = [OperationLog(policy.slow_seconds).observe, metrics.observe, *([usage.observe] if usage else ())]
    slots = LiveConnectionLimiter(policy.live, metrics.refresh)
    metrics.watch_connections(slots.open)
    response_bytes = policy.endpoint.response_bytes
    documents = read_documents() if policy.pages else []
    live = LiveAnswers(executor, policy.authenticator, slots, policy.live, response_bytes)
    endpoint = GraphQLEndpoint(executor, live, policy.authenticator, _endpoint_policy(policy, documents), observers)
    metrics.watch_in_flight(endpoint.in_flight)
    websockets = WebSocketContext(
        endpoint, policy.authenticator, slots, policy.live, policy.endpoint.json, response_bytes
    )
    live_socket = LiveSocket(websockets, policy.allowed_origins)
    sockets = [WebSocketRoute(path, live_socket) for path in GRAPHQL_PATHS]
    webhooks = [Route(WEBHOOKS, WebhookEndpoint(policy.webhooks, tell))] if policy.webhooks and tell else []
    shown = [*_routes(endpoint, metrics, policy, readiness), *_usage_routes(usage, policy)]
    app = Starlette(
        routes=[*sockets, *shown, *_page_routes(policy, documents), *webhooks],
        middleware=[*_middleware(policy), *_cached_responses(endpoint, policy), _turns(endpoint, policy, observers)],
        exception_handlers={HTTPException: _refuse},
        lifespan=lifespan,
    )
    app.state.endpoint = endpoint
    # A redirect to the same path with or without a slash would repeat the Host header to the caller.
    app.router.redirect_slashes = False
    return app


def _field_usage(policy: EdgePolicy) -> FieldUsage | None:
    return FieldUsage(policy.usage_directory) if policy.endpoint.coordinates else None


def _usage_routes(usage: FieldUsage | None, policy: EdgePolicy) -> list[Route]:
    return [] if usage is None else [_for_operators(usage.route(), policy)]


def _endpoint_policy(policy: EdgePolicy, documents: Sequence[PageDocument]) -> EndpointPolicy:
    return replace(
        policy.endpoint,
        allowed_origins=policy.allowed_origins,
        public_answers=isinstance(policy.authenticator, EverybodyAuthenticator),
        explorer_path="graphiql" if policy.explorer else None,
        built_in_documents=(*policy.trusted, *(document.text for document in documents)),
    )


def _cached_responses(endpoint: GraphQLEndpoint, policy: EdgePolicy) -> list[Middleware]:
    if not policy.endpoint.response_cache_bytes:
        return []
    return [
        Middleware(
            CachedResponses,
            replay=endpoint.replay,
            authenticator=policy.authenticator,
            tracing=policy.endpoint.tracing,
        )
    ]


def _turns(endpoint: GraphQLEndpoint, policy: EdgePolicy, observers: Sequence[Observer]) -> Middleware:
    # Behind the repeated answers, which cost no more than saying no.
    concurrency_limit = ConcurrencyPolicy(policy.endpoint.concurrent_operations, policy.waiting_seconds)
    return Middleware(
        AdaptiveConcurrencyLimit, policy=concurrency_limit, in_flight=endpoint.in_flight, observers=observers
    )


def _routes(
    endpoint: GraphQLEndpoint, metrics: Metrics, policy: EdgePolicy, readiness: ReadinessCheck
) -> list[BaseRoute]:
    shown_metrics = [_for_operators(metrics.route(), policy)] if policy.metrics else []
    graphql = [Route(path, endpoint) for path in GRAPHQL_PATHS]
    return [*graphql, *health_routes(readiness), *shown_metrics]


def _page_routes(policy: EdgePolicy, documents: Sequence[PageDocument]) -> list[BaseRoute]:
    pages = dashboard_routes(policy.title, documents, has_explorer=policy.explorer) if policy.pages else []
    explorer = explorer_routes(policy.title, read_tabs(), documents) if policy.explorer else []
    return [*pages, *explorer]


def _for_operators(shown: Route, policy: EdgePolicy) -> Route:
    if policy.open_metrics:
        return shown
    return Route(shown.path, Guarded(shown.app, policy.authenticator, CallerScope.METRICS), methods=["GET"])


def _middleware(policy: EdgePolicy) -> list[Middleware]:
    layers = [Middleware(PathPrefix, prefix=policy.path_prefix)] if policy.path_prefix else []
    # Outside everything that can refuse, or a page could not read why it was refused.
    if policy.allowed_origins:
        layers.append(
            Middleware(
                CORSMiddleware,
                allow_origins=policy.allowed_origins,
                allow_methods=("GET", "POST"),
                allow_headers=(
                    "authorization",
                    "x-api-key",
                    "x-dbt-token",
                    "content-type",
                    *PREFLIGHT_HEADERS,
                    *CLIENT_HEADERS,
                ),
            )
        )
    layers.append(Middleware(ErrorMiddleware))
    if policy.allowed_hosts and "*" not in policy.allowed_hosts:
        layers.append(Middleware(HostGuard, allowed=policy.allowed_hosts))
    return layers


async def _refuse(_request: Request, problem: Exception) -> Response:
    """Starlette's own refusals in GraphQL shape."""
    if isinstance(problem, HTTPException) and problem.status_code == 405:
        allow = (problem.headers or {}).get("Allow", "GET")
        return refusal_reply(MethodRefused("This path takes other methods.", allow), MediaType.JSON)
    return refusal_reply(PathUnknown("Nothing is served here. GraphQL is at /graphql."), MediaType.JSON)
