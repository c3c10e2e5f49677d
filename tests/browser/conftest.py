"""One browser, and a gateway over the demo with its pages built, for all tests of this folder."""

from __future__ import annotations

import fcntl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import uvicorn

import hatch_build
from gateway.app import create_app
from gateway.settings import Settings
from tests.browser.browser import Browser, running_browser
from tests.node import install_packages, unavailable
from tests.sockets import listening

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def built_pages() -> Path:
    """The folder of the built pages; built here where their sources have changed since."""
    with (ROOT / "dashboard/.install.lock").open("w") as one_at_a_time:
        fcntl.flock(one_at_a_time, fcntl.LOCK_EX)
        try:
            hatch_build.build_dashboard(ROOT)
        except hatch_build.BuildUnavailable as problem:
            unavailable(f"the pages could not be built: {problem}")
    return ROOT / hatch_build.PAGES


@pytest.fixture(scope="session")
async def address(settings: Settings, built_pages: Path) -> AsyncIterator[str]:
    """A gateway over the demo, behind a real server."""
    async with listening(uvicorn.Config(create_app(settings), log_level="warning")) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="session")
async def browser(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    async with running_browser(tmp_path_factory.mktemp("profile")) as running:
        yield running


@pytest.fixture(scope="session")
def axe() -> str:
    """The accessibility checker, as a script."""
    install_packages(ROOT / "dashboard")
    return (ROOT / "dashboard/node_modules/axe-core/axe.min.js").read_text("utf-8")
