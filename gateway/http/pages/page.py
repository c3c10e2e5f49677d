"""The explorer's page and files. Everything comes from this process: no inline script, nothing from another origin."""

from __future__ import annotations

import hashlib
import html
import json
from collections.abc import Mapping, Sequence
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.http.pages.tabs import Tab

_FILES = {
    "react.js": "text/javascript",
    "react-dom.js": "text/javascript",
    "graphiql.js": "text/javascript",
    "graphiql.css": "text/css",
    "boot.js": "text/javascript",
    "page.css": "text/css",
}
# GraphiQL's stylesheet carries its fonts and cursors as data; its editor sets styles by script, not inline.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "font-src data:",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
_PAGE_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}
# Every address of a file holds its hash, so a browser may keep it for good.
_FILE_HEADERS = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}


def explorer_routes(title: str, tabs: Sequence[Tab]) -> list[Route]:
    """`/`, `/graphiql` and the files they need, all read once, here. Where GraphiQL was not built, the page says so."""
    contents = _read_files()
    page = _page(title, tabs, contents) if len(contents) == len(_FILES) else _page_without_explorer(title)

    async def show_page(_request: Request) -> Response:
        return Response(page, 200, _PAGE_HEADERS, "text/html; charset=utf-8")

    async def send_file(request: Request) -> Response:
        name = request.path_params["name"]
        content = contents.get(name)
        if content is None:
            return Response("There is no such file.", 404, {"Cache-Control": "no-store"}, "text/plain")
        return Response(content, 200, _FILE_HEADERS, f"{_FILES[name]}; charset=utf-8")

    return [Route("/", show_page), Route("/graphiql", show_page), Route("/explorer/{name}", send_file)]


def _read_files() -> dict[str, bytes]:
    here = files(__package__)
    places = {name: folder / name for name in _FILES for folder in (here, here / "assets") if (folder / name).is_file()}
    return {name: place.read_bytes() for name, place in places.items()}


def _page(title: str, tabs: Sequence[Tab], contents: Mapping[str, bytes]) -> str:
    def address(name: str) -> str:
        return f"explorer/{name}?{hashlib.sha256(contents[name]).hexdigest()[:12]}"

    styles = "".join(f'<link rel="stylesheet" href="{address(name)}">\n' for name in ("graphiql.css", "page.css"))
    scripts = "".join(
        f'<script src="{address(name)}" defer></script>\n'
        for name in ("react.js", "react-dom.js", "graphiql.js", "boot.js")
    )
    given = {"title": title, "tabs": [{"query": tab.query, "variables": tab.variables} for tab in tabs]}
    # A data block is not run, so the policy lets it be; "<" must not end it early.
    block = json.dumps(given).replace("<", "\\u003c")
    return _HTML.format(
        title=html.escape(title),
        head=styles + scripts,
        body=f'<div id="graphiql"><p class="notice">Loading GraphiQL …</p></div>\n'
        f'<script type="application/json" id="given">{block}</script>',
    )


def _page_without_explorer(title: str) -> str:
    return _HTML.format(
        title=html.escape(title),
        head="",
        body="<h1>GraphiQL is not built here</h1>\n"
        "<p>Its files come from npm when the gateway is installed, and that did not work. In a checkout run "
        "<code>make explorer</code> (or <code>python hatch_build.py</code>) and start the gateway again.</p>\n"
        "<p>The GraphQL endpoint works without it: <code>POST /graphql</code>.</p>",
    )


_HTML = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · GraphiQL</title>
<link rel="icon" href="data:,">
{head}</head>
<body>
{body}
</body>
</html>
"""
