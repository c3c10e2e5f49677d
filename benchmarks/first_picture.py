"""How long the demo's account takes to show its first chart, the first page of a browser that has just started.

Each round starts a gateway, waits until it has read the demo, and opens the page in a new browser twice: when nobody
has asked the gateway anything, and again when it has answered. Milliseconds count from the request for the page.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import httpx2

from benchmarks.main_thread import TASKS, task_milliseconds, task_times
from benchmarks.processes import Program, Running, running
from tests.browser.browser import running_browser

GATEWAY = Program((sys.executable, "-m", "gateway", "serve", "--port", "{port}"), {}, frozenset({0, 1}))
GOAL, LONGEST_TASK = 1000, 100
# When the first chart stood, and what moved without the reader's doing.
OBSERVE = """
window.seen = { chart: 0, shift: 0 };
new MutationObserver((_, observer) => {
  if (!document.querySelector('.chart svg rect, .chart canvas')) return;
  requestAnimationFrame(() => setTimeout(() => { seen.chart = performance.now(); }));
  observer.disconnect();
}).observe(document, { subtree: true, childList: true });
new PerformanceObserver((list) => list.getEntries().forEach((entry) => { seen.shift += entry.value; }))
  .observe({ type: 'layout-shift', buffered: true });
"""
WHOLE = "document.querySelector('main section') && !document.querySelector('.later, .waiting') && performance.now()"
TIMES = """(() => {
  const [page] = performance.getEntriesByType('navigation');
  const [request] = performance.getEntriesByType('resource').filter(({ name }) => name.endsWith('/graphql'));
  return { html: page.responseEnd, asked: request.startTime, answered: request.responseStart,
    text: performance.getEntriesByName('first-contentful-paint')[0].startTime, ...seen };
})()"""


@dataclass(frozen=True)
class FirstPicture:
    """Milliseconds of one opening by the clock; `page_cpu`, `gateway_cpu` and `longest` are of CPU. `shift` is the
    layout shift as browsers count it."""

    html: float
    text: float
    asked: float
    answered: float
    chart: float
    whole: float
    longest: float
    shift: float
    page_cpu: float
    gateway_cpu: float


async def opening(gateway: Running) -> FirstPicture:
    """Opens the account in a new browser."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        async with running_browser(Path(profile)) as browser, browser.page() as page:
            await page.call("Performance.enable", timeDomain="threadTicks")
            await page.call("Page.enable")
            await page.call("Page.addScriptToEvaluateOnNewDocument", source=OBSERVE)
            await page.call("Tracing.start", transferMode="ReportEvents", traceConfig=TASKS)
            before = gateway.cpu_seconds()
            await page.open(f"http://127.0.0.1:{gateway.port}/")
            await page.wait_for("window.seen?.chart")
            page_cpu = await task_milliseconds(page)
            gateway_cpu = 1000 * (gateway.cpu_seconds() - before)
            whole = await page.wait_for(WHOLE)
            times: dict[str, Any] = await page.run(TIMES)
            longest = task_times(await page.end_trace()).longest
            return FirstPicture(**times, whole=whole, longest=longest, page_cpu=page_cpu, gateway_cpu=gateway_cpu)


async def until_ready(gateway: Running) -> None:
    """Waits until the gateway has read the demo."""
    async with asyncio.timeout(120), httpx2.AsyncClient(base_url=f"http://127.0.0.1:{gateway.port}") as client:
        while True:
            with contextlib.suppress(httpx2.TransportError):
                if (await client.get("/readyz")).status_code == 200:
                    return
            await asyncio.sleep(0.2)


async def first_pictures(rounds: int) -> tuple[list[FirstPicture], list[FirstPicture]]:
    """Of a gateway that nobody has asked anything, and of one that has answered."""
    cold, warm = [], []
    for _ in range(rounds):
        with running(GATEWAY) as gateway:
            await until_ready(gateway)
            cold.append(await opening(gateway))
            warm.append(await opening(gateway))
    return cold, warm


def described(pictures: Sequence[FirstPicture]) -> str:
    """The medians, and of the first chart all."""
    median = {
        field.name: statistics.median(getattr(picture, field.name) for picture in pictures)
        for field in fields(FirstPicture)
    }
    charts = ", ".join(f"{picture.chart:.0f}" for picture in pictures)
    return (
        f"first chart {median['chart']:.0f} ms of {GOAL} ({charts}), longest task {median['longest']:.0f} of "
        f"{LONGEST_TASK}\n"
        f"  page {median['html']:.0f}, first text {median['text']:.0f}, asked {median['asked']:.0f}, answered "
        f"{median['answered']:.0f}, the last part shown {median['whole']:.0f}\n"
        f"  until the first chart {median['page_cpu']:.0f} ms of the main thread's CPU and {median['gateway_cpu']:.0f} "
        f"of the gateway's; layout shift {median['shift']:.3f}"
    )
