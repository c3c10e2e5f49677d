"""The pages: one HTML page at `/` whose script, built from `dashboard/`, draws what its address names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from starlette.routing import Route

from gateway.http.pages.documents import PageDocument
from gateway.http.pages.html_page import address, data_block, file_route, html_page, page_route

_FOLDER = "dashboard"
_SCRIPT, _STYLES = "main.js", "main.css"
_IMPORT = re.compile(rb'(?:from|import)"\./([^"]+)"')


def dashboard_routes(title: str, documents: Sequence[PageDocument], *, has_explorer: bool) -> list[Route]:
    """`/` and its files, all read once, here. Where the pages were not built, `/` says so."""
    contents = _read_files()
    if _SCRIPT not in contents:
        return [page_route("/", _page_without_files(title)), file_route(_FOLDER, {})]
    page_data = {
        "title": title,
        "explorer": has_explorer,
        "documents": {document.name: document.id for document in documents},
    }
    return [page_route("/", _page(title, page_data, contents)), file_route(_FOLDER, contents)]


def _read_files() -> dict[str, bytes]:
    folder = files(__package__) / _FOLDER
    if not folder.is_dir():
        return {}
    return {entry.name: entry.read_bytes() for entry in folder.iterdir() if entry.name.endswith((".js", ".css"))}


def _page(title: str, page_data: Mapping[str, Any], contents: Mapping[str, bytes]) -> str:
    styles = f'<link rel="stylesheet" href="{address(_FOLDER, _STYLES, contents[_STYLES])}">\n'
    script = f'<script type="module" src="{address(_FOLDER, _SCRIPT, contents[_SCRIPT])}"></script>\n'
    # The browser need not read the script to know what it imports. A chunk's hash is in its name.
    script += "".join(f'<link rel="modulepreload" href="{_FOLDER}/{name}">\n' for name in _imported(contents))
    body = (
        '<div id="app"><p class="notice">Loading …</p></div>\n'
        "<noscript><p>These pages need JavaScript. GraphQL is at <code>graphql</code>.</p></noscript>\n"
    )
    return html_page(title, head=styles + script, body=body + data_block(page_data))


def _imported(contents: Mapping[str, bytes]) -> list[str]:
    """The files that the first script imports, directly or through others."""
    imported: dict[str, None] = {}
    unread = [_SCRIPT]
    while unread:
        names = [name.decode() for name in _IMPORT.findall(contents[unread.pop()])]
        unread += [name for name in names if name not in imported]
        imported |= dict.fromkeys(names)
    return list(imported)


def _page_without_files(title: str) -> str:
    return html_page(
        title,
        head="",
        body="<h1>The pages are not built here</h1>\n"
        "<p>They are built from <code>dashboard/</code> when the gateway is installed, and that did not work. In a "
        "checkout run <code>make pages</code> (or <code>python hatch_build.py</code>), then start the gateway "
        "again.</p>\n"
        '<p>The rest works without them: <code>POST /graphql</code>, and <a href="graphiql">GraphiQL</a>.</p>',
    )
