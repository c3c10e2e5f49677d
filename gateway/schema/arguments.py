"""Arguments that several fields share. Those a caller leaves out arrive as UNSET, which is falsy."""

from __future__ import annotations

from typing import Annotated

import strawberry

from gateway.schema.enums import DeploymentEnvironment
from gateway.schema.inputs import HistoryScope, ModelFilter, ProjectFilter, SearchFilter, SourceFilter

TopN = Annotated[int, strawberry.argument(description="How many to return, 1 to 1000.")]
LastRuns = Annotated[int, strawberry.argument(description="Number of recent runs to average, 1 to 100.")]
ByModel = Annotated[bool, strawberry.argument(description="Report each model instead of whole runs.")]
Slowest = Annotated[int, strawberry.argument(description="Number of slowest models to average, 1 to 1000.")]
Environment = Annotated[
    DeploymentEnvironment, strawberry.argument(description="Which deployment environment to look at.")
]
ModelsFilter = Annotated[ModelFilter | None, strawberry.argument(description="Only models that match.")]
ContainsFilter = Annotated[
    SearchFilter | None, strawberry.argument(description="Keeps what contains a model that meets it.")
]
ContainsModelFilter = Annotated[
    ModelFilter | None,
    strawberry.argument(
        name="modelFilter", description="Keeps what contains a model that meets it; may name models by id."
    ),
]
RunsOfModelFilter = Annotated[
    SearchFilter | None,
    strawberry.argument(description="Only runs in which the model matched, as it was there."),
]
SourcesFilter = Annotated[SourceFilter | None, strawberry.argument(description="Only sources that match.")]
ProjectsFilter = Annotated[ProjectFilter | None, strawberry.argument(description="Only projects that match.")]

Scope = Annotated[
    HistoryScope | None,
    strawberry.argument(
        name="history",
        description="Which runs the mean takes in. If left out: ordinary successful runs, and for lastRuns: 1 the last "
        "successful run of any kind.",
    ),
]

MOST_RANKED = 1_000
MOST_LAST_RUNS = 100
