"""What a pull request changes: its build against a baseline. Pure; all durations are seconds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from gateway.hierarchy.measures.cost import CostEstimate, CostRate
from gateway.hierarchy.measures.statistics import Summary
from gateway.hierarchy.objects.job import Run
from gateway.hierarchy.objects.node_result import NodeResult
from gateway.hierarchy.vocabulary.resource_type import ResourceType
from gateway.hierarchy.vocabulary.status import RunStatus

LEAST_RUNS = 5
"""So many runs show how much a runtime usually varies; fewer do not."""

_SUCCEEDED = frozenset({RunStatus.SUCCESS, RunStatus.WARN})


@dataclass(frozen=True, slots=True)
class ComparedRun:
    """One run, and what is usual for it.

    `results` by unique id. `codes` are checksums of the models of its manifest, None where one is not known; empty
    without a manifest. `parents` are those of the manifest. `weighted_seconds` are shares of the busy time.
    `span` is from the first start to the last end of what it executed, None where that has no times: unlike a wall
    clock it is the same whoever ran dbt.
    `histories` are runtimes of models in earlier runs, and `clocks` wall clocks of the job; empty where they were not
    asked for. `rate` is None where no cost is set.
    """

    run: Run
    title: str
    project_ids: tuple[str, ...]
    results: Mapping[str, NodeResult]
    codes: Mapping[str, str | None]
    parents: Mapping[str, tuple[str, ...]]
    weighted_seconds: Mapping[str, float]
    span: float | None
    histories: Mapping[str, Summary]
    clocks: Summary | None
    rate: CostRate | None

    def seconds_of(self, unique_id: str) -> float | None:
        """The median of its history; without one its runtime in this run. None where it did not succeed."""
        history = self.histories.get(unique_id)
        return history.p50 if history is not None and history.count else self.own_seconds(unique_id)

    def own_seconds(self, unique_id: str) -> float | None:
        """Its runtime in this run; None where it did not succeed in it."""
        result = self.results.get(unique_id)
        return result.runtime if result is not None and result.status in _SUCCEEDED else None

    def cost_of(self, unique_ids: Iterable[str]) -> CostEstimate | None:
        """The cost of their weighted seconds in this run; None where no rate is set."""
        if self.rate is None:
            return None
        return self.rate.estimate(sum(self.weighted_seconds.get(unique_id, 0.0) for unique_id in unique_ids))

    @property
    def executed(self) -> frozenset[str]:
        """The unique ids of resources of every type that it executed."""
        return frozenset(unique_id for unique_id, result in self.results.items() if result.status.executed)

    @property
    def executed_models(self) -> frozenset[str]:
        """The unique ids of models that it executed."""
        return frozenset(
            unique_id for unique_id in self.executed if self.results[unique_id].resource_type is ResourceType.MODEL
        )


class ChangeVerdict(StrEnum):
    """What a difference means: WITHIN_NOISE where runs of the baseline differ as much among themselves."""

    SLOWER = "slower"
    FASTER = "faster"
    SAME = "same"
    WITHIN_NOISE = "within noise"


@dataclass(frozen=True, slots=True)
class SecondsChange:
    """Seconds before and after. `noise` is p95 - p50 of the baseline's runs; None of fewer than LEAST_RUNS."""

    before: float | None
    after: float | None
    noise: float | None = None

    @property
    def difference(self) -> float | None:
        """after - before; None where either is not known."""
        return None if self.before is None or self.after is None else self.after - self.before

    @property
    def percent(self) -> float | None:
        """The difference in percent of before; None where there is none, or before is 0."""
        return self.difference / self.before * 100 if self.difference is not None and self.before else None

    @property
    def verdict(self) -> ChangeVerdict | None:
        """None where there is no difference to speak of."""
        if self.difference is None:
            return None
        if self.difference == 0:
            return ChangeVerdict.SAME
        if self.noise is not None and abs(self.difference) <= self.noise:
            return ChangeVerdict.WITHIN_NOISE
        return ChangeVerdict.SLOWER if self.difference > 0 else ChangeVerdict.FASTER


@dataclass(frozen=True, slots=True)
class ModelChange:
    """One model in both builds. `is_added`: the baseline's manifest does not hold it. Costs are of its weighted
    seconds in either run; None where no rate is set, or the run did not build it."""

    unique_id: str
    seconds: SecondsChange
    is_added: bool
    cost_before: CostEstimate | None = None
    cost_after: CostEstimate | None = None


@dataclass(frozen=True, slots=True)
class PathChange:
    """The critical path over models, seeds and snapshots, and the models that are on it only afterwards, in order."""

    seconds: SecondsChange
    added: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PullRequestReport:
    """What the head changes against the base.

    `run` are spans, without an `after` where the head left out what the base executed; its noise is that of the job's
    wall clocks. `changed` are the models whose code differs, added ones among them; `others` those with the same code
    whose difference exceeds the noise; both by the size of the difference, the greatest first. `added` and `removed`
    are unique ids of models by the manifests.
    `total` adds up what `changed` and `removed` come to, `counted_seconds` and `counted_percent` without differences
    within the noise, the percentage without added and removed models. `missing`: in plain words.
    """

    base: ComparedRun
    head: ComparedRun
    run: SecondsChange
    total: SecondsChange
    counted_seconds: float
    counted_percent: float | None
    changed: tuple[ModelChange, ...]
    others: tuple[ModelChange, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]
    new_failures: tuple[NodeResult, ...]
    path: PathChange | None
    cost_before: CostEstimate | None
    cost_after: CostEstimate | None
    missing: tuple[str, ...]


def compared_models(base: ComparedRun, head: ComparedRun) -> tuple[list[ModelChange], list[ModelChange]]:
    """The models that the head built and that changed, and the others that both built; each by the size of the
    difference, then by unique id. A model whose code is not known on either side counts as changed."""
    changed: list[ModelChange] = []
    others: list[ModelChange] = []
    for unique_id in head.executed_models:
        change = _model_change(base, head, unique_id)
        same = base.codes.get(unique_id) is not None and base.codes.get(unique_id) == head.codes.get(unique_id)
        (others if same else changed).append(change)
    return _greatest_first(changed), _greatest_first(others)


def pull_request_report(
    base: ComparedRun,
    head: ComparedRun,
    changed: Sequence[ModelChange],
    others: Sequence[ModelChange],
    path: PathChange | None,
) -> PullRequestReport:
    """What the head changes against the base; models as of compared_models, `path` None without a manifest."""
    added, removed = _only_in(head, base), _only_in(base, head)
    gone = [base.seconds_of(unique_id) or 0.0 for unique_id in removed]
    known = [change.seconds for change in changed if change.seconds.difference is not None or _is_new(change, base)]
    total = SecondsChange(sum(s.before or 0.0 for s in known) + sum(gone), sum(s.after or 0.0 for s in known))
    counted = [s for s in known if s.verdict is not ChangeVerdict.WITHIN_NOISE]
    rest = _left_out(base, head)
    return PullRequestReport(
        base=base,
        head=head,
        run=SecondsChange(base.span, None if rest else head.span, _noise(base.clocks)),
        total=total,
        counted_seconds=sum((s.after or 0.0) - (s.before or 0.0) for s in counted) - sum(gone),
        counted_percent=_counted_percent(known),
        changed=tuple(changed),
        others=tuple(
            change
            for change in others
            if change.seconds.noise is not None
            and change.seconds.verdict in (ChangeVerdict.SLOWER, ChangeVerdict.FASTER)
        ),
        added=added,
        removed=removed,
        new_failures=tuple(_new_failures(base, head)),
        path=path,
        cost_before=None if rest else base.cost_of(base.weighted_seconds),
        cost_after=head.cost_of(head.weighted_seconds),
        missing=tuple(_missing(base, head, changed, len(rest))),
    )


def _model_change(base: ComparedRun, head: ComparedRun, unique_id: str) -> ModelChange:
    history = base.histories.get(unique_id)
    seconds = SecondsChange(base.seconds_of(unique_id), head.own_seconds(unique_id), _noise(history))
    cost_before = base.cost_of([unique_id]) if unique_id in base.weighted_seconds else None
    cost_after = head.cost_of([unique_id]) if unique_id in head.weighted_seconds else None
    return ModelChange(unique_id, seconds, _is_added(base, unique_id), cost_before, cost_after)


def _is_added(base: ComparedRun, unique_id: str) -> bool:
    return unique_id not in (base.codes or base.results)


def _is_new(change: ModelChange, base: ComparedRun) -> bool:
    """An added model counts whole, and so does one that the baseline knows no runtime of."""
    return change.is_added and change.seconds.after is not None and base.seconds_of(change.unique_id) is None


def _noise(summary: Summary | None) -> float | None:
    if summary is None or summary.p50 is None or summary.p95 is None or summary.count < LEAST_RUNS:
        return None
    return summary.p95 - summary.p50


def _greatest_first(changes: Iterable[ModelChange]) -> list[ModelChange]:
    return sorted(changes, key=lambda change: (-_size(change), change.unique_id))


def _size(change: ModelChange) -> float:
    difference = change.seconds.difference
    return abs(difference if difference is not None else change.seconds.after or 0.0)


def _counted_percent(changes: Iterable[SecondsChange]) -> float | None:
    """0 where no model that changed was there before; None where those that were took no time."""
    known = [change for change in changes if change.difference is not None]
    before = sum(change.before or 0.0 for change in known)
    grown = sum(change.difference or 0.0 for change in known if change.verdict is not ChangeVerdict.WITHIN_NOISE)
    if grown == 0:
        return 0.0
    return grown / before * 100 if before else None


def _only_in(here: ComparedRun, there: ComparedRun) -> tuple[str, ...]:
    """Models of a manifest that the other does not hold; () where either has none."""
    return tuple(sorted(here.codes.keys() - there.codes.keys())) if there.codes else ()


def _left_out(base: ComparedRun, head: ComparedRun) -> list[str]:
    """What the base executed and the head did not, though it may: all but what its manifest no longer holds. Manifests
    list no hooks, and sources elsewhere."""
    return [
        unique_id
        for unique_id in base.executed - head.executed
        if not head.parents or unique_id in head.parents or unique_id.startswith(("source.", "operation."))
    ]


def _new_failures(base: ComparedRun, head: ComparedRun) -> Iterable[NodeResult]:
    """What failed in the head, and did not in the base: models and the like before tests, then by unique id."""
    failed = [result for result in head.results.values() if result.status is RunStatus.FAILURE]
    for result in sorted(failed, key=lambda failed: (_is_test(failed), failed.unique_id)):
        earlier = base.results.get(result.unique_id)
        if earlier is None or earlier.status is not RunStatus.FAILURE:
            yield result


def _is_test(result: NodeResult) -> bool:
    return result.resource_type in (ResourceType.DATA_TEST, ResourceType.UNIT_TEST)


def _missing(base: ComparedRun, head: ComparedRun, changed: Sequence[ModelChange], left_out: int) -> Iterable[str]:
    for name, build in (("baseline", base), ("pull request", head)):
        if not any(build.codes.values()):
            what = "checksums of code" if build.codes else "the manifest"
            yield f"{what} of the {name}: which models changed is not known, and all that were built are shown"
    if left_out:
        yield (
            f"the whole run: the pull request built {len(head.executed_models)} models, and {left_out} resources that "
            "the baseline executed were left out, so it is not compared"
        )
    if not any(change.seconds.noise is not None for change in changed) and changed:
        yield f"the usual difference between two runs: the baseline has fewer than {LEAST_RUNS} runs of these models"
