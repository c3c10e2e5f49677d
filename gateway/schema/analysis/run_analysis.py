"""When the nodes of a run ran, what its end waited for, where its time went, and what would be if."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import strawberry

from gateway.analysis.observed_chain import WaitReason
from gateway.analysis.schedule import RunChange, ScheduleOrder
from gateway.errors import BadUserInput
from gateway.hierarchy.analysis import run_analysis as facts
from gateway.hierarchy.analysis.run_analysis import Baseline, TimeDimension, WhatIfVerdict
from gateway.queries.analysis.run_what_if import changed
from gateway.schema.lazy import LazyRun
from gateway.schema.lists.paging import ensure_count
from gateway.schema.measures.basis import Basis
from gateway.schema.measures.cost_estimate import CostEstimate
from gateway.schema.results.node_result import NodeResult
from gateway.schema.vocabulary.contracts import COSTS
from gateway.schema.vocabulary.costs import about, sliced_by
from gateway.schema.vocabulary.enums import ResourceType, RunStatus, describe

describe(
    WaitReason,
    "What a resource or a thread waits for.",
    {
        "DEPENDENCY": "For a resource it depends on.",
        "THREAD": "For a free thread.",
        "SCHEDULER": "For dbt to start it, although its dependencies and a thread were ready. Without a manifest "
        "this includes waits for a dependency.",
        "HEAD": "For the first resource of the run, or of one of its steps.",
        "TAIL": "For the end of the run or of one of its steps, after the last resource has started.",
    },
)
describe(
    TimeDimension,
    "What time is grouped by.",
    {
        "NODE": "By resource: its unique id.",
        "TAG": "By tag; a resource with two tags counts half for each.",
        "FOLDER": "By folder of the file; only an archive has files.",
        "GROUP": "By dbt group.",
        "OWNER": "By owner of the dbt group.",
        "MATERIALIZATION": "By materialization.",
        "PACKAGE": "By dbt package.",
        "PROJECT": "By project: its id.",
        "JOB": "By job: its name, or its id where it has none.",
        "RESOURCE_TYPE": "By resource type.",
    },
)
describe(
    ScheduleOrder,
    "In which order ready resources start.",
    {
        "AS_DBT": "dbt's order: by the number of resources before them, then by unique id.",
        "LONGEST_TAIL_FIRST": "Longest remaining chain first.",
    },
)
describe(
    WhatIfVerdict,
    "Whether a what-if can be trusted.",
    {
        "CLEAR": "The saving is larger than the usual difference between two runs, or that difference is unknown.",
        "WITHIN_NOISE": "The saving is smaller than the usual difference between two runs.",
        "CANNOT_TELL": "The simulation does not reproduce the run well enough, or there is no manifest.",
    },
)
describe(
    Baseline,
    "The run that another one is compared with.",
    {
        "PREVIOUS": "The newest earlier run of the job that completed.",
        "PREVIOUS_SUCCESS": "The newest earlier run of the job that succeeded.",
        "TYPICAL": "The run of the 20 successful ones before it whose wall clock is the median.",
    },
)

MOST_BARS = 20_000
MOST_GROUPS = 1000
MOST_DIFFERENCES = 1000

OfStep = Annotated[
    int | None,
    strawberry.argument(
        name="step", description="Only this step, from 1; only an archive has steps. Defaults to the whole run."
    ),
]
LeastSeconds = Annotated[
    float, strawberry.argument(name="minSeconds", description="Leaves out bars shorter than this many seconds.")
]
FirstBars = Annotated[
    int, strawberry.argument(name="first", description="Return at most this many bars, longest first, 1 to 20000.")
]
GroupedBy = Annotated[TimeDimension, strawberry.argument(name="by", description="What to group by.")]
FirstGroups = Annotated[
    int, strawberry.argument(name="first", description="Return at most this many groups, greatest first, 1 to 1000.")
]
To = Annotated[
    Baseline, strawberry.argument(name="to", description="The run to compare with, unless `runId` names one.")
]
ToRun = Annotated[
    strawberry.ID | None, strawberry.argument(name="runId", description="The run to compare with, by id.")
]


@strawberry.type(description="One resource in a timeline.")
class TimelineBar:
    lane: int = strawberry.field(description="Lane it is drawn in, from 1.")
    start_seconds: float = strawberry.field(description="Seconds from the timeline's start to the bar's start.")
    runtime: float = strawberry.field(description="Seconds the bar lasts.")
    slack_seconds: float | None = strawberry.field(
        description="Seconds it may grow before the critical path does. Null without a manifest."
    )
    weighted_seconds: float = strawberry.field(description="Its share of the run's busy time, in seconds.")
    on_critical_path: bool | None = strawberry.field(
        description="Whether it lies on the critical path. Null without a manifest."
    )
    on_observed_chain: bool = strawberry.field(description="Whether it lies on the observed chain.")
    result_id: strawberry.ID = strawberry.field(description="Id of its result: `NodeResult.id`.")
    unique_id: str = strawberry.field(description="dbt's unique id.")
    name: str = strawberry.field(description="The resource's name.")
    resource_type: ResourceType = strawberry.field(description="What the resource is.")
    status: RunStatus = strawberry.field(description="How it ended.")


@strawberry.type
class _Span:
    wall_seconds: float = strawberry.field(
        description="Seconds from the start of the first resource to the end of the last. The run's own wall clock, "
        "`Run.runtime`, is longer by `headSeconds` and `tailSeconds`."
    )
    head_seconds: float | None = strawberry.field(
        description="Seconds from the start of the run to the start of its first resource. Null for a single step, "
        "and when the run's times are unknown or do not cover its resources."
    )
    tail_seconds: float | None = strawberry.field(
        description="Seconds from the end of the last resource to the end of the run. Null where `headSeconds` is null."
    )
    overlap_seconds: float = strawberry.field(
        description="Seconds in which links of the observed chain overlap: a lane or a clock that steps back. Counted "
        "once; 0 as a rule."
    )


@strawberry.type(description="When each resource of a run executed.")
class Timeline(_Span):
    start_time: datetime = strawberry.field(description="When the first bar begins (UTC).")
    lanes: int = strawberry.field(description="How many lanes the bars fill.")
    threads: int | None = strawberry.field(
        description="dbt's number of threads, the largest of any step. Null when unknown."
    )
    bars: list[TimelineBar] = strawberry.field(description="The bars, ordered by start.")
    left_out: int = strawberry.field(description="Number of bars omitted because of `first` and `minSeconds`.")
    basis: Basis = strawberry.field(description="What the timeline is based on.")


@strawberry.type(description="The longest chain of dependencies; of several steps one after the other.")
class CriticalPath:
    runtime: float = strawberry.field(description="Its length in seconds.")
    results: list[NodeResult] = strawberry.field(
        description="Its results, in order of execution.", directives=about(20)
    )
    lower_bound_seconds: float = strawberry.field(
        description="No schedule with the run's threads takes less than this many seconds."
    )
    upper_bound_seconds: float = strawberry.field(
        description="No schedule that keeps threads busy takes more than this many seconds (Graham's bound)."
    )
    basis: Basis = strawberry.field(description="What the path is based on.")


@strawberry.type(description="One link of an observed chain.")
class ChainLink:
    result: NodeResult = strawberry.field(description="The result that was executed.")
    runtime: float = strawberry.field(
        description="Seconds it was executed, or until the next link began if that was sooner."
    )
    waited_for: WaitReason = strawberry.field(description="What it waited for before it started.")
    gap_seconds: float = strawberry.field(
        description="Seconds between the end of what it waited for and its own start."
    )


@strawberry.type(description="What the end of a run waited for. Links and gaps add up to `wallSeconds`.")
class ObservedChain(_Span):
    links: list[ChainLink] = strawberry.field(
        description="The links, from the last to the first.", directives=about(30)
    )
    basis: Basis = strawberry.field(description="What the chain is based on.")


@strawberry.type(description="Idle thread time of one reason.")
class IdleTime:
    reason: WaitReason = strawberry.field(description="What the threads waited for.")
    seconds: float = strawberry.field(description="Thread seconds.")


@strawberry.type(description="A result that idle threads waited for.")
class Blocker:
    result: NodeResult = strawberry.field(description="The result.")
    idle_seconds: float = strawberry.field(description="Thread seconds that waited for it.")


@strawberry.type(description="How well a run used its threads.")
class Utilization:
    threads: int = strawberry.field(
        description="The run's threads, or the most resources that ran at once if that is more or the threads are "
        "unknown."
    )
    share: float = strawberry.field(description="Busy thread time over all thread time, 0 to 1.")
    idle: list[IdleTime] = strawberry.field(
        description="Idle thread time by reason, in thread seconds, greatest first.", directives=about(4)
    )
    blockers: list[Blocker] = strawberry.field(
        description="Results that idle threads waited for, longest first; at most 20.", directives=about(20)
    )
    basis: Basis = strawberry.field(description="What the figures are based on.")


@strawberry.type(description="The time of one group.")
class WeightedSeconds:
    key: str | None = strawberry.field(
        description="The group's name. Null for resources without a tag, owner or other group, and without a manifest."
    )
    weighted_seconds: float = strawberry.field(
        description="Its share of the busy wall clock, in seconds; all groups add up to the busy wall clock."
    )
    runtime: float = strawberry.field(
        description="Plain sum of runtimes, in seconds; parallel work counts several times."
    )
    result_count: int = strawberry.field(description="How many results it sums up.")
    is_idle: bool = strawberry.field(
        description="True for time in which runs of an account were under way and executed nothing. It has no key, and "
        "adds up with the groups to the wall clock of the runs."
    )
    cost: CostEstimate | None = strawberry.field(
        description="Weighted seconds at the configured rate, and of an account the bytes that the warehouse billed: "
        "an estimate. Null when no rate is set.",
        directives=[COSTS],
    )


@strawberry.type(description="How long a run would take.")
class WhatIf:
    verdict: WhatIfVerdict = strawberry.field(description="Whether the answer can be trusted.")
    run: LazyRun = strawberry.field(
        description="The run that was looked at; of a job's last runs the one with the median wall clock."
    )
    now_seconds: float = strawberry.field(
        description="Seconds it took: its wall clock, or from first start to last end where that is not known."
    )
    then_seconds: float | None = strawberry.field(
        description="Seconds the run would take. Null when the verdict is CANNOT_TELL."
    )
    saved_seconds: float | None = strawberry.field(
        description="Seconds saved; negative when the run would take longer. Null when the verdict is CANNOT_TELL."
    )
    lower_bound_seconds: float = strawberry.field(
        description="No order of execution is shorter than this many seconds. 0 without a manifest."
    )
    calibration: float = strawberry.field(
        description="Simulated over observed time of the unchanged run; trusted between 0.85 and 1.15. 0 without a "
        "manifest."
    )
    noise_seconds: float | None = strawberry.field(
        description="Usual difference between two runs of the job: the median distance of the wall clocks of its last "
        "20 runs from their median, in seconds. Null with fewer than five successful ones."
    )
    basis: Basis = strawberry.field(description="What the answer is based on.")


@strawberry.type(description="One resource in two runs.")
class NodeDifference:
    unique_id: str = strawberry.field(description="dbt's unique id.")
    before: NodeResult | None = strawberry.field(
        description="Its result in the base. Null when it was neither executed nor reused there."
    )
    after: NodeResult | None = strawberry.field(
        description="Its result in this run. Null when it was neither executed nor reused here."
    )
    contribution_seconds: float = strawberry.field(
        description="Seconds by which it moved the end of the observed chain; 0 when it lies on neither run's chain. "
        "The contributions add up to the difference of both `wallSeconds`."
    )
    code_changed: bool | None = strawberry.field(
        description="Whether its code changed between the two runs. Null when a checksum is unknown; dbt's API has "
        "none."
    )
    rows_change: float | None = strawberry.field(
        description="Rows it wrote in this run less those it wrote in the base. Null when the warehouse does not "
        "report both; dbt's API has none."
    )


@strawberry.type(description="Two runs, compared.")
class RunComparison:
    base: LazyRun = strawberry.field(description="The run that this one is compared with.")
    difference_seconds: float | None = strawberry.field(
        description="This run's wall clock less the base's, in seconds. Null while one of them is under way."
    )
    basis: Basis = strawberry.field(description="What the comparison is based on.")

    @strawberry.field(
        description="The resources that either executed or reused, largest contribution to the wall clock first.",
        graphql_type=list[NodeDifference],
        directives=sliced_by("first", 20),
    )
    async def differences(
        self,
        parent: strawberry.Parent[facts.RunComparison],
        first: Annotated[int, strawberry.argument(description="Return at most this many, 1 to 1000.")] = 20,
    ) -> tuple[facts.NodeDifference, ...]:
        ensure_count("first", first, MOST_DIFFERENCES)
        return parent.all_differences[:first]


@strawberry.input(description="One resource that would be faster or slower. Give a factor or seconds.")
class SpeedUp:
    unique_id: str = strawberry.field(description="dbt's unique id.")
    factor: float | None = strawberry.field(
        default=None, description="New runtime over old runtime: 0.5 is twice as fast."
    )
    seconds: float | None = strawberry.field(default=None, description="The new runtime.")


@strawberry.input(description="What would be different in a run. Nothing set is refused.")
class WhatIfChange:
    threads: int | None = strawberry.field(default=None, description="Number of threads, 1 to 1000.")
    speed_ups: list[SpeedUp] | None = strawberry.field(
        default=None, description="Resources that would be faster or slower, at most 1000."
    )
    drop: list[str] | None = strawberry.field(
        default=None, description="Unique ids of resources that would not run, at most 1000."
    )
    order: ScheduleOrder = strawberry.field(
        default=ScheduleOrder.AS_DBT, description="In which order ready resources start."
    )


TheChange = Annotated[WhatIfChange, strawberry.argument(name="change", description="What would be different.")]


LastRunsOfWhatIf = Annotated[
    int, strawberry.argument(name="lastRuns", description="How many of the newest successful runs to use, 1 to 20.")
]


def change_of(change: WhatIfChange) -> RunChange:
    """What a caller would change. Raises BadUserInput for nothing, and for what no run can have."""
    speed_ups = [(speed_up.unique_id, speed_up.factor, speed_up.seconds) for speed_up in change.speed_ups or ()]
    return changed(change.threads, speed_ups, change.drop or (), change.order)


def ensure_min_seconds(min_seconds: float) -> None:
    """Raises BadUserInput for a negative number of seconds."""
    if min_seconds < 0:
        raise BadUserInput(f"minSeconds must be 0 or more; it is {min_seconds:g}.", argument="minSeconds")
