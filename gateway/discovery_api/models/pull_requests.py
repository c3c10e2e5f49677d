"""What a pull request changes, as plain records. All durations are seconds."""

from __future__ import annotations

from gateway.discovery_api.models.account_analysis import CostEstimate
from gateway.discovery_api.models.reports import Report
from gateway.discovery_api.models.resources import NodeResult
from gateway.hierarchy.analysis import pull_request as facts


class SecondsChange(Report):
    """Seconds before and after; `noise` is by how much runs of the baseline usually differ, None where that is not
    known. `verdict` is slower, faster, same or within noise, None where there is nothing to compare."""

    before: float | None
    after: float | None
    difference: float | None
    percent: float | None
    noise: float | None
    verdict: str | None

    @classmethod
    def of(cls, change: facts.SecondsChange) -> SecondsChange:
        return cls(
            before=change.before,
            after=change.after,
            difference=change.difference,
            percent=change.percent,
            noise=change.noise,
            verdict=change.verdict.value if change.verdict else None,
        )


class ModelChange(Report):
    """One model before and after. Costs are those of one run; None where no rate is set, or that run did not build
    it."""

    unique_id: str
    seconds: SecondsChange
    is_added: bool
    cost_before: CostEstimate | None
    cost_after: CostEstimate | None

    @classmethod
    def of(cls, change: facts.ModelChange) -> ModelChange:
        return cls(
            unique_id=change.unique_id,
            seconds=SecondsChange.of(change.seconds),
            is_added=change.is_added,
            cost_before=CostEstimate.of(change.cost_before) if change.cost_before else None,
            cost_after=CostEstimate.of(change.cost_after) if change.cost_after else None,
        )


class PullRequestReport(Report):
    """What a pull request changes: see gateway.hierarchy.analysis.pull_request, whose figures these are."""

    base_run_id: str
    base_title: str
    head_run_id: str
    head_title: str
    git_sha: str | None
    project_ids: list[str]
    models_built: int
    run: SecondsChange
    total: SecondsChange
    counted_seconds: float
    counted_percent: float | None
    changed: list[ModelChange]
    others: list[ModelChange]
    added: list[str]
    removed: list[str]
    new_failures: list[NodeResult]
    path: SecondsChange | None
    path_added: list[str]
    cost_before: CostEstimate | None
    cost_after: CostEstimate | None
    missing: list[str]

    @classmethod
    def of(cls, report: facts.PullRequestReport) -> PullRequestReport:
        base, head, path = report.base, report.head, report.path
        return cls(
            base_run_id=str(base.run.id),
            base_title=base.title,
            head_run_id=str(head.run.id),
            head_title=head.title,
            git_sha=head.run.git_sha,
            project_ids=list(head.project_ids),
            models_built=len(head.executed_models),
            run=SecondsChange.of(report.run),
            total=SecondsChange.of(report.total),
            counted_seconds=report.counted_seconds,
            counted_percent=report.counted_percent,
            changed=[ModelChange.of(change) for change in report.changed],
            others=[ModelChange.of(change) for change in report.others],
            added=list(report.added),
            removed=list(report.removed),
            new_failures=[NodeResult.of(result) for result in report.new_failures],
            path=SecondsChange.of(path.seconds) if path else None,
            path_added=list(path.added) if path else [],
            cost_before=CostEstimate.of(report.cost_before) if report.cost_before else None,
            cost_after=CostEstimate.of(report.cost_after) if report.cost_after else None,
            missing=list(report.missing),
        )
