"""GraphiQL: its page at `/graphiql` and the files it needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files

from starlette.routing import Route

from gateway.http.pages.documents import PageDocument
from gateway.http.pages.html_page import address, data_block, file_route, html_page, page_route
from gateway.http.pages.tabs import Tab

_FOLDER = "explorer"
_STYLES = ("graphiql.css", "plugin-explorer.css", "page.css")
_SCRIPTS = ("react.js", "react-dom.js", "graphiql.js", "plugin-explorer.js", "boot.js")


def explorer_routes(title: str, tabs: Sequence[Tab], documents: Sequence[PageDocument] = ()) -> list[Route]:
    """`/graphiql` and its files, all read once, here. Where GraphiQL was not built, the page says so.

    `documents` can be opened by name, as `graphiql?document=account&variables={…}`.
    """
    contents = _read_files()
    is_built = len(contents) == len(_STYLES) + len(_SCRIPTS)
    page = _page(title, tabs, documents, contents) if is_built else _page_without_explorer(title)
    return [page_route("/graphiql", page), file_route(_FOLDER, contents)]


def _read_files() -> dict[str, bytes]:
    here = files(__package__)
    names = (*_STYLES, *_SCRIPTS)
    places = {name: folder / name for name in names for folder in (here, here / "assets") if (folder / name).is_file()}
    return {name: place.read_bytes() for name, place in places.items()}


def _page(title: str, tabs: Sequence[Tab], documents: Sequence[PageDocument], contents: Mapping[str, bytes]) -> str:
    addresses = {name: address(_FOLDER, name, content) for name, content in contents.items()}
    styles = "".join(f'<link rel="stylesheet" href="{addresses[name]}">\n' for name in _STYLES)
    scripts = "".join(f'<script src="{addresses[name]}" defer></script>\n' for name in _SCRIPTS)
    page_data = {
        "title": title,
        "tabs": [{"query": tab.query, "variables": tab.variables} for tab in tabs],
        "documents": {document.name: document.text for document in documents},
    }
    body = f'<div id="graphiql"><p class="notice">Loading GraphiQL …</p></div>\n{data_block(page_data)}'
    return html_page(f"{title} · GraphiQL", head=styles + scripts, body=body)


def _page_without_explorer(title: str) -> str:
    return html_page(
        f"{title} · GraphiQL",
        head="",
        body="<h1>GraphiQL is not built here</h1>\n"
        "<p>Its files come from npm when the gateway is installed, and that did not work. In a checkout run "
        "<code>make pages</code> (or <code>python hatch_build.py</code>) and start the gateway again.</p>\n"
        "<p>The GraphQL endpoint works without it: <code>POST /graphql</code>.</p>",
    )
