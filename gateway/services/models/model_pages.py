"""Reading every model of several environments: pages of 500, pages of different environments in one document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from gateway.errors import GatewayError
from gateway.services.discovery.base_query import BaseQuery, BatchOperation
from gateway.services.discovery.page_reading import FilterVariable, PagedList, PageReading, read_to_end
from gateway.services.models.pushdown import PushedFilter
from gateway.services.rows.discovery_types import DescribedRow, ModelPage, ModelRow, PagedEnvironment, RuntimeRow

STATE = "state"
"""Stands, among the fields that are read of a model, for all that identifies, filters and ranks it."""

# These fields are read only when somebody asks for them.
OPTIONAL_FIELDS = frozenset(
    {
        "description",
        "database",
        "schema",
        "alias",
        "relationName",
        "access",
        "group",
        "language",
        "version",
        "filePath",
        "contractEnforced",
        "meta",
    }
)

_STATE_FIELDS = """uniqueId name packageName tags materializedType
    executionInfo {
      lastRunId lastJobDefinitionId lastRunStatus lastRunError lastRunGeneratedAt
      lastSuccessRunId lastSuccessJobDefinitionId
      executionTime compileStartedAt compileCompletedAt executeStartedAt executeCompletedAt
    }"""


_NAME = "EnvironmentModels"

_SELECTION = "applied { {first}models({arguments}) { ...Page } }"

_TIMED_FIELDS = "uniqueId executionInfo { executionTime }"

R = TypeVar("R")

_NO_FILTERS: Mapping[int, PushedFilter] = {}

Marks = dict[int, tuple[str, ...]]
"""Where the pages of each environment ended when they were last read."""


def _page(answer: PagedEnvironment[R]) -> ModelPage[R] | None:
    return answer.applied.models if answer.applied else None


async def read_pages(
    query: BaseQuery,
    environment_ids: Sequence[int],
    operation: BatchOperation[PagedEnvironment[R]],
    pushed: Mapping[int, PushedFilter] = _NO_FILTERS,
    marks: Marks | None = None,
) -> dict[int, list[R] | GatewayError]:
    """All models of each environment that meet its filter in `pushed`, or the error that stopped its reading.

    An environment without state has none. Pages of whole lists are read side by side as far as `marks` show where they
    begin, which are set anew. The operation's fragment is named `Page`, is on the connection, and selects
    `pageInfo { hasNextPage endCursor }`.
    """
    readings = _readings(operation, environment_ids, pushed=pushed, marks=marks)
    await read_to_end(query, operation, readings)
    _set(marks, readings)
    return {reading.environment_id: reading.failure or reading.nodes for reading in readings}


async def read_revised_pages(
    query: BaseQuery, environment_ids: Sequence[int], operation: BatchOperation[PagedEnvironment[R]], marks: Marks
) -> dict[int, tuple[list[R], datetime | None] | GatewayError]:
    """The same, without a filter, and with the revision under which each environment's first page was reported."""
    readings = _readings(operation, environment_ids, pushed=_NO_FILTERS, marks=marks, beside_first="lastUpdatedAt ")
    await read_to_end(query, operation, readings)
    _set(marks, readings)
    return {
        reading.environment_id: reading.failure or (reading.nodes, _revision(reading.first)) for reading in readings
    }


def _revision(first: PagedEnvironment[R] | None) -> datetime | None:
    return first.applied.last_updated_at if first is not None and first.applied else None


def _readings(
    _: BatchOperation[PagedEnvironment[R]],
    environment_ids: Sequence[int],
    *,
    pushed: Mapping[int, PushedFilter],
    marks: Marks | None,
    beside_first: str = "",
) -> list[PageReading[PagedEnvironment[R], R]]:
    paged: PagedList[PagedEnvironment[R], R] = PagedList("models", _SELECTION, _page)
    filters, known = _filter_variables(pushed), marks or {}
    return [
        PageReading(environment_id, paged, known.get(environment_id, ()), beside_first=beside_first)
        if environment_id not in filters
        else PageReading(environment_id, paged, filter=filters[environment_id])
        for environment_id in environment_ids
    ]


def _set(marks: Marks | None, readings: Sequence[PageReading[PagedEnvironment[R], R]]) -> None:
    if marks is not None:
        marks.update(
            {reading.environment_id: tuple(reading.seen) for reading in readings if reading.done and not reading.filter}
        )


def _filter_variables(pushed: Mapping[int, PushedFilter]) -> dict[int, FilterVariable]:
    """Each environment's filter; equal ones are one variable."""
    variables: dict[PushedFilter, FilterVariable] = {}
    for pushed_filter in pushed.values():
        name = f"filter{len(variables) or ''}"
        variables.setdefault(pushed_filter, FilterVariable(name, "ModelAppliedFilter", pushed_filter.variable))
    return {environment_id: variables[pushed_filter] for environment_id, pushed_filter in pushed.items()}


def models_operation(optional_fields: frozenset[str]) -> BatchOperation[PagedEnvironment[DescribedRow]]:
    """What STATE stands for, and those optional fields that are wanted."""
    optional = " ".join(sorted(optional_fields & OPTIONAL_FIELDS))
    return BatchOperation(_NAME, _fragment(f"{_STATE_FIELDS} {optional}"), PagedEnvironment[DescribedRow])


def states_operation() -> BatchOperation[PagedEnvironment[ModelRow]]:
    """What STATE stands for."""
    return BatchOperation(_NAME, _fragment(_STATE_FIELDS), PagedEnvironment[ModelRow])


def runtimes_operation() -> BatchOperation[PagedEnvironment[RuntimeRow]]:
    """Unique id and runtime, no more."""
    return BatchOperation(_NAME, _fragment(_TIMED_FIELDS), PagedEnvironment[RuntimeRow])


def _fragment(fields: str) -> str:
    return f"""fragment Page on ModelAppliedStateNodeConnection {{
  totalCount
  pageInfo {{ hasNextPage endCursor }}
  edges {{ node {{ {fields} }} }}
}}"""
