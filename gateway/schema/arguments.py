"""Arguments that several fields share. Those a caller leaves out arrive as UNSET, which is falsy."""

from __future__ import annotations

from typing import Annotated

import strawberry

from gateway.schema.enums import DeploymentEnvironment
from gateway.schema.inputs import HistoryScope, ModelFilter, ProjectFilter, SearchFilter, SourceFilter

TopN = Annotated[int, strawberry.argument(description="How many to return, 1 to 1000.")]
LastRuns = Annotated[
    int, strawberry.argument(description="How many of the last runs stand behind each figure, 1 to 100.")
]
ByModel = Annotated[bool, strawberry.argument(description="Whether to report each model instead of whole runs.")]
Slowest = Annotated[
    int, strawberry.argument(description="How many of the slowest models to take the mean of, 1 to 1000.")
]
Environment = Annotated[
    DeploymentEnvironment, strawberry.argument(description="Which deployment environment to look at.")
]
ModelsFilter = Annotated[ModelFilter | None, strawberry.argument(description="Keeps the models that meet it.")]
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
    strawberry.argument(description="Keeps the runs in which the model met it, as it was there."),
]
SourcesFilter = Annotated[SourceFilter | None, strawberry.argument(description="Keeps the sources that meet it.")]
ProjectsFilter = Annotated[ProjectFilter | None, strawberry.argument(description="Keeps the projects that meet it.")]

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
