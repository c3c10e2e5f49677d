"""What the commands of environments executed in a window of time, row by row, for figures over many runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

from gateway.hierarchy.runs.run_graph import GraphNode
from gateway.hierarchy.vocabulary.status import RunStatus


class ExecutionDetail(IntEnum):
    """How much is read beside what was executed when: nothing, who depends on whom and the checksums of code, or tags,
    groups and files too. CHECKS: the checks of sources alone, and nothing that was executed."""

    CHECKS = -1
    TIMES = 0
    GRAPH = 1
    WHOLE = 2


class ExecutionsKey(NamedTuple):
    """What one environment's commands executed that ended from `since` on and before `until`, in seconds since 1970;
    until now where `until` is None."""

    environment_id: int
    since: float
    until: float | None
    detail: ExecutionDetail


@dataclass(frozen=True, slots=True)
class ExecutedNode:
    """One resource that a command executed or reused. `start` and `end` are seconds since 1970; where that is not known
    them, and of what was reused, both are the end of the command, and `timed` is False.

    `manifest`: the key of the manifest of its command, None without one. `built`: whether it left its data behind for
    people to use: a success or a partial one, of no clone, `--empty`, `--sample` or CI. `refresh`: by a full refresh.
    `bytes_billed` as the warehouse reports, None where it does not.
    """

    unique_id: str
    run_id: int
    job_id: int
    manifest: int | None
    start: float
    end: float
    timed: bool
    status: RunStatus
    built: bool
    refresh: bool = False
    bytes_billed: int | None = None


@dataclass(frozen=True, slots=True)
class CheckedSource:
    """What a freshness check of a source reported: when, and the time of its newest row, in seconds since 1970."""

    unique_id: str
    time: float
    max_loaded_at: float


@dataclass(frozen=True, slots=True)
class Executions:
    """What an environment's commands executed in a window. Rows in any order.

    `manifests` by key, then by unique id. `walls`: start and end of each run that has both, in seconds since 1970.
    `complete_since`: commands that ended before it are left out, because there are too many; None where none is.
    """

    rows: tuple[ExecutedNode, ...] = ()
    manifests: Mapping[int, Mapping[str, GraphNode]] = field(default_factory=dict, hash=False)
    checks: tuple[CheckedSource, ...] = ()
    walls: Mapping[int, tuple[float, float]] = field(default_factory=dict, hash=False)
    complete_since: float | None = None
