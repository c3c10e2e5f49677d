"""`gateway serve`, `gateway platform` and `gateway ingest` as processes over the embedded demo."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from gateway.ingest.demo import unpack_demo

pytestmark = pytest.mark.slow


class Serving:
    """A running server: its greeting, and what comes back from its addresses."""

    def __init__(self, process: subprocess.Popen[str], greeting: str) -> None:
        self.process = process
        self.greeting = greeting

    def address(self, label: str) -> str:
        found = re.search(rf"{label} +(http\S+)", self.greeting)
        assert found, self.greeting
        return found[1]

    def get(self, address: str, **headers: str) -> httpx2.Response:
        return httpx2.get(address, headers=headers, timeout=60)

    def ask(self, query: str) -> Any:
        return httpx2.post(self.address("GraphQL"), json={"query": query}, timeout=60).json()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Exit code and what was written to stderr."""
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=60)
        return self.process.returncode, errors


@contextmanager
def serving(temporary: Path, *arguments: str, last_line: str = "Data") -> Iterator[Serving]:
    """A server of this package on a free port, with `temporary` for its temporary files."""
    temporary.mkdir(exist_ok=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("GATEWAY_", "DBT_"))}
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway", *arguments, "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**environment, "TMPDIR": str(temporary)},
    )
    try:
        lines = []
        assert process.stdout
        for line in process.stdout:
            lines.append(line)
            if last_line in line:
                break
        else:
            raise AssertionError(f"it did not start: {process.communicate()[1]}")
        yield Serving(process, "".join(lines))
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_serve_without_configuration_serves_the_demo_and_says_so(tmp_path: Path) -> None:
    with serving(tmp_path / "tmp", "serve", last_line="dbt Cloud") as server:
        assert "the demo account" in server.greeting
        assert "--artifacts" in server.greeting
        answer = server.ask("{ account { slowestModels(first: 2) { rank model { id } } } }")
        assert [ranked["rank"] for ranked in answer["data"]["account"]["slowestModels"]] == [1, 2]
        root = server.address("Pages")
        assert "<title>dbt gateway</title>" in server.get(root).text
        assert "<title>dbt gateway · GraphiQL</title>" in server.get(server.address("GraphiQL")).text
        assert server.get(f"{root}livez").json() == {"status": "live"}
        assert server.get(f"{root}readyz").status_code == 200
        # On this machine only, and so under this machine's names only.
        assert server.get(f"{root}graphql?query=%7B__typename%7D", Host="evil.example").status_code == 400
        code, errors = server.stop()
    assert code == 0
    assert "used in part" not in errors
    assert "Traceback" not in errors
    assert not list((tmp_path / "tmp").iterdir())


# One function answers all three.
@pytest.mark.parametrize(
    "number",
    [signal.SIGTERM, *(pytest.param(one, marks=pytest.mark.nightly) for one in (signal.SIGINT, signal.SIGHUP))],
)
def test_a_signal_while_data_are_read_ends_it_quietly(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "tmp").mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway", "serve", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path / "tmp")},
    )
    deadline = time.monotonic() + 60
    while not list((tmp_path / "tmp").iterdir()) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Traceback" not in errors
    assert not list((tmp_path / "tmp").iterdir())


def one_job(place: Path) -> Path:
    """The demo's folder without all jobs but one: what there is to read takes no second."""
    folder = unpack_demo(place)
    jobs = sorted(folder.glob("*/*/"))
    assert len(jobs) > 5
    for job in jobs[1:]:
        shutil.rmtree(job)
    return folder


def test_an_ingested_archive_is_served_by_several_workers(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/runs.db"
    folder = one_job(tmp_path / "demo")
    command = [sys.executable, "-m", "gateway", "ingest", str(folder), "--store", store]
    first = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    again = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    runs = len(list(folder.glob("*/*/*/run.json")))
    assert f"{runs} runs stored, 0 already stored" in first.stdout
    assert f"0 runs stored, {runs} already stored" in again.stdout
    assert f"Reading runs: {runs} of {runs}" in first.stderr
    with serving(tmp_path / "tmp", "serve", "--store", store, "--workers", "2") as server:
        assert f"{runs} runs" in server.greeting
        for _ in range(4):
            assert server.ask("{ account { __typename } }")["data"] == {"account": {"__typename": "Account"}}
        code, errors = server.stop(signal.SIGINT)
    assert code == 0
    assert "Traceback" not in errors


def test_a_file_that_cannot_be_used_is_named_and_the_rest_is_served(tmp_path: Path) -> None:
    folder = one_job(tmp_path / "demo")
    broken = next(folder.glob("*/*/*/step_*/run_results.json"))
    broken.write_text('{"metadata": {')
    with serving(tmp_path / "tmp", "serve", "--artifacts", str(folder)) as server:
        assert server.ask("{ account { __typename } }")["data"]["account"]
        _, errors = server.stop()
    named = [line for line in errors.splitlines() if line.startswith("not used: ")]
    assert len(named) == 1
    assert str(broken) in named[0]


# Reading the demo takes seconds; by day `gateway serve` alone does it at start, through the same function.
@pytest.mark.parametrize("reads_the_demo", [False, pytest.param(True, marks=pytest.mark.nightly)])
def test_the_platform_speaks_dbts_own_apis(demo_store: str, tmp_path: Path, reads_the_demo: bool) -> None:
    store = () if reads_the_demo else ("--store", demo_store)
    with serving(tmp_path / "tmp", "platform", *store) as server:
        answer = server.get(server.address("Discovery") + "?query=%7B__typename%7D")
        assert answer.json() == {"data": {"__typename": "Query"}}
        assert server.get(server.address("Discovery"), Host="evil.example").status_code == 400
        code, errors = server.stop()
    assert code == 0
    assert "Traceback" not in errors


def test_a_platform_misbehaves_when_it_is_told_to_and_asks_for_its_token(demo_store: str, tmp_path: Path) -> None:
    with serving(tmp_path / "tmp", "platform", "--store", demo_store, "--faults", "--token", "t0ken") as server:
        accounts = f"{server.address('Discovery').removesuffix('/graphql')}/api/v3/accounts/"
        assert server.get(accounts).status_code == 401
        assert server.get(accounts, Authorization="Token t0ken").status_code == 200
        limited = server.get(accounts, Authorization="Token t0ken", **{"x-platform-fault": "rate-limited=7"})
    assert (limited.status_code, limited.headers["retry-after"]) == (429, "7")


@pytest.mark.parametrize("command", ["serve", pytest.param("platform", marks=pytest.mark.nightly)])
def test_hanging_up_drains_a_single_process_and_says_so(demo_store: str, tmp_path: Path, command: str) -> None:
    with serving(tmp_path / "tmp", command, "--store", demo_store) as server:
        address = server.address("GraphQL" if command == "serve" else "Discovery")
        assert server.get(f"{address}?query=%7B__typename%7D").status_code == 200
        code, errors = server.stop(signal.SIGHUP)
    assert code == 0
    assert [line for line in errors.splitlines() if "SIGHUP" in line] == [
        "SIGHUP: finishing what is under way, then ending as on SIGTERM; start it again."
    ]
    assert "Traceback" not in errors


def test_what_is_under_way_is_answered_after_hanging_up(demo_store: str, tmp_path: Path) -> None:
    environment = {**os.environ, "GATEWAY_DRAIN_SECONDS": "60", "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-m", "gateway", "serve", "--port", "0", "--store", demo_store]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout
        greeting = "".join(_until(process.stdout, "Data"))
        server = Serving(process, greeting)
        server.ask("{ __typename }")
        process.send_signal(signal.SIGHUP)
        ready = server.address("Pages") + "readyz"
        while server.get(ready).status_code != 503:
            time.sleep(0.02)
        assert server.ask("{ account { __typename } }")["data"] == {"account": {"__typename": "Account"}}
        process.terminate()  # a second signal ends the waiting
        assert process.wait(60) == 0


def _until(lines: Iterable[str], last: str) -> Iterator[str]:
    for line in lines:
        yield line
        if last in line:
            return
