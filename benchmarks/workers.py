"""One worker on one core beside two workers on two: how many requests a second, of kinds that cost CPU.

The load generator has the second core beside one worker and shares it with two, so what a request costs it is missing
from the second worker. The goal is held against requests that cost a worker many times as much; lists are told too.
"""

from __future__ import annotations

import os
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from benchmarks import lists
from benchmarks.contest import Schedule
from benchmarks.gateway_process import fake_upstream, gateway
from benchmarks.load import Load, Question, send_load
from benchmarks.objects import account_models
from benchmarks.processes import Running, running

_LEAST = 1.7


@dataclass
class _Kind:
    """A kind of request, and what one worker and two made of it."""

    name: str
    question: Question
    least: float | None
    rates: dict[int, list[float]] = field(default_factory=lambda: {1: [], 2: []})
    shares: list[float] = field(default_factory=list)
    own: list[float] = field(default_factory=list)
    wrong: str | None = None

    def take(self, workers: int, load: Load, spent: list[float]) -> None:
        """Notes one turn; `spent` are the seconds of CPU of each of the server's processes."""
        self.wrong = self.wrong or load.wrong
        self.rates[workers].append(load.requests / load.seconds)
        self.own.append(load.cpu / load.requests)
        if workers == 2:
            self.shares.append(min(sorted(spent)[-2:]) / max(spent))


def run(schedule: Schedule) -> bool:
    """Prints requests a second by one worker and by two, in turns, and their ratio."""
    if (os.cpu_count() or 1) < 2:
        print("\nworkers: needs two cores")
        return False
    models = account_models(lists.SIZE)
    small, large = lists.question(models, 5), lists.question(models, 500)
    kinds = (
        _Kind("5 models x 8 fields, each document new to the gateway", replace(small, unseen=True), _LEAST),
        _Kind("500 models x 8 fields, not in the response cache", large, None),
    )
    with running(fake_upstream(lists.SIZE)) as upstream:
        programs = {count: gateway(upstream.port, workers=count, both_cores=count > 1) for count in (1, 2)}
        with running(programs[1]) as one, running(programs[2]) as two:
            met = [_measure(kind, {1: one, 2: two}, schedule) for kind in kinds]
    return all(met)


def _measure(kind: _Kind, servers: Mapping[int, Running], schedule: Schedule) -> bool:
    for server in servers.values():
        send_load(server.port, kind.question, schedule.warm_up * 3)
    for _ in range(schedule.rounds):
        for workers, server in servers.items():
            before = server.cpu_by_process()
            load = send_load(server.port, kind.question, schedule.seconds * 2)
            kind.take(workers, load, [after - before.get(pid, 0) for pid, after in server.cpu_by_process().items()])
    return _show(kind)


def _show(kind: _Kind) -> bool:
    print(f"\nworkers: {kind.name}")
    if kind.wrong is not None:
        print(f"  WRONG ANSWER: {kind.wrong}; no ratio")
        return False
    for workers, values in kind.rates.items():
        spread = f"{min(values):,.1f} - {max(values):,.1f}"
        print(f"  {workers} worker(s) {statistics.median(values):>10,.1f} requests/s   ({spread})")
    print(f"  the lesser of two workers did {statistics.median(kind.shares):.0%} of the greater one's work")
    print(f"  the load generator, on the second core: {statistics.median(kind.own) * 1000:.3f} ms a request")
    ratio = statistics.median(b / a for a, b in zip(kind.rates[1], kind.rates[2], strict=True))
    if kind.least is None:
        print(f"  {ratio:6.2f} x as many")
        return True
    met = ratio >= kind.least
    print(f"  {ratio:6.2f} x as many (at least {kind.least:g}: {'met' if met else 'NOT MET'})")
    return met
