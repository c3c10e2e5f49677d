"""Lists of the Admin API: filters from the query string, ordering, `limit` (at most 100) and `offset`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Table, false, func, not_, select, true
from starlette.datastructures import QueryParams

from gateway.archive.tables.rows import AnyRow
from gateway.archive.times import parse_micros
from gateway.local_platform.admin.envelope import AdminError

MOST_ROWS = 100
_MOST_DIGITS = 18  # what 64 bits hold
Condition = Callable[[str], ColumnElement[bool]]


@dataclass(frozen=True)
class ListedTable:
    """A table that is listed: the filters it knows by parameter name, and the columns it can be ordered by.

    Ties go by id, so that every order is total. `id` may stand for another column that clients mean by it.
    """

    table: Table
    filters: Mapping[str, Condition]
    orders: Mapping[str, ColumnElement[Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """Rows of one page, how many there are in all, and how they were asked for."""

    rows: Sequence[AnyRow]
    total: int
    filters: dict[str, Any]
    order_by: str


def find(connection: Connection, resource: ListedTable, params: QueryParams, *scope: ColumnElement[bool]) -> Found:
    """The page of rows that the query string asks for. Raises AdminError (400) for a value that makes no sense."""
    conditions = [
        *scope,
        *(resource.filters[name](value) for name, value in params.items() if name in resource.filters),
    ]
    limit, offset = _whole(params, "limit", MOST_ROWS), _whole(params, "offset", 0)
    order_by = params.get("order_by") or "id"
    order = _order(resource, order_by)
    query = select(resource.table).where(*conditions).order_by(*order)
    rows = connection.execute(query.limit(min(limit, MOST_ROWS)).offset(offset)).all()
    total = connection.scalar(select(func.count()).select_from(resource.table).where(*conditions)) or 0
    filters = {name: value for name, value in params.items() if name in resource.filters}
    return Found(
        rows, total, {"state": "active", "limit": min(limit, MOST_ROWS), "offset": offset, **filters}, order_by
    )


def related(params: QueryParams) -> frozenset[str]:
    """Names in `include_related`: a JSON array as text, as dbt documents it; joined by commas, as Dagster's client and
    dbtc send them; or one a parameter, as Airflow's hook does. Unknown names are ignored, as upstream does."""
    names: set[str] = set()
    for text in params.getlist("include_related"):
        try:
            names.update(msgspec.json.decode(text.replace("'", '"'), type=list[str]))
        except msgspec.MsgspecError:
            names.update(name.strip() for name in text.split(","))
    return frozenset(names)


def equals(column: ColumnElement[Any]) -> Condition:
    """`name=5`."""
    return lambda value: column == _number(value)


def equals_text(column: ColumnElement[Any]) -> Condition:
    """`name=text`."""
    return lambda value: column == value


def contains_text(column: ColumnElement[Any]) -> Condition:
    """`name__icontains=text`."""
    return lambda value: column.icontains(value, autoescape=True)


def is_in(column: ColumnElement[Any]) -> Condition:
    """`name__in=1,2` or `name__in=[1,2]`."""
    return lambda value: column.in_([_number(part) for part in value.strip("[]").split(",") if part.strip()])


def is_in_texts(column: ColumnElement[Any]) -> Condition:
    """`name__in=a,b` or `name__in=["a","b"]`."""
    return lambda value: column.in_([part.strip(" \"'") for part in value.strip("[]").split(",") if part.strip()])


def is_true(condition: ColumnElement[bool]) -> Condition:
    """`name=true` or `name=false`."""
    return lambda value: condition if _truth(value) else not_(condition)


def is_never(value: str) -> ColumnElement[bool]:
    """`name=true` for what nothing here is."""
    return false() if _truth(value) else true()


def is_active(value: str) -> ColumnElement[bool]:
    """`state=1`, `2` or `all`: everything here is active, nothing was deleted."""
    return true() if value == "all" or _number(value) == 1 else false()


def _truth(value: str) -> bool:
    flag = {"true": True, "1": True, "false": False, "0": False}.get(value.lower())
    if flag is None:
        raise AdminError(400, f"{value[:100]!r} is neither true nor false.")
    return flag


def above(column: ColumnElement[Any]) -> Condition:
    """`name__gt=5`."""
    return lambda value: column > _number(value)


def after(condition: Callable[[int], ColumnElement[bool]]) -> Condition:
    """`name__gt=5` of a list whose order is not that of its numbers."""
    return lambda value: condition(_number(value))


def in_range(column: ColumnElement[Any]) -> Condition:
    """`name__range=["2026-03-01","2026-03-02"]`, both ends included; a comma-separated pair does as well."""

    def condition(value: str) -> ColumnElement[bool]:
        parts = [part.strip(" \"'") for part in value.strip("[]").split(",")]
        ends = [time for part in parts if (time := parse_micros(part)) is not None]
        if len(parts) != 2 or len(ends) != 2:
            raise AdminError(400, f'A range is two times, as in ["2026-03-01","2026-03-02T12:00:00Z"]; got {value!r}.')
        return column.between(ends[0], ends[1])

    return condition


def _number(value: str) -> int:
    text = value.strip()
    if not text.removeprefix("-").isdecimal() or len(text) > _MOST_DIGITS:
        raise AdminError(400, f"{value[:100]!r} is not a whole number of at most {_MOST_DIGITS} digits.")
    return int(text)


def _whole(params: QueryParams, name: str, default: int) -> int:
    value = _number(params.get(name) or str(default))
    if value < 0:
        raise AdminError(400, f"{name} must not be negative.")
    return value


def _order(resource: ListedTable, order_by: str) -> list[ColumnElement[Any]]:
    orders = {"id": resource.table.c.id, **resource.orders}
    column = orders.get(order_by.removeprefix("-"))
    if column is None:
        raise AdminError(
            400, f"order_by knows {', '.join(sorted(orders))}, each also with a leading '-'; got {order_by!r}."
        )
    down = order_by.startswith("-")
    # What has no value is the least, on every engine.
    if down:
        return [column.desc().nulls_last(), resource.table.c.id.desc()]
    return [column.asc().nulls_first(), resource.table.c.id]
