"""What run analysis costs: `python -m benchmarks.run_analysis [NODES]`, in CPU milliseconds, the least of nine.

The run is generated: layers of models, each behind one to three of the layers before, a test for every second model and
one over two models for every twentieth; executed in dbt's order on 16 threads with pauses. Goals for 5,000 nodes: a
timeline 60 ms, a what-if 150 ms.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable

from gateway.analysis.critical_path import critical_path
from gateway.analysis.dependencies import dependencies
from gateway.analysis.intervals import NodeInterval
from gateway.analysis.observed_chain import observed_chain
from gateway.analysis.schedule import RunChange, ScheduleOrder, SpeedUp, outlook
from gateway.analysis.step import Step
from gateway.analysis.utilization import utilization
from gateway.analysis.weighted_seconds import weighted_seconds

THREADS = 16
LAYERS = 12
ROUNDS = 9
GOALS = {"timeline": 60.0, "what-if": 150.0}

Manifest = dict[str, list[str]]


def generated_manifest(chance: random.Random, nodes: int) -> Manifest:
    """Parents by unique id; those of a node stand before it."""
    models = [f"model.shop.m{n:06d}" for n in range(nodes * 100 // 155)]
    layer = max(1, len(models) // LAYERS)
    parents: Manifest = {}
    for n, model in enumerate(models):
        before = models[max(0, n // layer * layer - 2 * layer) : n // layer * layer]
        parents[model] = chance.sample(before, min(len(before), chance.randint(1, 3)))
        if n % 2 and len(parents) < nodes:
            parents[f"test.shop.not_null_{n}"] = [model]
        if n % 20 == 0 and parents[model]:
            parents[f"test.shop.relationships_{n}"] = [model, parents[model][0]]
    return parents


def executed(chance: random.Random, parents: Manifest) -> list[NodeInterval]:
    """Each node on the thread that is free first, when its parents have ended."""
    free = [0.0] * THREADS
    ends: dict[str, float] = {}
    nodes = []
    for name, of_node in parents.items():
        thread = min(range(THREADS), key=free.__getitem__)
        start = max([free[thread], *(ends[one] for one in of_node)]) + chance.uniform(0, 0.05)
        ends[name] = free[thread] = start + chance.lognormvariate(0, 1)
        nodes.append(NodeInterval(name, start, ends[name]))
    return nodes


def cpu_milliseconds(work: Callable[[], object]) -> float:
    """The least of some rounds: neighbours on the same core only make it more."""
    taken = []
    for _ in range(ROUNDS):
        begin = time.process_time()
        work()
        taken.append((time.process_time() - begin) * 1000)
    return min(taken)


def timeline(nodes: list[NodeInterval], parents: Manifest) -> Step:
    """All that a timeline shows of a run."""
    step = Step(nodes, THREADS, dependencies(nodes, parents))
    weighted_seconds(nodes)
    observed_chain([step])
    if step.dependencies:
        critical_path([node.seconds for node in nodes], step.dependencies)
    return step


def run(count: int) -> bool:
    """Prints the table; whether the goals are met, which are set for 5,000 nodes."""
    chance = random.Random(20)
    parents = generated_manifest(chance, count)
    nodes = executed(chance, parents)
    step = timeline(nodes, parents)
    named = {node.unique_id: SpeedUp(0.5, None) for node in nodes[::50]}
    change = RunChange(2 * THREADS, named, frozenset(node.unique_id for node in nodes[1::500]), ScheduleOrder.AS_DBT)
    measured = {
        "dependencies": cpu_milliseconds(lambda: dependencies(nodes, parents)),
        "timeline": cpu_milliseconds(lambda: timeline(nodes, parents)),
        "utilization": cpu_milliseconds(lambda: utilization([step], step.start, step.end)),
        "what-if": cpu_milliseconds(lambda: outlook([step], change)),
    }
    print(f"{len(nodes):,} nodes, calibration {outlook([step], change).calibration:.3f}")
    for name, taken in measured.items():
        goal = f"  (goal {GOALS[name]:.0f})" if name in GOALS else ""
        print(f"  {name:<14}{taken:9.1f} ms{goal}")
    return count != 5000 or all(measured[name] <= goal for name, goal in GOALS.items())


if __name__ == "__main__":
    sys.exit(0 if run(int(sys.argv[1]) if len(sys.argv) > 1 else 5000) else 1)
