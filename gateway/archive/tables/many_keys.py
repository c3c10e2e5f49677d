"""Statements about many keys: in parts that databases take, or with all keys as one parameter."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

import msgspec
from sqlalchemy import ARRAY, ColumnElement, Connection, any_, func, literal, select

CHUNK = 500

Item = TypeVar("Item")


def chunks(items: Iterable[Item], size: int = CHUNK) -> Iterator[list[Item]]:
    """`items` in lists of at most `size`: databases bound the parameters of one statement."""
    iterator = iter(items)
    while part := list(islice(iterator, size)):
        yield part


def among(connection: Connection, column: ColumnElement[Any], keys: Iterable[int | str]) -> ColumnElement[bool]:
    """Whether a column holds one of these keys or texts, however many: they are one parameter of the statement, which
    takes a tenth of the time of as many parameters."""
    if connection.dialect.name == "sqlite":
        each = func.json_each(msgspec.json.encode(list(keys)).decode()).table_valued("value")
        return column.in_(select(each.c.value))
    return column == any_(literal(list(keys), ARRAY(column.type)))
