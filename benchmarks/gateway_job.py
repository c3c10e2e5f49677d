"""The gateway's job as a whole, nothing known beforehand: a page, a ranking over pages, and histories."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks import lists
from benchmarks.contest import CPU, OURS, TIME, Contender, Results, Schedule, Target, Work, compete, started
from benchmarks.gateway_process import fake_upstream, gateway
from benchmarks.load import Question
from benchmarks.objects import Model, Size, account_models, environment_id, runs_of, slowest
from benchmarks.processes import Running, node, python, running

BY_HAND, ONE_BY_ONE, FEWEST = "by hand, same calls", "one request per model", "fewest round trips"
BY_HAND_RANKED = "by hand, aiohttp, msgspec"
FAN_OUT, HIVE = "yoga + JIT, undici, dataloader", "Hive, additional resolvers"
LATENCY = 50.0

_PAGE_SIZE = Size(projects=1, models=500)
_FAN_OUT_SIZE = Size(projects=20, models=2000)
_HISTORY_SIZE = Size(projects=1, models=100)


def page(schedule: Schedule) -> list[Results]:
    """A page of 500 models with 50 ms to the upstream."""
    asked = lists.question(account_models(_PAGE_SIZE), 500)
    work = Work("cold page of 500, 50 ms upstream", asked, (Target(BY_HAND, most=1.1),), TIME, connections=1, least=5)
    with running(fake_upstream(_PAGE_SIZE, LATENCY)) as upstream:
        return [_meet(work, (_cold(upstream), _by_hand(upstream, BY_HAND, "/page")), schedule)]


def ranking(schedule: Schedule, latencies: Sequence[float] = (0.0,)) -> list[Results]:
    """The slowest five of 40,000 models on 80 pages."""
    asked = Question(
        "{ account { slowestModels(first: 5) { rank runtime model { id } } } }",
        {"account": {"slowestModels": slowest(account_models(_FAN_OUT_SIZE), 5)}},
    )
    targets = (Target(FAN_OUT, 1.15), Target(HIVE, 2.5))
    results = []
    for latency in latencies:
        with running(fake_upstream(_FAN_OUT_SIZE, latency)) as upstream:
            contenders = (
                _cold(upstream),
                Contender(FAN_OUT, node("fan_out.mjs", str(upstream.port))),
                Contender(HIVE, node("hive.mjs", str(upstream.port))),
                _by_hand(upstream, BY_HAND_RANKED, "/ranking"),
            )
            name = f"slowest five of 20 x 2,000, nothing cached, {latency:g} ms upstream"
            # One after the other: the gateway would read once for several that ask at once.
            work = Work(name, asked, targets, CPU, connections=1, least=6)
            results.append(_meet(work, contenders, schedule))
    return results


def history(schedule: Schedule) -> list[Results]:
    """A hundred models with their last twenty runs, with 50 ms to the upstream."""
    models = account_models(_HISTORY_SIZE)
    nodes = [_with_runs(model) for model in models]
    query = "{ account { models(first: 100) { nodes { id runs(first: 20) { nodes { runtime } } } } } }"
    asked = Question(query, {"account": {"models": {"nodes": nodes}}})
    targets = (Target(ONE_BY_ONE, 25), Target(FEWEST, most=1.3))
    work = Work("history of 100 x 20, cold, 50 ms upstream", asked, targets, TIME, connections=1, least=2)
    with running(fake_upstream(_HISTORY_SIZE, LATENCY)) as upstream:
        contenders = (
            _cold(upstream),
            _by_hand(upstream, FEWEST, "/fewest"),
            _by_hand(upstream, ONE_BY_ONE, "/one-by-one"),
        )
        return [_meet(work, contenders, schedule)]


def _with_runs(model: Model) -> dict[str, Any]:
    runs = runs_of(model, environment_id(1), 20)
    return {"id": model.id, "runs": {"nodes": [{"runtime": run["executionTime"]} for run in runs]}}


def _cold(upstream: Running) -> Contender:
    return Contender(OURS, gateway(upstream.port, cold=True))


def _by_hand(upstream: Running, name: str, path: str) -> Contender:
    return Contender(name, python("benchmarks.servers.hand_written", str(upstream.port)), path)


def _meet(work: Work, contenders: Sequence[Contender], schedule: Schedule) -> Results:
    with started(contenders) as servers:
        return compete(work, contenders, servers, schedule)
