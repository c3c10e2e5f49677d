"""Reading every model of several environments: pages of 500, pages of different environments in one document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

from gateway.errors import GatewayError, UpstreamInvalidResponse
from gateway.services.base_query import BaseQuery, BatchOperation, RootLookup
from gateway.services.discovery_types import DescribedRow, ModelPage, ModelRow, PagedEnvironment, RuntimeRow
from gateway.services.models.pushdown import PushedFilter

PAGE_SIZE = 500
"""The most rows dbt gives on one page of an environment's list."""

# Twenty pages of 500 are what dbt's own clients take as the most one answer should hold.
_PER_DOCUMENT = 20

STATE = "state"
"""Stands, among fields, for all that identifies, filters and ranks a model. Without it unique id and runtime are read,
which is enough for a ranking by runtime."""

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

_TIMED_FIELDS = "uniqueId executionInfo { executionTime }"

R = TypeVar("R")

_NO_FILTERS: Mapping[int, PushedFilter] = {}

Marks = dict[int, tuple[str, ...]]
"""Where the pages of each environment ended when they were last read."""


@dataclass(slots=True)
class _Reading(Generic[R]):
    """How far one environment has been read."""

    environment_id: int
    marks: Sequence[str] = ()
    nodes: list[R] = field(default_factory=list)
    cursor: str | None = None
    seen: dict[str, None] = field(default_factory=dict)
    done: bool = False
    failure: GatewayError | None = None
    revision: datetime | None = None

    def take(self, page: ModelPage[R] | None) -> None:
        """Adds a page and notes where the next one begins."""
        if page is None:
            self.done = True
            return
        self.nodes += [edge.node for edge in page.edges]
        info = page.page_info
        if info is not None and not info.has_next_page:
            self.done = True
            self._check_total(page.total_count)
        elif info is None or not info.end_cursor or info.end_cursor in self.seen or not page.edges:
            self.failure = UpstreamInvalidResponse(
                f"dbt says that environment {self.environment_id} has more models but not where they begin. Try again."
            )
        else:
            self.cursor = info.end_cursor
            self.seen[info.end_cursor] = None

    def _check_total(self, total: int | None) -> None:
        """dbt may tell of more models than its pages held; of fewer where some went while they were read."""
        if total is not None and total > len(self.nodes):
            self.failure = UpstreamInvalidResponse(
                f"dbt says that environment {self.environment_id} has {total:,} models and gives {len(self.nodes):,}. "
                "What is missing nobody can tell. Try again; if it stays so, ask dbt's support."
            )

    def places(self) -> list[str | None]:
        """Where to read from next. At the beginning also behind the pages there were the last time: what stands there
        counts if the pages still end where they did."""
        return [self.cursor] if self.cursor else [None, *self.marks]


async def read_pages(
    query: BaseQuery,
    environment_ids: Sequence[int],
    operation: BatchOperation[PagedEnvironment[R]],
    pushed: Mapping[int, PushedFilter] = _NO_FILTERS,
    marks: Marks | None = None,
) -> dict[int, list[R] | GatewayError]:
    """All models of each environment that meet its filter in `pushed`, or the error that stopped its reading.

    An environment without state has none. Pages are read side by side as far as `marks` tell where they begin, which
    are set anew. The operation's fragment is named `Page`, is on the connection, and selects
    `pageInfo { hasNextPage endCursor }`.
    """
    readings = _readings(environment_ids, marks, operation)
    await _read_on(query, readings, operation, pushed)
    _set(marks, readings)
    return {reading.environment_id: reading.failure or reading.nodes for reading in readings}


async def read_revised_pages(
    query: BaseQuery, environment_ids: Sequence[int], operation: BatchOperation[PagedEnvironment[R]], marks: Marks
) -> dict[int, tuple[list[R], datetime | None] | GatewayError]:
    """The same, without a filter, and with the revision under which each environment's first page was told."""
    readings = _readings(environment_ids, marks, operation)
    await _read_on(query, readings, operation, _NO_FILTERS, "lastUpdatedAt ")
    _set(marks, readings)
    return {reading.environment_id: reading.failure or (reading.nodes, reading.revision) for reading in readings}


def _readings(
    environment_ids: Sequence[int], marks: Marks | None, _: BatchOperation[PagedEnvironment[R]]
) -> list[_Reading[R]]:
    return [_Reading(environment_id, (marks or {}).get(environment_id, ())) for environment_id in environment_ids]


def _set(marks: Marks | None, readings: Sequence[_Reading[R]]) -> None:
    if marks is not None:
        marks.update({reading.environment_id: tuple(reading.seen) for reading in readings if reading.done})


async def _read_on(
    query: BaseQuery,
    readings: Sequence[_Reading[R]],
    operation: BatchOperation[PagedEnvironment[R]],
    pushed: Mapping[int, PushedFilter],
    beside: str = "",
) -> None:
    """Reads to the end, with what is selected `beside` the first page."""
    variables = _filter_variables(pushed)
    while unfinished := [reading for reading in readings if not reading.done and reading.failure is None]:
        asked = [(reading, place) for reading in unfinished for place in reading.places()]
        lookups = [
            _lookup(n, reading.environment_id, place, variables.get(reading.environment_id), "" if place else beside)
            for n, (reading, place) in enumerate(asked)
        ]
        answers = await query.look_up(operation, lookups, _PER_DOCUMENT)
        for n, (reading, place) in enumerate(asked):
            # A page counts only where the one before it has ended, be it asked for beside that one or after it.
            if reading.cursor == place and not reading.done and reading.failure is None:
                _advance(reading, answers.get(f"e{n}"))


def _advance(reading: _Reading[R], answer: PagedEnvironment[R] | GatewayError | None) -> None:
    if isinstance(answer, GatewayError):
        reading.failure = answer
    else:
        if reading.cursor is None and answer and answer.applied:
            reading.revision = answer.applied.last_updated_at
        reading.take(answer.applied.models if answer and answer.applied else None)


def _filter_variables(pushed: Mapping[int, PushedFilter]) -> dict[int, tuple[str, PushedFilter]]:
    """Each environment's filter and the name of its variable; equal filters have one variable."""
    names: dict[PushedFilter, str] = {}
    for pushed_filter in pushed.values():
        names.setdefault(pushed_filter, f"filter{len(names) or ''}")
    return {environment_id: (names[pushed_filter], pushed_filter) for environment_id, pushed_filter in pushed.items()}


def _lookup(
    n: int, environment_id: int, place: str | None, pushed: tuple[str, PushedFilter] | None, beside: str
) -> RootLookup:
    variables: dict[str, tuple[str, object]] = {f"e{n}": ("BigInt!", environment_id), f"after{n}": ("String", place)}
    arguments = f"first: {PAGE_SIZE}, after: $after{n}"
    if pushed is not None:
        name, criteria = pushed
        arguments += f", filter: ${name}"
        variables[name] = ("ModelAppliedFilter", dict(criteria.variable))
    text = f"environment(id: $e{n}) {{ applied {{ {beside}models({arguments}) {{ ...Page }} }} }}"
    return RootLookup(f"e{n}", text, variables)


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
