"""One command of a run: the nodes it executed, and what each of them waited for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.analysis.dependencies import NodeDependencies
from gateway.analysis.intervals import NodeInterval, by_start, lanes, peak


@dataclass(frozen=True)
class Step:
    """One node or more that a command executed. `threads`: how many it was allowed; None where that is not known.
    `dependencies`: None without a manifest. `width`: threads, or the most nodes at once where that is more or threads
    are not known. `lanes`: of each node, from 1 (see intervals.lanes). `by_start`: the places of the nodes by when they
    began."""

    nodes: Sequence[NodeInterval]
    threads: int | None = None
    dependencies: NodeDependencies | None = None
    width: int = field(init=False)
    lanes: Sequence[int] = field(init=False)
    by_start: Sequence[int] = field(init=False)

    def __post_init__(self) -> None:
        at_once = peak(self.nodes)
        object.__setattr__(self, "by_start", by_start(self.nodes))
        object.__setattr__(self, "width", max(self.threads or 0, at_once))
        object.__setattr__(self, "lanes", lanes(self.nodes, self.threads, at_once, self.by_start))

    @property
    def start(self) -> float:
        """When its first node began."""
        return min(node.start for node in self.nodes)

    @property
    def end(self) -> float:
        """When its last node ended."""
        return max(node.end for node in self.nodes)

    @property
    def work(self) -> float:
        """Seconds of all nodes together."""
        return sum(node.seconds for node in self.nodes)

    def before_on_lane(self) -> list[int | None]:
        """Of each node the place of the one before it on its lane; None of the first."""
        latest: dict[int, int] = {}
        before: list[int | None] = [None] * len(self.nodes)
        for place in self.by_start:
            before[place] = latest.get(self.lanes[place])
            latest[self.lanes[place]] = place
        return before

    def ready_at(self) -> list[float] | None:
        """When each node could have begun: as the last of its parents ended, or the step began; None without a
        manifest."""
        if self.dependencies is None:
            return None
        begin, ends = self.start, [node.end for node in self.nodes]
        return [max([ends[parent] for parent in of_node], default=begin) for of_node in self.dependencies.parents]


def in_time(steps: Sequence[Step]) -> list[Step]:
    """Steps by when their first nodes began."""
    return sorted(steps, key=lambda step: step.start)
