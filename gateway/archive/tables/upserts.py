"""Writes many rows of one table, over those with the same key or beside them.

Values go to the database's driver as they are: SQLAlchemy's conversions, which no column of the archive needs, take
longer than the database.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Dialect, Table


def insertion(connection: Connection, table: Table) -> Any:
    """An INSERT in the database's dialect, which can say what happens on a conflict."""
    # Only the dialect in use is imported: PostgreSQL's alone takes longer than many questions.
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table)
    from sqlalchemy.dialects import sqlite

    return sqlite.insert(table)


def upsert(connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """Writes rows, each in the order of the table's columns, over those with the same key."""
    if not rows:
        return
    statement = insertion(connection, table)
    key = [column.name for column in table.primary_key]
    changed = {column.name: statement.excluded[column.name] for column in table.c if column.name not in key}
    compiled = statement.on_conflict_do_update(index_elements=key, set_=changed).compile(dialect=connection.dialect)
    names = table.c.keys()
    values: Any = rows if compiled.positional else [dict(zip(names, row, strict=True)) for row in rows]
    connection.exec_driver_sql(str(compiled), values)


def insert_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Writes new rows, all with the same columns by name."""
    if not rows:
        return
    compiled = _compiled_insert(connection.dialect, table, tuple(rows[0]))
    values: Any = list(map(itemgetter(*compiled.positiontup), rows)) if compiled.positiontup else rows
    connection.exec_driver_sql(str(compiled), values)


@lru_cache(maxsize=64)
def _compiled_insert(dialect: Dialect, table: Table, columns: tuple[str, ...]) -> Any:
    """Compiling takes longer than inserting a row."""
    return table.insert().compile(dialect=dialect, column_keys=list(columns))
