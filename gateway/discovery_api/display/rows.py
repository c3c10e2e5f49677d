"""Objects and records of the library as rows of plain values, for tables and data frames."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol, runtime_checkable

from pydantic import BaseModel


@runtime_checkable
class Recorded(Protocol):
    """An object that makes a plain record of itself."""

    def to_record(self) -> BaseModel: ...


def row_of(item: object) -> dict[str, Any]:
    """The fields of an object, a record or a mapping, in their order.

    A place in a ranking, and the result of a model in a run, stand behind the object's id, each under the name of its
    part: `ranked_runtime`, `model_run_status`. Raises TypeError for anything else.
    """
    if isinstance(item, Mapping):
        return dict(item)
    if isinstance(item, BaseModel):
        return item.model_dump()
    if not isinstance(item, Recorded):
        raise TypeError(f"{type(item).__name__} has no fields: give objects of an account, their records, or dicts.")
    parts = {name: getattr(item, name, None) for name in ("ranked", "model_run")}
    beside = {
        f"{name}_{field}": value
        for name, part in parts.items()
        if isinstance(part, BaseModel)
        for field, value in part.model_dump().items()
    }
    (name, identity), *others = item.to_record().model_dump().items()
    return {name: identity, **beside, **dict(others)}


def rows_of(items: Iterable[object]) -> list[dict[str, Any]]:
    """The rows of several things, all with the columns of all: None where one has no such field."""
    rows = [row_of(item) for item in items]
    columns = dict.fromkeys(name for row in rows for name in row)
    return [{name: row.get(name) for name in columns} for row in rows]
