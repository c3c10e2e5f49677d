"""Figures over several runs: summaries, averages with what they leave out, single runtimes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import strawberry

from gateway.hierarchy import averages as average_facts
from gateway.hierarchy.history import LeftOut
from gateway.hierarchy.model import Model as ModelFacts
from gateway.hierarchy.model import ModelRun as ModelRunFacts
from gateway.hierarchy.statistics import Summary, summarise
from gateway.schema.costs import about
from gateway.schema.enums import RunStatus, describe

describe(
    LeftOut,
    "Why a run of a model does not count for an average.",
    {
        "NOT_EXECUTED": "The model was skipped in it.",
        "CANCELLED": "The model was cancelled in it.",
        "FAILED": "The model failed in it.",
        "CI": "It was a run of a CI or merge job.",
        "FULL_REFRESH": "It rebuilt the incremental model from nothing.",
    },
)


@strawberry.type(
    description="What several runtimes come to, in seconds. Percentiles interpolate between the two closest ranks."
)
class RuntimeSummary:
    count: int = strawberry.field(description="How many runtimes were taken in.")
    mean: float | None = strawberry.field(description="Arithmetic mean; null when there were none.")
    minimum: float | None = strawberry.field(description="The shortest.")
    p50: float | None = strawberry.field(description="The median.")
    p95: float | None = strawberry.field(description="The 95th percentile.")
    maximum: float | None = strawberry.field(description="The longest.")


@strawberry.type(description="Runs that were left out of an average, and why.")
class LeftOutRuns:
    reason: LeftOut = strawberry.field(description="Why they do not count.")
    count: int = strawberry.field(description="How many there were.")


@strawberry.type(description="The mean wall clock of a job's last runs that ended by themselves, with their spread.")
class JobAverage:
    @strawberry.field(description="The wall clocks, summarised; seconds.", graphql_type=RuntimeSummary)
    def runtimes(self, parent: strawberry.Parent[average_facts.JobAverage]) -> Summary:
        return parent.summary

    @strawberry.field(description="Mean wall clock in seconds; null when no run counts, or a filter keeps the job out.")
    def runtime(self, parent: strawberry.Parent[average_facts.JobAverage]) -> float | None:
        return parent.summary.mean

    passed_over: int = strawberry.field(
        description="Runs among them that were left out: cancelled, queued or under way."
    )


@strawberry.type(description="The mean over the slowest models of each one's own mean.")
class ModelAverage:
    runtime: float | None = strawberry.field(description="Seconds; null when no model has a runtime.")
    runs: int = strawberry.field(description="How many runs were looked at.")

    @strawberry.field(
        description="The spread of the models' own means that it is the mean of; seconds.", graphql_type=RuntimeSummary
    )
    def runtimes(self, parent: strawberry.Parent[AnyModelAverage]) -> Summary:
        return summarise(entry.runtime for entry in parent.slowest.entries)

    @strawberry.field(description="How many models it is the mean of.")
    def models(self, parent: strawberry.Parent[AnyModelAverage]) -> int:
        return len(parent.slowest.entries)

    @strawberry.field(description="Models without a runtime, which were left out.")
    def without_runtime(self, parent: strawberry.Parent[AnyModelAverage]) -> int:
        return parent.slowest.without_runtime

    @strawberry.field(description="Executions that do not count, by reason.", directives=about(3))
    def left_out(self, parent: strawberry.Parent[AnyModelAverage]) -> list[LeftOutRuns]:
        return left_out_runs(parent.left_out)


AnyModelAverage = average_facts.ModelAverage[ModelFacts] | average_facts.ModelAverage[ModelRunFacts]


@strawberry.type(description="One runtime: of a run of the job, or of one model in it.")
class RuntimeReport:
    job_id: strawberry.ID = strawberry.field(description="Id of the job.")
    run_id: strawberry.ID = strawberry.field(description="Id of the run.")
    model_id: strawberry.ID | None = strawberry.field(description="The model; null for the run as a whole.")
    runtime: float = strawberry.field(description="Seconds: the run's wall clock, or the model's own execution time.")
    start_time: datetime | None = strawberry.field(description="When it started (UTC).")
    end_time: datetime | None = strawberry.field(description="When it ended (UTC).")
    status: RunStatus = strawberry.field(description="How it ended.")


def left_out_runs(counts: Mapping[LeftOut, int]) -> list[LeftOutRuns]:
    """What was left out, ordered by reason."""
    return [LeftOutRuns(reason=reason, count=count) for reason, count in sorted(counts.items())]
