"""Milliseconds that the pages take of a browser's main thread, in headless Chromium over made-up answers.

    python -m benchmarks.pages

A timeline of 2,000 and of 5,000 bars is walked by keys, then zoomed and moved, which draws it anew each time; a heat
map of 200 models × 100 runs is drawn when its page opens. Printed are the main thread's CPU until the page stands, for
a key and for a picture drawn anew, and the longest task, by CPU. First, the demo's account in a browser that has just
started: from the request for the page to the first text, and to the first chart, by the clock.
"""

from __future__ import annotations

import asyncio
import json
import random
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.app import create_app
from gateway.http.pages.dashboard import dashboard_routes
from gateway.http.pages.documents import read_documents
from gateway.settings import Settings
from tests.browser.browser import Browser, Page, running_browser
from tests.sockets import listening

THREADS = 16
KEYS = 100
START = datetime(2026, 3, 11, 5, tzinfo=UTC)
DRAWN = "document.querySelector('.chart canvas') !== null"
# When the first chart of a page stood.
NOTE_FIRST_CHART = (
    "new MutationObserver((_, observer) => { if (document.querySelector('.chart svg rect, .chart canvas')) {"
    " window.firstChart = performance.now(); observer.disconnect(); } })"
    ".observe(document, {subtree: true, childList: true})"
)
FIRST_TEXT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"
FRAME = "new Promise((done) => requestAnimationFrame(() => setTimeout(done)))"


@dataclass(frozen=True)
class Costs:
    """Milliseconds of the main thread's CPU."""

    page: float
    key: float
    picture: float | None
    longest: float


def run_answer(bars: int) -> dict[str, Any]:
    """A run of so many models on 16 threads."""
    chance = random.Random(bars)
    free = [0.0] * THREADS
    results, timeline = [], []
    for number in range(bars):
        thread = min(range(THREADS), key=free.__getitem__)
        begin, seconds = free[thread], chance.lognormvariate(1, 1)
        free[thread] = begin + seconds
        name = f"model_{number}"
        node = {"__typename": "ModelRun", "id": f"1/{name}", "uniqueId": f"model.p.{name}", "name": name}
        times = {"startTime": _moment(begin), "endTime": _moment(begin + seconds), "runtime": seconds}
        place = {"thread": f"Thread-{thread + 1}", "step": None, "message": None, "model": {"id": f"p.{name}"}}
        results.append({**node, **times, **place, "resourceType": "MODEL", "status": "SUCCESS"})
        timeline.append(
            {
                "resultId": f"1/{name}",
                "slackSeconds": 1.0,
                "onCriticalPath": number % 40 == 0,
                "onObservedChain": number % 50 == 0,
            }
        )
    empty = dict.fromkeys(
        (
            "error",
            "queueSeconds",
            "gitSha",
            "gitBranch",
            "dbtVersion",
            "url",
            "trigger",
            "job",
            "criticalPath",
            "utilization",
            "compare",
        )
    )
    counts = [{"status": "SUCCESS", "count": bars}]
    return {
        "run": {
            **empty,
            "id": "1",
            "status": "SUCCESS",
            "statusText": "Success",
            "inferred": False,
            "runtime": max(free),
            "startTime": _moment(0),
            "endTime": _moment(max(free)),
            "steps": [],
            "failures": [],
            "nodeResults": {"totalCount": bars, "byStatus": counts, "nodes": results},
            "timeline": {"wallSeconds": max(free), "bars": timeline, "basis": {"missing": []}},
            "observedChain": {"wallSeconds": max(free), "links": []},
        }
    }


def job_answer(models: int, runs: int) -> dict[str, Any]:
    """A job's matrix of so many models and runs."""
    chance = random.Random(models)
    columns = [{"id": str(n), "startTime": _moment(n * 86_400), "status": "SUCCESS"} for n in range(runs)]
    rows = [
        {
            "uniqueId": f"model.p.model_{n}",
            "medianSeconds": 10.0,
            "model": {"id": f"p.model_{n}"},
            "runtimes": [chance.lognormvariate(2.3, 0.4) for _ in range(runs)],
            "statuses": ["SUCCESS"] * runs,
        }
        for n in range(models)
    ]
    job = dict.fromkeys(("description", "kind", "schedule", "project", "runtimeSeries", "oftenCritical"))
    runs_of = {"totalCount": 0, "nodes": []}
    matrix = {"leftOut": 0, "runs": columns, "rows": rows}
    return {
        "job": {
            **job,
            "id": "1",
            "name": "Daily",
            "steps": [],
            "inferred": False,
            "runs": runs_of,
            "runMatrix": matrix,
        },
        "account": None,
    }


def _moment(seconds: float) -> str:
    return (START + timedelta(seconds=seconds)).isoformat()


def app_of(answers: dict[str, dict[str, Any]]) -> Starlette:
    """The pages, and one answer for each of their documents."""
    documents = read_documents()
    names = {f"sha256:{document.id}": document.name for document in documents}
    bodies = {name: json.dumps({"data": data}) for name, data in answers.items()}

    async def answer(request: Request) -> Response:
        name = names.get((await request.json())["documentId"], "")
        return Response(bodies[name], media_type="application/json") if name in bodies else JSONResponse({}, 404)

    pages = dashboard_routes("benchmark", documents, has_explorer=False)
    return Starlette(routes=[Route("/graphql", answer, methods=["POST"]), *pages])


async def task_milliseconds(page: Page) -> float:
    """What the main thread has worked so far."""
    metrics = (await page.call("Performance.getMetrics"))["metrics"]
    return float(next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration")) * 1000


async def spent(page: Page, keys: Sequence[tuple[str, int]]) -> float:
    """What a key costs, of these, with what is drawn for it."""
    before = await task_milliseconds(page)
    for key, code in keys:
        await page.press(key, code)
        await page.run(FRAME)
    idle = await task_milliseconds(page)
    for _ in keys:
        await page.run(FRAME)
    # What asking for a frame costs by itself is no cost of the key.
    return (2 * idle - before - await task_milliseconds(page)) / len(keys)


def longest_task(trace: Sequence[Mapping[str, Any]]) -> float:
    """The CPU of the longest task of a page's main thread."""
    names = {
        (event["pid"], event["tid"])
        for event in trace
        if event["name"] == "thread_name" and event["args"]["name"] == "CrRendererMain"
    }
    tasks = [event.get("tdur", 0) for event in trace if (event["pid"], event["tid"]) in names and event["ph"] == "X"]
    return max(tasks, default=0) / 1000


async def measured(page: Page, address: str, keys: int, *, has_zoom: bool) -> Costs:
    """Opens a page with a canvas, walks it by keys and draws it anew."""
    # CPU time of the thread, so that what else the machine does counts little.
    await page.call("Performance.enable", timeDomain="threadTicks")
    categories = {"includedCategories": ["toplevel"], "excludedCategories": ["*"]}
    await page.call("Tracing.start", transferMode="ReportEvents", traceConfig=categories)
    await page.open(address)
    await page.wait_for(DRAWN)
    await page.run(FRAME)
    opened = await task_milliseconds(page)
    await page.run("document.querySelector('.chart:has(canvas)').focus()")
    key = await spent(page, [("ArrowRight", 39)] * keys)
    picture = await spent(page, [("+", 107), ("-", 109)] * (keys // 2)) if has_zoom else None
    return Costs(opened, key, picture, longest_task(await page.end_trace()))


async def first_picture(browser: Browser) -> tuple[float, float]:
    """Milliseconds until the demo's account shows its first text and its first chart, the first page of a browser."""
    app = create_app(Settings())
    async with listening(uvicorn.Config(app, log_level="error")) as port, browser.page() as page:
        address = f"http://127.0.0.1:{port}/"
        async with httpx2.AsyncClient(base_url=address, timeout=60) as client:
            await client.post("graphql", json={"query": "{ account { runs(first: 500) { totalCount } } }"})
        await page.call("Page.enable")
        await page.call("Page.addScriptToEvaluateOnNewDocument", source=NOTE_FIRST_CHART)
        await page.open(address)
        chart = await page.wait_for("window.firstChart ?? 0")
        return await page.wait_for(FIRST_TEXT), chart


async def main() -> None:
    """Print a line for each picture."""
    pictures = [(f"timeline of {bars:,} bars", "?run=1", {"run": run_answer(bars)}, True) for bars in (2_000, 5_000)]
    pictures.append(("heat map of 200 × 100", "?job=1", {"job": job_answer(200, 100)}, False))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        async with running_browser(Path(profile)) as browser:
            text, chart = await first_picture(browser)
            print(f"the demo's account, by the clock: first text {text:.0f} ms, first chart {chart:.0f} ms")
            for name, place, answers, has_zoom in pictures:
                async with (
                    listening(uvicorn.Config(app_of(answers), log_level="error")) as port,
                    browser.page() as page,
                ):
                    figures = await measured(page, f"http://127.0.0.1:{port}/{place}", KEYS, has_zoom=has_zoom)
                    drawn = "" if figures.picture is None else f"drawn anew {figures.picture:.1f} ms, "
                    print(
                        f"{name}: page {figures.page:.0f} ms, a key {figures.key:.1f} ms, {drawn}"
                        f"longest task {figures.longest:.0f} ms"
                    )


if __name__ == "__main__":
    asyncio.run(main())
