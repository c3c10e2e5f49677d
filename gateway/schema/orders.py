"""Order inputs, and the orders they stand for; without one, models and jobs by id, runs newest first."""

from __future__ import annotations

from typing import Annotated

import strawberry

from gateway.hierarchy import ordering
from gateway.hierarchy.job import Job, Run
from gateway.hierarchy.model import Model, ModelRun
from gateway.hierarchy.ordering import (
    Direction,
    JobOrderField,
    ModelOrderField,
    Order,
    RunOrderField,
    SourceOrderField,
)
from gateway.hierarchy.project import Project
from gateway.hierarchy.source import Source
from gateway.schema.enums import describe

describe(
    Direction,
    "Which end of a list comes first. What has no value comes last both ways.",
    {"ASC": "Smallest, earliest, A first.", "DESC": "Greatest, latest, Z first."},
)
describe(
    ModelOrderField,
    "What models can be ordered by; ties by id.",
    {
        "ID": "The model's id.",
        "NAME": "The model's name.",
        "RUNTIME": "Seconds of the last successful run.",
        "LAST_RUN_TIME": "When the last attempt ended.",
        "STATUS": "How the last attempt ended, alphabetically.",
    },
)
describe(
    JobOrderField,
    "What jobs can be ordered by; ties by id.",
    {
        "ID": "The job's id.",
        "NAME": "The job's name.",
        "RUNTIME": "Wall clock of the last finished run.",
        "LAST_RUN_TIME": "When the last run started.",
        "STATUS": "How the last run ended or where it stands, alphabetically.",
    },
)
describe(
    RunOrderField,
    "What runs can be ordered by; ties by id.",
    {
        "ID": "The run's id: the order of creation.",
        "RUNTIME": "Wall clock.",
        "START_TIME": "When it started.",
        "STATUS": "How it ended or where it stands, alphabetically.",
    },
)
describe(
    SourceOrderField,
    "What sources can be ordered by; ties by id.",
    {
        "ID": "The project's id, then dbt's unique id.",
        "AGE": "How old the newest row was when it was checked.",
    },
)

_FIELD = "What to order by."
_DIRECTION = "Which end comes first."


@strawberry.input(description="An order of models.")
class ModelOrder:
    field: ModelOrderField = strawberry.field(description=_FIELD)
    direction: Direction = strawberry.field(default=Direction.ASC, description=_DIRECTION)


@strawberry.input(description="An order of jobs.")
class JobOrder:
    field: JobOrderField = strawberry.field(description=_FIELD)
    direction: Direction = strawberry.field(default=Direction.ASC, description=_DIRECTION)


@strawberry.input(description="An order of runs.")
class RunOrder:
    field: RunOrderField = strawberry.field(description=_FIELD)
    direction: Direction = strawberry.field(default=Direction.DESC, description=_DIRECTION)


@strawberry.input(description="An order of sources.")
class SourceOrder:
    field: SourceOrderField = strawberry.field(description=_FIELD)
    direction: Direction = strawberry.field(default=Direction.ASC, description=_DIRECTION)


OrderModelsBy = Annotated[
    ModelOrder | None, strawberry.argument(description="The order of the list; by id if left out.")
]
OrderJobsBy = Annotated[JobOrder | None, strawberry.argument(description="The order of the list; by id if left out.")]
OrderRunsBy = Annotated[
    RunOrder | None, strawberry.argument(description="The order of the list; newest first if left out.")
]

OrderSourcesBy = Annotated[
    SourceOrder | None, strawberry.argument(description="The order of the list; by project and unique id if left out.")
]


def order_of_models(given: ModelOrder | None) -> Order[Model]:
    return ordering.model_order(given.field, given.direction) if given else BY_MODEL_ID


def order_of_jobs(given: JobOrder | None) -> Order[Job]:
    return ordering.job_order(given.field, given.direction) if given else BY_JOB_ID


def order_of_runs(given: RunOrder | None) -> Order[Run]:
    return ordering.run_order(given.field, given.direction) if given else NEWEST_RUN


def order_of_sources(given: SourceOrder | None) -> Order[Source]:
    return ordering.source_order(given.field, given.direction) if given else BY_SOURCE_ID


BY_MODEL_ID = ordering.model_order(ModelOrderField.ID, Direction.ASC)
BY_JOB_ID = ordering.job_order(JobOrderField.ID, Direction.ASC)
NEWEST_RUN = ordering.run_order(RunOrderField.ID, Direction.DESC)
BY_SOURCE_ID = ordering.source_order(SourceOrderField.ID, Direction.ASC)
BY_PROJECT_ID: Order[Project] = Order(lambda project: project.id, lambda project: project.id)
BY_UNIQUE_ID: Order[ModelRun] = Order(lambda run: run.unique_id, lambda run: run.unique_id)
NEWEST_MODEL_RUN: Order[ModelRun] = Order(
    lambda run: run.ended_at.timestamp() if run.ended_at else None,
    lambda run: f"{run.run_id}:{run.invocation_id}",
    Direction.DESC,
)
