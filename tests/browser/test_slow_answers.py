"""The pages while answers take three seconds: they say that they wait, then show figures, and nothing jumps."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gateway.settings import Settings
from tests.browser.browser import CHROMIUM, LEAVING_PAGES, Browser, Page
from tests.browser.states import LATE
from tests.browser.test_dashboard import PAGES, SHOWN, WHOLE, cells, disturbed, opened
from tests.serving import Call, UpstreamTap

pytestmark = [
    pytest.mark.external,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (Debian package: chromium)"),
    *LEAVING_PAGES,
]

WAITS = "[...document.querySelectorAll('main [role=status]')].some((part) => part.textContent === 'Loading …')"
# How much of the window moved, times how far, as browsers count it: 0.1 is their bound for what readers do not mind.
OBSERVE_SHIFTS = (
    "window.shift = 0;"
    "new PerformanceObserver((list) => list.getEntries().forEach((entry) => { shift += entry.value; }))"
    ".observe({type: 'layout-shift', buffered: true})"
)
MOST_SHIFT = 0.05
BY_DAY = ("account", "run")


async def shown_at_last(page: Page) -> None:
    """Waits for the whole page; nothing on it has jumped and nothing went wrong."""
    await page.wait_for(WHOLE)
    await page.run("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
    assert await page.run("document.querySelector('[role=alert]')") is None
    assert await page.run("shift") <= MOST_SHIFT
    assert page.complaints == []


@pytest.mark.parametrize(
    "name", [name if name in BY_DAY else pytest.param(name, marks=pytest.mark.nightly) for name in PAGES]
)
async def test_a_late_answer_is_waited_for_and_nothing_jumps(browser: Browser, address: str, name: str) -> None:
    async with browser.page() as page:
        await page.call("Page.enable")
        for script in (LATE, OBSERVE_SHIFTS):
            await page.call("Page.addScriptToEvaluateOnNewDocument", source=script)
        await page.open(f"{address}/{PAGES[name]}")
        await page.wait_for(WAITS)
        assert not await page.run(SHOWN)
        await page.wait_for("document.querySelector('h1, input[type=search]') !== null")
        await shown_at_last(page)
        assert await page.run("document.querySelectorAll('main td, main .calendar').length") > 0


@pytest.mark.nightly
async def test_parts_that_wait_for_dbt_come_later(browser: Browser, settings: Settings, built_pages: Path) -> None:
    tap = UpstreamTap()

    async def wait(_call: Call) -> None:
        await asyncio.sleep(3)

    tap.fault = wait
    patient = settings.model_copy(update={"request_seconds": 120, "upstream_seconds": 60})
    async with disturbed(patient, tap) as address, opened(browser, f"{address}?period=all", SHOWN) as page:
        await page.run(OBSERVE_SHIFTS)
        assert await page.run(WAITS), "the first chart does not wait for the rest"
        assert await page.run("document.querySelector('.chart rect') !== null")
        async with asyncio.timeout(120):
            while not await page.run(WHOLE):
                await asyncio.sleep(1)
        await shown_at_last(page)
        assert len(await cells(page, "Slowest models")) == 10
