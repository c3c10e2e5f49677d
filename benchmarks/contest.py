"""Contenders for the same work, measured in turns within one run, and the ratios between them."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace

from benchmarks.load import CONNECTIONS, Load, Question, send_load
from benchmarks.processes import Program, Running, running

OURS = "gateway"


@dataclass(frozen=True)
class Contender:
    """A server that can answer the question."""

    name: str
    program: Program
    path: str = "/graphql"


@dataclass(frozen=True)
class Target:
    """Ours against `other`: at least `least` times as fast, or, where `most` is set, at most `most` times its time.

    With neither the ratio is only told.
    """

    other: str
    least: float | None = None
    most: float | None = None


@dataclass(frozen=True)
class Measure:
    """What a burst is judged by: a name, its unit, its value; less is better."""

    name: str
    unit: str
    value: Callable[[Load, float], float]


CPU = Measure("CPU per request", "ms", lambda load, cpu: cpu / load.requests * 1000)
TIME = Measure("time of one request", "ms", lambda load, _: statistics.median(load.latencies) * 1000)


@dataclass(frozen=True)
class Work:
    """One row of the table."""

    name: str
    question: Question
    targets: Sequence[Target]
    measure: Measure = CPU
    connections: int = CONNECTIONS
    least: int = 1


@dataclass(frozen=True)
class Schedule:
    """How often each contender gets its turn, and for how many seconds; a first turn of `warm_up` is not counted."""

    rounds: int = 5
    seconds: float = 1.0
    warm_up: float = 1.0


@dataclass
class Results:
    """The value of every contender in every round, in order; the wrong ones with what they said."""

    work: Work
    values: dict[str, list[float]] = field(default_factory=dict)
    wrong: dict[str, str] = field(default_factory=dict)
    size: int = 0

    def median(self, name: str) -> float:
        return statistics.median(self.values[name])

    def ratio(self, other: str) -> float:
        """How many times as long `other` takes: the median over the rounds, in each of which both had their turn."""
        ours, theirs = self.values[OURS], self.values[other]
        return statistics.median(b / a for a, b in zip(ours, theirs, strict=True))


@contextmanager
def started(contenders: Sequence[Contender]) -> Iterator[dict[str, Running]]:
    """All of them, waiting; whoever has not his turn costs nothing."""
    with ExitStack() as stack:
        yield {one.name: stack.enter_context(running(one.program)) for one in contenders}


def compete(work: Work, contenders: Sequence[Contender], servers: dict[str, Running], schedule: Schedule) -> Results:
    """Lets every contender have its turn in every round, another one first each time."""
    results = Results(work, {one.name: [] for one in contenders})
    for one in contenders:
        _turn(results, one, servers[one.name], schedule.warm_up)
    for number in range(schedule.rounds):
        start = number % len(contenders)
        for one in (*contenders[start:], *contenders[:start]):
            value = _turn(results, one, servers[one.name], schedule.seconds)
            results.values[one.name].append(value)
    return results


def _turn(results: Results, contender: Contender, server: Running, seconds: float) -> float:
    work = results.work
    before = server.cpu_seconds()
    question = replace(work.question, path=contender.path)
    load = send_load(server.port, question, seconds, work.connections, work.least)
    if load.wrong is not None:
        results.wrong.setdefault(contender.name, load.wrong)
    return work.measure.value(load, server.cpu_seconds() - before)


def show(results: Results) -> bool:
    """Prints the row; whether everything in it was met. A run with a wrong answer gives no ratio."""
    work = results.work
    print(f"\n{work.name}: {work.measure.name}")
    for name, values in results.values.items():
        spread = f"{min(values):,.3f} - {max(values):,.3f}"
        print(f"  {name:28} {results.median(name):>10,.3f} {work.measure.unit}   ({spread})")
    if results.wrong:
        for name, said in results.wrong.items():
            print(f"  WRONG ANSWER by {name}: {said}")
        print("  no ratios: an answer was wrong")
        return False
    aimed_at = [target for target in work.targets if target.other in results.values]
    return not [target for target in aimed_at if not _show_target(results, target)]


def _show_target(results: Results, target: Target) -> bool:
    ratio = results.ratio(target.other)
    if target.most is None and target.least is None:
        print(f"  {ratio:6.2f} x as fast: {target.other}")
        return True
    if target.most is not None:
        met, wanted, shown = 1 / ratio <= target.most, f"at most {target.most:g}", 1 / ratio
    else:
        met, wanted, shown = ratio >= (target.least or 0.0), f"at least {target.least:g}", ratio
    kind = "its time" if target.most is not None else "as fast"
    print(f"  {shown:6.2f} x {kind}: {target.other} ({wanted}: {'met' if met else 'NOT MET'})")
    return met
