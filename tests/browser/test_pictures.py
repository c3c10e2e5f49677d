"""Every page and every state of them: what it says, that nothing stands in a reader's way, and that it looks as before.

The pictures of docs/pages.md are made here: `make pictures` (`PICTURES=write`) writes them anew.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.browser.browser import CHROMIUM, LEAVING_PAGES, Browser
from tests.browser.conftest import ROOT
from tests.browser.pictures import MOST_BYTES, boxes_of, difference, layout_faults, most_difference, taken
from tests.browser.states import NEVER, NO_NETWORK, Answer, changed, refused, resize, stop_clock

pytestmark = [
    pytest.mark.external,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (Debian package: chromium)"),
    *LEAVING_PAGES,
]

FOLDER = ROOT / "docs/images"
LAYOUTS = Path(__file__).with_name("layouts.json")
IS_WRITING = os.environ.get("PICTURES") == "write"
FAILED_RUN = "?run=70437490011508"
COMPARED = "?model=storefront.fct_basket_pairs&before=70437590002055&after=70437590002192"
STOOD = "document.querySelector('main section, main .notice, main .waiting') && !document.querySelector('.later')"
HOSTILE = json.dumps('<img src=x onerror="window.hit=1"><script>window.hit=1</script> עברית \u202e ' + "x" * 500)
EMPTY = changed(
    "walk(data, (one) => Object.keys(one).forEach((name) => { if (Array.isArray(one[name])) one[name] = [];"
    " if (name === 'totalCount' || name === 'buildsPerDay') one[name] = 0; }))"
)


@dataclass(frozen=True)
class Shot:
    """One picture: of which address, in which state, on which screen; and what the page has to say."""

    address: str
    says: str
    answer: Answer | None = None
    width: int = 1280
    height: int = 900
    scheme: str = "light"
    media: str = ""
    at: str = ""
    """The section that is scrolled to."""


PAGES = {
    "account": Shot("", "What got slower"),
    "account-dark": Shot("", "What failed and why", scheme="dark"),
    "account-390": Shot("", "What failed and why", width=390, height=844),
    "findings": Shot("", "Costs a day", at="What got slower"),
    "run": Shot(FAILED_RUN, "34 results", height=1000),
    "run-dark": Shot(FAILED_RUN, "Idle for a dependency", scheme="dark", at="Timeline"),
    "run-390": Shot(FAILED_RUN, "34 results", width=390, height=844, scheme="dark"),
    "run-print": Shot(FAILED_RUN, "34 results", media="print", scheme="dark", width=800, height=1000),
    "model": Shot(COMPARED, "+171 %"),
    "difference": Shot(COMPARED, "− from bought a join bought b on b.order_id", at="Code"),
    "job": Shot("?job=302001", "the last 10 completed runs", height=1000),
    "calendar": Shot("?calendar=", "hours of your clock"),
    "time": Shot("?time=folder", "models/marts"),
    "time-dark-390": Shot("?time=owner", "busy", width=390, height=844, scheme="dark"),
    "search": Shot("?search=fct", "fct_invoices"),
}
STATES = {
    "state-loading": Shot("", "Loading …", NEVER),
    "state-no-runs": Shot("", "No run began in this period.", EMPTY),
    "state-no-models": Shot("?search=fct", "No model has this in its name.", EMPTY),
    "state-no-time": Shot("?time=folder", "No run of this period has times.", EMPTY),
    "state-key": Shot("", "API key", refused(401, "UNAUTHENTICATED", "An API key is needed.")),
    "state-busy": Shot(
        "", "Trying again in 20 seconds.", refused(503, "OVERLOADED", "The gateway is busy.", **{"Retry-After": "20"})
    ),
    "state-limited": Shot(
        "",
        "Trying again in 60 seconds.",
        refused(429, "RATE_LIMITED", "Too many requests.", **{"Retry-After": "60"}),
    ),
    "state-unreachable": Shot("", "The gateway cannot be reached.", NO_NETWORK),
    "state-updated": Shot(
        "", "The gateway has changed since this page was loaded.", refused(403, "DOCUMENT_NOT_TRUSTED", "Unknown.")
    ),
    "state-missing": Shot("?run=4711", "There is no run 4711 here, or you may not see it."),
    "state-partial": Shot(
        "",
        "Missing from this page: finance.",
        changed(
            "errors = [{message: 'dbt does not answer for finance.'}];"
            " body.extensions.gateway.incomplete = [{project: 'finance', code: 'UPSTREAM_UNAVAILABLE'}];"
            " data.account.failed = null; data.account.slowestModels = null"
        ),
    ),
    "state-stale": Shot(
        "",
        "these facts are 2 h 00 min old",
        changed("Object.assign(body.extensions.gateway, {stale: true, oldestFactSeconds: 7200})"),
    ),
    # A gateway of another version: fields that it does not have, and a status that the pages do not know.
    "state-older": Shot(
        FAILED_RUN,
        "This could not be read.",
        changed(
            "delete data.run.nodeResults;"
            " walk(data, (one) => { if (one.status === 'FAILURE') one.status = 'PAUSED_BY_DBT'; })"
        ),
    ),
    "state-unlike": Shot(FAILED_RUN, "This page cannot show", changed("data.run.steps = {}")),
    "state-no-times": Shot(
        FAILED_RUN,
        "No result of this run has times.",
        changed(
            "const names = ['startTime', 'endTime', 'runtime'];"
            " walk(data, (one) => names.forEach((name) => { if (name in one) one[name] = null; }));"
            " ['timeline', 'observedChain', 'criticalPath', 'utilization', 'compare']"
            ".forEach((name) => { data.run[name] = null; })"
        ),
    ),
    "state-long-names": Shot(
        FAILED_RUN,
        "<script>window.hit=1</script>",
        changed(
            "const names = ['name', 'message', 'title'];"
            " walk(data, (one) => names.forEach((name) => {"
            f" if (typeof one[name] === 'string') one[name] = {HOSTILE}; }}))"
        ),
    ),
}
SHOTS = {**PAGES, **STATES}
# The pages that change most, and a state of each kind: refused, in part, of another version, without times, hostile.
BY_DAY = {"account", "run", "model", "state-key", "state-partial", "state-older", "state-no-times", "state-long-names"}


@pytest.mark.parametrize(
    "name", [name if name in BY_DAY else pytest.param(name, marks=pytest.mark.nightly) for name in SHOTS]
)
async def test_a_page_says_what_it_has_to_and_looks_as_before(
    browser: Browser, address: str, axe: str, name: str
) -> None:
    shot = SHOTS[name]
    async with browser.page() as page:
        await stop_clock(page)
        await resize(page, shot.width, shot.height, shot.scheme)
        if shot.answer:
            await shot.answer.install(page)
        await page.open(f"{address}/{shot.address}")
        await page.wait_for(f"{STOOD} && document.querySelector('main').innerText.includes({json.dumps(shot.says)})")
        await resize(page, shot.width, shot.height, shot.scheme, shot.media)
        if shot.at:
            await page.run(f"document.querySelector('section[aria-label=\"{shot.at}\"]').scrollIntoView()")
        await page.run(
            "document.activeElement?.blur(); document.querySelectorAll('.live').forEach((one) => one.remove())"
        )
        await page.run("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        picture, boxes = await taken(page, shot.width, shot.height), await boxes_of(page)
        file = FOLDER / f"{name}.png"
        if IS_WRITING:
            file.write_bytes(picture)
            layouts = json.loads(LAYOUTS.read_text("utf-8")) if LAYOUTS.is_file() else {}
            layouts[name] = boxes
            lines = [f"{json.dumps(key)}: {json.dumps(layouts[key])}" for key in sorted(layouts)]
            LAYOUTS.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")
        else:
            before = json.loads(LAYOUTS.read_text("utf-8"))[name]
            assert layout_faults(before, boxes) == []
            assert difference(file, picture) <= most_difference(before, boxes)
        assert await page.run("window.hit === undefined && document.images.length === 0")
        assert await page.run("document.documentElement.scrollWidth <= innerWidth")
        if name in STATES:
            await page.run(axe + "; 0")
            faults = await page.run(
                "axe.run().then(({violations}) => violations.map((v) => v.id + ' ' + v.nodes[0].html))"
            )
            assert faults == []


def test_the_pictures_are_small_and_each_is_shown() -> None:
    text = (ROOT / "docs/pages.md").read_text("utf-8") + (ROOT / "README.md").read_text("utf-8")
    sizes = {file.name: file.stat().st_size for file in FOLDER.glob("*.png")}
    assert sizes.keys() == {f"{name}.png" for name in SHOTS}
    assert max(sizes.values()) <= MOST_BYTES, max(sizes, key=lambda name: sizes[name])
    assert sum(sizes.values()) <= 1_500_000
    assert [name for name in sizes if f"images/{name}" not in text] == []
