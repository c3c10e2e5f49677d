"""The pages while runs end: the socket tells of them, breaks, is told to be broken, and comes back."""

from __future__ import annotations

import asyncio
import json
import shutil
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import pytest
import uvicorn

from gateway.app import create_app
from gateway.archive.archive import Archive
from gateway.ingest.folders import ingest_folder
from gateway.settings import Settings
from tests.browser.browser import CHROMIUM, LEAVING_PAGES, Browser, Page
from tests.browser.test_dashboard import SHOWN, WHOLE, opened
from tests.sockets import listening

pytestmark = [
    pytest.mark.external,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (Debian package: chromium)"),
    *LEAVING_PAGES,
]

MARK = "document.querySelector('.live')?.textContent"
RUNS = "document.querySelector('.tiles').textContent"
# Where the second section stands in the window. A note above may move the page, and scrolling with it.
SECOND_TOP = "document.querySelectorAll('section')[1].getBoundingClientRect().top"
JOB = "finance/301001"
LATER_RUNS = 6


def part_of_the_demo(demo_folder: Path, run: str, place: Path) -> Path:
    """A folder with one run of the demo's finance project."""
    target = place / run / JOB / run
    target.parent.mkdir(parents=True)
    shutil.copytree(demo_folder / JOB / run, target)
    shutil.copy(demo_folder / "account.json", place / run)
    return place / run


async def first_news(page: Page, archive: Archive, folders: list[Path]) -> tuple[str, str]:
    """The first run that the page tells of, and what it says. No moment is known from which on the subscription sees
    what ends, so runs end one after the other until it does."""
    for folder in folders:
        ingest_folder(archive, folder)
        with suppress(TimeoutError):
            async with asyncio.timeout(5):
                text = await page.wait_for("document.querySelector('.news a')?.closest('p').textContent")
            return str(await page.run("new URLSearchParams(document.querySelector('.news a').search).get('run')")), text
    raise AssertionError("the page tells of no run")


@pytest.mark.slow
async def test_a_run_that_ends_is_told_and_shown_and_a_broken_socket_comes_back(
    browser: Browser, built_pages: Path, demo_folder: Path, tmp_path: Path
) -> None:
    first, *later = sorted(folder.name for folder in (demo_folder / JOB).iterdir())[: 1 + LATER_RUNS]
    store = f"sqlite:///{tmp_path}/runs.db"
    settings = Settings(store_url=store, revision_interval=0.5, topology_seconds=0.5)
    archive = Archive.open(store)
    serving = AsyncExitStack()
    try:
        ingest_folder(archive, part_of_the_demo(demo_folder, first, tmp_path))
        port = await serving.enter_async_context(listening(uvicorn.Config(create_app(settings), log_level="error")))
        address = f"http://127.0.0.1:{port}/?period=all"
        async with opened(browser, address, f"{WHOLE} && {MARK} === '● Live'") as page:
            shown = await page.run(RUNS)
            await page.run("scrollTo(0, 200)")
            top = await page.run(SECOND_TOP)
            run, text = await first_news(
                page, archive, [part_of_the_demo(demo_folder, name, tmp_path) for name in later]
            )
            assert run in later
            assert "Finance daily has ended." in text
            await page.wait_for(f"{RUNS} !== {json.dumps(shown)}")
            assert abs(await page.run(SECOND_TOP) - top) <= 1, "nothing jumps"
            assert page.complaints == []
            await serving.aclose()
            await page.wait_for(f"{MARK} === '○ Reconnecting'")
            assert await page.run(SHOWN), "what was shown stays"
            async with listening(uvicorn.Config(create_app(settings), log_level="error"), port):
                await page.wait_for(f"{MARK} === '● Live'")
                await page.wait_for("document.querySelector('[role=alert]') === null")
    finally:
        await serving.aclose()
        archive.close()
