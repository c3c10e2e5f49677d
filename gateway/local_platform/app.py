"""The platform's ASGI application: `/graphql` as the Discovery API, `/api/v2` and `/api/v3` as the Admin API."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.archive.archive import Archive
from gateway.local_platform.access import client_name, token_fits
from gateway.local_platform.admin.envelope import AdminError
from gateway.local_platform.admin.routes import admin_routes
from gateway.local_platform.discovery.execution.endpoint import discovery_endpoint, refused
from gateway.local_platform.faults.fault_gate import FaultGate
from gateway.local_platform.faults.switches import Faults
from gateway.local_platform.requests import COUNTS_PATH, NotedRequest, RequestLog
from gateway.local_platform.worker_threads import in_worker

_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_READS_ONLY = (
    "This platform serves what dbt has run; it starts, cancels and changes nothing, so {call} is refused. Run dbt where"
    " it runs today, and hand its artifacts over with `gateway exec` or `gateway ingest`."
)
_DISCOVERY_PATHS = ("/graphql", "/beta/graphql")  # some clients ask the beta API unless told otherwise


def create_platform(
    archive: Archive, *, token: str | None = None, faults: Faults | None = None, lagging: Archive | None = None
) -> Starlette:
    """The application over an opened archive, which stays the caller's to close.

    With a `token`, requests must carry it as `Authorization: Token …` or `Bearer …`, which is
    looked at before anything else.
    `app.state.requests` counts the requests. With `faults`, those are on, clients may ask for more by header, and
    `/platform/requests` reports the counts (DELETE sets them to zero): for tests only; without, the header is refused.
    With a `lagging` archive Discovery answers from that one: it has not got the metadata yet of runs that the Admin API
    already knows to be finished.
    """
    log = RequestLog()
    discovery = discovery_endpoint(lagging or archive)
    routes = [Route(path, discovery, methods=["GET", "POST"]) for path in _DISCOVERY_PATHS]
    routes.append(Route("/", _front, methods=["GET"]))
    if faults is not None:
        routes.append(Route(COUNTS_PATH, _counts_endpoint(log), methods=["GET", "DELETE"]))
    gates = [Middleware(_Access, log=log, token=token), Middleware(FaultGate, faults=faults)]
    app = Starlette(
        routes=[*routes, *admin_routes(archive)],
        middleware=gates,
        exception_handlers={HTTPException: _told},
        lifespan=_started,
    )
    app.state.requests = log
    return app


@asynccontextmanager
async def _started(_app: Starlette) -> AsyncIterator[None]:
    """Begins the first thread, and loads what threads need: 45 ms for which the first question would wait."""
    await in_worker(int)
    yield


async def _front(_request: Request) -> Response:
    """What is served here, for clients that ask whether anybody answers."""
    return JSONResponse({"name": "dbt gateway: local platform", "discovery": "/graphql", "admin": "/api/v2/"})


def _counts_endpoint(log: RequestLog) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        if request.method == "DELETE":
            log.clear()
        return JSONResponse(log.counts())

    return endpoint


async def _told(request: Request, error: Exception) -> Response:
    """What no address of the platform answers, in the form of the API it was meant for."""
    if not isinstance(error, HTTPException):
        raise error
    path = request.url.path
    refusal = AdminError(error.status_code, f"{error.detail}: {request.method} {path} is no part of this platform.")
    if path.startswith("/api/") and request.method not in _READING:
        return AdminError(403, _READS_ONLY.format(call=f"{request.method} {path}")).response()
    answer = refusal.response() if path.startswith("/api/") else Response(refusal.message, error.status_code)
    answer.headers.update(error.headers or {})
    return answer


class _Access:
    """Notes every request, and refuses those that come without the token before anything of them is read.

    Refused requests count under the client's address: a name that nobody vouches for is not kept.
    """

    def __init__(self, app: ASGIApp, log: RequestLog, token: str | None) -> None:
        self._app = app
        self._log = log
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        fits = token_fits(headers.get("authorization", ""), self._token)
        client = client_name(scope, headers.get("x-dbt-partner-source") if fits else None)
        noted = NotedRequest(scope["method"], scope["path"], client)
        if scope["path"] != COUNTS_PATH:
            self._log.add(noted)
        if fits:
            await self._app({**scope, "noted": noted}, receive, send)
        elif scope["path"] in _DISCOVERY_PATHS:
            await refused(401, "No token was provided.", "UNAUTHENTICATED")(scope, receive, send)
        else:
            await AdminError(401, "Invalid token.").response()(scope, receive, send)
