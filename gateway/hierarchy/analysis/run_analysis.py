"""What the results of a run show together: when what ran, what its end waited for, and where its time went."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gateway.hierarchy.measures.basis import Basis
from gateway.hierarchy.measures.cost import CostEstimate
from gateway.hierarchy.objects.job import Run
from gateway.hierarchy.objects.node_result import NodeResult
from gateway.hierarchy.vocabulary.resource_type import ResourceType
from gateway.hierarchy.vocabulary.status import RunStatus


@dataclass(frozen=True, slots=True)
class TimelineBar:
    """One node of a timeline. Seconds from the timeline's start; `slack_seconds` and `on_critical_path` are None
    without a manifest."""

    result: NodeResult
    lane: int
    start_seconds: float
    runtime: float
    slack_seconds: float | None
    weighted_seconds: float
    on_critical_path: bool | None
    on_observed_chain: bool

    @property
    def result_id(self) -> str:
        """The id of its result."""
        return self.result.id

    @property
    def unique_id(self) -> str:
        """dbt's unique id."""
        return self.result.unique_id

    @property
    def name(self) -> str:
        """The resource's name."""
        return self.result.name

    @property
    def resource_type(self) -> ResourceType:
        """What the resource is."""
        return self.result.resource_type

    @property
    def status(self) -> RunStatus:
        """How it ended."""
        return self.result.status


@dataclass(frozen=True, slots=True)
class Timeline:
    """Bars by when they begin. `wall_seconds` from the first start to the last end; `head_seconds` and `tail_seconds`
    are those of the run before and after, None where its own times are not known or do not hold the bars."""

    start_time: datetime
    wall_seconds: float
    head_seconds: float | None
    tail_seconds: float | None
    overlap_seconds: float
    lanes: int
    threads: int | None
    bars: tuple[TimelineBar, ...]
    left_out: int
    basis: Basis


@dataclass(frozen=True, slots=True)
class CriticalPath:
    """The longest chain of dependencies, the steps of a run one after the other."""

    runtime: float
    results: tuple[NodeResult, ...]
    lower_bound_seconds: float
    upper_bound_seconds: float
    basis: Basis


@dataclass(frozen=True, slots=True)
class ChainLink:
    """One link of an observed chain; `waited_for` is a WaitReason of gateway.analysis."""

    result: NodeResult
    runtime: float
    waited_for: StrEnum
    gap_seconds: float


@dataclass(frozen=True, slots=True)
class ObservedChain:
    """Links, the last first; runtimes and gaps add up to `wall_seconds`. Head and tail as in Timeline."""

    wall_seconds: float
    head_seconds: float | None
    tail_seconds: float | None
    overlap_seconds: float
    links: tuple[ChainLink, ...]
    basis: Basis


@dataclass(frozen=True, slots=True)
class IdleTime:
    """Idle thread seconds of one reason, a WaitReason of gateway.analysis."""

    reason: StrEnum
    seconds: float


@dataclass(frozen=True, slots=True)
class Blocker:
    """A result, and the thread seconds that waited for it."""

    result: NodeResult
    idle_seconds: float


@dataclass(frozen=True, slots=True)
class Utilization:
    """`share`: busy thread time over all thread time, 0 to 1."""

    threads: int
    share: float
    idle: tuple[IdleTime, ...]
    blockers: tuple[Blocker, ...]
    basis: Basis


class TimeDimension(StrEnum):
    """What time is grouped by."""

    NODE = "NODE"
    TAG = "TAG"
    FOLDER = "FOLDER"
    GROUP = "GROUP"
    OWNER = "OWNER"
    MATERIALIZATION = "MATERIALIZATION"
    PACKAGE = "PACKAGE"
    PROJECT = "PROJECT"
    JOB = "JOB"
    RESOURCE_TYPE = "RESOURCE_TYPE"


@dataclass(frozen=True, slots=True)
class WeightedSeconds:
    """The time of one group; `key` is None for what belongs to none. `cost` is None where no rate is set. `is_idle`:
    the time in which runs were under way and executed nothing, which no group has."""

    key: str | None
    weighted_seconds: float
    runtime: float
    result_count: int
    cost: CostEstimate | None = None
    is_idle: bool = False


class WhatIfVerdict(StrEnum):
    """Whether a what-if can be trusted."""

    CLEAR = "CLEAR"
    WITHIN_NOISE = "WITHIN_NOISE"
    CANNOT_TELL = "CANNOT_TELL"


@dataclass(frozen=True, slots=True)
class WhatIf:
    """How long a run would take; `then_seconds` and `saved_seconds` are None where it cannot be known."""

    run: Run
    verdict: WhatIfVerdict
    now_seconds: float
    then_seconds: float | None
    saved_seconds: float | None
    lower_bound_seconds: float
    calibration: float
    noise_seconds: float | None
    basis: Basis


class Baseline(StrEnum):
    """The run that another one is compared with."""

    PREVIOUS = "PREVIOUS"
    PREVIOUS_SUCCESS = "PREVIOUS_SUCCESS"
    TYPICAL = "TYPICAL"


@dataclass(frozen=True, slots=True)
class NodeDifference:
    """One resource in two runs, executed or reused. `contribution_seconds`: by how much it moved the end of the
    observed chain. `rows_change`: rows written now less those before, None where either is not known."""

    unique_id: str
    before: NodeResult | None
    after: NodeResult | None
    contribution_seconds: float
    code_changed: bool | None
    rows_change: int | None = None


@dataclass(frozen=True, slots=True)
class RunComparison:
    """This run against `base`; `all_differences` by the size of their contribution, then by that of the difference of
    their runtimes."""

    base: Run
    difference_seconds: float | None
    all_differences: tuple[NodeDifference, ...]
    basis: Basis
