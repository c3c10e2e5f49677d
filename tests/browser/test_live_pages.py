"""The pages while runs end: the socket announces them, breaks, is shown as broken, and comes back."""

from __future__ import annotations

import json
import shutil
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import uvicorn

from gateway.app import create_app
from gateway.archive.archive import Archive
from gateway.ingest.folders import ingest_folder
from gateway.settings import Settings
from tests.browser.browser import CHROMIUM, Browser
from tests.browser.test_dashboard import SHOWN, opened
from tests.sockets import listening

pytestmark = [
    pytest.mark.external,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (Debian package: chromium)"),
]

MARK = "document.querySelector('.live')?.textContent"
RUNS = "document.querySelector('.tiles').textContent"
# Where the second section stands in the window. A note above may move the page, and scrolling with it.
SECOND_TOP = "document.querySelectorAll('section')[1].getBoundingClientRect().top"
FIRST, NEXT = "70437490010823", "70437490011508"


def part_of_the_demo(demo_folder: Path, run: str, place: Path) -> Path:
    """A folder with one run of the demo's finance project."""
    target = place / run / "finance/301001" / run
    target.parent.mkdir(parents=True)
    shutil.copytree(demo_folder / "finance/301001" / run, target)
    shutil.copy(demo_folder / "account.json", place / run)
    return place / run


@pytest.mark.slow
async def test_a_run_that_ends_is_reported_and_shown_and_a_broken_socket_comes_back(
    browser: Browser, built_pages: Path, demo_folder: Path, tmp_path: Path
) -> None:
    store = f"sqlite:///{tmp_path}/runs.db"
    settings = Settings(store_url=store, revision_interval=0.2, topology_seconds=0.2)
    archive = Archive.open(store)
    serving = AsyncExitStack()
    try:
        ingest_folder(archive, part_of_the_demo(demo_folder, FIRST, tmp_path))
        port = await serving.enter_async_context(listening(uvicorn.Config(create_app(settings), log_level="error")))
        address = f"http://127.0.0.1:{port}/?period=all"
        async with opened(browser, address, f"{SHOWN} && {MARK} === '● Live'") as page:
            # By then the subscription knows which runs there were: what ends earlier is in the page, and no news.
            await page.wait_for("!document.body.textContent.includes('Loading …')")
            shown = await page.run(RUNS)
            await page.run("scrollTo(0, 200)")
            top = await page.run(SECOND_TOP)
            ingest_folder(archive, part_of_the_demo(demo_folder, NEXT, tmp_path))
            told = await page.wait_for("document.querySelector('.news a')?.closest('p').textContent")
            assert told.startswith("✕ Failure Finance daily has ended.")
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
