"""The pages in headless Chromium, over the demo: what they show is what the API says, in every state.

The gateway they run against trusts no document but the pages' own and those of a manifest.
"""

from __future__ import annotations

import gzip
import json
import re
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

import hatch_build
from gateway.app import create_app
from gateway.http.pages.documents import read_documents
from gateway.settings import Settings
from tests.browser.browser import CHROMIUM, LEAVING_PAGES, Browser, Page
from tests.browser.conftest import ROOT
from tests.identity.callers import Holder, known_to
from tests.node import install_packages, node
from tests.serving import Call, Gateway, UpstreamTap
from tests.sockets import listening

pytestmark = [
    pytest.mark.external,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (Debian package: chromium)"),
    *LEAVING_PAGES,
]

DASHBOARD = ROOT / "dashboard"
FAILED_RUN = "70437490011508"
PAGES = {
    "account": "",
    "run": f"?run={FAILED_RUN}",
    "model": "?model=finance.fct_invoices",
    "job": "?job=302001",
    "search": "?search=fct",
    "calendar": "?calendar=",
    "time": "?time=folder",
}
SHOWN = "document.querySelector('main section') !== null"
WHOLE = f"{SHOWN} && document.querySelector('.later, .waiting') === null"
TEXT = "(document.querySelector('main')?.innerText ?? '')"


@pytest.fixture(scope="module")
async def strict_address(settings: Settings, built_pages: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A gateway that runs trusted documents only, below a path that a proxy passes on."""
    manifest = tmp_path_factory.mktemp("trusted") / "documents.json"
    manifest.write_text('{"theirs": "{ __typename }"}', "utf-8")
    strict = {"only_trusted_documents": True, "trusted_documents": manifest, "introspection": False}
    app = create_app(settings.model_copy(update={**strict, "path_prefix": "/dbt/metadata"}))
    async with listening(uvicorn.Config(app, log_level="warning")) as port:
        yield f"http://127.0.0.1:{port}/dbt/metadata/"


@asynccontextmanager
async def opened(browser: Browser, address: str, ready: str = WHOLE) -> AsyncIterator[Page]:
    async with browser.page() as page:
        await page.call("Emulation.setTimezoneOverride", timezoneId="America/New_York")
        await page.open(address)
        await page.wait_for(ready)
        yield page


async def cells(page: Page, caption: str) -> list[list[str]]:
    """The rows of a table as they are read; none where the page says that there is nothing."""
    rows: list[list[str]] = await page.run(
        f"[...([...document.querySelectorAll('table')].find((t) => t.caption.textContent === '{caption}')"
        "?.tBodies[0].rows ?? [])].map((row) => [...row.cells].map((cell) => cell.textContent))"
    )
    return rows


def shown_seconds(seconds: float) -> str:
    """Less than an hour as the pages write it."""
    if seconds >= 59.95:
        return f"{round(seconds) // 60} min {round(seconds) % 60:02d} s"
    return f"{seconds:.2f} s" if seconds < 9.995 else f"{seconds:.1f} s"


async def test_the_account_page_shows_what_the_api_says(
    browser: Browser, strict_address: str, warm_gateway: Gateway
) -> None:
    said = await warm_gateway.data(
        "{ account { name runs(first: 500) { nodes { status } } slowestModels(first: 10, lastRuns: 5) "
        "{ runtime model { id } } longestRunningJobs(first: 10, lastRuns: 5) { runtime job { name } } } }"
    )
    account = said["account"]
    async with opened(browser, f"{strict_address}?period=all") as page:
        assert await page.run("document.title") == f"{account['name']} · dbt gateway"
        tiles = await page.run("document.querySelector('.tiles').textContent")
        counts = Counter(run["status"] for run in account["runs"]["nodes"])
        assert re.findall(r"\d+", tiles) == [str(counts[one]) for one in ("SUCCESS", "FAILURE", "CANCELLED")]
        models = [row[:2] for row in await cells(page, "Slowest models")]
        assert models == [[one["model"]["id"], shown_seconds(one["runtime"])] for one in account["slowestModels"]]
        jobs = [row[0] for row in await cells(page, "Longest jobs")]
        assert jobs == [one["job"]["name"] for one in account["longestRunningJobs"]]
        assert "Could not convert string" in await page.run(TEXT)
        # The night of 11 March, as New York's clocks (still on winter time on the 6th, not on the 11th) had it.
        assert "11 Mar, 01:00 05:00 UTC" in await page.run(TEXT)
        sent = [json.loads(body) for body in page.bodies if body]
        # One request a screen, and one more because the demo's newest run is longer ago than the window that ends now.
        assert [one["documentId"] for one in sent] == [f"sha256:{document_id('account')}"] * 2
        assert [one["variables"]["until"] is None for one in sent] == [True, False]
        assert {url.split("/")[2] for url in page.requests if not url.startswith("data:")} == {
            strict_address.split("/")[2]
        }
        assert page.complaints == []


def document_id(name: str) -> str:
    return next(document.id for document in read_documents() if document.name == name)


WINDOW = {"since": "2026-02-11T00:00:00Z", "until": "2026-03-14T00:00:00Z"}  # around all runs of the demo


async def test_the_account_page_shows_what_came_of_many_runs(
    browser: Browser, strict_address: str, warm_gateway: Gateway
) -> None:
    said = await warm_gateway.data(
        "query ($since: DateTime!) { account { regressions(since: $since, certainty: SUSPECTED) "
        "{ nodes { model { id } job { name } certainty } } "
        "flaky(since: $since) { uniqueId flips attempts resource { name } } "
        "incidents(since: $since, first: 20) { nodes { uniqueId repairedAt resource { name } } } } }",
        since=WINDOW["since"],
    )
    account = said["account"]
    async with opened(browser, strict_address) as page:
        slower = [
            [one["model"]["id"] if one["model"] else f"job {one['job']['name']}", one["certainty"].lower()]
            for one in account["regressions"]["nodes"]
        ]
        assert [[row[0], row[7]] for row in await cells(page, "What got slower")] == slower
        flaky = [[one["resource"]["name"], str(one["flips"]), str(one["attempts"])] for one in account["flaky"]]
        assert [[row[0], *row[2:4]] for row in await cells(page, "Flaky")] == flaky[:10]
        broken = [
            [(one["resource"] or {"name": one["uniqueId"]})["name"], one["repairedAt"] is None]
            for one in account["incidents"]["nodes"]
        ]
        shown = [[row[0], "not yet" in row[2]] for row in await cells(page, "Broken and repaired")]
        assert shown == broken[:10]
        wasted = await warm_gateway.data(
            "query ($until: DateTime!) { account { wastedBuilds(until: $until, first: 5) "
            "{ models { buildCount model { id } } } } }",
            until=await page.run(WINDOW_END),
        )
        models = [[one["model"]["id"], str(one["buildCount"])] for one in wasted["account"]["wastedBuilds"]["models"]]
        assert [row[:2] for row in await cells(page, "Wasted builds")] == models
        assert page.complaints == []


# The end of the window that the page looked at, as the link to its query has it.
WINDOW_END = (
    "JSON.parse(new URLSearchParams(document.querySelector('section .query').getAttribute('href')"
    ".split('?')[1]).get('variables')).until"
)


async def test_the_job_page_shows_its_matrix_and_its_critical_models(
    browser: Browser, strict_address: str, warm_gateway: Gateway
) -> None:
    said = await warm_gateway.data(
        '{ job(id: "302001") { runMatrix(lastRuns: 50) { runs { id } '
        "rows { uniqueId medianSeconds runtimes model { id } } } "
        "oftenCritical(lastRuns: 20) { uniqueId share model { id } } } }"
    )
    matrix, critical = said["job"]["runMatrix"], said["job"]["oftenCritical"]
    async with opened(browser, f"{strict_address}?job=302001") as page:
        await page.run("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        rows = [
            [
                row["model"]["id"] if row["model"] else row["uniqueId"],
                str(sum(one is not None for one in row["runtimes"])),
                f"{row['medianSeconds']:.2f} s",
            ]
            for row in matrix["rows"]
        ]
        assert [row[:3] for row in await cells(page, "Models in each run")] == rows[:10]
        shown = [row[:2] for row in await cells(page, "Often on the critical path")]
        assert shown == [[one["model"]["id"], f"{round(one['share'] * 100)} % of runs"] for one in critical]
        label = await page.run("document.querySelector('section[aria-label=\"Models in each run\"] .chart').ariaLabel")
        assert f"{len(matrix['rows'])} models in {len(matrix['runs'])} runs" in label
        assert page.complaints == []


async def test_the_time_page_adds_up_and_is_walked_by_keys(
    browser: Browser, strict_address: str, warm_gateway: Gateway
) -> None:
    chart = "document.querySelector('.chart')"
    async with opened(browser, f"{strict_address}?time=project&period=all") as page:
        said = await warm_gateway.data(
            '{ account { weightedSeconds(by: PROJECT, since: "1970-01-01T00:00:00Z") '
            "{ key weightedSeconds resultCount isIdle } } }"
        )
        busy = [one for one in said["account"]["weightedSeconds"] if not one["isIdle"]]
        shown = [[row[0], row[4]] for row in await cells(page, "Where the time goes")]
        assert shown == [[one["key"] or "no project", str(one["resultCount"])] for one in busy]
        whole = sum(one["weightedSeconds"] for one in busy)
        areas = await page.run(
            f"[...{chart}.querySelectorAll('.area')].map((one) => one.getBBox())"
            ".map((box) => (box.width + 2) * (box.height + 2))"
        )
        shares = [one["weightedSeconds"] / whole for one in busy]
        assert [area / sum(areas) for area in areas] == pytest.approx(shares, abs=1e-3)
        await page.run(f"{chart}.focus()")
        await page.press("ArrowRight", 39)
        await page.wait_for(f"{chart}.querySelector('.readout').textContent.startsWith('{busy[0]['key']}: ')")
        await page.press("Enter", 13)
        await page.wait_for(f"location.search === '?project={busy[0]['key']}'")
        assert page.complaints == []


async def test_filters_live_in_the_address_and_the_back_button_undoes_them(
    browser: Browser, strict_address: str
) -> None:
    async with opened(browser, strict_address) as page:
        await page.run("[...document.querySelectorAll('fieldset input')].at(0).click()")
        await page.wait_for("location.search === '?project=finance'")
        of_finance = (
            "((cells) => cells.length > 0 && cells.every((cell) => cell.textContent.startsWith('finance.')))"
            "([...document.querySelectorAll('section[aria-label=\"Slowest models\"] td:first-child')])"
        )
        await page.wait_for(f"{WHOLE} && {of_finance}")
        await page.run("history.back()")
        await page.wait_for(f"{WHOLE} && location.search === '' && !({of_finance})")
        assert not await page.run("document.querySelector('fieldset input').checked")
    async with opened(browser, f"{strict_address}?project=finance&period=30d", f"{WHOLE} && {of_finance}") as page:
        assert await page.run("document.querySelector('fieldset input').checked")
        assert await page.run("document.querySelector('.filters select').value") == "30d"


async def test_the_run_page_is_walked_by_keys_and_leads_to_the_model(
    browser: Browser, strict_address: str, warm_gateway: Gateway
) -> None:
    said = await warm_gateway.data(
        '{ run(id: "%s") { nodeResults { totalCount nodes { name startTime } } } }' % FAILED_RUN  # noqa: UP031
    )
    results = said["run"]["nodeResults"]
    earliest = min((one for one in results["nodes"] if one["startTime"]), key=lambda one: one["startTime"])
    async with opened(browser, f"{strict_address}?run={FAILED_RUN}") as page:
        text = await page.run(TEXT)
        assert f"{results['totalCount']} results" in text
        assert 'Could not convert string "n/a" to DECIMAL(18,2)' in text
        await page.run("document.querySelector('.chart').focus()")
        await page.press("ArrowRight", 39)
        readout = "document.querySelector('.chart .readout').textContent"
        await page.wait_for(f"{readout}.startsWith('source {earliest['name']}: success')")
        while "model stg_customers" not in await page.run(readout):
            await page.press("ArrowRight", 39)
        await page.press("Enter", 13)
        await page.wait_for("location.search === '?model=finance.stg_customers'")
        await page.wait_for(f"{SHOWN} && document.querySelector('h1').textContent === 'stg_customers'")
        assert "Runtime over time" in await page.run(TEXT)
        await page.press("k", 75, modifiers=2)
        await page.wait_for("document.activeElement.type === 'search'")
        await page.call("Input.insertText", text="daily")
        await page.wait_for("[...document.querySelectorAll('td')].some((cell) => cell.textContent === 'Finance daily')")
        assert page.complaints == []


async def test_sources_are_found_and_nothing_is_asked_of_an_empty_search(
    browser: Browser, strict_address: str, warm_gateway: Gateway
) -> None:
    said = await warm_gateway.data(
        '{ account { sources(filter: { nameContains: "RAW_" }, first: 20) '
        "{ nodes { sourceName name project { id } freshness { status } } } } }"
    )
    rows = [
        [
            f"{one['sourceName']}.{one['name']}",
            one["project"]["id"],
            one["freshness"]["status"].lower().replace("_", " "),
        ]
        for one in said["account"]["sources"]["nodes"]
    ]
    assert rows
    async with opened(browser, f"{strict_address}?search=RAW_") as page:
        assert await cells(page, "Sources") == rows
        assert page.complaints == []
    async with opened(browser, f"{strict_address}?search=", f"{TEXT}.includes('Type a part of')") as page:
        assert not any(page.bodies)
        assert await page.run("document.querySelector('.notice, [role=alert]')") is None


async def test_sliders_ask_what_if(browser: Browser, strict_address: str, warm_gateway: Gateway) -> None:
    said = await warm_gateway.data(
        "query ($id: ID!, $change: WhatIfChange!) { run(id: $id) { utilization { threads } "
        "whatIf(change: $change) { thenSeconds savedSeconds } } }",
        id=FAILED_RUN,
        change={"threads": 1},
    )
    simulated = said["run"]["whatIf"]
    section = "document.querySelector('section[aria-label=\"What if\"]')"
    async with opened(browser, f"{strict_address}?run={FAILED_RUN}", f"{section} !== null") as page:
        await page.run(f"{section}.querySelector('input').focus()")
        for _ in range(said["run"]["utilization"]["threads"] - 1):
            await page.press("ArrowLeft", 37)
        shown = await page.wait_for(f"{section}.querySelector('.tiles')?.textContent")
        assert shown.startswith(f"{simulated['thenSeconds']:.1f} sin place of 16.2 s")
        assert f"{abs(simulated['savedSeconds']):.2f} ssaved" in shown
        assert page.complaints == []


@pytest.mark.slow
async def test_dragging_the_end_of_a_bar_asks_what_if(
    browser: Browser, strict_address: str, warm_gateway: Gateway
) -> None:
    section = "document.querySelector('section[aria-label=\"What if\"]')"
    async with opened(browser, f"{strict_address}?run={FAILED_RUN}", f"{section} !== null") as page:
        await page.run("document.querySelector('.chart').scrollIntoView({block: 'center'})")
        await page.run("document.querySelector('.chart').focus()")
        await page.press("End", 35)
        while "model rpt_ar_aging" not in await page.run("document.querySelector('.chart .readout').textContent"):
            await page.press("ArrowLeft", 37)
        box = await page.run("document.querySelector('.chart .cursor').getBoundingClientRect().toJSON()")
        at = {"y": box["y"] + box["height"] / 2, "button": "left", "clickCount": 1}
        end = box["x"] + box["width"] - 2
        for kind, x in (("Moved", end), ("Pressed", end), ("Moved", end - box["width"] / 2), ("Released", end)):
            x = end - box["width"] / 2 if kind == "Released" else x
            await page.call("Input.dispatchMouseEvent", type=f"mouse{kind}", x=x, **at)
        shown = await page.wait_for(f"{section}.querySelector('.tiles')?.textContent")
        percent = int(await page.run(f"{section}.querySelectorAll('input')[1].value"))
        assert percent in (45, 50, 55)
        said = await warm_gateway.data(
            "query ($id: ID!, $change: WhatIfChange!) { run(id: $id) { whatIf(change: $change) { thenSeconds } } }",
            id=FAILED_RUN,
            change={"speedUps": [{"uniqueId": "model.finance.rpt_ar_aging", "factor": percent / 100}]},
        )
        assert shown.startswith(f"{said['run']['whatIf']['thenSeconds']:.1f} sin place of")
        assert page.complaints == []


# The clipboard notes what it gets: without a person at the screen a browser lets nothing in.
CLIPBOARD = (
    "window.taken = []; navigator.clipboard.write = async (items) => {"
    " window.taken.push(await items[0].getType(items[0].types[0])); }"
)
COLOURS = (
    "createImageBitmap(window.taken[0]).then((image) => {"
    " const canvas = new OffscreenCanvas(image.width, image.height);"
    " const context = canvas.getContext('2d'); context.drawImage(image, 0, 0);"
    " const {data} = context.getImageData(0, 0, image.width, image.height);"
    " return [image.width, new Set(new Uint32Array(data.buffer)).size]; })"
)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["account", "run", "job", "time"])
async def test_a_picture_is_taken_away_as_png_and_its_table_as_csv(
    browser: Browser, strict_address: str, name: str
) -> None:
    async with opened(browser, strict_address + PAGES[name]) as page:
        await page.run(CLIPBOARD)
        button = "[...document.querySelectorAll('main button')].find((one) => one.textContent === 'Copy as {}')"
        await page.run(f"{button.format('PNG')}.click()")
        await page.wait_for("window.taken.length === 1")
        width, colours = await page.run(COLOURS)
        assert width == await page.run(
            "Math.round(document.querySelector('.chart canvas, .chart svg').getBoundingClientRect().width)"
        )
        assert colours > 5
        await page.run(f"{button.format('CSV')}.click()")
        await page.wait_for("window.taken.length === 2")
        rows = (await page.run("window.taken[1].text()")).split("\r\n")
        assert len({row.count(",") for row in rows[:1]}) == 1
        assert len(rows) >= 3
        assert page.complaints == []


async def test_a_picture_leads_to_its_query_in_graphiql(browser: Browser, address: str) -> None:
    async with opened(browser, f"{address}/?run={FAILED_RUN}") as page:
        await page.run("document.querySelector('section .query').click()")
        editor = "document.querySelector('.graphiql-query-editor .CodeMirror')?.CodeMirror.getValue()"
        await page.wait_for(f"({editor} || '').includes('query RunPage')")
        variables = "document.querySelector('.graphiql-editor-tool .CodeMirror')?.CodeMirror.getValue()"
        assert json.loads(await page.wait_for(variables)) == {"id": FAILED_RUN, "to": "PREVIOUS_SUCCESS"}


@pytest.mark.parametrize("name", PAGES)
async def test_nothing_stands_in_the_way_of_a_reader(
    browser: Browser, strict_address: str, axe: str, name: str
) -> None:
    """Light and dark, on a desk and on a telephone: no finding of axe, and nothing wider than the screen."""
    async with opened(browser, strict_address + PAGES[name]) as page:
        await page.run(axe + "; 0")
        await page.run("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        for width, scheme in ((1400, "light"), (390, "dark")):
            await page.call(
                "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False
            )
            await page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
            found = await page.run(
                "axe.run().then(({violations}) => violations.map((v) => v.id + ' ' + v.nodes[0].html))"
            )
            assert found == [], (width, scheme)
            assert await page.run("document.documentElement.scrollWidth <= innerWidth"), (width, scheme)
        wall = {"width": 3840, "height": 2160, "deviceScaleFactor": 1, "mobile": False}
        await page.call("Emulation.setDeviceMetricsOverride", **wall)
        await page.wait_for(f"{FILLED}.every(([picture, place]) => Math.abs(picture - place) <= 1)")
        assert await page.run("document.documentElement.scrollWidth <= innerWidth")


# How wide each picture is, and its place.
FILLED = (
    "[...document.querySelectorAll('.chart')].map((place) => [place.clientWidth, place])"
    ".map(([width, place]) => [place.querySelector('canvas, svg').getBoundingClientRect().width, width])"
)


@asynccontextmanager
async def disturbed(settings: Settings, tap: UpstreamTap) -> AsyncIterator[str]:
    app = create_app(settings.model_copy(update={"history_source": "discovery"}), wrap_platform=tap.wrap)
    async with listening(uvicorn.Config(app, log_level="warning")) as port:
        yield f"http://127.0.0.1:{port}/"


def without_finance(call: Call) -> bool:
    return "201001" in json.dumps(call.variables) or call.query.get("environment_id") == "201001"


async def test_a_project_that_fails_is_named_and_the_rest_is_shown(
    browser: Browser, settings: Settings, built_pages: Path
) -> None:
    tap = UpstreamTap()

    async def refuse(call: Call) -> JSONResponse | None:
        refused = {"data": None, "errors": [{"message": "You do not have permission"}]}
        return JSONResponse(refused) if without_finance(call) and call.document else None

    tap.fault = refuse
    # What is read of many runs takes long without an archive, and is not waited for.
    ready = "document.querySelector('section[aria-label=\"Slowest models\"] td') !== null"
    async with disturbed(settings, tap) as address, opened(browser, address, ready) as page:
        notice = await page.wait_for("document.querySelector('.notice.warn')?.textContent")
        assert "Missing from this page: finance." in notice
        assert "marketing.rpt_ltv" in [row[0] for row in await cells(page, "Slowest models")]


async def test_names_are_text_whatever_they_hold(browser: Browser, settings: Settings, built_pages: Path) -> None:
    hostile = '<img src=x onerror="window.hit=1">\u202eevil ' + "x" * 500
    tap = UpstreamTap()
    tap.rewrite = lambda _call, body: json.loads(json.dumps(body).replace('"Finance daily"', json.dumps(hostile)))
    async with disturbed(settings, tap) as address, opened(browser, f"{address}?job=301001") as page:
        assert await page.run("document.querySelector('h1').textContent") == hostile
        assert await page.run("document.images.length === 0 && window.hit === undefined")
        assert await page.run("document.documentElement.scrollWidth <= innerWidth")


def failing(app: ASGIApp, answer: Callable[[], JSONResponse | None]) -> ASGIApp:
    async def failed(scope: Scope, receive: Receive, send: Send) -> None:
        reply = answer() if scope["type"] == "http" and scope["path"] == "/graphql" else None
        await (reply or app)(scope, receive, send)

    return failed


async def test_a_gateway_in_trouble_is_reported_and_recovered_from(
    browser: Browser, settings: Settings, built_pages: Path
) -> None:
    body = {"errors": [{"message": "The gateway is busy.", "extensions": {"code": "OVERLOADED"}}]}
    answers = [JSONResponse(body, 503, {"Retry-After": "1"}), JSONResponse(body, 429, {"Retry-After": "1"})]
    app = failing(create_app(settings), lambda: answers.pop(0) if answers else None)
    async with listening(uvicorn.Config(app, log_level="warning")) as port:
        failed = "document.querySelector('[role=alert]')?.textContent"
        async with opened(browser, f"http://127.0.0.1:{port}/", failed) as page:
            assert re.search(r"busy\..*OVERLOADED.*Trying again in 1", await page.run(failed))
            await page.wait_for(f"{WHOLE} && !document.querySelector('[role=alert]')")
            answers.append(
                JSONResponse({"errors": [{"message": "x", "extensions": {"code": "DOCUMENT_NOT_TRUSTED"}}]}, 403)
            )
            await page.run("document.querySelector('.filters select').value")
            await page.run("[...document.querySelectorAll('fieldset input')].at(0).click()")
            assert "Load it again" in await page.wait_for(failed)


async def test_a_missing_object_is_said_to_be_missing(browser: Browser, strict_address: str) -> None:
    for kind in ("run", "model", "job"):
        missing = f"{TEXT}.includes('There is no {kind} 4711')"
        async with opened(browser, f"{strict_address}?{kind}=4711", missing):
            pass


async def test_a_key_is_typed_once_and_stays_in_memory(browser: Browser, settings: Settings, built_pages: Path) -> None:
    anna = Holder("anna", ("finance",))
    app = create_app(known_to(settings, anna))
    async with listening(uvicorn.Config(app, log_level="warning")) as port:
        asked = "document.activeElement?.type === 'password'"
        async with opened(browser, f"http://127.0.0.1:{port}/", asked) as page:
            await page.call("Input.insertText", text=anna.key)
            await page.press("Enter", 13)
            await page.wait_for(WHOLE)
            assert [row[0] for row in await cells(page, "Projects")] == ["finance"]
            await page.run("document.querySelector('section[aria-label=\"Slowest models\"] td a').click()")
            await page.wait_for(f"{TEXT}.includes('Runtime over time')")
            kept = await page.run("JSON.stringify([localStorage, sessionStorage, document.cookie, location.href])")
            assert anna.key not in kept


def first_load(folder: Path) -> set[str]:
    """The script that is loaded before anything is shown: the first file and what it imports, all the way down."""
    wanted, seen = ["main.js"], set[str]()
    while wanted:
        name = wanted.pop()
        seen.add(name)
        text = (folder / name).read_text("utf-8")
        wanted += [one for one in re.findall(r'(?:from|import)"\./([^"]+)"', text) if one not in seen]
    return seen


def test_the_pages_are_small(built_pages: Path) -> None:
    sizes = {file.name: len(gzip.compress(file.read_bytes(), 9)) for file in built_pages.iterdir()}
    at_first = first_load(built_pages)
    assert len(at_first) > 1
    assert sum(sizes[name] for name in at_first) <= 90_000
    assert sizes["main.css"] <= 10_000
    lazy = {name for name in sizes if name.endswith(".js")} - at_first
    assert lazy
    assert max(sizes[name] for name in lazy) <= 40_000


@pytest.mark.slow
def test_the_sources_are_typed_against_the_schema_and_their_layouts_are_right() -> None:
    install_packages(DASHBOARD)
    program = node()
    assert program
    npm = hatch_build.npm()
    for script in ("check", "test"):
        done = subprocess.run(
            [*npm, "run", "--silent", script], cwd=DASHBOARD, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
