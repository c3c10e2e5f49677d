"""Orders of lists: by a value, ascending or descending, what has no value last, ties by id."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import total_ordering
from operator import itemgetter
from typing import Any, Generic, TypeVar

from gateway.hierarchy.objects.job import Job, Run
from gateway.hierarchy.objects.model import Model, ModelRun
from gateway.hierarchy.objects.node_result import NodeResult
from gateway.hierarchy.objects.source import Source
from gateway.hierarchy.vocabulary.status import RunStatus

T = TypeVar("T")

Value = str | float | int | None
Position = tuple[Value, ...]
"""Where an item stands in an ordered list: the value it is ordered by, and its id."""


class Direction(StrEnum):
    """Which end of a list comes first."""

    ASC = "asc"
    DESC = "desc"


class ModelOrderField(StrEnum):
    """What models can be ordered by."""

    ID = "id"
    NAME = "name"
    RUNTIME = "runtime"
    LAST_RUN_TIME = "last_run_time"
    SEVERITY = "severity"


class JobOrderField(StrEnum):
    """What jobs can be ordered by."""

    ID = "id"
    NAME = "name"
    RUNTIME = "runtime"
    LAST_RUN_TIME = "last_run_time"
    SEVERITY = "severity"


class RunOrderField(StrEnum):
    """What runs can be ordered by."""

    ID = "id"
    RUNTIME = "runtime"
    START_TIME = "start_time"
    SEVERITY = "severity"


class SourceOrderField(StrEnum):
    """What sources can be ordered by."""

    ID = "id"
    AGE = "age"


class NodeResultOrderField(StrEnum):
    """What results of a run can be ordered by."""

    UNIQUE_ID = "unique_id"
    RUNTIME = "runtime"
    START_TIME = "start_time"
    SEVERITY = "severity"


@total_ordering
class _Backwards:
    """A value that sorts the other way round."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Backwards) and self.value == other.value

    def __lt__(self, other: _Backwards) -> bool:
        return bool(other.value < self.value)

    __hash__ = None  # type: ignore[assignment]  # sorted by, never looked up


@dataclass(frozen=True, slots=True)
class Order(Generic[T]):
    """An order of a list. Positions survive outside of it: they are plain values that a cursor can carry.

    `id` differs between any two items, so that the order is total; `ties` says which end of equal values comes first.
    A `volatile` order is by a value that an item's next run changes.
    """

    value: Callable[[T], Value]
    id: Callable[[T], str | int]
    direction: Direction = Direction.ASC
    ties: Direction = Direction.ASC
    volatile: bool = False

    def position(self, item: T) -> Position:
        """Where an item stands."""
        return (self.value(item), self.id(item))

    def key(self, position: Position) -> tuple[Any, ...]:
        """What positions are compared by: no value last in both directions, ties by id."""
        value, item_id = position
        last = _Backwards(item_id) if self.ties is Direction.DESC else item_id
        if value is None:
            return (1, 0, last)
        return (0, _Backwards(value) if self.direction is Direction.DESC else value, last)

    def sort(self, items: Iterable[T]) -> list[T]:
        """The items in this order."""
        placed = self.place(items)
        placed.sort(key=PLACED_ID, reverse=self.ties is Direction.DESC)
        valued = [pair for pair in placed if pair[0] is not None]
        # Sorting leaves what is equal as it was, backwards too; comparing keys would take four times as long.
        valued.sort(key=PLACED_VALUE, reverse=self.direction is Direction.DESC)
        return [item for _, _, item in valued] + [item for value, _, item in placed if value is None]

    def place(self, items: Iterable[T]) -> list[tuple[Value, str | int, T]]:
        """Each item with what it is ordered by, and its id: nearly all that sorting costs, about 1 µs an item."""
        return [(self.value(item), self.id(item), item) for item in items]


PLACED_VALUE, PLACED_ID = itemgetter(0), itemgetter(1)
"""Of what `Order.place` gives: the value that decides, and the id."""


def model_order(field: ModelOrderField, direction: Direction) -> Order[Model]:
    """Models by id, name, runtime of the last success, time of the last attempt, or its severity."""
    values: dict[ModelOrderField, Callable[[Model], Value]] = {
        ModelOrderField.ID: lambda model: model.id,
        ModelOrderField.NAME: lambda model: model.name,
        ModelOrderField.RUNTIME: lambda model: model.runtime,
        ModelOrderField.LAST_RUN_TIME: lambda model: _moment(model.last_run_time),
        ModelOrderField.SEVERITY: lambda model: _severity(model.last_run_status),
    }
    return Order(values[field], lambda model: model.id, direction, volatile=_is_volatile(field))


def job_order(field: JobOrderField, direction: Direction) -> Order[Job]:
    """Jobs by id, name, runtime of the last finished run, start of the last run, or its severity."""
    values: dict[JobOrderField, Callable[[Job], Value]] = {
        JobOrderField.ID: lambda job: job.id,
        JobOrderField.NAME: lambda job: job.name,
        JobOrderField.RUNTIME: lambda job: job.last_finished_run.runtime if job.last_finished_run else None,
        JobOrderField.LAST_RUN_TIME: lambda job: _moment(job.last_run.start_time if job.last_run else None),
        JobOrderField.SEVERITY: lambda job: _severity(job.last_run.status if job.last_run else None),
    }
    return Order(values[field], lambda job: job.id, direction, volatile=_is_volatile(field))


def run_order(field: RunOrderField, direction: Direction) -> Order[Run]:
    """Runs as they were created (see newest_first), by wall clock, start, or severity.

    Of runs created at the same time the greater id is the newer; other ties go by ascending id.
    """
    values: dict[RunOrderField, Callable[[Run], Value]] = {
        RunOrderField.ID: lambda run: _text(run.created_at),
        RunOrderField.RUNTIME: lambda run: run.runtime,
        RunOrderField.START_TIME: lambda run: _moment(run.start_time),
        RunOrderField.SEVERITY: lambda run: _severity(run.status),
    }
    ties = direction if field is RunOrderField.ID else Direction.ASC
    return Order(values[field], lambda run: run.id, direction, ties, _is_volatile(field))


def source_order(field: SourceOrderField, direction: Direction) -> Order[Source]:
    """Sources by project and unique id, or by how old their newest row was when it was checked."""
    values: dict[SourceOrderField, Callable[[Source], Value]] = {
        SourceOrderField.ID: lambda source: source.place,
        SourceOrderField.AGE: lambda source: source.freshness.age_seconds,
    }
    return Order(values[field], lambda source: source.place, direction, volatile=_is_volatile(field))


def node_result_order(field: NodeResultOrderField, direction: Direction) -> Order[NodeResult]:
    """Results of one run by unique id, runtime, start, or severity. They do not change once the run has ended."""
    values: dict[NodeResultOrderField, Callable[[NodeResult], Value]] = {
        NodeResultOrderField.UNIQUE_ID: lambda result: result.unique_id,
        NodeResultOrderField.RUNTIME: lambda result: result.runtime,
        NodeResultOrderField.START_TIME: lambda result: _moment(result.start_time),
        NodeResultOrderField.SEVERITY: lambda result: result.status.severity,
    }
    return Order(values[field], lambda result: result.unique_id, direction)


OrderField = ModelOrderField | JobOrderField | RunOrderField | SourceOrderField | NodeResultOrderField


def usual_direction(field: OrderField) -> Direction:
    """What a reader expects without a word: ids and names from A, all else with the greatest first."""
    return Direction.ASC if field.name in ("ID", "NAME", "UNIQUE_ID") else Direction.DESC


def _is_volatile(field: OrderField) -> bool:
    return field.name not in ("ID", "NAME")


def _severity(status: RunStatus | None) -> int | None:
    return None if status is None else status.severity


def model_run_order(direction: Direction) -> Order[ModelRun]:
    """The runs of one model by when the invocation that ran it ended, then by run and invocation."""
    return Order(lambda model_run: _moment(model_run.ended_at), _number_of_run, direction, ties=direction)


def _number_of_run(model_run: ModelRun) -> str:
    """Text that sorts as the run's number does."""
    return f"{model_run.run_id:020d}:{model_run.invocation_id}"


def _text(time: datetime | None) -> str | None:
    """A UTC time as text that sorts as the time does; a cursor keeps it exact."""
    return None if time is None else time.astimezone(UTC).isoformat(timespec="microseconds")


def _moment(time: datetime | None) -> float | None:
    return None if time is None else time.timestamp()
