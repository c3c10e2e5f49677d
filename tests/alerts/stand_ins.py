"""Destinations that take alerts, and that fail: over real sockets."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Request:
    """One request that a stand-in got."""

    path: str
    headers: Mapping[str, str]
    json: Any
    method: str = "POST"


@dataclass
class HttpStandIn:
    """A service that answers each request with the next of `answers` (status, headers), then with 200. A status of 0
    says nothing for as long as the stand-in lives."""

    port: int = 0
    requests: list[Request] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    body: Callable[[Request], Any] = lambda request: {}
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def _handler(stand_in: HttpStandIn) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            size = int(self.headers.get("Content-Length", 0))
            content = self.rfile.read(size)
            request = Request(self.path, dict(self.headers), json.loads(content) if content else None, self.command)
            stand_in.requests.append(request)
            status, headers = stand_in.answers.pop(0) if stand_in.answers else (200, {})
            if status == 0:
                stand_in.ended.wait(30)
                return
            body = json.dumps(stand_in.body(request)).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET = do_PATCH = do_PUT = answer  # noqa: N815

        def log_message(self, format: str, *arguments: Any) -> None:
            return

    return Handler


@contextmanager
def http_stand_in() -> Iterator[HttpStandIn]:
    stand_in = HttpStandIn()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(stand_in))
    server.daemon_threads = True
    stand_in.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield stand_in
    finally:
        stand_in.ended.set()
        server.shutdown()
        server.server_close()
        thread.join()


def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        return port


def eventually(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Waits for something that is about to become true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not become true"
        time.sleep(0.02)
