"""What every page of the gateway shares: its frame, its headers, and how its files are sent. No inline script, nothing
from another origin."""

from __future__ import annotations

import hashlib
import html
import json
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.http.compression.content_coding import SHORTEST, ContentCoding, accepted_coding, compress

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
PAGE_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}
# Every address of a file holds a hash of its content, so a browser may keep it for good.
_FILE_HEADERS = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "Vary": "Accept-Encoding",
    "X-Content-Type-Options": "nosniff",
}
_MEDIA_TYPES = {"js": "text/javascript", "css": "text/css"}

_HTML = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
{head}</head>
<body>
{body}
</body>
</html>
"""


def html_page(title: str, *, head: str, body: str) -> str:
    """A whole page. `title` is escaped; `head` and `body` are HTML."""
    return _HTML.format(title=html.escape(title), head=head, body=body)


def data_block(content: Mapping[str, Any]) -> str:
    """What a page's script reads as the element `given`. A data block is not run, so the policy allows it."""
    block = json.dumps(content).replace("<", "\\u003c")  # "<" must not end it early
    return f'<script type="application/json" id="given">{block}</script>'


def address(folder: str, name: str, content: bytes) -> str:
    """Where a file is served: relative, so that it holds below any path that a proxy puts in front."""
    return f"{folder}/{name}?{hashlib.sha256(content).hexdigest()[:12]}"


def page_route(path: str, page: str) -> Route:
    """A route that sends a page."""

    async def show_page(_request: Request) -> Response:
        return Response(page, 200, PAGE_HEADERS, "text/html; charset=utf-8")

    return Route(path, show_page)


def file_route(folder: str, contents: Mapping[str, bytes]) -> Route:
    """A route that sends files of one folder from memory, compressed as the client accepts it. A file is compressed
    once for each content coding, when it is first asked for."""
    compressed: dict[tuple[str, bytes], bytes] = {}

    async def in_coding(name: str, coding: ContentCoding) -> bytes:
        key = name, coding.name
        if key not in compressed:
            start = await compress(contents[name], coding, coding.thorough)
            compressed[key] = start.data + start.end(b"")
        return compressed[key]

    async def send_file(request: Request) -> Response:
        name = request.path_params["name"]
        content = contents.get(name)
        if content is None:
            return Response("There is no such file.", 404, {"Cache-Control": "no-store"}, "text/plain")
        media_type = f"{_MEDIA_TYPES[name.rpartition('.')[2]]}; charset=utf-8"
        coding = accepted_coding(request.headers.raw) if len(content) >= SHORTEST else None
        if coding is None:
            return Response(content, 200, _FILE_HEADERS, media_type)
        headers = {**_FILE_HEADERS, "Content-Encoding": coding.name.decode()}
        return Response(await in_coding(name, coding), 200, headers, media_type)

    return Route(f"/{folder}/{{name}}", send_file)
