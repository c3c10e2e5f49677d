"""What facts take in memory, and whether a gateway under mixed load grows."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from benchmarks import lists
from benchmarks.gateway_process import fake_upstream, gateway
from benchmarks.load import Question, send_load
from benchmarks.objects import FIELDS, Model, Size, account_models, as_json, slowest
from benchmarks.processes import Running, running

SIZE = Size(projects=2, models=1000)
_MOST_GROWTH = 0.05
# Each is asked at least four times, by documents of its own: more than the gateway keeps.
_NEW_DOCUMENTS = 1_500
_FILLING_SHARE = 1 / 6
_RUNS = "{ account { slowestModels(first: 1, lastRuns: 20) { rank } } }"

Ask = Callable[[list[Model], int], Question]
"""From the models and a number to a question and its right answer."""


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
    # Caches fill until every question has come often enough to be kept, and as many documents are known as may be; what
    # grows after that goes on growing.
    for question in _every_question(models, chance):
        _ask(server, question, 0.004)
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
        ask, count = chance.choice([*_known_questions(models).items(), (_by_a_new_document, _NEW_DOCUMENTS)])
        requests += _ask(server, ask(models, chance.randrange(count)), 0.2)
    return requests


def _every_question(models: list[Model], chance: random.Random) -> Iterator[Question]:
    """Each question of the mix, in any order."""
    known = [(ask, number) for ask, count in _known_questions(models).items() for number in range(count)]
    order = [*known, *((_by_a_new_document, number) for number in range(_NEW_DOCUMENTS))]
    chance.shuffle(order)
    return (ask(models, number) for ask, number in order)


def _known_questions(models: list[Model]) -> dict[Ask, int]:
    """The kinds of questions that come again, and how many there are of each."""
    return {_list: 500, _ranking: 50, _by_variable: len(models), _by_literal: len(models)}


def _list(models: list[Model], number: int) -> Question:
    return lists.question(models, number + 1)


def _ranking(models: list[Model], number: int) -> Question:
    query = f"{{ account {{ slowestModels(first: {number + 1}) {{ rank runtime model {{ id }} }} }} }}"
    return Question(query, {"account": {"slowestModels": slowest(models, number + 1)}})


def _by_variable(models: list[Model], number: int) -> Question:
    query = f"query One($id: ID!) {{ model(id: $id) {{ {' '.join(FIELDS)} }} }}"
    return Question(query, {"model": as_json(models[number])}, {"id": models[number].id})


def _by_literal(models: list[Model], number: int) -> Question:
    return Question(f'{{ model(id: "{models[number].id}") {{ __typename }} }}', {"model": {"__typename": "Model"}})


def _by_a_new_document(models: list[Model], number: int) -> Question:
    return replace(lists.question(models, number % 50 + 1), unseen=True)


def _ask(server: Running, question: Question, seconds: float = 0.0) -> int:
    load = send_load(server.port, question, seconds, connections=4 if seconds else 1)
    if load.wrong is not None:
        raise SystemExit(f"no figures: {question.query} was answered with {load.wrong}")
    return load.requests
