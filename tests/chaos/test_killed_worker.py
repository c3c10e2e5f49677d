"""A worker killed under load: what it was answering is lost, nothing else is, and its successor comes by itself."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest

from tests.chaos.worker import QUESTION, kill_workers
from tests.cli.test_serving import serving
from tests.operations.test_workers import figure, workers
from tests.serving import Gateway


# `python -m tests.chaos.worker 20` does it twenty times, and reports the figures.
@pytest.mark.slow
@pytest.mark.parametrize("times", [1, pytest.param(5, marks=pytest.mark.nightly)])
async def test_no_answer_is_wrong_when_workers_are_killed(
    demo_store: str, warm_gateway: Gateway, tmp_path: Path, times: int
) -> None:
    right = await warm_gateway.data(QUESTION)
    temporary = tmp_path / "tmp"
    with serving(temporary, "serve", "--store", demo_store, "--workers", "2") as server:
        assert server.ask(QUESTION)["data"] == right
        first = workers(server.process.pid)
        found = kill_workers(server, temporary, right, times)

        assert found.load.wrong == []
        assert len(found.until_successor) == times
        # A worker takes with it what its clients were waiting for: at most one request of each of the three.
        assert found.load.broken <= 3 * times
        last = workers(server.process.pid)
        assert len(last) == 2
        assert last != first
        text = httpx2.get(server.address("Pages") + "metrics", timeout=60).text
        assert figure(text, "gateway_operations_in_flight") == 0, "the dead are not counted"
        assert figure(text, "gateway_requests_total") >= len(found.load.answered_at), "what they counted is"
        code, errors = server.stop()
    assert code == 0
    assert "Traceback" not in errors
