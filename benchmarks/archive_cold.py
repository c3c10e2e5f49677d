"""One question to a new `gateway serve`, and the same again."""

from __future__ import annotations

import http.client
import json
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.processes import LOAD_CORE, SERVER_CORE, Program, Running, running

_WARM_TIMES = 50
_SECONDS_TO_SETTLE = 60


@dataclass(frozen=True)
class Asked:
    """Seconds of the first answer by the clock and of CPU of all processes; what each further one took of the CPU;
    memory after all. `requests`: how many of dbt's APIs the first answer took. `error`: what it says
    instead of data."""

    wall: float
    cpu: float
    warm_cpu_milliseconds: float
    mebibytes: float
    requests: int
    error: str | None


def ask_cold(store: str, document: str, environment: Mapping[str, str] | None = None) -> Asked:
    """Starts a gateway with its platform process on both cores, and asks it."""
    return ask_started(("--store", store), document, environment)


def ask_started(arguments: Sequence[str], document: str, environment: Mapping[str, str] | None = None) -> Asked:
    """The same of `gateway serve` with these arguments and variables of its environment."""
    # Without the cache of answers, which would give the same bytes again.
    settings = {"GATEWAY_RESPONSE_CACHE_BYTES": "0", "GATEWAY_REQUEST_SECONDS": "300", **(environment or {})}
    command = (sys.executable, "-m", "gateway", "serve", *arguments, "--port", "{port}")
    with running(Program(command, settings, frozenset({SERVER_CORE, LOAD_CORE}))) as server:
        _wait_until_idle(server)
        before, began = server.cpu_seconds(), time.perf_counter()
        answer = _ask(server, document)
        wall, cpu = time.perf_counter() - began, server.cpu_seconds() - before
        before = server.cpu_seconds()
        for _ in range(_WARM_TIMES):
            _ask(server, document)
        warm = (server.cpu_seconds() - before) / _WARM_TIMES * 1000
        errors = answer.get("errors") or []
        requests = answer.get("extensions", {}).get("gateway", {}).get("upstreamRequests", 0)
        return Asked(wall, cpu, warm, server.memory_bytes() / 2**20, requests, errors[0]["message"] if errors else None)


def _wait_until_idle(server: Running) -> None:
    """Until it is ready and neither it nor its platform starts any more."""
    deadline = time.monotonic() + _SECONDS_TO_SETTLE
    spent = -1.0
    while time.monotonic() < deadline:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/livez", timeout=60):  # loopback
            pass
        now = server.cpu_seconds()
        if now == spent:
            return
        spent = now
        time.sleep(0.3)


def _ask(server: Running, document: str) -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=300)
    connection.request("POST", "/graphql", json.dumps({"query": document}), {"Content-Type": "application/json"})
    answer: dict[str, Any] = json.loads(connection.getresponse().read())
    connection.close()
    return answer
