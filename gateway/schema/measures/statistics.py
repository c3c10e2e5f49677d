"""Figures over several runs: summaries, averages with what they leave out, single runtimes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import strawberry

from gateway.hierarchy.history.counted_runs import LeftOutReason
from gateway.hierarchy.measures.statistics import Summary, summarise
from gateway.hierarchy.objects.model import Model as ModelFacts
from gateway.hierarchy.objects.model import ModelRun as ModelRunFacts
from gateway.hierarchy.rankings import averages as average_facts
from gateway.schema.vocabulary.costs import about
from gateway.schema.vocabulary.enums import RunStatus, describe

describe(
    LeftOutReason,
    "Why a run, or a model in a run, does not count for an average.",
    {
        "NOT_EXECUTED": "It was skipped.",
        "CANCELLED": "It was cancelled.",
        "FAILED": "The model failed in the run.",
        "CI": "The run belongs to a CI or merge job.",
        "FULL_REFRESH": "The run rebuilt the incremental model from nothing.",
        "UNFINISHED": "The run is queued, under way, or has no known start or end.",
        "REUSED": "dbt kept the model's last result instead of building it.",
        "UNKNOWN": "dbt reported an outcome that this gateway does not know.",
        "CLONE": "`dbt clone` copied the model instead of building it.",
        "EMPTY": "The model was built without rows (`--empty`).",
        "SAMPLE": "The model was built from a sample of its data (`--sample`).",
    },
)


@strawberry.type(
    description="Statistics of one or more runtimes, in seconds. Percentiles interpolate between the two closest ranks."
)
class RuntimeSummary:
    count: int = strawberry.field(description="Number of runtimes.")
    mean: float = strawberry.field(description="Arithmetic mean, in seconds.")
    minimum: float = strawberry.field(description="The shortest, in seconds.")
    p50: float = strawberry.field(description="The median, in seconds.")
    p95: float = strawberry.field(description="The 95th percentile, in seconds.")
    maximum: float = strawberry.field(description="The longest, in seconds.")


@strawberry.type(description="Runs, or executions of models, that were left out of an average, and why.")
class LeftOutRuns:
    reason: LeftOutReason = strawberry.field(description="Why they do not count.")
    count: int = strawberry.field(description="How many there are.")


@strawberry.type(
    description="Mean duration of a job's most recent completed runs (succeeded or failed, not cancelled)."
)
class JobAverage:
    @strawberry.field(
        description="Statistics of the durations, in seconds; null when no run counts.",
        graphql_type=RuntimeSummary | None,
    )
    def runtimes(self, parent: strawberry.Parent[average_facts.JobAverage]) -> Summary | None:
        return parent.summary if parent.summary.count else None

    @strawberry.field(description="Mean duration in seconds; null when no run counts, or the filter rejects the job.")
    def runtime(self, parent: strawberry.Parent[average_facts.JobAverage]) -> float | None:
        return parent.summary.mean

    @strawberry.field(description="Runs among them that do not count, by reason.", directives=about(3))
    def left_out(self, parent: strawberry.Parent[average_facts.JobAverage]) -> list[LeftOutRuns]:
        return left_out_runs(parent.left_out)


@strawberry.type(description="The average runtime of the slowest models: the mean of each model's own mean.")
class ModelAverage:
    runtime: float | None = strawberry.field(description="Seconds; null when no model has a runtime.")

    @strawberry.field(description="Number of runs that were looked at.")
    def run_count(self, parent: strawberry.Parent[AnyModelAverage]) -> int:
        return parent.runs

    @strawberry.field(
        description="Statistics of the models' own means, in seconds; null when no model has a runtime.",
        graphql_type=RuntimeSummary | None,
    )
    def runtimes(self, parent: strawberry.Parent[AnyModelAverage]) -> Summary | None:
        summary = summarise(entry.runtime for entry in parent.slowest.entries)
        return summary if summary.count else None

    @strawberry.field(description="Number of models it is the mean of.")
    def model_count(self, parent: strawberry.Parent[AnyModelAverage]) -> int:
        return len(parent.slowest.entries)

    @strawberry.field(description="Executions of models that do not count, by reason.", directives=about(3))
    def left_out(self, parent: strawberry.Parent[AnyModelAverage]) -> list[LeftOutRuns]:
        return left_out_runs(parent.left_out)


AnyModelAverage = average_facts.ModelAverage[ModelFacts] | average_facts.ModelAverage[ModelRunFacts]


@strawberry.type(description="One runtime: of a run of the job, or of one model in it.")
class RuntimeReport:
    job_id: strawberry.ID = strawberry.field(description="Id of the job.")
    run_id: strawberry.ID = strawberry.field(description="Id of the run.")
    model_id: strawberry.ID | None = strawberry.field(description="The model; null for the run as a whole.")
    runtime: float = strawberry.field(description="Seconds: the run's wall clock, or the model's own execution time.")
    start_time: datetime | None = strawberry.field(description="When it started (UTC); null where dbt does not say.")
    end_time: datetime | None = strawberry.field(description="When it ended (UTC); null where dbt does not say.")
    status: RunStatus = strawberry.field(description="How it ended.")


def left_out_runs(counts: Mapping[LeftOutReason, int]) -> list[LeftOutRuns]:
    """What was left out, ordered by reason."""
    return [LeftOutRuns(reason=reason, count=count) for reason, count in sorted(counts.items())]
