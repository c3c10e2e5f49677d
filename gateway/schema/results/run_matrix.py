"""Models by the runs of a job, for heat maps, and what most often lies on the critical path."""

from __future__ import annotations

from typing import Annotated

import strawberry

from gateway.hierarchy.analysis import run_matrix as facts
from gateway.hierarchy.objects import model as model_facts
from gateway.queries.analysis import run_matrix
from gateway.schema.context import Info, field_context
from gateway.schema.lazy import LazyModel, LazyRun
from gateway.schema.vocabulary.costs import about
from gateway.schema.vocabulary.enums import RunStatus

MOST_MATRIX_RUNS = 100
MOST_MATRIX_ROWS = 500
MOST_CRITICAL = 100

MatrixRuns = Annotated[
    int, strawberry.argument(name="lastRuns", description="How many of the newest completed runs, 1 to 100.")
]
MatrixRows = Annotated[
    int, strawberry.argument(name="first", description="Return at most this many models, slowest first, 1 to 500.")
]
FirstCritical = Annotated[
    int, strawberry.argument(name="first", description="Return at most this many, most often first, 1 to 100.")
]

_GONE = "The model. Null when the project no longer defines it."


@strawberry.type(description="One model over the runs of a matrix.")
class RunMatrixRow:
    unique_id: str = strawberry.field(description="dbt's unique id of the model.")
    median_seconds: float | None = strawberry.field(
        description="Median of its own seconds in the runs in which it succeeded. Null without any."
    )
    runtimes: list[float | None] = strawberry.field(
        description="Its seconds in each run of the matrix; null where it was not executed.", directives=about(50)
    )
    statuses: list[RunStatus | None] = strawberry.field(
        description="How it ended in each run; null where it was not part of the run.", directives=about(50)
    )

    @strawberry.field(description=_GONE, graphql_type=LazyModel | None)
    async def model(self, parent: strawberry.Parent[facts.RunMatrixRow], info: Info) -> model_facts.Model | None:
        return await run_matrix.model_of_row(field_context(info), parent)


@strawberry.type(description="Models by runs of a job: what a heat map needs.")
class RunMatrix:
    runs: list[LazyRun] = strawberry.field(
        description="The completed runs, oldest first: the columns.", directives=about(50)
    )
    rows: list[RunMatrixRow] = strawberry.field(description="One row a model, slowest first.")
    left_out: int = strawberry.field(description="How many models more there are.")


@strawberry.type(description="How often a model lies on the critical path.")
class OftenCritical:
    unique_id: str = strawberry.field(description="dbt's unique id of the model.")
    share: float = strawberry.field(description="Runs in which it lies on the path, over runs that have one, 0 to 1.")
    mean_seconds: float = strawberry.field(description="Its mean seconds there.")

    @strawberry.field(description=_GONE, graphql_type=LazyModel | None)
    async def model(self, parent: strawberry.Parent[facts.OftenCritical], info: Info) -> model_facts.Model | None:
        return await run_matrix.model_of_row(field_context(info), parent)
