"""Reading the lists of runs: several runs in one document, every row of each, whatever the upstream's cap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Generic, NamedTuple, Protocol, TypeVar

from gateway.errors import GatewayError, UpstreamInvalidResponse, UpstreamRejected
from gateway.services.discovery.base_query import BaseQuery, BatchOperation, RootLookup
from gateway.services.discovery.page_reading import Place, read_to_end

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


class ListsOfJob(RowsOfJob[R_co], Protocol):
    """The answer to one lookup of up to five lists."""

    @property
    def rows1(self) -> Sequence[R_co] | None: ...
    @property
    def rows2(self) -> Sequence[R_co] | None: ...
    @property
    def rows3(self) -> Sequence[R_co] | None: ...
    @property
    def rows4(self) -> Sequence[R_co] | None: ...


class JobList(NamedTuple):
    """One of the lists that a job has of a run's nodes, and what is selected of each; that has `paginationCursor`.

    `fragment` is what the selection spreads, unless the operation has it.
    """

    name: str
    selection: str
    fragment: str = ""

    @classmethod
    def of(cls, name: str, type_name: str, fields: str) -> JobList:
        """A list whose fields are written, and checked by dbt, once in a document, however many runs it names."""
        return cls(name, f"...{type_name}", f"fragment {type_name} on {type_name} {{ {fields} }}")


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
        if place is None:
            return _lookup(number, self.key, [self.job_list])
        after = f"after{number}"
        paging = f"(first: {_CAP}, after: ${after})"
        return _lookup(number, self.key, [self.job_list], paging, {after: ("String", place)})

    def take(self, answer: RowsOfJob[R] | None) -> None:
        """Adds what came back and notes where to go on."""
        self.take_rows(None if answer is None else answer.rows)

    def take_rows(self, rows: Sequence[R] | None) -> None:
        """The same of the rows alone; None where dbt has no metadata."""
        if rows is None:
            self.known = self.cursor is not None
            self.done = True
            return
        self.rows.extend(rows)
        cursor = rows[-1].pagination_cursor if len(rows) == _CAP else None
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


async def read_runs(
    query: BaseQuery,
    operation: BatchOperation[ListsOfJob[R]],
    lists: Sequence[tuple[RunKey, JobList]],
    per_document: int,
) -> dict[tuple[RunKey, JobList], Rows[R] | GatewayError]:
    """The same for up to five lists of each run, which one root of a document asks for. Where dbt rejects some of them,
    each is asked for alone; further pages are too."""
    readings: dict[RunKey, list[Rows[R]]] = {}
    for key, job_list in lists:
        readings.setdefault(key, []).append(Rows(key, job_list))
    lookups = {
        key: _lookup(n, key, [reading.job_list for reading in of_run])
        for n, (key, of_run) in enumerate(readings.items())
    }
    most = max(map(len, readings.values()), default=1)
    answers = await query.look_up(operation, list(lookups.values()), max(1, per_document // most))
    for key, lookup in lookups.items():
        _distribute(answers.get(lookup.alias), readings[key])
    every = [reading for of_run in readings.values() for reading in of_run]
    await read_to_end(query, operation, every, per_document)
    return {(reading.key, reading.job_list): reading.failure or reading for reading in every}


def _distribute(answer: ListsOfJob[R] | GatewayError | None, readings: Sequence[Rows[R]]) -> None:
    if isinstance(answer, GatewayError):
        # One of them may be at fault: alone, it leaves the others whole.
        if len(readings) == 1 or not isinstance(answer, UpstreamRejected):
            for reading in readings:
                reading.failure = answer
        return
    columns = (None,) * 5 if answer is None else (answer.rows, answer.rows1, answer.rows2, answer.rows3, answer.rows4)
    for reading, rows in zip(readings, columns, strict=False):
        reading.take_rows(rows)


def _lookup(
    number: int,
    key: RunKey,
    lists: Sequence[JobList],
    paging: str = "",
    more: Mapping[str, tuple[str, object]] = MappingProxyType({}),
) -> RootLookup:
    # Runs of one job share their variable: each is one more thing that dbt has to check.
    job, run = f"j{key.job_id}", f"r{key.run_id}"
    variables = {job: ("BigInt!", key.job_id), run: ("BigInt", key.run_id), **more}
    rows = " ".join(
        f"rows{n or ''}: {job_list.name}{paging} {{ {job_list.selection} }}" for n, job_list in enumerate(lists)
    )
    text = f"job(id: ${job}, runId: ${run}) {{ id runId {rows} }}"
    fragments = tuple(job_list.fragment for job_list in lists if job_list.fragment)
    return RootLookup(f"j{number}", text, variables, key.job_id, fragments)
