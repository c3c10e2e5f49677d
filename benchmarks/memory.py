"""What facts take in memory, and whether a gateway under mixed load grows."""

from __future__ import annotations

import random
import time
from dataclasses import replace

from benchmarks import lists
from benchmarks.gateway_process import fake_upstream, gateway
from benchmarks.load import Question, send_load
from benchmarks.objects import FIELDS, Model, Size, account_models, as_json, slowest
from benchmarks.processes import Running, running

SIZE = Size(projects=2, models=1000)
_MOST_GROWTH = 0.05
_FILLING = 6_000
_FILLING_SHARE = 1 / 6
_RUNS = "{ account { slowestModels(first: 1, lastRuns: 20) { rank } } }"


def run(minutes: float) -> bool:
    """Prints memory per 1,000 models with 20 runs, then the growth over so many minutes; whether that is bounded."""
    models = account_models(SIZE)
    with running(fake_upstream(SIZE)) as upstream, running(gateway(upstream.port, response_cache=True)) as server:
        _ask(server, Question("{ account { id } }", {"account": {"id": "42"}}))
        empty = server.memory_bytes()
        _ask(server, lists.question(models, 5))
        with_models = server.memory_bytes()
        _ask(server, Question(_RUNS, {"account": {"slowestModels": [{"rank": 1}]}}))
        with_runs = server.memory_bytes()
        thousands = SIZE.projects * SIZE.models / 1000
        print(f"\nmemory: {empty / 2**20:,.0f} MiB before any model is known")
        print(f"  {(with_models - empty) / thousands / 2**20:6.1f} MiB for each 1,000 models")
        print(f"  {(with_runs - empty) / thousands / 2**20:6.1f} MiB for each 1,000 models with 20 runs each")
        return _grow(server, models, minutes)


def _grow(server: Running, models: list[Model], minutes: float) -> bool:
    chance = random.Random(0)
    # Caches fill until every question has come, most of them twice, and until as many documents and requests are known
    # as may be; what grows after that goes on growing.
    for _ in range(_FILLING):
        _ask(server, _question(models, chance), 0.004)
    _mix(server, models, chance, minutes * 60 * _FILLING_SHARE)
    before = server.memory_bytes()
    requests = _mix(server, models, chance, minutes * 60)
    after = server.memory_bytes()
    growth = after / before - 1
    met = growth <= _MOST_GROWTH
    lasted = f"{minutes:g} minutes more and {requests:,} requests"
    print(f"  {before / 2**20:,.0f} MiB with full caches, after {lasted} {after / 2**20:,.0f} MiB")
    print(f"  {growth:+.1%} (at most {_MOST_GROWTH:+.0%}: {'met' if met else 'NOT MET'})")
    return met


def _mix(server: Running, models: list[Model], chance: random.Random, seconds: float) -> int:
    """Questions of all kinds, many repeated, every fifth by a document that never came before."""
    until = time.monotonic() + seconds
    requests = 0
    while time.monotonic() < until:
        requests += _ask(server, _question(models, chance), 0.2)
    return requests


def _question(models: list[Model], chance: random.Random) -> Question:
    kind = chance.randrange(5)
    if kind == 0:
        return lists.question(models, chance.randint(1, 500))
    if kind == 4:
        return replace(lists.question(models, chance.randint(1, 50)), unseen=True)
    if kind == 1:
        count = chance.randint(1, 50)
        query = f"{{ account {{ slowestModels(first: {count}) {{ rank runtime model {{ id }} }} }} }}"
        return Question(query, {"account": {"slowestModels": slowest(models, count)}})
    if kind == 2:
        model = chance.choice(models)
        query = f"query One($id: ID!) {{ model(id: $id) {{ {' '.join(FIELDS)} }} }}"
        return Question(query, {"model": as_json(model)}, {"id": model.id})
    return Question(
        f'{{ model(id: "{chance.choice(models).id}") {{ __typename }} }}', {"model": {"__typename": "Model"}}
    )


def _ask(server: Running, question: Question, seconds: float = 0.0) -> int:
    load = send_load(server.port, question, seconds, connections=4 if seconds else 1)
    if load.wrong is not None:
        raise SystemExit(f"no figures: {question.query} was answered with {load.wrong}")
    return load.requests
