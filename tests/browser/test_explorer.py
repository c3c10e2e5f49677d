"""The explorer in headless Chromium, over the demo: loads from us alone, answers, and keeps no token."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from starlette.applications import Starlette

from gateway.http.pages import explorer
from gateway.http.pages.tabs import read_tabs
from tests.browser.browser import CHROMIUM, Browser, Page
from tests.http.raw_http import send
from tests.serving import Gateway

pytestmark = [
    pytest.mark.external,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (Debian package: chromium)"),
]

RUN = "document.querySelector('.graphiql-execute-button')"
ANSWER = "document.querySelector('.result-window .CodeMirror')?.CodeMirror.getValue()"
EDITOR = "document.querySelector('.graphiql-query-editor .CodeMirror').CodeMirror"


@pytest.fixture
async def page(address: str, browser: Browser) -> AsyncIterator[Page]:
    """The explorer, loaded for the first time."""
    async with browser.page() as opened:
        await opened.open(f"{address}/graphiql")
        await opened.wait_for(f"{RUN} !== null")
        yield opened


async def answer_to_the_shown_query(page: Page) -> dict[str, object]:
    await page.run(f"{RUN}.click()")
    text = await page.wait_for(f"({ANSWER} || '').includes('extensions') && {ANSWER}")
    answer: dict[str, object] = json.loads(text)
    return answer


@pytest.mark.slow
async def test_the_first_question_is_answered_from_this_server_alone(page: Page, address: str) -> None:
    answer = await answer_to_the_shown_query(page)
    assert "errors" not in answer
    ranked = answer["data"]["account"]["slowestModels"]  # type: ignore[index]  # the shape is that of the query
    assert [entry["rank"] for entry in ranked] == [1, 2, 3, 4, 5]
    assert {url.split("/")[2] for url in page.requests if not url.startswith("data:")} == {address.split("/")[2]}
    assert page.complaints == []


async def test_a_breach_of_the_content_policy_would_be_noticed(page: Page) -> None:
    await page.run("document.head.append(Object.assign(document.createElement('script'), {textContent: 'window.x=1'}))")
    await page.run("document.head.append(Object.assign(document.createElement('style'), {textContent: 'p{}'}))")
    await page.run("fetch('https://evil.example/').catch(() => 0)")
    assert await page.run("window.x === undefined")
    for directive in ("script-src", "style-src", "connect-src"):
        assert any("Content Security Policy" in text and directive in text for text in page.complaints)


async def test_the_page_is_titled_and_every_tab_is_named_by_its_question(page: Page) -> None:
    assert await page.run("document.title") == "dbt gateway · GraphiQL"
    names = await page.run("[...document.querySelectorAll('.graphiql-tab-button')].map((tab) => tab.textContent)")
    assert len(names) == len(read_tabs())
    for name, tab in zip(names, read_tabs(), strict=True):
        assert f"query {name}" in tab.query


async def test_a_tab_with_variables_shows_and_uses_them(page: Page) -> None:
    number = next(index for index, tab in enumerate(read_tabs()) if tab.variables)
    await page.run(f"document.querySelectorAll('.graphiql-tab-button')[{number}].click()")
    shown = "document.querySelector('.graphiql-editor-tool .CodeMirror')?.CodeMirror.getValue()"
    assert json.loads(await page.wait_for(shown)).keys() == read_tabs()[number].variable_values().keys()
    # GraphiQL notes the operation of a new tab half a second after it is shown.
    name = await page.run("document.querySelector('.graphiql-tab-active .graphiql-tab-button').textContent")
    await page.wait_for(f"localStorage.getItem('graphiql:operationName') === '{name}'")
    assert "errors" not in await answer_to_the_shown_query(page)


async def test_the_documentation_can_be_read(page: Page) -> None:
    await page.wait_for("document.querySelector('button[aria-label=\"Show Documentation Explorer\"]') !== null")
    await page.run("document.querySelector('button[aria-label=\"Show Documentation Explorer\"]').click()")
    await page.wait_for("document.querySelector('.graphiql-doc-explorer a') !== null")
    await page.run("[...document.querySelectorAll('.graphiql-doc-explorer a')].find((a) => a.text === 'Query').click()")
    await page.wait_for(
        "document.querySelector('.graphiql-doc-explorer').textContent.includes('slowestModels') || "
        "document.querySelector('.graphiql-doc-explorer').textContent.includes('account')"
    )
    assert page.complaints == []


async def test_the_editor_completes_field_names(page: Page) -> None:
    await page.wait_for("document.querySelector('button[aria-label=\"Show Documentation Explorer\"]') !== null")
    await page.run(f"{EDITOR}.setValue('{{ acc }}'); {EDITOR}.focus(); {EDITOR}.setCursor({{line: 0, ch: 5}})")
    for _ in range(100):
        await page.run(f"{EDITOR}.showHint({{completeSingle: false}})")
        if await page.run("document.querySelector('.CodeMirror-hints')?.textContent.includes('account')"):
            break
        await asyncio.sleep(0.1)
    assert await page.run("document.querySelector('.CodeMirror-hints')?.textContent.includes('account')")
    assert page.complaints == []


@pytest.mark.slow
async def test_a_token_typed_into_the_headers_is_sent_and_never_kept(page: Page) -> None:
    tools = "[...document.querySelectorAll('.graphiql-editor-tools button')]"
    await page.run(f"{tools}.find((button) => button.textContent === 'Headers').click()")
    await page.wait_for("document.querySelectorAll('.graphiql-editor-tool .CodeMirror').length > 1")
    headers = "[...document.querySelectorAll('.graphiql-editor-tool .CodeMirror')].at(-1).CodeMirror"
    await page.run(f"{headers}.setValue(JSON.stringify({{Authorization: 'Bearer canary-4711'}}))")
    await answer_to_the_shown_query(page)
    await asyncio.sleep(1)  # GraphiQL writes what it keeps half a second after the last change.
    kept = await page.run("JSON.stringify([localStorage, sessionStorage, document.cookie, location.href])")
    assert "SlowestModels" in kept
    assert "canary" not in kept


EXAMPLES = (
    "query { account { slowestModels(first: 20) { model { id tags } } jobs { nodes { runs { nodes { id } } } } } }"
)


async def test_the_tabs_ask_about_the_account_that_is_served(page: Page, warm_gateway: Gateway) -> None:
    account = (await warm_gateway.data(EXAMPLES))["account"]
    models = [entry["model"] for entry in account["slowestModels"]]
    runs = {run["id"] for job in account["jobs"]["nodes"] for run in job["runs"]["nodes"]}
    state = json.loads(await page.wait_for("localStorage.getItem('graphiql:tabState')"))
    variables = {tab["title"]: json.loads(tab["variables"]) for tab in state["tabs"] if tab["variables"]}
    assert variables["ModelsByTag"]["filter"]["tags"][0] in {tag for model in models for tag in model["tags"]}
    assert variables["ModelHistory"]["id"] == models[0]["id"]
    assert variables["RunDetails"]["id"] in runs


@pytest.mark.slow
async def test_what_an_answer_says_of_itself_is_folded_away(page: Page) -> None:
    assert "gateway" in (await answer_to_the_shown_query(page))["extensions"]  # type: ignore[operator]
    shown = "document.querySelector('.result-window .CodeMirror').CodeMirror"
    await page.wait_for(f"{shown}.getAllMarks().length === 1")
    first = await page.run(f"{shown}.getLine({shown}.getAllMarks()[0].find().from.line)")
    assert first == '  "extensions": {'
    last = await page.run(f"{shown}.getAllMarks()[0].find().to.line - {shown}.lastLine()")
    assert last == -1, "all of it up to the bracket that closes the answer"


@pytest.mark.slow
async def test_a_shared_link_opens_the_same_question(page: Page, address: str, browser: Browser) -> None:
    question = "query Shared($n: Int!) { account { slowestModels(first: $n) { rank } } } # a & b + ü"
    await page.run(f"{EDITOR}.setValue({json.dumps(question)})")
    await page.run("document.querySelector('.graphiql-editor-tool .CodeMirror').CodeMirror.setValue('{\"n\": 2}')")
    await asyncio.sleep(0.5)
    await page.run("document.querySelector('button[aria-label^=\"Share\"]').click()")
    link = await page.wait_for("location.hash && location.href")
    async with browser.page() as other:
        await other.open(link)
        await other.wait_for(f"{RUN} !== null")
        assert await other.run(f"{EDITOR}.getValue()") == question
        answer = await answer_to_the_shown_query(other)
        assert answer["data"] == {"account": {"slowestModels": [{"rank": 1}, {"rank": 2}]}}
        assert not [url for url in other.requests if "Shared" in url and "graphiql" not in url]
        assert other.complaints == []


@pytest.mark.slow
async def test_fields_can_be_chosen_from_a_list(page: Page) -> None:
    await page.wait_for("document.querySelector('button[aria-label=\"Show GraphiQL Explorer\"]') !== null")
    await page.run("document.querySelector('button[aria-label=\"Show GraphiQL Explorer\"]').click()")
    field = "[...document.querySelectorAll('.graphiql-explorer-root span')].find((s) => s.textContent === 'name')"
    await page.wait_for(f"{field} !== undefined")
    await page.run(f"{field}.click()")
    await page.wait_for(f"/\\bname\\b/.test({EDITOR}.getValue())")
    assert page.complaints == []


@pytest.mark.slow
async def test_a_subscription_runs_from_within(page: Page) -> None:
    subscription = "subscription { slowestModelsChanged(first: 2, sendInitial: true) { rank model { id } } }"
    await page.run(f"{EDITOR}.setValue({json.dumps(subscription)})")
    await asyncio.sleep(0.5)
    await page.run(f"{RUN}.click()")
    text = await page.wait_for(f"({ANSWER} || '').includes('slowestModelsChanged') && {ANSWER}")
    assert [entry["rank"] for entry in json.loads(text)["data"]["slowestModelsChanged"]] == [1, 2]
    # The same button ends it.
    await page.run(f"{RUN}.click()")
    assert page.complaints == []


@pytest.mark.slow
async def test_it_can_be_used_on_a_telephone(page: Page, address: str) -> None:
    await page.call("Emulation.setDeviceMetricsOverride", width=390, height=844, deviceScaleFactor=1, mobile=True)
    await page.open(f"{address}/graphiql")
    await page.wait_for(f"{RUN} !== null")
    assert await page.run("document.documentElement.scrollWidth") <= 390
    for part in (".graphiql-editors", ".graphiql-response"):
        assert await page.run(f"document.querySelector('{part}').getBoundingClientRect().width") > 300
    assert await page.run(
        "document.querySelector('.graphiql-response').getBoundingClientRect().top >= "
        "document.querySelector('.graphiql-editors').getBoundingClientRect().bottom"
    )
    assert "errors" not in await answer_to_the_shown_query(page)


async def test_where_graphiql_is_not_built_the_page_says_what_to_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(explorer, "files", lambda _package: tmp_path)
    app = Starlette(routes=[*explorer.explorer_routes("dbt <gateway>", read_tabs())])
    response = await send(app, "GET", "/graphiql")
    assert response.status == 200
    assert b"make pages" in response.body
    assert b"dbt &lt;gateway&gt;" in response.body
    assert (await send(app, "GET", "/explorer/graphiql.js")).status == 404


FETCH = """
(async () => {
  const answers = []
  for (let time = 0; time < 5; time += 1) {
    const query = '{ account { models(first: 50) { nodes { id name description } } } }'
    const response = await fetch('/graphql?query=' + encodeURIComponent(query))
    answers.push({coding: response.headers.get('content-encoding'), data: (await response.json()).data})
  }
  return answers
})()
"""


async def test_the_browser_reads_compressed_answers_read_anew_and_cached(page: Page) -> None:
    answers = await page.run(FETCH)
    assert {answer["coding"] for answer in answers} == {"zstd"}
    assert all(answer["data"] == answers[0]["data"] for answer in answers)
    assert len(answers[0]["data"]["account"]["models"]["nodes"]) > 10
