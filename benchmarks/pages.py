"""What the pages cost a browser, in headless Chromium. Takes two minutes; a goal stands behind each figure.

    python -m benchmarks.pages

First the demo's account, the first page of a browser that has just started: milliseconds by the clock until the first
chart, so nothing else should run. Then pages over made-up answers, in milliseconds of the main thread's CPU, which are
half as high again on a busy machine: a timeline of 2,000 and of 5,000 bars is walked by keys, then zoomed, which draws
it anew each time; a heat map of 200 models × 100 runs is drawn when its page opens, and anew in other colours.
"""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from benchmarks.first_picture import LONGEST_TASK, described, first_pictures
from benchmarks.main_thread import TASKS, task_milliseconds, task_times
from benchmarks.screens import screen_costs
from gateway.http.pages.dashboard import dashboard_routes
from gateway.http.pages.documents import read_documents
from tests.browser.browser import Browser, Page, running_browser
from tests.sockets import listening

THREADS = 16
KEYS = 40
START = datetime(2026, 3, 11, 5, tzinfo=UTC)
DRAWN = "document.querySelector('.chart canvas') !== null"
FRAME = "new Promise((done) => requestAnimationFrame(() => setTimeout(done)))"


ROUNDS = 3


@dataclass(frozen=True)
class Costs:
    """Milliseconds of the main thread's CPU: until the page stands, for a key, for a picture drawn anew, for the first
    drawing of it, and for the longest task."""

    page: float
    key: float
    anew: float
    drawing: float
    longest: float


@dataclass(frozen=True)
class Picture:
    """A page with one canvas: its address, what it is answered, and what draws it anew."""

    name: str
    place: str
    answers: dict[str, dict[str, Any]]
    redraw: Callable[[Page, int], Awaitable[Any]]
    goals: str


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


async def spent(page: Page, times: int, action: Callable[[Page, int], Awaitable[Any]]) -> float:
    """What an action costs, with what is drawn for it."""
    before = await task_milliseconds(page)
    for number in range(times):
        await action(page, number)
        await page.run(FRAME)
    idle = await task_milliseconds(page)
    for _ in range(times):
        await page.run(FRAME)
    # What asking for a frame costs by itself is no cost of the action.
    return (2 * idle - before - await task_milliseconds(page)) / times


async def walk(page: Page, _number: int) -> None:
    """One bar or cell to the right."""
    await page.press("ArrowRight", 39)


async def zoom(page: Page, number: int) -> None:
    """In and out."""
    await page.press(*(("+", 107), ("-", 109))[number % 2])


async def recolour(page: Page, number: int) -> None:
    """Dark and light."""
    await page.run(f"document.documentElement.dataset.theme = '{('dark', 'light')[number % 2]}'")


async def measured(page: Page, address: str, redraw: Callable[[Page, int], Awaitable[Any]]) -> Costs:
    """Opens a page with a canvas, walks it by keys and draws it anew."""
    await page.call("Performance.enable", timeDomain="threadTicks")
    await page.call("Tracing.start", transferMode="ReportEvents", traceConfig=TASKS)
    await page.open(address)
    await page.wait_for(DRAWN)
    await page.run(FRAME)
    opened = await task_milliseconds(page)
    times = task_times(await page.end_trace())
    await page.run("document.querySelector('.chart:has(canvas)').focus()")
    key, anew = await spent(page, KEYS, walk), await spent(page, KEYS, redraw)
    return Costs(opened, key, anew, times.frame, times.longest)


async def costs_of(browser: Browser, picture: Picture) -> Costs:
    """The medians of some openings."""
    costs = []
    async with listening(uvicorn.Config(app_of(picture.answers), log_level="error")) as port:
        for _ in range(ROUNDS):
            async with browser.page() as page:
                costs.append(await measured(page, f"http://127.0.0.1:{port}/{picture.place}", picture.redraw))
    return Costs(*(statistics.median(getattr(cost, field.name) for cost in costs) for field in fields(Costs)))


PICTURES = (
    Picture("timeline of 2,000 bars", "?run=1", {"run": run_answer(2_000)}, zoom, "8 a key and anew"),
    Picture("timeline of 5,000 bars", "?run=1", {"run": run_answer(5_000)}, zoom, "none, usable"),
    Picture("heat map of 200 × 100", "?job=1", {"job": job_answer(200, 100)}, recolour, "50 drawn first and anew"),
)


async def main() -> None:
    """Print the figures of each page."""
    for name, opened in zip(("has just started", "has answered before"), await first_pictures(ROUNDS), strict=True):
        print(f"the demo's account, new browser, gateway that {name}: {described(opened)}", flush=True)
    screens = ", ".join(f"{name} {first:.0f} and {again:.0f}" for name, first, again in await screen_costs())
    print(f"the gateway's CPU for the demo's pages, first and again, ms: {screens}", flush=True)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        async with running_browser(Path(profile)) as browser:
            for picture in PICTURES:
                costs = await costs_of(browser, picture)
                print(
                    f"{picture.name}, ms of CPU: page {costs.page:.0f}, first drawn {costs.drawing:.0f}, a key "
                    f"{costs.key:.1f}, drawn anew {costs.anew:.1f} (goal: {picture.goals}), longest task "
                    f"{costs.longest:.0f} of {LONGEST_TASK}",
                    flush=True,
                )


if __name__ == "__main__":
    asyncio.run(main())
