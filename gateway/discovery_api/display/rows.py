"""Objects and records of the library as rows of plain values, for tables and data frames."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import Enum, StrEnum
from types import NoneType
from typing import Any, Protocol, get_args, runtime_checkable

from pydantic import BaseModel


@runtime_checkable
class Recorded(Protocol):
    """An object that makes a plain record of itself."""

    def to_record(self) -> BaseModel: ...


class ColumnKind(StrEnum):
    """What the values of a column are. JSON is text that holds any other value."""

    TEXT = "text"
    NUMBER = "number"
    WHOLE = "whole"
    FLAG = "flag"
    TIME = "time"
    TEXTS = "texts"
    JSON = "json"


def row_of(item: object) -> dict[str, Any]:
    """The fields of an object, a record or a mapping, in their order.

    A place in a ranking, and the result of a model in a run, stand behind the object's id, each under the name of its
    part: `ranked_runtime`, `model_run_status`. Raises TypeError for anything else.
    """
    if isinstance(item, Mapping):
        return dict(item)
    (_, own), *parts = _records_of(item)
    (identity, *others) = own.model_dump().items()
    beside = [(f"{prefix}{name}", value) for prefix, part in parts for name, value in part.model_dump().items()]
    return dict([identity, *beside, *others])


def rows_of(items: Iterable[object]) -> list[dict[str, Any]]:
    """The rows of several things, all with the columns of all: None where one has no such field."""
    rows = [row_of(item) for item in items]
    columns = dict.fromkeys(name for row in rows for name in row)
    return [{name: row.get(name) for name in columns} for row in rows]


def kinds_of(items: Iterable[object]) -> dict[str, ColumnKind]:
    """The kind of each column of objects and records, by the types of their fields; none of mappings."""
    kinds: dict[str, ColumnKind] = {}
    for item in items:
        if not isinstance(item, Mapping):
            for prefix, record in _records_of(item):
                kinds |= {f"{prefix}{name}": kind for name, kind in kinds_of_record(type(record)).items()}
    return kinds


def kinds_of_record(record: type[BaseModel]) -> dict[str, ColumnKind]:
    """The kind of each field of a class of records."""
    return {name: _kind(field.annotation) for name, field in record.model_fields.items()}


def _records_of(item: object) -> list[tuple[str, BaseModel]]:
    """The records of which a row is made, each with what stands before the names of its fields."""
    if isinstance(item, BaseModel):
        return [("", item)]
    if not isinstance(item, Recorded):
        raise TypeError(f"{type(item).__name__} has no fields: give objects of an account, their records, or dicts.")
    parts = [(f"{name}_", getattr(item, name, None)) for name in ("ranked", "model_run")]
    return [("", item.to_record()), *((prefix, part) for prefix, part in parts if isinstance(part, BaseModel))]


def _kind(annotation: Any) -> ColumnKind:
    choices = [part for part in get_args(annotation) if part is not NoneType]
    kind = choices[0] if NoneType in get_args(annotation) and len(choices) == 1 else annotation
    if kind in (list[str], tuple[str, ...]):
        return ColumnKind.TEXTS
    if not isinstance(kind, type):
        return ColumnKind.JSON
    return next((column_kind for base, column_kind in _KINDS if issubclass(kind, base)), ColumnKind.JSON)


_KINDS: tuple[tuple[type, ColumnKind], ...] = (
    (bool, ColumnKind.FLAG),
    (int, ColumnKind.WHOLE),
    (float, ColumnKind.NUMBER),
    (datetime, ColumnKind.TIME),
    (str, ColumnKind.TEXT),
    (Enum, ColumnKind.TEXT),
)
