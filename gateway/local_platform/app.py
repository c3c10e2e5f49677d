"""The platform's ASGI application: `/graphql` as the Discovery API, `/api/v2` and `/api/v3` as the Admin API."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.local_platform.admin.envelope import AdminError
from gateway.local_platform.admin.routes import admin_routes
from gateway.local_platform.archive import Archive
from gateway.local_platform.discovery.endpoint import discovery_endpoint
from gateway.local_platform.fault_gate import FaultGate
from gateway.local_platform.faults import Faults
from gateway.local_platform.requests import RequestLog
from gateway.local_platform.tokens import client_name, token_fits


def create_platform(
    archive: Archive, *, token: str | None = None, faults: Faults | None = None, lagging: Archive | None = None
) -> Starlette:
    """The application over an opened archive, which stays the caller's to close.

    With a `token`, requests must carry it as `Authorization: Token …` or `Bearer …`; introspection needs none.
    `app.state.requests` counts the requests. With `faults`, those are on and clients may ask for more by header:
    for tests only; without, the header is refused. With a `lagging` archive Discovery answers from that one: it has not
    got the metadata yet of runs that the Admin API already knows to be finished.
    """
    log = RequestLog()
    discovery = Route("/graphql", discovery_endpoint(lagging or archive, log, token), methods=["GET", "POST"])
    gates = [Middleware(_AdminGate, log=log, token=token), Middleware(FaultGate, faults=faults)]
    app = Starlette(routes=[discovery, *admin_routes(archive)], middleware=gates)
    app.state.requests = log
    return app


class _AdminGate:
    """Notes every request to the Admin API and refuses those without the token."""

    def __init__(self, app: ASGIApp, log: RequestLog, token: str | None) -> None:
        self._app = app
        self._log = log
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/api/"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        self._log.add(scope["method"], scope["path"], None, client_name(scope, headers.get("x-dbt-partner-source")))
        if token_fits(headers.get("authorization", ""), self._token):
            await self._app(scope, receive, send)
        else:
            await AdminError(401, "Invalid token.").response()(scope, receive, send)
