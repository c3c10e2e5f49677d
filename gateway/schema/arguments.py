"""Arguments that several fields share. Those a caller leaves out arrive as UNSET, which is falsy."""

from __future__ import annotations

from typing import Annotated

import strawberry

from gateway.schema.enums import DeploymentEnvironment
from gateway.schema.inputs import HistoryScope, ModelFilter, ProjectFilter, SearchFilter

TopN = Annotated[int, strawberry.argument(description="How many to return, 1 to 1000.")]
LastRuns = Annotated[
    int, strawberry.argument(description="How many of the last runs stand behind each figure, 1 to 100.")
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
