"""Reading a page of the Admin API: whole where it is as documented, else row by row: an odd row costs no other one.

What cannot be a row is left out and counted; of a row that can, unreadable values that may be missing are. Ids may be
numbers or text of digits.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, get_args

import msgspec

from gateway.services.rows.admin_types import AdminPage, Extra, Status
from gateway.services.transport.strict_decoder import StrictDecoder

T = TypeVar("T")

log = logging.getLogger(__name__)

_MOST_NAMED = 5


class _LoosePage(msgspec.Struct, frozen=True):
    data: list[Any]
    extra: Extra | None = None
    status: Status | None = None


@dataclass(frozen=True, slots=True)
class AdminRows(Generic[T]):
    """The readable rows of a page.

    `total` is how many rows the whole list has, None where dbt does not say. `received` counts the rows that came, odd
    ones too; `left_out` those that are missing here, `damaged` those from which a value is.
    """

    rows: list[T]
    total: int | None
    received: int
    left_out: int = 0
    damaged: int = 0


async def read_page(body: bytes, row: type[T], path: str) -> AdminRows[T]:
    """Raises msgspec.MsgspecError, RecursionError or ValueError for what is no list."""
    try:
        page: AdminPage[T] = await StrictDecoder(AdminPage[row]).decode_aside(body)  # type: ignore[valid-type]
    except msgspec.ValidationError as odd:
        loose = await StrictDecoder(_LoosePage).decode_aside(body)
        if not loose.data:
            raise
        return _row_by_row(loose, row, path, odd)
    if page.total is None and not page.data and not (page.status and page.status.is_success):
        raise ValueError("a list without rows, total and status")
    return AdminRows(page.data, page.total, len(page.data))


def read_one(value: Any, row: type[T]) -> T:
    """A row from decoded JSON. Raises msgspec.ValidationError where a value that it must have is missing or odd."""
    return _fitted_row(value, row)[0]


def _row_by_row(page: _LoosePage, row: type[T], path: str, odd: msgspec.ValidationError) -> AdminRows[T]:
    rows: list[T] = []
    unread: list[str] = []
    damaged = 0
    for value in page.data:
        try:
            read, dropped = _fitted_row(value, row)
        except msgspec.ValidationError as problem:
            unread.append(f"{_name(value)}: {problem}")
            continue
        rows.append(read)
        damaged += bool(dropped)
    if not rows:
        # Not one odd row among others, but another thing than the list that was asked for.
        raise odd
    if unread or damaged:
        log.warning(
            "dbt's Admin API at %s: %d of %d rows left out, %d with unreadable values: %s",
            *(path, len(unread), len(page.data), damaged, "; ".join(unread[:_MOST_NAMED]) or odd),
        )
    total = page.extra.total if page.extra else None
    return AdminRows(rows, total, len(page.data), len(unread), damaged)


def _name(value: Any) -> str:
    return f"id {value.get('id')}"[:50] if isinstance(value, Mapping) else "no object"


def _fitted_row(value: Any, row: type[T]) -> tuple[T, int]:
    """The row, and how many of its values were unreadable and are left out."""
    if not isinstance(value, Mapping):
        raise msgspec.ValidationError("no object")
    read: dict[str, Any] = {}
    dropped = 0
    for field in msgspec.structs.fields(row):  # type: ignore[arg-type]  # rows are Structs
        if field.encode_name not in value:
            if field.required:
                raise msgspec.ValidationError(f"{field.name} is missing")
            continue
        try:
            read[field.name] = _fitted(value[field.encode_name], field.type)
        except msgspec.ValidationError as problem:
            if field.required:
                raise msgspec.ValidationError(f"{field.name}: {problem}") from None
            dropped += 1
    return row(**read), dropped


def _fitted(value: Any, shape: Any) -> Any:
    if isinstance(value, str) and value.isascii() and value.isdigit() and int in (shape, *get_args(shape)):
        value = int(value)
    inner = [
        candidate
        for candidate in (shape, *get_args(shape))
        if isinstance(candidate, type) and issubclass(candidate, msgspec.Struct)
    ]
    if inner and isinstance(value, Mapping):
        return _fitted_row(value, inner[0])[0]
    return msgspec.convert(value, shape)
