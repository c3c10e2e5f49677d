"""Varnish as deploy/varnish.vcl configures it, in front of a gateway in the test's own event loop."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.sharing.conftest import free_port

CONFIGURATION = Path(__file__).parents[2] / "deploy/varnish.vcl"
_START_SECONDS = 30


def missing() -> str | None:
    """Why Varnish cannot be started here; None where it can."""
    if shutil.which("varnishd", path="/usr/sbin:/usr/bin:/usr/local/sbin") is None:
        return "varnishd is not installed (apt-get install varnish varnish-modules)"
    if not any(Path("/usr/lib").glob("*/varnish/vmods/libvmod_xkey.so")):
        return "Varnish's vmod xkey is not installed (apt-get install varnish-modules)"
    return None


class Watched:
    """A gateway's application that notes the status of each answer to `/graphql`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.statuses: list[int] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start" and scope["path"] == "/graphql":
                self.statuses.append(message["status"])
            await send(message)

        await self._app(scope, receive, noted)


@asynccontextmanager
async def varnish(gateway_port: int, directory: Path, port: int | None = None) -> AsyncIterator[str]:
    """The address of a Varnish in front of a gateway on this machine, whose files lie below the directory."""
    text = CONFIGURATION.read_text("utf-8").replace('"gateway"', '"127.0.0.1"').replace('"8000"', f'"{gateway_port}"')
    file = directory / "gateway.vcl"
    file.write_text(text, "utf-8")
    port = port or free_port()
    process = _started(port, file, directory)
    try:
        async with asyncio.timeout(_START_SECONDS):
            while not _listens(port):
                assert process.poll() is None, (directory / "varnish.log").read_text()
                await asyncio.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(_START_SECONDS)


def _started(port: int, file: Path, directory: Path) -> subprocess.Popen[bytes]:
    program = shutil.which("varnishd", path="/usr/sbin:/usr/bin:/usr/local/sbin")
    assert program
    places = ["-a", f"127.0.0.1:{port}", "-f", str(file), "-n", str(directory / "varnish")]
    with (directory / "varnish.log").open("wb") as log:
        command = [program, "-F", "-j", "none", *places, "-s", "malloc,64m", "-T", "none"]
        return subprocess.Popen(command, stdout=log, stderr=log)


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
        return True
    return False
