"""Milliseconds that the pages take of a browser's main thread, in headless Chromium over made-up answers.

    python -m benchmarks.pages

A timeline of 2,000 and of 5,000 bars is walked by keys, each of which draws it anew; a heat map of 200 models × 100
runs is drawn when its page opens. Told are the main thread's CPU until the page stands and a key, and the longest task
by the clock, which on a busy machine holds what the others took.
"""

from __future__ import annotations

import asyncio
import json
import random
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.http.pages.dashboard import dashboard_routes
from gateway.http.pages.documents import read_documents
from tests.browser.browser import Page, running_browser
from tests.sockets import listening

THREADS = 16
KEYS = 100
START = datetime(2026, 3, 11, 5, tzinfo=UTC)
DRAWN = "document.querySelector('.chart canvas') !== null"
# Notes each task of more than 50 ms, as browsers call a long one.
WATCH = (
    "window.longest = 0; new PerformanceObserver((list) => list.getEntries().forEach((task) => {"
    " window.longest = Math.max(window.longest, task.duration); })).observe({type: 'longtask', buffered: true})"
)


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
    return float(next(one["value"] for one in metrics if one["name"] == "TaskDuration")) * 1000


async def measured(page: Page, address: str, keys: int) -> tuple[float, float, float]:
    """Milliseconds until the picture is drawn, a key, and of the longest task."""
    # CPU time of the thread, so that what else the machine does counts little.
    await page.call("Performance.enable", timeDomain="threadTicks")
    await page.open(address)
    await page.wait_for(DRAWN)
    await page.run(WATCH)
    opened = await task_milliseconds(page)
    await page.run("document.querySelector('.chart:has(canvas)').focus()")
    before = await task_milliseconds(page)
    for _ in range(keys):
        await page.press("ArrowRight", 39)
    await page.run("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
    spent = (await task_milliseconds(page) - before) / keys
    return opened, spent, await page.run("window.longest")


async def main() -> None:
    """Print a line for each picture."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        async with running_browser(Path(profile)) as browser:
            pictures = [(f"timeline of {bars:,} bars", "?run=1", {"run": run_answer(bars)}) for bars in (2_000, 5_000)]
            pictures.append(("heat map of 200 × 100", "?job=1", {"job": job_answer(200, 100)}))
            for name, place, answers in pictures:
                async with (
                    listening(uvicorn.Config(app_of(answers), log_level="error")) as port,
                    browser.page() as page,
                ):
                    opened, key, longest = await measured(page, f"http://127.0.0.1:{port}/{place}", KEYS)
                    print(f"{name}: page {opened:.0f} ms, a key {key:.1f} ms, longest task {longest:.0f} ms")


if __name__ == "__main__":
    asyncio.run(main())
