"""The pages over names of 500 characters, right to left, with HTML and script in them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.settings import Settings
from tests.browser.browser import CHROMIUM, LEAVING_PAGES, Browser
from tests.browser.test_dashboard import FAILED_RUN, disturbed, opened
from tests.serving import UpstreamTap

pytestmark = [
    pytest.mark.external,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (Debian package: chromium)"),
    *LEAVING_PAGES,
]

HOSTILE = '<img src=x onerror="window.hit=1"><script>window.hit=1</script> עברית \u202e ' + "x" * 500
UNHARMED = "document.images.length === 0 && document.scripts.length === SCRIPTS && window.hit === undefined"
# What makes the page wider than the screen, if anything does.
WIDER = (
    "document.documentElement.scrollWidth <= innerWidth ? [] : [...document.querySelectorAll('main *')]"
    ".filter((one) => !one.closest('.scroll, svg, pre') && one.getBoundingClientRect().right > innerWidth)"
    ".map((one) => one.outerHTML.slice(0, 80)).slice(0, 5)"
)


def renamed(names: dict[str, str]) -> UpstreamTap:
    """Every answer of dbt with some texts replaced."""
    tap = UpstreamTap()

    def rewrite(_call: object, body: Any) -> Any:
        text = json.dumps(body)
        for old, new in names.items():
            text = text.replace(json.dumps(old), json.dumps(new))
        return json.loads(text)

    tap.rewrite = rewrite
    return tap


async def test_names_and_messages_are_text_on_every_page(
    browser: Browser, settings: Settings, built_pages: Path
) -> None:
    tap = renamed({"Finance daily": HOSTILE, "int_gl_balances": HOSTILE})
    async with disturbed(settings, tap) as address:
        for place in (f"?run={FAILED_RUN}", "?job=301001", "?search=daily", "?time=job&period=all"):
            async with opened(browser, address + place) as page:
                scripts = await page.run("document.scripts.length")
                assert await page.run(UNHARMED.replace("SCRIPTS", str(scripts))), place
                for width in (1280, 390):
                    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
                    await page.call("Emulation.setDeviceMetricsOverride", **size)
                    assert await page.run(WIDER) == [], (place, width)
