"""What stands between the pages and the gateway in a test: a clock that stands still, and answers that are late,
refused or changed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tests.browser.browser import Page

CLOCK = "2026-06-01T12:00:00Z"
"""More than thirty days after the demo's newest run, so that every window of time ends at that run."""

_STANDING_CLOCK = """{
  const Real = Date, now = Real.parse("%s");
  Date = class extends Real {
    constructor(...parts) { super(...(parts.length ? parts : [now])); }
    static now() { return now; }
  };
}"""

_INSTEAD = """{
  const real = window.fetch, answer = %s;
  window.fetch = async (address, options) => {
    if (String(address) !== "graphql") return real(address, options);
    const ask = () => real(address, { ...options, headers: { ...options.headers, Accept: "application/json" } });
    return answer(ask, JSON.parse(options.body));
  };
}"""


@dataclass(frozen=True)
class Answer:
    """What a page gets in place of the gateway's answer: a JavaScript function of the request and its body."""

    script: str

    async def install(self, page: Page) -> None:
        """For every request from the next page on."""
        await page.call("Page.addScriptToEvaluateOnNewDocument", source=_INSTEAD % self.script)


def refused(status: int, code: str, message: str, **headers: str) -> Answer:
    """An error and nothing else."""
    body = json.dumps({"errors": [{"message": message, "extensions": {"code": code}}]})
    init = json.dumps({"status": status, "headers": {"Content-Type": "application/json", **headers}})
    return Answer(f"async () => new Response({json.dumps(body)}, {init})")


def changed(statement: str) -> Answer:
    """The gateway's answer after a statement that changes its `data` or `errors`; `walk` calls back for each object."""
    return Answer(
        "async (ask) => { const body = await (await ask()).json(); const data = body.data; let errors;"
        " const walk = (value, change) => { if (value && typeof value === 'object') { change(value);"
        " Object.values(value).forEach((part) => walk(part, change)); } };"
        f" {statement}; return new Response(JSON.stringify({{...body, data, ...(errors ? {{errors}} : {{}})}}),"
        " {headers: {'Content-Type': 'application/json'}}); }"
    )


LATE = """{
  const real = window.fetch;
  window.fetch = async (address, options) => {
    if (String(address) === "graphql") await new Promise((done) => setTimeout(done, 3000));
    return real(address, options);
  };
}"""
"""The gateway answers after three seconds, in parts where it has them."""
NEVER = Answer("() => new Promise(() => {})")
NO_NETWORK = Answer("async () => { throw new TypeError('Failed to fetch'); }")


async def stop_clock(page: Page) -> None:
    """The page's clock stands at CLOCK, in New York."""
    await page.call("Page.enable")
    await page.call("Emulation.setTimezoneOverride", timezoneId="America/New_York")
    await page.call("Page.addScriptToEvaluateOnNewDocument", source=_STANDING_CLOCK % CLOCK)


async def resize(page: Page, width: int, height: int, scheme: str, media: str = "") -> None:
    """The screen, its colours, and whether the page is printed."""
    size: dict[str, Any] = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    await page.call("Emulation.setDeviceMetricsOverride", **size)
    await page.call("Emulation.setScrollbarsHidden", hidden=True)
    features = [
        {"name": "prefers-color-scheme", "value": scheme},
        {"name": "prefers-reduced-motion", "value": "reduce"},
    ]
    await page.call("Emulation.setEmulatedMedia", media=media, features=features)
