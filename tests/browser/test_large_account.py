"""The pages over a generated account of 40,000 and of 100,000 models: they show what the API says, and stay usable."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
import uvicorn

from benchmarks.account import Size, write_account
from gateway.app import create_app
from gateway.archive.archive import Archive
from gateway.ingest.folders import ingest_folder
from gateway.settings import Settings
from tests.browser.browser import CHROMIUM, LEAVING_PAGES, Browser
from tests.browser.test_dashboard import cells, opened, shown_seconds
from tests.sockets import listening

pytestmark = [
    pytest.mark.external,
    pytest.mark.slow,
    pytest.mark.nightly,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (Debian package: chromium)"),
    *LEAVING_PAGES,
]
MODELS = 2000
ELEMENTS = "document.querySelectorAll('main *').length"
MOST_ELEMENTS = 4000
RUN = "{ id nodeResults(first: 1) { totalCount } }"
QUESTION = (
    "{ account { models(first: 1) { totalCount nodes { id } } slowestModels(first: 10, lastRuns: 5)"
    " { runtime model { id } } runs(first: 500) { totalCount nodes { id job { id } } }"
    " jobs(first: 10) { nodes { id runMatrix(lastRuns: 50, first: 200) { leftOut rows { uniqueId } } } }"
    ' weightedSeconds(by: PROJECT, since: "1970-01-01T00:00:00Z", first: 200) { key resultCount isIdle } } }'
)


@pytest.fixture(scope="module", params=[20, 50], ids=["40,000 models", "100,000 models"])
async def large(
    request: pytest.FixtureRequest, built_pages: object, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """The address of a gateway over such an account, and what its API says."""
    place = tmp_path_factory.mktemp("large")
    write_account(place / "runs", Size(environments=request.param, models=MODELS, runs=2))
    store = f"sqlite:///{place}/runs.db"
    archive = Archive.open(store)
    ingest_folder(archive, place / "runs")
    archive.close()
    settings = Settings(store_url=store, request_seconds=120)
    async with listening(uvicorn.Config(create_app(settings), log_level="error")) as port:
        address = f"http://127.0.0.1:{port}/"
        async with httpx2.AsyncClient(base_url=address, timeout=180) as client:
            account = (await client.post("graphql", json={"query": QUESTION})).json()["data"]["account"]
            run = account["runs"]["nodes"][0]["id"]
            query = {"query": f'{{ run(id: "{run}") {RUN} }}'}
            account["run"] = (await client.post("graphql", json=query)).json()["data"]["run"]
        assert account["models"]["totalCount"] == request.param * MODELS
        yield address, account


async def test_the_account_the_time_and_the_search_are_those_of_the_api(
    browser: Browser, large: tuple[str, dict[str, Any]]
) -> None:
    address, account = large
    async with opened(browser, f"{address}?period=all") as page:
        models = [[row["model"]["id"], shown_seconds(row["runtime"])] for row in account["slowestModels"]]
        assert [row[:2] for row in await cells(page, "Slowest models")] == models
        tiles = await page.run("[...document.querySelectorAll('.tiles strong')].slice(0, 3).map((e) => +e.textContent)")
        assert sum(tiles) == min(500, account["runs"]["totalCount"])
        assert page.complaints == []
    async with opened(browser, f"{address}?time=project&period=all") as page:
        shown = [[row[0], row[4].replace(",", "")] for row in await cells(page, "Where the time goes")]
        busy = [row for row in account["weightedSeconds"] if not row["isIdle"]]
        assert shown == [[row["key"] or "no project", str(row["resultCount"])] for row in busy][:20]
    name = account["models"]["nodes"][0]["id"].partition(".")[2]
    async with opened(browser, f"{address}?search={name}") as page:
        assert name in [row[0] for row in await cells(page, "Models")]
        assert page.complaints == []
    project = account["models"]["nodes"][0]["id"].partition(".")[0]
    async with opened(browser, f"{address}?project={project}&period=all") as page:
        assert {row[0].partition(".")[0] for row in await cells(page, "Slowest models")} == {project}
        assert await page.run(ELEMENTS) <= MOST_ELEMENTS
        assert page.complaints == []


async def test_what_is_cut_says_so_and_few_elements_are_drawn(
    browser: Browser, large: tuple[str, dict[str, Any]]
) -> None:
    address, account = large
    run, total = account["run"]["id"], account["run"]["nodeResults"]["totalCount"]
    places = {f"?run={run}": f"Show 200 more of {total:,}", "?time=node&period=all": "more of ", "?search=m": " of "}
    for place, text in places.items():
        async with opened(browser, address + place) as page:
            assert text in await page.run("document.querySelector('main').innerText"), place
            assert await page.run(ELEMENTS) <= MOST_ELEMENTS, place
            assert page.complaints == []


async def test_the_newest_run_and_a_job_are_those_of_the_api(
    browser: Browser, large: tuple[str, dict[str, Any]]
) -> None:
    address, account = large
    run, total = account["run"]["id"], account["run"]["nodeResults"]["totalCount"]
    assert total > 100
    async with opened(browser, f"{address}?run={run}") as page:
        label = await page.run("document.querySelector('section[aria-label=\"Timeline\"]').textContent")
        assert f"{total:,} results" in label or f"of {total} results" in label
        await page.run("document.querySelector('.chart').focus()")
        for key, code in (("End", 35), ("+", 107), ("Home", 36)):
            await page.press(key, code)
        await page.wait_for("document.querySelector('.cursor') !== null")
        assert page.complaints == []
    job = account["jobs"]["nodes"][0]
    async with opened(browser, f"{address}?job={job['id']}") as page:
        text = await page.run("document.querySelector('section[aria-label=\"Models in each run\"]').textContent")
        rows = job["runMatrix"]["rows"]
        assert f"the slowest {len(rows)} of {len(rows) + job['runMatrix']['leftOut']} models" in text
        assert page.complaints == []
    model = json.dumps(account["slowestModels"][0]["model"]["id"]).strip('"')
    async with opened(browser, f"{address}?model={model}") as page:
        assert await page.run("document.querySelectorAll('main section').length") >= 5
        assert page.complaints == []
