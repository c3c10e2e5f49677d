"""Order inputs, and the orders they stand for; without one, models and jobs by id, runs newest first."""

from __future__ import annotations

from typing import Annotated

import strawberry

from gateway.hierarchy.lists import ordering
from gateway.hierarchy.lists.ordering import (
    Direction,
    JobOrderField,
    ModelOrderField,
    NodeResultOrderField,
    Order,
    RunOrderField,
    SourceOrderField,
    usual_direction,
)
from gateway.hierarchy.objects.job import Job, Run
from gateway.hierarchy.objects.model import Model, ModelRun
from gateway.hierarchy.objects.node_result import NodeResult
from gateway.hierarchy.objects.project import Project
from gateway.hierarchy.objects.source import Source
from gateway.queries.resources.resources import Resource
from gateway.schema.vocabulary.enums import describe

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
        "SEVERITY": "How bad the outcome of the last attempt is: FAILURE is the worst.",
    },
)
describe(
    JobOrderField,
    "What jobs can be ordered by; ties by id.",
    {
        "ID": "The job's id.",
        "NAME": "The job's name.",
        "RUNTIME": "Duration of the last finished run.",
        "LAST_RUN_TIME": "When the last run started.",
        "SEVERITY": "How bad the status of the last run is: FAILURE is the worst.",
    },
)
describe(
    RunOrderField,
    "What runs can be ordered by; ties by id.",
    {
        "ID": "When it was created (else started, else ended), then its id.",
        "RUNTIME": "Duration.",
        "START_TIME": "When it started.",
        "SEVERITY": "How bad its status is: FAILURE is the worst.",
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

describe(
    NodeResultOrderField,
    "What results of a run can be ordered by; ties by unique id.",
    {
        "UNIQUE_ID": "dbt's unique id.",
        "RUNTIME": "Seconds spent on it.",
        "START_TIME": "When its execution began.",
        "SEVERITY": "How bad it is: FAILURE is the worst.",
    },
)

_FIELD = "What to order by."
_DIRECTION = "Which end comes first. Defaults to DESC for runtimes, times, age and severity, to ASC for ids and names."


@strawberry.input(description="An order of models.")
class ModelOrder:
    field: ModelOrderField = strawberry.field(description=_FIELD)
    direction: Direction | None = strawberry.field(default=strawberry.UNSET, description=_DIRECTION)


@strawberry.input(description="An order of jobs.")
class JobOrder:
    field: JobOrderField = strawberry.field(description=_FIELD)
    direction: Direction | None = strawberry.field(default=strawberry.UNSET, description=_DIRECTION)


@strawberry.input(description="An order of runs.")
class RunOrder:
    field: RunOrderField = strawberry.field(description=_FIELD)
    direction: Direction | None = strawberry.field(default=strawberry.UNSET, description=_DIRECTION)


@strawberry.input(description="An order of sources.")
class SourceOrder:
    field: SourceOrderField = strawberry.field(description=_FIELD)
    direction: Direction | None = strawberry.field(default=strawberry.UNSET, description=_DIRECTION)


@strawberry.input(description="An order of results.")
class NodeResultOrder:
    field: NodeResultOrderField = strawberry.field(description=_FIELD)
    direction: Direction | None = strawberry.field(default=strawberry.UNSET, description=_DIRECTION)


OrderModelsBy = Annotated[
    ModelOrder | None, strawberry.argument(description="The order of the list; by id, ascending, if left out.")
]
OrderJobsBy = Annotated[
    JobOrder | None, strawberry.argument(description="The order of the list; by id, ascending, if left out.")
]
OrderRunsBy = Annotated[
    RunOrder | None, strawberry.argument(description="The order of the list; newest first if left out.")
]

OrderSourcesBy = Annotated[
    SourceOrder | None, strawberry.argument(description="The order of the list; by project and unique id if left out.")
]

OrderResultsBy = Annotated[
    NodeResultOrder | None,
    strawberry.argument(description="The order of the list; by unique id if left out."),
]


def _direction(order: ModelOrder | JobOrder | RunOrder | SourceOrder | NodeResultOrder) -> Direction:
    return order.direction or usual_direction(order.field)


def order_of_models(order: ModelOrder | None) -> Order[Model]:
    return ordering.model_order(order.field, _direction(order)) if order else BY_MODEL_ID


def order_of_jobs(order: JobOrder | None) -> Order[Job]:
    return ordering.job_order(order.field, _direction(order)) if order else BY_JOB_ID


def order_of_runs(order: RunOrder | None) -> Order[Run]:
    return ordering.run_order(order.field, _direction(order)) if order else NEWEST_RUN


def order_of_sources(order: SourceOrder | None) -> Order[Source]:
    return ordering.source_order(order.field, _direction(order)) if order else BY_SOURCE_ID


def order_of_results(order: NodeResultOrder | None) -> Order[NodeResult]:
    return ordering.node_result_order(order.field, _direction(order)) if order else BY_UNIQUE_ID_OF_RESULT


BY_MODEL_ID = ordering.model_order(ModelOrderField.ID, Direction.ASC)
BY_JOB_ID = ordering.job_order(JobOrderField.ID, Direction.ASC)
NEWEST_RUN = ordering.run_order(RunOrderField.ID, Direction.DESC)
BY_SOURCE_ID = ordering.source_order(SourceOrderField.ID, Direction.ASC)
BY_PROJECT_ID: Order[Project] = Order(lambda project: project.id, lambda project: project.id)
BY_UNIQUE_ID: Order[ModelRun] = Order(lambda run: run.unique_id, lambda run: run.unique_id)
BY_UNIQUE_ID_OF_RESULT = ordering.node_result_order(NodeResultOrderField.UNIQUE_ID, Direction.ASC)
NEWEST_MODEL_RUN = ordering.model_run_order(Direction.DESC)
BY_RESOURCE: Order[Resource] = Order(lambda resource: resource.unique_id, lambda resource: resource.unique_id)
