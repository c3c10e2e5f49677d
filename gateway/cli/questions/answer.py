"""An answer before it has a format: facts, tables of rows, and the measure that `--fail-over` looks at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

Cell = str | bool | int | float | datetime | None


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column of a table, or one fact. `key` is its name for programs, with the unit; `title` and `unit` are for
    people. `bar`: a terminal shows its numbers as bars too. `signed`: people see + before what is above zero,
    and `digits` behind the point."""

    key: str
    title: str
    unit: str = ""
    bar: bool = False
    signed: bool = False
    digits: int = 2


@dataclass(frozen=True, slots=True)
class LabelledValue:
    """One thing that an answer says beside its tables."""

    column: TableColumn
    value: Cell


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under columns, in the order they are shown. `nothing` is what a person reads where there are no rows.

    `is_series`: rows are moments, newest first, and a terminal shows the column with bars as a sparkline too.
    """

    key: str
    columns: tuple[TableColumn, ...]
    rows: tuple[tuple[Cell, ...], ...]
    nothing: str
    is_series: bool = False


@dataclass(frozen=True, slots=True)
class Measure:
    """What `--fail-over` is compared with: `what` in words, in seconds, and in percent of a baseline. None where there
    is no such figure."""

    what: str
    seconds: float | None
    percent: float | None = None


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit of `--fail-over`: seconds, or percent of a baseline."""

    value: float
    is_percent: bool

    def __str__(self) -> str:
        return f"{self.value:g} {'%' if self.is_percent else 's'}"


@dataclass(frozen=True, slots=True)
class TerminalAnswer:
    """At least one table; the first is the one that CSV, which holds one only, shows. `notes` say what is not in it.
    With a `title` the Markdown stands by itself: it begins with the title and ends with the notes."""

    tables: tuple[Table, ...]
    facts: tuple[LabelledValue, ...] = ()
    notes: tuple[str, ...] = ()
    measure: Measure | None = None
    title: str | None = None
