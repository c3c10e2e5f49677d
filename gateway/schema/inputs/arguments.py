"""Arguments that several fields share. Those a caller leaves out arrive as UNSET, which is falsy."""

from __future__ import annotations

from typing import Annotated

import strawberry

from gateway.hierarchy.vocabulary.variants import ALL_VARIANTS, Variant
from gateway.schema.inputs.filters import (
    HistoryScope,
    JobFilter,
    ModelFilter,
    NodeResultFilter,
    ProjectFilter,
    ResourceFilter,
    RunFilter,
    SearchFilter,
    SourceFilter,
)
from gateway.schema.vocabulary.enums import DeploymentEnvironment

TopN = Annotated[int, strawberry.argument(description="How many to return, 1 to 1000.")]
FirstFailures = Annotated[int, strawberry.argument(description="Return at most this many, 1 to 1000.")]
FirstSkipped = Annotated[int, strawberry.argument(description="Return at most this many, 1 to 1000.")]
Offset = Annotated[
    int, strawberry.argument(description="Leave out so many from the top, 0 to 100000: a rank is a position.")
]
IncludeFullRefresh = Annotated[
    bool,
    strawberry.argument(
        description="Whether full refreshes count. By default they are left out where the job has ordinary runs too."
    ),
]


def variants_left_out(include_full_refresh: bool) -> frozenset[Variant]:
    """Which runs of a job are left out of its averages."""
    return ALL_VARIANTS - {Variant.FULL_REFRESH} if include_full_refresh else ALL_VARIANTS


LastRuns = Annotated[int, strawberry.argument(description="Number of recent runs to average, 1 to 100.")]
ByModel = Annotated[bool, strawberry.argument(description="Report each model instead of whole runs.")]
Slowest = Annotated[int, strawberry.argument(description="Number of slowest models to average, 1 to 1000.")]
Environment = Annotated[
    DeploymentEnvironment, strawberry.argument(description="Which deployment environment to look at.")
]
ModelsFilter = Annotated[ModelFilter | None, strawberry.argument(description="Only models that match.")]
JobsFilter = Annotated[JobFilter | None, strawberry.argument(description="Only jobs that match.")]
ModelsOfJobFilter = Annotated[
    ModelFilter | None,
    strawberry.argument(description="Only models that match, as they were in the run that shows what the job builds."),
]
OfSuchJobs = Annotated[
    JobFilter | None,
    strawberry.argument(
        description="There is no average unless the job matches; its models match as they were in the run that tells "
        "what the job builds."
    ),
]
RunsFilter = Annotated[RunFilter | None, strawberry.argument(description="Only runs that match.")]
ModelsInRunFilter = Annotated[
    SearchFilter | None, strawberry.argument(description="Only models that matched, as they were in this run.")
]
RunsOfModelFilter = Annotated[
    SearchFilter | None,
    strawberry.argument(description="Only runs in which the model matched, with its values in that run."),
]
ResourcesFilter = Annotated[ResourceFilter | None, strawberry.argument(description="Only resources that match.")]
ResultsFilter = Annotated[NodeResultFilter | None, strawberry.argument(description="Only results that match.")]
SourcesFilter = Annotated[SourceFilter | None, strawberry.argument(description="Only sources that match.")]
ProjectsFilter = Annotated[ProjectFilter | None, strawberry.argument(description="Only projects that match.")]

Scope = Annotated[
    HistoryScope | None,
    strawberry.argument(
        name="history",
        description="Which runs the mean includes. If left out: ordinary successful runs, and for lastRuns: 1 the last "
        "successful run of any kind.",
    ),
]

MOST_RANKED = 1_000
MOST_OFFSET = 100_000
MOST_LAST_RUNS = 100
