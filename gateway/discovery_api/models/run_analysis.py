"""What the results of a run show together, as plain records. All durations are seconds."""

from __future__ import annotations

from datetime import datetime

from gateway.discovery_api.models.account_analysis import CostEstimate
from gateway.discovery_api.models.reports import Report
from gateway.discovery_api.models.resources import NodeResult
from gateway.hierarchy.analysis import run_analysis as facts


class TimelineBar(Report):
    """One resource in a timeline: `start_seconds` from the timeline's start, `slack_seconds` and `on_critical_path`
    None without a manifest."""

    result: NodeResult
    lane: int
    start_seconds: float
    runtime: float
    slack_seconds: float | None
    weighted_seconds: float
    on_critical_path: bool | None
    on_observed_chain: bool

    @classmethod
    def of(cls, bar: facts.TimelineBar) -> TimelineBar:
        return cls(
            result=NodeResult.of(bar.result),
            lane=bar.lane,
            start_seconds=bar.start_seconds,
            runtime=bar.runtime,
            slack_seconds=bar.slack_seconds,
            weighted_seconds=bar.weighted_seconds,
            on_critical_path=bar.on_critical_path,
            on_observed_chain=bar.on_observed_chain,
        )


class Timeline(Report):
    """Bars by when they begin; `wall_seconds` from the first start to the last end, `head_seconds` and `tail_seconds`
    of the run before and after, None where its times do not say. `missing`: what is missing, in plain words."""

    start_time: datetime
    wall_seconds: float
    head_seconds: float | None
    tail_seconds: float | None
    lanes: int
    threads: int | None
    bars: list[TimelineBar]
    left_out: int
    missing: list[str]

    @classmethod
    def of(cls, timeline: facts.Timeline) -> Timeline:
        return cls(
            start_time=timeline.start_time,
            wall_seconds=timeline.wall_seconds,
            head_seconds=timeline.head_seconds,
            tail_seconds=timeline.tail_seconds,
            lanes=timeline.lanes,
            threads=timeline.threads,
            bars=[TimelineBar.of(bar) for bar in timeline.bars],
            left_out=timeline.left_out,
            missing=list(timeline.basis.missing),
        )


class CriticalPath(Report):
    """The longest chain of dependencies, in order of execution, and between which bounds any schedule lies."""

    runtime: float
    results: list[NodeResult]
    lower_bound_seconds: float
    upper_bound_seconds: float
    missing: list[str]

    @classmethod
    def of(cls, path: facts.CriticalPath) -> CriticalPath:
        return cls(
            runtime=path.runtime,
            results=[NodeResult.of(result) for result in path.results],
            lower_bound_seconds=path.lower_bound_seconds,
            upper_bound_seconds=path.upper_bound_seconds,
            missing=list(path.basis.missing),
        )


class ChainLink(Report):
    """One link: what it `waited_for` (dependency, thread, scheduler, head), and the gap before it started."""

    result: NodeResult
    runtime: float
    waited_for: str
    gap_seconds: float

    @classmethod
    def of(cls, link: facts.ChainLink) -> ChainLink:
        return cls(
            result=NodeResult.of(link.result),
            runtime=link.runtime,
            waited_for=link.waited_for.value.lower(),
            gap_seconds=link.gap_seconds,
        )


class ObservedChain(Report):
    """What the run's end waited for, the last link first; links and gaps add up to `wall_seconds`."""

    wall_seconds: float
    head_seconds: float | None
    tail_seconds: float | None
    links: list[ChainLink]
    missing: list[str]

    @classmethod
    def of(cls, chain: facts.ObservedChain) -> ObservedChain:
        return cls(
            wall_seconds=chain.wall_seconds,
            head_seconds=chain.head_seconds,
            tail_seconds=chain.tail_seconds,
            links=[ChainLink.of(link) for link in chain.links],
            missing=list(chain.basis.missing),
        )


class Utilization(Report):
    """Busy thread time over all, 0 to 1; idle thread seconds by reason, and by unique id of what they waited for."""

    threads: int
    share: float
    idle: dict[str, float]
    blockers: dict[str, float]
    missing: list[str]

    @classmethod
    def of(cls, used: facts.Utilization) -> Utilization:
        return cls(
            threads=used.threads,
            share=used.share,
            idle={idle.reason.value.lower(): idle.seconds for idle in used.idle},
            blockers={blocker.result.unique_id: blocker.idle_seconds for blocker in used.blockers},
            missing=list(used.basis.missing),
        )


class WeightedSeconds(Report):
    """The share of a group in the busy wall clock; `key` is None for what belongs to none. `cost` is None where no rate
    is set; `is_idle` marks the row of time in which runs of an account executed nothing."""

    key: str | None
    weighted_seconds: float
    runtime: float
    result_count: int
    cost: CostEstimate | None
    is_idle: bool

    @classmethod
    def of(cls, group: facts.WeightedSeconds) -> WeightedSeconds:
        return cls(
            key=group.key,
            weighted_seconds=group.weighted_seconds,
            runtime=group.runtime,
            result_count=group.result_count,
            cost=CostEstimate.of(group.cost) if group.cost else None,
            is_idle=group.is_idle,
        )


class WhatIf(Report):
    """How long the run would take. `verdict` is clear, within_noise or cannot_tell; then nothing is saved or
    reported."""

    run_id: str
    verdict: str
    now_seconds: float
    then_seconds: float | None
    saved_seconds: float | None
    lower_bound_seconds: float
    calibration: float
    noise_seconds: float | None
    missing: list[str]

    @classmethod
    def of(cls, answer: facts.WhatIf) -> WhatIf:
        return cls(
            run_id=str(answer.run.id),
            verdict=answer.verdict.value.lower(),
            now_seconds=answer.now_seconds,
            then_seconds=answer.then_seconds,
            saved_seconds=answer.saved_seconds,
            lower_bound_seconds=answer.lower_bound_seconds,
            calibration=answer.calibration,
            noise_seconds=answer.noise_seconds,
            missing=list(answer.basis.missing),
        )


class NodeDifference(Report):
    """One resource in two runs; `before` or `after` is None where it was neither executed nor reused."""

    unique_id: str
    before: NodeResult | None
    after: NodeResult | None
    contribution_seconds: float
    code_changed: bool | None
    rows_change: int | None

    @classmethod
    def of(cls, difference: facts.NodeDifference) -> NodeDifference:
        return cls(
            unique_id=difference.unique_id,
            before=NodeResult.of(difference.before) if difference.before else None,
            after=NodeResult.of(difference.after) if difference.after else None,
            contribution_seconds=difference.contribution_seconds,
            code_changed=difference.code_changed,
            rows_change=difference.rows_change,
        )


class RunComparison(Report):
    """A run against another of its job, the largest contribution to the wall clock first."""

    base_run_id: str
    difference_seconds: float | None
    differences: list[NodeDifference]
    missing: list[str]

    @classmethod
    def of(cls, comparison: facts.RunComparison) -> RunComparison:
        return cls(
            base_run_id=str(comparison.base.id),
            difference_seconds=comparison.difference_seconds,
            differences=[NodeDifference.of(difference) for difference in comparison.all_differences],
            missing=list(comparison.basis.missing),
        )
