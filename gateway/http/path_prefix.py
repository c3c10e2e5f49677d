"""Serves everything below a path: for proxies that pass on the prefix by which they find this gateway."""

from __future__ import annotations

from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send


class PathPrefix:
    """ASGI middleware. Takes `prefix`, such as `/dbt`, off the path of a request; other paths are served as they are.

    So proxies that take the prefix off themselves, and probes that reach the gateway directly, need no setting. The
    prefix alone is redirected to itself with a slash, because the pages' links are relative.
    """

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self._app = app
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if path.startswith(f"{self._prefix}/"):
            scope = {**scope, "path": path[len(self._prefix) :]}
        elif path == self._prefix and scope["type"] == "http":
            query = f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else ""
            redirect = RedirectResponse(f"{path.rpartition('/')[2]}/{query}", status_code=308)
            await redirect(scope, receive, send)
            return
        await self._app(scope, receive, send)
