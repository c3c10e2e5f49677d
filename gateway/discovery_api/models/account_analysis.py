"""What the runs of an account show together, as plain records. All durations are seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from gateway.discovery_api.models.reports import Report
from gateway.hierarchy.analysis import account_analysis as facts
from gateway.hierarchy.measures import cost
from gateway.hierarchy.measures.statistics import Summary


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
    def of(cls, build: facts.WastedBuild) -> WastedBuild:
        return cls(
            unique_id=build.unique_id,
            environment_id=str(build.environment_id),
            certainty=build.certainty.value.lower(),
            build_count=build.build_count,
            weighted_seconds=build.weighted_seconds,
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
    def of(cls, builds: facts.WastedBuilds) -> WastedBuilds:
        return cls(
            models=[WastedBuild.of(build) for build in builds.models],
            builds_per_day=builds.builds_per_day,
            weighted_seconds_per_day=builds.weighted_seconds_per_day,
            cost_per_day=CostEstimate.of(builds.cost_per_day) if builds.cost_per_day else None,
            reused_count=builds.reuse.result_count,
            reused_seconds=builds.reuse.saved_seconds,
            missing=list(builds.basis.missing),
        )


class Spread(Report):
    """Several durations in seconds; percentiles interpolate between the two closest ranks."""

    count: int
    mean: float
    minimum: float
    p50: float
    p95: float
    maximum: float

    @classmethod
    def of(cls, summary: Summary) -> Spread | None:
        """None of nothing."""
        return cls.model_validate(asdict(summary)) if summary.count else None


class ConcurrencyBucket(Report):
    """A stretch of time from `start_time` (UTC): most runs at once, and seconds of all waits in the queue together."""

    start_time: datetime
    peak_runs: int
    queue_seconds: float


class JobConcurrency(Report):
    """A job among the others: `queue` from creation to start, `preparation` the part of it after a worker took the
    run. Both are None where no run has them."""

    job_id: str
    queue: Spread | None
    preparation: Spread | None
    overlap_seconds: float
    over_scheduled_share: float
    is_over_scheduled: bool

    @classmethod
    def of(cls, job: facts.JobConcurrency) -> JobConcurrency:
        return cls(
            job_id=str(job.job_id),
            queue=Spread.of(job.queue_summary),
            preparation=Spread.of(job.preparation_summary),
            overlap_seconds=job.overlap_seconds,
            over_scheduled_share=job.over_scheduled_share,
            is_over_scheduled=job.is_over_scheduled,
        )


class SharedModel(Report):
    """A model that runs of different jobs built at once: how many pairs of runs, and the jobs."""

    unique_id: str
    run_pairs: int
    job_ids: list[str]

    @classmethod
    def of(cls, model: facts.SharedModel) -> SharedModel:
        return cls(
            unique_id=model.unique_id, run_pairs=model.run_pairs, job_ids=[str(job_id) for job_id in model.job_ids]
        )


class Concurrency(Report):
    """Which runs wait for and overlap which others; buckets oldest first, jobs by the time that their runs waited
    together, the longest first; models that several jobs built at once, those of most pairs of runs first."""

    peak_runs: int
    peak_time: datetime | None
    buckets: list[ConcurrencyBucket]
    jobs: list[JobConcurrency]
    shared_models: list[SharedModel]
    missing: list[str]

    @classmethod
    def of(cls, concurrency: facts.Concurrency, shared_models: Sequence[facts.SharedModel]) -> Concurrency:
        return cls(
            shared_models=[SharedModel.of(model) for model in shared_models],
            peak_runs=concurrency.peak_runs,
            peak_time=concurrency.peak_time,
            buckets=[ConcurrencyBucket.model_validate(asdict(bucket)) for bucket in concurrency.buckets],
            jobs=[JobConcurrency.of(job) for job in concurrency.jobs],
            missing=list(concurrency.basis.missing),
        )


class DeadlineReport(Report):
    """Whether a job ended by a time of day: on which share of the days that count, 0 to 1, None where none does.
    `slack`: seconds left at the deadline, negative when late. `data_age`: seconds since the sources' newest rows."""

    met_share: float | None
    day_count: int
    slack: Spread | None
    data_age: Spread | None
    missing: list[str]

    @classmethod
    def of(cls, report: facts.DeadlineReport, data_age: Summary) -> DeadlineReport:
        return cls(
            met_share=report.met_share,
            day_count=report.day_count,
            slack=Spread.of(report.slack_summary),
            data_age=Spread.of(data_age),
            missing=list(report.basis.missing),
        )
