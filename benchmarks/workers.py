"""One worker on one core beside two workers on two: how many requests a second, of a kind that costs CPU."""

from __future__ import annotations

import os
import statistics

from benchmarks import lists
from benchmarks.contest import Schedule
from benchmarks.gateway_process import fake_upstream, gateway
from benchmarks.load import send_load
from benchmarks.objects import account_models
from benchmarks.processes import Running, running

_COUNT = 500
_LEAST = 1.7


def run(schedule: Schedule) -> bool:
    """Prints requests a second by one worker and by two, in turns, and their ratio."""
    if (os.cpu_count() or 1) < 2:
        print("\nworkers: needs two cores")
        return False
    asked = lists.question(account_models(lists.SIZE), _COUNT)
    rates: dict[int, list[float]] = {1: [], 2: []}
    shares: list[float] = []
    with running(fake_upstream(lists.SIZE)) as upstream:
        programs = {count: gateway(upstream.port, workers=count, both_cores=count > 1) for count in rates}
        with running(programs[1]) as one, running(programs[2]) as two:
            servers: dict[int, Running] = {1: one, 2: two}
            for server in servers.values():
                send_load(server.port, asked, schedule.warm_up * 3)
            for _ in range(schedule.rounds):
                for count, server in servers.items():
                    before = server.cpu_by_process()
                    load = send_load(server.port, asked, schedule.seconds * 2)
                    if load.wrong is not None:
                        print(f"\nworkers: WRONG ANSWER: {load.wrong}; no ratio")
                        return False
                    rates[count].append(load.requests / load.seconds)
                    if count == 2:
                        spent = [after - before.get(pid, 0) for pid, after in server.cpu_by_process().items()]
                        shares.append(min(sorted(spent)[-2:]) / max(spent))
    ratio = statistics.median(b / a for a, b in zip(rates[1], rates[2], strict=True))
    print(
        f"\nworkers: {_COUNT} models x 8 fields, not in the response cache; the load generator shares the second core"
    )
    for count, values in rates.items():
        spread = f"{min(values):,.1f} - {max(values):,.1f}"
        print(f"  {count} worker(s) {statistics.median(values):>10,.1f} requests/s   ({spread})")
    print(f"  the lesser of two workers did {statistics.median(shares):.0%} of the greater one's work")
    print(f"  {ratio:6.2f} x as many (at least {_LEAST:g}: {'met' if ratio >= _LEAST else 'NOT MET'})")
    return ratio >= _LEAST
