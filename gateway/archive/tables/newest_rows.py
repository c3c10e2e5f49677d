"""Reads the newest rows of each of many resources."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from sqlalchemy import ARRAY, BigInteger, ColumnElement, Connection, Select, bindparam, func, literal, select, true

_KEY = "resource_key"

NewestOf = Callable[[ColumnElement[int]], Select[Any]]
"""The query for the newest rows of one resource, given its key."""


def newest_of_each(connection: Connection, resource_ids: Sequence[int], newest_of: NewestOf) -> Iterator[Sequence[Any]]:
    """The rows of `newest_of` for each resource, one resource after the other, as the database's driver gives them.

    One statement on PostgreSQL; SQLite answers many small ones in less time than one that joins.
    """
    if connection.dialect.name == "postgresql":
        keys = func.unnest(literal(list(resource_ids), ARRAY(BigInteger))).table_valued("id")
        keys = keys.render_derived(name="keys")
        newest = newest_of(keys.c.id).lateral("newest")
        yield from connection.execute(select(newest).select_from(keys).join(newest, true()))
        return
    compiled = newest_of(bindparam(_KEY, type_=BigInteger)).compile(dialect=connection.dialect)
    text, names = str(compiled), compiled.positiontup or ()
    for resource_id in resource_ids:
        # As text, which is made once: SQLAlchemy would take longer over each statement than the database.
        values = {**compiled.params, _KEY: resource_id}
        yield from connection.exec_driver_sql(text, tuple(values[name] for name in names)).all()
