"""On PostgreSQL the results of each month of UTC lie in a partition of their own, which is dropped in one stroke.

A month is made when its first results are stored. It is made beside the others and attached, which keeps no reader
waiting; to drop one waits for those who read, and they for it. SQLite has one table, and needs none of this.
"""

from __future__ import annotations

import re

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from gateway.archive.months import begin_of, month_of
from gateway.archive.tables.run_tables import results
from gateway.errors import ConfigurationError

_NAME = re.compile(r"results_(\d{4})_(\d{2})")
_DROP_SECONDS = 2.0
_LOCK_NOT_AVAILABLE = "55P03"
_DAY_MICROS = 86_400_000_000
_IS_PARTED = text("SELECT relkind = 'p' FROM pg_class WHERE oid = to_regclass('results')")
_ATTACHED = text(
    "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid WHERE inhparent = to_regclass('results')"
)
_EXISTS = text("SELECT to_regclass(:name) IS NOT NULL")
_DAYS = text(f"SELECT DISTINCT floor(generated_at / {_DAY_MICROS}.0) FROM results_whole")  # noqa: S608


def has_months(connection: Connection) -> bool:
    """Whether results are parted by month here: in every archive on PostgreSQL, once it is at the newest version."""
    return connection.dialect.name == "postgresql" and bool(connection.scalar(_IS_PARTED))


def stored_months(connection: Connection) -> frozenset[int]:
    """The months (see `month_of`) that have a partition."""
    names = connection.scalars(_ATTACHED).all()
    return frozenset(int(match[1]) * 12 + int(match[2]) - 1 for name in names if (match := _NAME.fullmatch(name)))


def table_of(month: int) -> str:
    """The name of a month's partition."""
    return f"results_{month // 12:04d}_{month % 12 + 1:02d}"


def make_month(connection: Connection, at: int) -> None:
    """Makes the month of a time in microseconds, unless it is there. Nobody who reads waits for it.

    Raises ConfigurationError where somebody has detached the month, and left its table.
    """
    month = month_of(at)
    if connection.dialect.name != "postgresql" or month in stored_months(connection):
        return
    name = table_of(month)
    if connection.scalar(_EXISTS, {"name": name}):
        raise ConfigurationError(
            f"The archive's table {name} is detached, so no results of that month can be stored: attach it again with "
            f"ALTER TABLE results ATTACH PARTITION {name} FOR VALUES FROM ({begin_of(month)}) TO "
            f"({begin_of(month + 1)}), rename it, or drop it."
        )
    connection.exec_driver_sql(f"CREATE TABLE {name} (LIKE results INCLUDING DEFAULTS)")
    attach_month(connection, month)


def attach_month(connection: Connection, month: int) -> None:
    """Adds the rows of the table of a month to the results."""
    connection.exec_driver_sql(
        f"ALTER TABLE results ATTACH PARTITION {table_of(month)}"
        f" FOR VALUES FROM ({begin_of(month)}) TO ({begin_of(month + 1)})"
    )


def drop_month(connection: Connection, month: int, patience: float = _DROP_SECONDS) -> None:
    """Removes the rows of a month; what was made of them is the caller's. To be called last in a transaction: from now
    on until its end whoever reads results waits.

    Others who read them now are waited for, for `patience` seconds, and those who come meanwhile wait as long. After
    that the rows are deleted one by one, which hinders nobody, and their table stays.
    """
    name = table_of(month)
    before = connection.exec_driver_sql("SHOW lock_timeout").scalar_one()
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = {max(1, round(patience * 1000))}")
    try:
        with connection.begin_nested():
            connection.exec_driver_sql(f"DROP TABLE {name}")
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
            raise
        connection.exec_driver_sql(f"DELETE FROM {name}")  # noqa: S608
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{before}'")


def part_by_month(connection: Connection) -> None:
    """Moves the results of an archive on PostgreSQL into months; changes nothing where they lie in them.

    Their keys of invocations and resources are no foreign keys any more: to drop a month would wait for those who read
    these tables too, in an order in which each waits for the other.
    """
    if connection.dialect.name != "postgresql" or has_months(connection):
        return
    run = connection.exec_driver_sql
    run("ALTER TABLE results RENAME TO results_whole")
    run("CREATE TABLE results (LIKE results_whole INCLUDING DEFAULTS) PARTITION BY RANGE (generated_at)")
    run("ALTER SEQUENCE results_id_seq OWNED BY results.id")
    days = connection.scalars(_DAYS).all()
    for month in sorted({month_of(int(day) * _DAY_MICROS) for day in days}):
        run(f"CREATE TABLE {table_of(month)} (LIKE results INCLUDING DEFAULTS)")
        attach_month(connection, month)
    run("INSERT INTO results SELECT * FROM results_whole")
    run("DROP TABLE results_whole")
    # Made of all rows at once, in a fraction of the time that each row would take.
    run("ALTER TABLE results ADD CONSTRAINT results_pkey PRIMARY KEY (id, generated_at)")
    for index in sorted(results.indexes, key=lambda index: str(index.name)):
        index.create(connection)
