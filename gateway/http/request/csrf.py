"""Keeps foreign web pages from sending queries with a visitor's browser.

A POST is safe by its media type (see `body.check_media_type`): browsers send JSON across origins only after a
preflight, which the CORS allow-list answers. A GET needs this guard.
"""

from __future__ import annotations

from collections.abc import Collection

from starlette.datastructures import Headers

from gateway.http.errors import CrossSiteRefused

# A page can set these across origins only after a preflight; Apollo's clients send the first two by themselves.
PREFLIGHT_HEADERS = ("x-apollo-operation-name", "apollo-require-preflight", "graphql-require-preflight")
_FROM_HERE = ("same-origin", "none")


def check_cross_site(headers: Headers, allowed_origins: Collection[str]) -> None:
    """Raises CrossSiteRefused for a simple request that a browser sends for another site's page."""
    if any(headers.get(name) for name in PREFLIGHT_HEADERS):
        return
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    if origin in allowed_origins or "*" in allowed_origins:
        return
    # Programs send neither header; browsers send the second to every secure origin and to localhost.
    if site is None and origin is None:
        return
    if site not in _FROM_HERE:
        raise CrossSiteRefused(
            "A web page of another site may not query by GET: use POST with Content-Type: application/json, "
            "or send the header GraphQL-Require-Preflight: 1."
        )
