"""A day of dashboards over an account whose runs finish all the time, at compressed time.

    python -m tests.freshness.day [--projects 50] [--hours 24]

The real application over the local platform; only its clock is moved. Every project has a dashboard that asks every
30 s from 8 to 18 o'clock, and a screen on the wall shows the account all day. Runs that finish are read into the
archive as dbt takes in their metadata. Requests to dbt are counted where they arrive.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import shutil
import statistics
import sys
import tempfile
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.account import ACCOUNT_ID, Size, write_account
from gateway.archive.archive import Archive
from gateway.ingest.folders import ingest_folder
from gateway.settings import Settings
from tests.clock import Clock
from tests.freshness.test_webhooks import SECRET, signature
from tests.serving import Call, Gateway, Reply, serving

PROJECT = """query Project($id: ID!) { project(id: $id) {
  modelCount models(first: 100) { nodes { id startTime lastRunStatus } } jobs { nodes { id lastRun { id status } } }
} }"""
ACCOUNT = """{ account {
  slowestModels(first: 10, lastRuns: 5) { runtime model { id project { name } } }
  longestRunningJobs(first: 10, lastRuns: 5) { runtime job { id name } }
} }"""
MODELS, FIRST_RUNS = 10, 6
EVERY = 30.0
# dbt reports the end of a run at once, and has its metadata some time after.
TAKEN_IN_AFTER = 20.0


@dataclass(frozen=True)
class Plan:
    """How large the account is, how long is looked, when dashboards are open, how many seconds lie between the ends of
    two runs, and whether dbt sends webhooks."""

    projects: int = 50
    hours: float = 24.0
    opened: tuple[float, float] = (8.0, 18.0)
    between_runs: float = 180.0
    webhooks: bool = False
    step: float = 5.0

    @property
    def runs(self) -> int:
        """Runs of each project that will have finished."""
        return FIRST_RUNS + 2 + int(self.hours * 3600 / self.between_runs / self.projects)


@dataclass(frozen=True)
class FinishedRun:
    """A run whose artifacts wait for being taken in."""

    folder: Path
    project: str
    run_id: int


@dataclass
class Day:
    """What came of it. Times are seconds since midnight; `lags` how long after dbt had taken in a run its project's
    dashboard first showed other times of its models, unmarked."""

    plan: Plan
    discovery: list[float] = field(default_factory=list)
    admin: list[float] = field(default_factory=list)
    answers: int = 0
    without_requests: int = 0
    stale: int = 0
    hits: int = 0
    misses: int = 0
    finished: int = 0
    lags: list[float] = field(default_factory=list)

    def busiest_minute(self, calls: Sequence[float]) -> int:
        """The most calls within any sixty seconds."""
        window: deque[float] = deque()
        most = 0
        for at in calls:
            window.append(at)
            while window[0] <= at - 60:
                window.popleft()
            most = max(most, len(window))
        return most

    def per_minute(self, calls: Sequence[float], begin: float, end: float) -> float:
        """The mean between two hours of the day."""
        seconds = (min(end, self.plan.hours) - begin) * 3600
        return sum(begin * 3600 <= at < end * 3600 for at in calls) / seconds * 60 if seconds > 0 else 0.0


class _Account:
    """The archive, and the runs that are still to come into it."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self._all, self._next = folder / "all", folder / "next"
        write_account(self._all, Size(plan.projects, MODELS, plan.runs))
        self.projects = sorted(one.name for one in self._all.iterdir() if one.is_dir())
        waiting = [self._hold_back(project) for project in self.projects]
        self.store = f"sqlite:///{folder}/runs.db"
        self._archive = Archive.open(self.store)
        ingest_folder(self._archive, self._all)
        # One of each project, then the next one of each.
        self.coming: Iterator[FinishedRun] = itertools.chain.from_iterable(zip(*waiting, strict=True))

    def _hold_back(self, project: str) -> list[FinishedRun]:
        runs = sorted((self._all / project).glob("*/*"), key=lambda folder: int(folder.name))
        held = []
        for folder in runs[FIRST_RUNS:]:
            place = self._next / folder.name
            target = place / project / folder.parent.name / folder.name
            target.parent.mkdir(parents=True)
            shutil.copy(self._all / "account.json", place)
            shutil.move(folder, target)
            held.append(FinishedRun(place, project, int(folder.name)))
        return held

    def take_in(self, run: FinishedRun) -> None:
        assert ingest_folder(self._archive, run.folder).runs == 1

    def close(self) -> None:
        self._archive.close()


class _Simulation:
    def __init__(self, plan: Plan, account: _Account, gateway: Gateway, clock: Clock) -> None:
        self._plan = plan
        self._account = account
        self._gateway = gateway
        self._clock = clock
        self._began = clock.now
        self._to_take_in: deque[tuple[float, FinishedRun]] = deque()
        self._shown: dict[str, Any] = {}
        self._awaited: dict[str, float] = {}
        self.day = Day(plan)
        gateway.upstream.fault = self._count

    @property
    def _now(self) -> float:
        return self._clock.now - self._began

    async def _count(self, call: Call) -> None:
        (self.day.discovery if call.document else self.day.admin).append(self._now)

    async def run(self) -> Day:
        next_run = self._plan.between_runs / 2
        while self._now < self._plan.hours * 3600:
            if self._now >= next_run:
                next_run += self._plan.between_runs
                await self._finish(next(self._account.coming))
            while self._to_take_in and self._to_take_in[0][0] <= self._now:
                self._take_in(self._to_take_in.popleft()[1])
            await self._look()
            self._gateway.upstream.calls.clear()
            self._clock.now += self._plan.step
        return self.day

    async def _finish(self, run: FinishedRun) -> None:
        self.day.finished += 1
        self._to_take_in.append((self._now + TAKEN_IN_AFTER, run))
        if self._plan.webhooks:
            job, environment = int(next(run.folder.glob("*/*")).name), 600_000 + int(run.project[-2:])
            event = {
                "accountId": ACCOUNT_ID,
                "eventId": f"wev_{run.run_id}",
                "timestamp": datetime.now(UTC).isoformat(),
                "eventType": "job.run.completed",
                "data": {"jobId": str(job), "runId": str(run.run_id), "environmentId": str(environment)},
            }
            body = json.dumps(event).encode()
            given = {"Authorization": signature(body), "Content-Type": "application/json"}
            answer = await self._gateway.client.post("/webhooks/dbt", content=body, headers=given)
            assert answer.status_code in (200, 202)

    def _take_in(self, run: FinishedRun) -> None:
        self._account.take_in(run)
        if self._is_open:
            self._awaited.setdefault(run.project, self._now)

    @property
    def _is_open(self) -> bool:
        opened, closed = self._plan.opened
        return opened * 3600 <= self._now < closed * 3600

    async def _look(self) -> None:
        """The dashboards whose turn it is; what is read in the background comes to its end."""
        turns = int(EVERY / self._plan.step)
        turn = int(self._now / self._plan.step) % turns
        names = self._account.projects[turn::turns] if self._is_open else []
        questions = [self._project(name) for name in names]
        await asyncio.gather(*questions, *([self._screen()] if turn == 0 else []))
        while any("FactsCache._fetch" in str(task.get_coro()) for task in asyncio.all_tasks()):
            await asyncio.sleep(0.0005)

    async def _screen(self) -> None:
        self._note(await self._gateway.ask(ACCOUNT))

    async def _project(self, name: str) -> None:
        reply = await self._gateway.ask(PROJECT, id=name)
        self._note(reply)
        if reply.gateway["stale"]:
            return
        models = reply.data["project"]["models"]
        if name in self._awaited and models != self._shown.get(name, models):
            self.day.lags.append(self._now - self._awaited.pop(name))
        self._shown[name] = models

    def _note(self, reply: Reply) -> None:
        assert list(reply.errors) == []
        told, day = reply.gateway, self.day
        day.answers += 1
        day.without_requests += told["upstreamRequests"] == 0
        day.stale += told["stale"]
        day.hits += told["cacheHits"]
        day.misses += told["cacheMisses"]


async def simulate(plan: Plan, folder: Path) -> Day:
    """Lives through the day; `folder` is empty, and takes the account."""
    account = _Account(plan, folder)
    clock = Clock()
    settings = Settings(store_url=account.store, webhook_secret=SECRET, concurrent_operations=1000)
    try:
        async with serving(settings, clock) as gateway:
            return await _Simulation(plan, account, gateway, clock).run()
    finally:
        account.close()


def row(day: Day) -> str:
    """A line of the table in docs/upstream-requests.md."""
    plan = day.plan
    opened, closed = plan.opened
    lags = sorted(day.lags) or [0.0]
    cells = [
        "on" if plan.webhooks else "off",
        f"{day.answers:,}",
        f"{day.hits / max(1, day.hits + day.misses):.2%}",
        f"{day.without_requests / day.answers:.2%}",
        f"{day.stale / day.answers:.2%}",
        f"{day.per_minute(day.discovery, opened, closed):.1f}",
        f"{day.per_minute(day.discovery, 0, opened):.1f}",
        f"{day.busiest_minute(day.discovery)}",
        f"{day.per_minute(day.admin, opened, closed):.1f}",
        f"{day.busiest_minute(day.admin)}",
        f"{statistics.median(lags):.0f} s / {lags[int(0.99 * (len(lags) - 1))]:.0f} s",
    ]
    return f"| {' | '.join(cells)} |\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="Simulates a day of dashboards.")
    parser.add_argument("--projects", type=int, default=50)
    parser.add_argument("--hours", type=float, default=24.0)
    given = parser.parse_args()
    for webhooks in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            plan = Plan(given.projects, given.hours, webhooks=webhooks)
            day: Any = asyncio.run(simulate(plan, Path(folder)))
        sys.stdout.write(row(day))
        sys.stdout.flush()


if __name__ == "__main__":
    main()
