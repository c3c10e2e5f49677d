"""The pages as the edge serves them: where, with which headers, and that their documents are trusted."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import brotli
import pytest
from graphql import OperationDefinitionNode, OperationType, parse, validate
from starlette.applications import Starlette

from gateway.http.edge import EdgePolicy, create_edge
from gateway.http.graphql import EndpointPolicy
from gateway.http.pages import dashboard
from gateway.http.pages.documents import PageDocument, read_documents
from gateway.http.pages.html_page import CONTENT_SECURITY_POLICY
from gateway.settings import Settings
from tests.generated.demo import read_schema
from tests.http.conftest import Readable, SmallExecutor
from tests.http.raw_http import post, send
from tests.serving import Gateway, serving

# Around all runs of the demo.
WINDOW = {"since": "2026-02-11T00:00:00Z", "until": "2026-03-14T00:00:00Z"}
# What each screen is asked of the demo, and the requests to dbt that it costs beside an archive: with cold caches, and
# again. A model's code and details are read each time.
SCREENS: dict[str, tuple[dict[str, Any], int, int]] = {
    "account": (WINDOW, 11, 0),
    "calendar": ({}, 3, 0),
    "code": ({"id": "finance.fct_invoices", "before": "70437490007672", "after": "70437490011508"}, 4, 0),
    "job": ({"id": "302001", **WINDOW}, 6, 0),
    "model": ({"id": "finance.fct_invoices"}, 10, 1),
    "run": ({"id": "70437490011508"}, 5, 0),
    "search": ({"text": "daily"}, 6, 0),
    "time": ({"by": "FOLDER", **WINDOW}, 3, 0),
    "whatif": ({"id": "70437490011508", "change": {"threads": 4}}, 0, 0),
}


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder with built pages of a few bytes, in place of the package's own."""
    folder = tmp_path / "dashboard"
    folder.mkdir()
    (folder / "main.js").write_text("1", "utf-8")
    (folder / "main.css").write_text("p{}", "utf-8")
    (folder / "source.json").write_text("{}", "utf-8")
    monkeypatch.setattr(dashboard, "files", lambda _package: tmp_path)
    return folder


def edge(executor: SmallExecutor, **changed: Any) -> Starlette:
    app: Starlette = create_edge(executor, EdgePolicy(title="</script> & co", **changed), Readable())
    return app


async def test_the_page_holds_no_inline_code_and_names_files_that_may_be_kept(
    files: Path, executor: SmallExecutor
) -> None:
    app = edge(executor)
    page = await send(app, "GET", "/")
    text = page.body.decode()
    assert page.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert page.headers["cache-control"] == "no-store"
    assert "<title>&lt;/script&gt; &amp; co</title>" in text
    addresses = re.findall(r'(?:src|href)="(dashboard/[^"]+)"', text)
    assert [one.partition("?")[0] for one in addresses] == ["dashboard/main.css", "dashboard/main.js"]
    for one, content in zip(addresses, (b"p{}", b"1"), strict=True):
        served = await send(app, "GET", f"/{one}")
        assert (served.status, served.body) == (200, content)
        assert "immutable" in served.headers["cache-control"]
        assert one.endswith(hashlib.sha256(content).hexdigest()[:12])
    for other in ("source.json", "..%2fpage.css", "x.js"):
        assert (await send(app, "GET", f"/dashboard/{other}")).status == 404


async def test_files_are_compressed_and_the_page_names_what_its_script_imports(
    files: Path, executor: SmallExecutor
) -> None:
    script = 'import{a}from"./chunk-A1.js";import("./run-B2.js");' + "let x=1;" * 500
    (files / "main.js").write_text(script, "utf-8")
    (files / "chunk-A1.js").write_text('export{b as a}from"./chunk-C3.js";', "utf-8")
    (files / "chunk-C3.js").write_text("export let b=1", "utf-8")
    (files / "run-B2.js").write_text("1", "utf-8")
    app = edge(executor)
    text = (await send(app, "GET", "/")).body.decode()
    preloaded = re.findall(r'<link rel="modulepreload" href="dashboard/([^"]+)">', text)
    assert sorted(preloaded) == ["chunk-A1.js", "chunk-C3.js"], "not what is imported when a page is opened"
    for coding, decode in (("gzip", gzip.decompress), ("br", brotli.decompress)):
        for _ in range(2):
            reply = await send(app, "GET", "/dashboard/main.js", headers={"Accept-Encoding": coding})
            assert reply.headers["content-encoding"] == coding
            assert reply.headers["vary"] == "Accept-Encoding"
            assert len(reply.body) < len(script) / 4
            assert decode(reply.body).decode() == script
    assert "content-encoding" not in (await send(app, "GET", "/dashboard/main.js")).headers
    short = await send(app, "GET", "/dashboard/run-B2.js", headers={"Accept-Encoding": "gzip"})
    assert (short.body, "content-encoding" in short.headers) == (b"1", False)


async def test_the_page_says_which_documents_there_are_and_whether_graphiql_is_served(
    files: Path, executor: SmallExecutor
) -> None:
    for explorer in (True, False):
        text = (await send(edge(executor, explorer=explorer), "GET", "/")).body.decode()
        block = re.search(r'<script type="application/json" id="given">(.*?)</script>', text)
        assert block
        given = json.loads(block[1])
        assert given["explorer"] is explorer
        assert given["title"] == "</script> & co"
        assert given["documents"] == {
            one.name: hashlib.sha256(one.text.encode()).hexdigest() for one in read_documents()
        }


async def test_pages_and_graphiql_are_switched_off_each_alone(files: Path, executor: SmallExecutor) -> None:
    for pages, explorer in ((True, True), (True, False), (False, True), (False, False)):
        app = edge(executor, pages=pages, explorer=explorer)
        for path, is_served in (("/", pages), ("/dashboard/main.js", pages), ("/graphiql", explorer)):
            assert ((await send(app, "GET", path)).status == 200) is is_served, path


async def test_where_the_pages_are_not_built_the_page_says_what_to_run(files: Path, executor: SmallExecutor) -> None:
    (files / "main.js").unlink()
    page = await send(edge(executor), "GET", "/")
    assert page.status == 200
    assert b"make pages" in page.body


@pytest.mark.slow
async def test_built_in_documents_are_trusted_where_nothing_else_is(executor: SmallExecutor, tmp_path: Path) -> None:
    manifest = tmp_path / "documents.json"
    theirs, ours = "{ greeting }", "{ double(number: 2) }"
    manifest.write_text(json.dumps({"greet": theirs}), "utf-8")
    policy = EndpointPolicy(trusted_documents=manifest, only_trusted_documents=True, built_in_documents=(ours,))
    # The pages' own documents are put in place of those of the policy.
    app = edge(executor, pages=False, endpoint=policy)
    digest = hashlib.sha256(ours.encode()).hexdigest()
    assert (await post(app, {"documentId": digest})).codes == ["DOCUMENT_NOT_TRUSTED"], "pages are off"
    assert (await post(app, {"documentId": "greet"})).json == {"data": {"greeting": "hello world"}}
    with_pages = edge(executor, endpoint=policy)
    for document in read_documents():
        reply = await post(with_pages, {"documentId": f"sha256:{document.id}", "variables": {"id": "1", "text": ""}})
        assert "DOCUMENT_NOT_TRUSTED" not in reply.codes, "known, and refused only by the small schema"
        assert (await post(app, {"documentId": f"sha256:{document.id}"})).codes == ["DOCUMENT_NOT_TRUSTED"]
    assert (await post(with_pages, {"query": "{ slow }"})).codes == ["DOCUMENT_NOT_TRUSTED"]


@pytest.mark.slow
@pytest.mark.parametrize("document", read_documents(), ids=lambda document: document.name)
def test_a_screen_is_one_named_operation_that_the_schema_takes(document: PageDocument) -> None:
    tree = parse(document.text)
    assert validate(read_schema(), tree) == []
    (operation,) = (one for one in tree.definitions if isinstance(one, OperationDefinitionNode))
    assert operation.name
    assert operation.name.value == f"{document.name.capitalize()}Page"
    assert document.name in SCREENS or operation.operation is OperationType.SUBSCRIPTION


@pytest.mark.slow
@pytest.mark.parametrize("document", [one for one in read_documents() if one.name in SCREENS], ids=lambda one: one.name)
async def test_a_screen_has_a_whole_answer_at_a_stated_price(settings: Settings, document: PageDocument) -> None:
    variables, cold, warm = SCREENS[document.name]
    async with serving(settings.model_copy(update={"history_source": "archive"})) as gateway:
        reply = await ask(gateway, document, variables)
        assert reply["data"]
        assert "errors" not in reply
        assert reply["extensions"]["gateway"]["incomplete"] == []
        # Which reads of the job's page share a batch depends on time: one more or less.
        assert cold - (document.name == "job") <= len(gateway.upstream.calls) <= cold
        gateway.upstream.calls.clear()
        assert (await ask(gateway, document, variables))["data"] == reply["data"]
        assert len(gateway.upstream.calls) == warm


async def ask(gateway: Gateway, document: PageDocument, variables: dict[str, Any]) -> Any:
    asked = {"documentId": f"sha256:{document.id}", "variables": variables}
    return (await gateway.client.post("/graphql", json=asked)).json()
