"""What the nodes of a run waited for, read out of its manifest by the definitions of dbt alone, without any haste."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

from tests.oracle.nodes import NodeResult, manifest_of


@dataclass(frozen=True)
class RunGraph:
    """The executed nodes of one command, and the parents that its manifest names."""

    results: Mapping[str, NodeResult]
    parents: Mapping[str, list[str]]

    def ancestors(self, node: str) -> set[str]:
        """All nodes upstream in the manifest."""
        found: set[str] = set()
        pending = list(self.parents.get(node, ()))
        while pending:
            one = pending.pop()
            if one not in found:
                found.add(one)
                pending += self.parents.get(one, ())
        return found

    @cached_property
    def before(self) -> Mapping[str, set[str]]:
        """All executed nodes that had to end before each one began."""
        upstream = {one: self.ancestors(one) for one in self.results}
        waits = {one: found & self.results.keys() for one, found in upstream.items()}
        for test in self.results:
            wanted = {*self.parents.get(test, ())}
            if test.startswith("test.") and wanted and wanted <= self.results.keys():
                for node, found in upstream.items():
                    if not node.startswith(("test.", "unit_test.")) and wanted <= found:
                        waits[node] |= {test}
        return waits

    def seconds(self, node: str) -> float:
        """How long it was executed."""
        found = self.results[node]
        assert found.start
        assert found.end
        return (found.end - found.start).total_seconds()

    def longest_path(self) -> float:
        """The seconds of the longest chain."""
        until: dict[str, float] = {}

        def length(node: str) -> float:
            if node not in until:
                until[node] = self.seconds(node) + max(map(length, self.before[node]), default=0.0)
            return until[node]

        return max(map(length, self.results))

    def weighted(self) -> dict[str, float]:
        """The share of each node in each stretch between two moments."""
        moments = sorted({moment for one in self.results.values() for moment in (one.start, one.end) if moment})
        shares = dict.fromkeys(self.results, 0.0)
        for begin, end in itertools.pairwise(moments):
            running = [name for name, one in self.results.items() if _runs(one, begin)]
            for name in running:
                shares[name] += (end - begin).total_seconds() / len(running)
        return shares


def _runs(one: NodeResult, moment: datetime) -> bool:
    return one.start is not None and one.end is not None and one.start <= moment < one.end


def read_graphs(run_folder: Path, results: Mapping[str, NodeResult]) -> list[RunGraph]:
    """The graph of each command that executed nodes which have times."""
    graphs = []
    for step in sorted({one.step for one in results.values()}):
        executed = {name: one for name, one in results.items() if one.step == step and one.start and one.end}
        if executed:
            manifest = manifest_of(run_folder / f"step_{step}")
            sections = (manifest.get(name) or {} for name in ("nodes", "unit_tests", "exposures", "functions"))
            parents = {
                name: (node.get("depends_on") or {}).get("nodes") or []
                for section in sections
                for name, node in section.items()
            }
            graphs.append(RunGraph(executed, parents))
    return graphs
