"""Rows that a statement yields: with columns that are read by name, or plain ones for reading a hundred thousand."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any, TypeAlias

from sqlalchemy import Connection, Row, Select
from sqlalchemy.exc import OperationalError

_BATCH = 2_000

AnyRow: TypeAlias = Row[*tuple[Any, ...]]


def driver_rows(connection: Connection, query: Select[*tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """The rows as the database's driver gives them, a batch at a time: of many rows this takes two thirds of the time.
    Columns that need converting (times, booleans, JSON) are not converted. Raises as Connection.execute does."""
    if connection.dialect.name != "sqlite":
        yield from connection.execute(query, execution_options={"yield_per": _BATCH})
        return
    result = connection.execute(query)
    try:
        while batch := result.cursor.fetchmany(_BATCH) if result.cursor else []:
            yield from batch
    except sqlite3.Error as error:
        raise OperationalError(str(query), None, error) from error
    finally:
        result.close()
