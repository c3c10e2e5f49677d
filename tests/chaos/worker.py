"""Kills workers of a running `gateway serve --workers 2` under load: `python -m tests.chaos.worker [TIMES]`."""

from __future__ import annotations

import itertools
import os
import secrets
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from gateway.settings import Settings
from gateway.wiring.upstream import open_archive
from tests.cli.test_serving import Serving, serving
from tests.operations.test_workers import workers

QUESTION = """{ account {
  models(first: 100) { nodes { id runtime } }
  jobs { nodes { id runs(first: 2) { nodes { id } } } }
  slowestModels(first: 5, lastRuns: 3) { runtime model { id } }
} }"""


@dataclass
class Load:
    """Asks on several connections all the time. Notes wrong answers, broken connections, and when answers came."""

    address: str
    right: Any
    wrong: list[str] = field(default_factory=list)
    broken: int = 0
    answered_at: list[float] = field(default_factory=list)

    @contextmanager
    def running(self) -> Iterator[None]:
        stop = threading.Event()
        askers = [threading.Thread(target=self._ask_on, args=(stop, kept)) for kept in (True, True, False)]
        for asker in askers:
            asker.start()
        try:
            yield
        finally:
            stop.set()
            for asker in askers:
                asker.join()

    def wait_for_more(self, answers: int) -> None:
        wanted = len(self.answered_at) + answers
        _until(lambda: len(self.answered_at) >= wanted)

    def _ask_on(self, stop: threading.Event, kept: bool) -> None:
        """On one connection as long as it stands, or on a new one each time."""
        while not stop.is_set():
            with httpx2.Client(timeout=120) as client:
                for _ in itertools.count() if kept else range(1):
                    if stop.is_set() or not self._ask(client):
                        break

    def _ask(self, client: httpx2.Client) -> bool:
        try:
            answer = client.post(self.address, json={"query": QUESTION})
        except httpx2.TransportError:
            self.broken += 1
            return False
        body = answer.json()
        if answer.status_code != 200 or "errors" in body or body["data"] != self.right:
            self.wrong.append(answer.text[:500])
        self.answered_at.append(time.monotonic())
        time.sleep(0.05)
        return True


@dataclass
class Killings:
    """What came of them: seconds until the next answer, and until the successor's application was there."""

    load: Load
    until_answer: list[float] = field(default_factory=list)
    until_successor: list[float] = field(default_factory=list)


def kill_workers(server: Serving, temporary: Path, right: Any, times: int) -> Killings:
    """Kills one of the two workers so many times, each time when both are there and answers come. `temporary` is the
    directory for the server's temporary files."""
    killings = Killings(Load(server.address("GraphQL"), right))
    with killings.load.running():
        for _ in range(times):
            killings.load.wait_for_more(6)
            _kill_one(server, temporary, killings)
        killings.load.wait_for_more(6)
    return killings


def _kill_one(server: Serving, temporary: Path, killings: Killings) -> None:
    before = workers(server.process.pid)
    victim = secrets.choice(sorted(before))
    killed_at = time.monotonic()
    os.kill(victim, signal.SIGKILL)
    _until(lambda: killings.load.answered_at[-1] > killed_at)
    killings.until_answer.append(next(at for at in killings.load.answered_at if at > killed_at) - killed_at)
    # Each look starts a process.
    _until(lambda: any(_counts(temporary, one) for one in workers(server.process.pid) - before), every=0.25)
    killings.until_successor.append(time.monotonic() - killed_at)


def _counts(temporary: Path, worker: int) -> bool:
    """Whether a worker has begun to keep its metrics: its application is made, and serves in a moment."""
    return any(temporary.glob(f"gateway-metrics-*/counter_{worker}.db"))


def _until(happened: Callable[[], bool], every: float = 0.02) -> None:
    give_up = time.monotonic() + 600
    while not happened():
        assert time.monotonic() < give_up
        time.sleep(every)


def main() -> None:
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    with tempfile.TemporaryDirectory() as directory:
        archive, _ = open_archive(Settings(), Path(directory))
        archive.close()
        temporary = Path(directory) / "tmp"
        store = f"sqlite:///{directory}/runs.db"
        with serving(temporary, "serve", "--store", store, "--workers", "2") as server:
            right = server.ask(QUESTION)["data"]
            found = kill_workers(server, temporary, right, times)
            server.stop()
    answers, successors = sorted(found.until_answer), sorted(found.until_successor)
    load = found.load
    sys.stdout.write(
        f"{times} workers killed: {len(load.answered_at)} answers, {len(load.wrong)} wrong, {load.broken} connections "
        f"broken; next answer after {answers[times // 2]:.2f} s ({answers[-1]:.2f} s at most), successor after "
        f"{successors[times // 2]:.1f} s ({successors[-1]:.1f} s at most)\n"
    )


if __name__ == "__main__":
    main()
