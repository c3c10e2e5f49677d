"""Reading the lists of runs: several runs in one document, every row of each, whatever the upstream's cap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, Protocol, TypeVar

from gateway.errors import GatewayError, UpstreamInvalidResponse
from gateway.services.base_query import BaseQuery, BatchOperation, RootLookup
from gateway.services.page_reading import Place, read_to_end

# A job's list has no page info: without `first` dbt gives every row, and has announced to cap that at 100. So the
# first reading asks for all; exactly this many rows may be a capped answer, and reading goes on behind the last one.
_CAP = 100

_RUNS_PER_DOCUMENT = 20
_ROWS_PER_DOCUMENT = 10_000


def runs_per_document(models: int) -> int:
    """How many runs of projects with so many models one document holds."""
    return max(1, min(_RUNS_PER_DOCUMENT, _ROWS_PER_DOCUMENT // max(1, models)))


class RunKey(NamedTuple):
    """One run of one job."""

    job_id: int
    run_id: int


class Row(Protocol):
    """A row of a job's list."""

    @property
    def pagination_cursor(self) -> str | None: ...


R = TypeVar("R", bound=Row)
R_co = TypeVar("R_co", bound=Row, covariant=True)


class RowsOfJob(Protocol[R_co]):
    """The answer to one lookup."""

    @property
    def rows(self) -> Sequence[R_co]: ...


class JobList(NamedTuple):
    """One of the lists that a job has of a run's nodes, and what is selected of each; that has `paginationCursor`."""

    name: str
    selection: str


MODELS = JobList("models", "...R")


@dataclass(slots=True)
class Rows(Generic[R]):
    """The rows of one list of a run. `known` is False when dbt has no metadata of it, or not yet."""

    key: RunKey
    job_list: JobList = MODELS
    rows: list[R] = field(default_factory=list)
    known: bool = True
    cursor: Place = None
    seen: set[str] = field(default_factory=set)
    done: bool = False
    failure: GatewayError | None = None

    def places(self) -> Sequence[Place]:
        """Where to go on."""
        return (self.cursor,)

    def lookup(self, number: int, place: Place) -> RootLookup:
        """Asks for all rows, or behind a cursor for a page of them."""
        variables: dict[str, tuple[str, object]] = {
            f"j{number}": ("BigInt!", self.key.job_id),
            f"r{number}": ("BigInt", self.key.run_id),
        }
        paging = ""
        if place is not None:
            paging = f"(first: {_CAP}, after: $after{number})"
            variables[f"after{number}"] = ("String", place)
        text = f"job(id: $j{number}, runId: $r{number}) {{ id runId {self._selection(paging)} }}"
        return RootLookup(f"j{number}", text, variables, self.key.job_id)

    def _selection(self, paging: str) -> str:
        return f"rows: {self.job_list.name}{paging} {{ {self.job_list.selection} }}"

    def take(self, answer: RowsOfJob[R] | None) -> None:
        """Adds what came back and notes where to go on."""
        if answer is None:
            self.known = self.cursor is not None
            self.done = True
            return
        self.rows.extend(answer.rows)
        cursor = answer.rows[-1].pagination_cursor if len(answer.rows) == _CAP else None
        if cursor is not None and cursor in self.seen:
            self.failure = UpstreamInvalidResponse(f"dbt repeats a page of run {self.key.run_id}. Try again.")
        self.done = cursor is None
        self.cursor = cursor
        if cursor is not None:
            self.seen.add(cursor)


async def read_rows(
    query: BaseQuery,
    operation: BatchOperation[RowsOfJob[R]],
    keys: Sequence[RunKey],
    per_document: int = _RUNS_PER_DOCUMENT,
) -> dict[RunKey, Rows[R] | GatewayError]:
    """All models of each run. The operation's fragment is named `R` and selects `paginationCursor`."""
    rows_by_list = await read_lists_of_runs(query, operation, [(key, MODELS) for key in keys], per_document)
    return {key: rows for (key, _), rows in rows_by_list.items()}


async def read_lists_of_runs(
    query: BaseQuery,
    operation: BatchOperation[RowsOfJob[R]],
    lists: Sequence[tuple[RunKey, JobList]],
    per_document: int = _RUNS_PER_DOCUMENT,
) -> dict[tuple[RunKey, JobList], Rows[R] | GatewayError]:
    """All rows of each list."""
    readings: list[Rows[R]] = [Rows(key, name) for key, name in lists]
    await read_to_end(query, operation, readings, per_document)
    return {(reading.key, reading.job_list): reading.failure or reading for reading in readings}
