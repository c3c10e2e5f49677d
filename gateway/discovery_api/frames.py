"""Lists of objects and records as data frames: Arrow, and from there pandas and polars."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import Enum
from importlib import import_module
from typing import TYPE_CHECKING, Any, Self

from gateway.discovery_api.display.html_table import html_table
from gateway.discovery_api.display.rows import ColumnKind, kinds_of, rows_of
from gateway.discovery_api.exceptions import ConfigurationError

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow

_EXTRA = "Install it with: pip install 'dbt-gateway[dataframes]'"


class Frame(Sequence[Mapping[str, Any]]):
    """Rows of plain values, all with the same columns in the same order.

    A sequence of mappings; `columns` names the columns. `to_arrow()`, `to_pandas()` and `to_polars()` need the extra
    `dataframes` and raise ConfigurationError without it. Times are UTC with microseconds, runtimes seconds as floats,
    words such as statuses are text, lists of texts are lists; other nested values are JSON text. `kinds` says what the
    values of a column are; of columns that are not in it the values say it, and one without any value is text.
    """

    def __init__(
        self, rows: Sequence[Mapping[str, Any]], title: str = "rows", kinds: Mapping[str, ColumnKind] | None = None
    ) -> None:
        self._rows = [{name: _plain(value) for name, value in row.items()} for row in rows]
        self._title = title
        self._kinds = kinds or {}

    @classmethod
    def of(cls, items: Iterable[object], title: str = "rows") -> Self:
        """The frame of models, jobs, runs, projects, records or dicts: a row each, in their order."""
        listed = list(items)
        return cls(rows_of(listed), title, kinds_of(listed))

    @property
    def columns(self) -> list[str]:
        """The names of its columns; those of its kinds where it has no rows."""
        return list(self._rows[0]) if self._rows else list(self._kinds)

    def column(self, name: str) -> list[Any]:
        """The values of a column, in the order of the rows. Raises KeyError."""
        return [row[name] for row in self._rows]

    def to_arrow(self) -> pyarrow.Table:
        """A pyarrow.Table."""
        arrow = _imported("pyarrow")
        types = {
            ColumnKind.TEXT: arrow.string(),
            ColumnKind.NUMBER: arrow.float64(),
            ColumnKind.WHOLE: arrow.int64(),
            ColumnKind.FLAG: arrow.bool_(),
            ColumnKind.TIME: arrow.timestamp("us", tz="UTC"),
            ColumnKind.TEXTS: arrow.list_(arrow.string()),
            ColumnKind.JSON: arrow.string(),
        }
        columns = {name: self.column(name) for name in self.columns}
        kinds = {name: self._kinds.get(name) or _kind_of_values(values) for name, values in columns.items()}
        table: pyarrow.Table = arrow.table(
            {name: arrow.array(columns[name], type=types[kinds[name]]) for name in columns}
        )
        return table

    def to_pandas(self) -> pandas.DataFrame:
        """A pandas.DataFrame with the types of Arrow: missing numbers stay missing, whole numbers stay whole."""
        types = _imported("pandas").ArrowDtype
        frame: pandas.DataFrame = self.to_arrow().to_pandas(types_mapper=types)
        return frame

    def to_polars(self) -> polars.DataFrame:
        """A polars.DataFrame."""
        frame: polars.DataFrame = _imported("polars").from_arrow(self.to_arrow())
        return frame

    def __getitem__(self, place: Any) -> Any:
        return self._rows[place]

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        return f"<Frame of {len(self)} {self._title}: {', '.join(self.columns) or 'no columns'}>"

    def _repr_html_(self) -> str:
        return html_table(self._rows, self._title)


def _imported(library: str) -> Any:
    try:
        return import_module(library)
    except ImportError:
        raise ConfigurationError(f"{library} is not installed. {_EXTRA}") from None


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return json.dumps(value, default=str, sort_keys=True)
    if isinstance(value, list | tuple):
        parts = [_plain(part) for part in value]
        return parts if all(isinstance(part, str) for part in parts) else json.dumps(parts, default=str)
    return value


def _kind_of_values(values: Sequence[Any]) -> ColumnKind:
    present = [value for value in values if value is not None]
    if not present:
        return ColumnKind.TEXT
    return next(
        (kind for kind, types in _VALUES if all(isinstance(value, types) for value in present)), ColumnKind.TEXT
    )


_VALUES: tuple[tuple[ColumnKind, tuple[type, ...]], ...] = (
    (ColumnKind.TEXTS, (list,)),
    (ColumnKind.FLAG, (bool,)),
    (ColumnKind.WHOLE, (int,)),
    (ColumnKind.NUMBER, (int, float)),
    (ColumnKind.TIME, (datetime,)),
)
