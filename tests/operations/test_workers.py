"""`gateway serve` with two workers: their metrics are one, and restarting them drops nobody."""

from __future__ import annotations

import re
import signal
import threading
from pathlib import Path

import httpx2
import pytest

from tests.cli.test_serving import serving

pytestmark = pytest.mark.slow


def figure(text: str, name: str) -> float:
    """The sum of a metric over its labels."""
    return sum(float(value) for value in re.findall(rf"^{name}(?:\{{[^}}]*\}})? (\S+)$", text, re.MULTILINE))


def test_a_scrape_of_any_worker_counts_all(demo_store: str, tmp_path: Path) -> None:
    asked = 40
    with serving(tmp_path / "tmp", "serve", "--store", demo_store, "--workers", "2") as server:
        address, metrics = server.address("GraphQL"), server.address("Pages") + "metrics"
        for _ in range(asked):
            # A new connection each: any worker may take it.
            assert server.ask("{ account { projects { nodes { id } } } }")["data"]["account"]
        for _ in range(6):
            text = httpx2.get(metrics, timeout=60).text
            assert figure(text, "gateway_requests_total") == asked
            assert figure(text, "gateway_request_seconds_count") == asked
            assert figure(text, "gateway_operations_in_flight") == 0
            assert figure(text, "gateway_upstream_calls_total") == figure(text, "gateway_upstream_requests_total") > 0
            assert figure(text, "gateway_cache_facts") > 0
        with httpx2.stream(
            "POST",
            address,
            json={"query": "subscription { runFinished { id } }"},
            headers={"Accept": "text/event-stream"},
            timeout=60,
        ):
            assert {figure(httpx2.get(metrics, timeout=60).text, "gateway_live_connections") for _ in range(6)} == {1}
        code, errors = server.stop()
    assert code == 0
    assert "Traceback" not in errors
    assert not list((tmp_path / "tmp").iterdir())


def test_workers_are_replaced_one_by_one_and_nobody_is_dropped(demo_store: str, tmp_path: Path) -> None:
    """SIGHUP brings a new worker into service before an old one leaves."""
    lost: list[str] = []
    answered = 0
    stop = threading.Event()

    def ask_on(address: str) -> None:
        nonlocal answered
        with httpx2.Client(timeout=60) as client:
            while not stop.is_set():
                try:
                    reply = client.post(address, json={"query": "{ account { id } }"})
                    assert reply.status_code == 200
                    answered += 1
                    stop.wait(0.02)
                except Exception as problem:
                    lost.append(repr(problem))

    with serving(tmp_path / "tmp", "serve", "--store", demo_store, "--workers", "2") as server:
        address, metrics = server.address("GraphQL"), server.address("Pages") + "metrics"
        server.ask("{ account { id } }")
        askers = [threading.Thread(target=ask_on, args=(address,)) for _ in range(3)]
        for asker in askers:
            asker.start()
        before = workers(server.process.pid)
        server.process.send_signal(signal.SIGHUP)
        waited = threading.Event()
        for _ in range(600):
            if not before & workers(server.process.pid):
                break
            waited.wait(0.1)
        stop.set()
        for asker in askers:
            asker.join()
        assert not before & workers(server.process.pid), "both workers are new"
        assert figure(httpx2.get(metrics, timeout=60).text, "gateway_requests_total") >= answered, "sums never fall"
        server.stop()
    assert lost == []
    assert answered > 0


def workers(parent: int) -> set[int]:
    """The processes that serve under a parent."""
    found = set()
    for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
        if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
            found.add(int(child))
    return found
