"""What the runs of an account tell together, as plain records. All durations are seconds."""

from __future__ import annotations

from gateway.discovery_api.models.reports import Report
from gateway.hierarchy import account_analysis as facts
from gateway.hierarchy import cost


class CostEstimate(Report):
    """Money, estimated; `currency` is an ISO 4217 code."""

    amount: float
    currency: str

    @classmethod
    def of(cls, estimate: cost.CostEstimate) -> CostEstimate:
        return cls(amount=estimate.amount, currency=estimate.currency)


class WastedBuild(Report):
    """The builds of one model that changed nothing; `certainty` is certain, likely or concurrent."""

    unique_id: str
    environment_id: str
    certainty: str
    build_count: int
    weighted_seconds: float

    @classmethod
    def of(cls, one: facts.WastedBuild) -> WastedBuild:
        return cls(
            unique_id=one.unique_id,
            environment_id=str(one.environment_id),
            certainty=one.certainty.value.lower(),
            build_count=one.build_count,
            weighted_seconds=one.weighted_seconds,
        )


class WastedBuilds(Report):
    """Builds that changed nothing in a window; `models` by weighted seconds, the most first. The figures a day are of
    all models, and None where no checksums of code are known. `missing`: what is missing, in plain words."""

    models: list[WastedBuild]
    builds_per_day: float | None
    weighted_seconds_per_day: float | None
    cost_per_day: CostEstimate | None
    reused_count: int
    reused_seconds: float
    missing: list[str]

    @classmethod
    def of(cls, found: facts.WastedBuilds) -> WastedBuilds:
        return cls(
            models=[WastedBuild.of(one) for one in found.models],
            builds_per_day=found.builds_per_day,
            weighted_seconds_per_day=found.weighted_seconds_per_day,
            cost_per_day=CostEstimate.of(found.cost_per_day) if found.cost_per_day else None,
            reused_count=found.reuse.result_count,
            reused_seconds=found.reuse.saved_seconds,
            missing=list(found.basis.missing),
        )
