"""Headless Chromium, driven over the DevTools protocol: one page, what it asked for, what it complained about."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
# A page that is left drops the rest of its answer, and graphql-core the coroutines of parts that had just started; the
# interpreter says so in its own time.
LEAVING_PAGES = (
    pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
)
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--window-size=1400,900",
    "--remote-debugging-port=0",
)
_SECONDS = 30.0


class Page:
    """One tab. `requests` holds every address it asked for and `bodies` what it sent there, `complaints` its console
    errors and what was refused it, `trace` the events of a trace that has ended."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._reader = asyncio.create_task(self._read())
        self.requests: list[str] = []
        self.bodies: list[str] = []
        self.complaints: list[str] = []
        self.trace: list[dict[str, Any]] = []
        self._traced = asyncio.Event()

    async def close(self) -> None:
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)

    async def _read(self) -> None:
        async for text in self._socket:
            message = json.loads(text)
            if "id" in message:
                self._answers.pop(message["id"]).set_result(message)
            else:
                self._note(message["method"], message["params"])

    def _note(self, event: str, params: dict[str, Any]) -> None:
        if event == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
            self.bodies.append(params["request"].get("postData", ""))
        elif event == "Tracing.dataCollected":
            self.trace += params["value"]
        elif event == "Tracing.tracingComplete":
            self._traced.set()
        elif event == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(params["exceptionDetails"])[:500])
        elif event == "Runtime.consoleAPICalled" and params["type"] in ("error", "assert"):
            self.complaints.append(json.dumps(params["args"])[:500])
        elif event == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.complaints.append(json.dumps(params["entry"])[:500])

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """One DevTools command and its result."""
        number = max(self._answers, default=0) + 1
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        message = await asyncio.wait_for(answer, _SECONDS)
        if "error" in message:
            raise AssertionError(f"{method}: {message['error']}")
        result: dict[str, Any] = message["result"]
        return result

    async def open(self, address: str) -> None:
        """Start watching, then go to an address."""
        for domain in ("Network", "Runtime", "Log", "Page"):
            await self.call(f"{domain}.enable")
        await self.call("Page.navigate", url=address)

    async def end_trace(self) -> list[dict[str, Any]]:
        """The events since `Tracing.start`."""
        self._traced.clear()
        await self.call("Tracing.end")
        await asyncio.wait_for(self._traced.wait(), _SECONDS)
        return self.trace

    async def run(self, script: str) -> Any:
        """The value of a JavaScript expression."""
        result = await self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise AssertionError(f"{script}: {result['exceptionDetails']}")
        return result["result"].get("value")

    async def wait_for(self, script: str) -> Any:
        """The value of an expression once it is true, on this page or the one that it leads to."""
        async with asyncio.timeout(_SECONDS):
            while not (value := await self._run_if_there(script)):
                await asyncio.sleep(0.05)
        return value

    async def _run_if_there(self, script: str) -> Any:
        try:
            return await self.run(script)
        except AssertionError as failure:
            # Between two pages there is none to ask.
            if not any(word in str(failure) for word in ("navigated", "context")):
                raise
        return None

    async def press(self, key: str, code: int, modifiers: int = 0) -> None:
        """One key; `modifiers` as DevTools counts them: 2 is Ctrl."""
        typed = {"text": "\r"} if key == "Enter" else {}
        pressed = {"key": key, "code": key, "windowsVirtualKeyCode": code, "modifiers": modifiers}
        await self.call("Input.dispatchKeyEvent", type="keyDown", **pressed, **typed)
        await self.call("Input.dispatchKeyEvent", type="keyUp", **pressed)

    async def screenshot(self, file: Path) -> None:
        result = await self.call("Page.captureScreenshot", format="png")
        file.write_bytes(base64.b64decode(result["data"]))


class Browser:
    """A running browser. Every page has a context of its own: nothing is left from one to the next."""

    def __init__(self, address: str, control: Page) -> None:
        self._address = address
        self._control = control

    @asynccontextmanager
    async def page(self) -> AsyncIterator[Page]:
        """A fresh page, closed at the end with all it kept."""
        context = (await self._control.call("Target.createBrowserContext"))["browserContextId"]
        target = await self._control.call("Target.createTarget", url="about:blank", browserContextId=context)
        address = f"{self._address.partition('/devtools/')[0]}/devtools/page/{target['targetId']}"
        try:
            async with connect(address, max_size=None, proxy=None) as socket:
                page = Page(socket)
                yield page
                await page.close()
        finally:
            # The page of a test that failed would go on drawing beside all later ones.
            await self._control.call("Target.disposeBrowserContext", browserContextId=context)


@asynccontextmanager
async def running_browser(profile: Path) -> AsyncIterator[Browser]:
    """Chromium with the empty folder `profile` as its profile."""
    process = await asyncio.create_subprocess_exec(
        str(CHROMIUM),
        *_FLAGS,
        f"--user-data-dir={profile}",
        "about:blank",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        address = await _devtools_address(profile / "DevToolsActivePort")
        async with connect(address, max_size=None, proxy=None) as socket:
            control = Page(socket)
            yield Browser(address, control)
            await control.close()
    finally:
        process.kill()
        await process.wait()


async def _devtools_address(file: Path) -> str:
    async with asyncio.timeout(_SECONDS):
        while not (file.is_file() and file.read_text().count("\n")):
            await asyncio.sleep(0.05)
    port, path = file.read_text().split("\n")[:2]
    return f"ws://127.0.0.1:{port}{path}"
