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
from sqlalchemy.exc import DBAPIError


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


def copy_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """The same, by PostgreSQL's COPY where there is one. Values must be of the types of their columns."""
    if not rows or connection.dialect.driver != "psycopg":
        insert_rows(connection, table, rows)
        return
    names = list(rows[0])
    values = itemgetter(*names)
    statement = f"COPY {table.name} ({', '.join(names)}) FROM STDIN"
    driver: Any = connection.connection
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(values(row))
    except connection.dialect.loaded_dbapi.Error as error:
        # As SQLAlchemy raises it of a statement of its own.
        raise DBAPIError.instance(
            statement, None, error, connection.dialect.loaded_dbapi.Error, dialect=connection.dialect
        ) from error


@lru_cache(maxsize=64)
def _compiled_insert(dialect: Dialect, table: Table, columns: tuple[str, ...]) -> Any:
    """Compiling takes longer than inserting a row."""
    return table.insert().compile(dialect=dialect, column_keys=list(columns))
