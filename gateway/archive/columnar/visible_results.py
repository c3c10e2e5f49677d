"""Lets questions about `results` see the rows of compacted months: a temporary table of that name, for one question.

The table holds what the question is about, rows of `results` and of files alike, and hides the archive's own of the
same name. So every question is asked by the same statement, and answered alike, wherever its rows are. An archive
without compacted months is asked no statement more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Executable,
    MetaData,
    Table,
    and_,
    exists,
    func,
    select,
)

from gateway.archive.columnar.compacted_files import CompactedFiles, CompactedMonth, files_of
from gateway.archive.columnar.parquet_rows import RowFilter, is_among
from gateway.archive.columnar.result_rows import NAMES, commands_of, result_rows
from gateway.archive.months import begin_of, month_of
from gateway.archive.tables.many_keys import among
from gateway.archive.tables.newest_rows import NewestOf, newest_of_each
from gateway.archive.tables.run_tables import invocations, recent_results, resource_months, resources, results
from gateway.archive.tables.upserts import insertion
from gateway.errors import BadUserInput

MOST_ROWS: Final = 2_000_000
"""More rows of compacted months than these are not read for one question."""

Visible = AbstractContextManager[bool]
"""Within the block `results` holds all that a question is about. Gives whether it is the temporary table."""

_Place = tuple[int, int]


def visible_rows(connection: Connection, query: Executable, visible: Visible) -> Iterable[Any]:
    """The rows of a query that asks `results` for nothing that is not visible."""
    with visible as temporary:
        rows = connection.execute(query)
        return rows.all() if temporary else rows


def of_runs(connection: Connection, run_ids: Collection[int]) -> Visible:
    """Every result of these runs. A statement more where any month was compacted."""
    return _of_commands(connection, invocations.c.run_id, run_ids)


def of_commands(connection: Connection, keys: Collection[int]) -> Visible:
    """Every result of these commands; the same."""
    return _of_commands(connection, invocations.c.id, keys)


@contextmanager
def of_resources(
    connection: Connection, keys: Collection[int], begin: int | None = None, end: int | None = None
) -> Iterator[bool]:
    """Every result of these resources whose command ended from `begin` to before `end` (microseconds; None: no bound).
    Two statements more where a month in between was compacted."""
    files = files_of(connection)
    places = names_of(connection, keys) if files else {}
    months = _between(files.months(connection), begin, end) if files else []
    months = [month for month in months if month.environment_id in places]
    if files is None or not months:
        yield False
        return
    with _temporary(connection) as table:
        table.copy(lambda own: among(connection, own.c.resource_id, keys), begin, end)
        for month in months:
            names = sorted(places[month.environment_id])
            table.load(files, month, is_among("unique_id", names), begin, end)
        yield True


def newest_visible(
    connection: Connection, keys: Sequence[int], newest_of: NewestOf, count: int
) -> Iterator[Sequence[Any]]:
    """As `newest_of_each`, of at most `count` results of each resource that stand for their runs."""
    short = short_of(connection, keys, count)
    if not short:
        yield from newest_of_each(connection, keys, newest_of)
        return
    enough = [key for key in keys if key not in short]
    yield from newest_of_each(connection, enough, newest_of)
    with newest_of_short(connection, short, count):
        rows = list(newest_of_each(connection, list(short), newest_of))
    yield from rows


def short_of(connection: Connection, keys: Sequence[int], count: int) -> dict[int, set[int]]:
    """The resources of which `results` holds fewer than `count` that stand for their runs, while compacted months hold
    some: these months, by resource. Three statements where any month was compacted."""
    files = files_of(connection)
    if files is None or not keys:
        return {}
    months_of = _compacted_months_of(connection, keys, files.months(connection))
    held = _held(connection, sorted(months_of), count) if months_of else {}
    return {key: months for key, months in months_of.items() if held[key] < count}


@contextmanager
def newest_of_short(connection: Connection, short: Mapping[int, set[int]], count: int) -> Iterator[bool]:
    """The newest `count` results, and more, of resources that are short of them (see `short_of`). Months are read from
    the newest on, until there are enough."""
    files = files_of(connection)
    if files is None or not short:
        yield False
        return
    places = names_of(connection, short)
    held = _held(connection, sorted(short), count)
    with _temporary(connection) as table:
        table.copy(lambda own: among(connection, own.c.resource_id, short))
        months = sorted(files.months(connection).values(), key=lambda each: -each.month)
        for month in months:
            of_environment = places.get(month.environment_id, {})
            names = [name for name, key in of_environment.items() if month.month in short[key] and held[key] < count]
            if names:
                for key, loaded in table.load(files, month, is_among("unique_id", sorted(names))).items():
                    held[key] += loaded
        yield True


@contextmanager
def _of_commands(connection: Connection, column: ColumnElement[Any], keys: Collection[int]) -> Iterator[bool]:
    files = files_of(connection)
    compacted = compacted_runs(connection, column, keys) if files and keys else {}
    if files is None or not compacted:
        yield False
        return
    months = [month for place, month in files.months(connection).items() if place in compacted]
    with _temporary(connection) as table:
        asked = select(invocations.c.id).where(among(connection, column, keys))
        table.copy(lambda own: own.c.invocation_id.in_(asked))
        for month in months:
            run_ids = sorted(compacted[month.environment_id, month.month])
            table.load(files, month, is_among("run_id", run_ids))
        yield True


def compacted_runs(connection: Connection, column: ColumnElement[Any], keys: Collection[int]) -> dict[_Place, set[int]]:
    """The runs of the commands with one of these keys in a column, as far as files hold them: by environment and
    month."""
    query = select(invocations.c.environment_id, invocations.c.generated_at, invocations.c.run_id)
    places: dict[_Place, set[int]] = defaultdict(set)
    for environment_id, at, run_id in connection.execute(query.where(among(connection, column, keys), _IS_COMPACTED)):
        places[environment_id, month_of(at)].add(run_id)
    return places


_IS_COMPACTED = invocations.c.compacted


def names_of(connection: Connection, keys: Collection[int]) -> dict[int, dict[str, int]]:
    """Resources by environment and unique id."""
    query = select(resources.c.environment_id, resources.c.unique_id, resources.c.id)
    places: dict[int, dict[str, int]] = defaultdict(dict)
    for environment_id, name, key in connection.execute(query.where(among(connection, resources.c.id, keys))):
        places[environment_id][name] = key
    return places


def _between(months: Mapping[_Place, CompactedMonth], begin: int | None, end: int | None) -> list[CompactedMonth]:
    return [
        month
        for month in months.values()
        if (begin is None or begin_of(month.month + 1) > begin) and (end is None or begin_of(month.month) < end)
    ]


def _compacted_months_of(
    connection: Connection, keys: Collection[int], months: Collection[_Place]
) -> dict[int, set[int]]:
    """In which compacted months each of these resources has results, as the roll-ups say."""
    older, recent = resource_months.c, recent_results.c
    same = [of.environment_id == resources.c.environment_id for of in (older, recent)]
    query_older = (
        select(older.resource_id, older.environment_id, older.month)
        .join(resources, and_(same[0], older.kind == resources.c.kind, older.resource_id == resources.c.id))
        .where(among(connection, resources.c.id, keys), older.month.in_({month for _, month in months}))
    )
    query_recent = (
        select(recent.resource_id, recent.environment_id, recent.newest_at)
        .join(resources, and_(same[1], recent.kind == resources.c.kind, recent.resource_id == resources.c.id))
        .where(among(connection, resources.c.id, keys))
    )
    months_of: dict[int, set[int]] = defaultdict(set)
    for key, environment_id, month in connection.execute(query_older):
        months_of[key].update([month] if (environment_id, month) in months else ())
    for key, environment_id, at in connection.execute(query_recent):
        months_of[key].update([month_of(at)] if (environment_id, month_of(at)) in months else ())
    return {key: of_resource for key, of_resource in months_of.items() if of_resource}


def _held(connection: Connection, keys: Sequence[int], count: int) -> dict[int, int]:
    """How many results of each resource `results` has that stand for their runs and are in no file; at most `count` are
    counted."""
    compacted = exists().where(invocations.c.id == results.c.invocation_id, _IS_COMPACTED)
    some = (
        select(results.c.id)
        .where(results.c.resource_id == resources.c.id, results.c.final, results.c.status.is_not(None), ~compacted)
        .correlate(resources)
        .limit(count)
        .subquery()
    )
    counted = select(func.count()).select_from(some).scalar_subquery()
    query = select(resources.c.id, counted).where(among(connection, resources.c.id, keys))
    return dict(connection.execute(query).all())


class _TemporaryResults:
    """The temporary table while it is there."""

    def __init__(self, connection: Connection, own: Table, table: Table) -> None:
        self._connection = connection
        self._own = own
        self._table = table
        self._rows = 0

    def copy(
        self, condition: Callable[[Table], ColumnElement[bool]], begin: int | None = None, end: int | None = None
    ) -> None:
        """Takes in rows of the archive's own table."""
        columns = self._own.c
        query = select(self._own).where(condition(self._own))
        query = query if begin is None else query.where(columns.generated_at >= begin)
        query = query if end is None else query.where(columns.generated_at < end)
        statement = insertion(self._connection, self._table).from_select(columns.keys(), query)
        self._connection.execute(statement)

    def load(
        self,
        files: CompactedFiles,
        month: CompactedMonth,
        condition: RowFilter,
        begin: int | None = None,
        end: int | None = None,
    ) -> dict[int, int]:
        """Takes in rows of a month's file; how many of each resource stand for their runs. A damaged file is noted.

        Raises BadUserInput where they are too many.
        """
        loaded: dict[int, int] = defaultdict(int)
        at, resource, final = NAMES.index("generated_at"), NAMES.index("resource_id"), NAMES.index("final")
        for path in files.readable(self._connection, [month]):
            commands = commands_of(self._connection, month.environment_id, month.month)
            reader = files.verified.reader
            for part in result_rows(
                self._connection, reader, path, month.environment_id, commands, condition=condition
            ):
                rows = [row for row in part if (begin is None or row[at] >= begin) and (end is None or row[at] < end)]
                self._count(len(rows))
                for row in rows:
                    loaded[row[resource]] += bool(row[final])
                add_results(self._connection, self._table, rows)
        return loaded

    def _count(self, rows: int) -> None:
        self._rows += rows
        if self._rows > MOST_ROWS:
            raise BadUserInput(
                f"The question reads more than {MOST_ROWS:,} results of compacted months: ask about a shorter time, "
                "fewer runs or fewer models."
            )


def add_results(connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """Adds rows, each in the order of NAMES, to a table with the columns of `results`; those that are there stay."""
    if not rows:
        return
    statement = insertion(connection, table).on_conflict_do_nothing()
    compiled = statement.compile(dialect=connection.dialect, column_keys=list(NAMES))
    named = [dict(zip(NAMES, row, strict=True)) for row in rows]
    order = compiled.positiontup
    values: Any = [tuple(row[name] for name in order) for row in named] if order else named
    connection.exec_driver_sql(str(compiled), values)


_INDEXES: Final = (
    ("UNIQUE ", "key", "id"),
    ("", "command", "invocation_id, id"),
    ("", "time", "resource_id, generated_at, run_id"),
)


@cache
def _in_schema(schema: str) -> Table:
    return results.to_metadata(MetaData(), schema=schema, referred_schema_fn=lambda *_: None)


@contextmanager
def _temporary(connection: Connection) -> Iterator[_TemporaryResults]:
    with (
        _temporary_on_sqlite(connection)
        if connection.dialect.name == "sqlite"
        else _temporary_on_postgres(connection) as table
    ):
        yield table


@contextmanager
def _temporary_on_sqlite(connection: Connection) -> Iterator[_TemporaryResults]:
    """A connection that cannot write may write to temporary tables meanwhile."""
    query_only = connection.exec_driver_sql("PRAGMA query_only").scalar()
    connection.exec_driver_sql("PRAGMA query_only = OFF")
    try:
        connection.exec_driver_sql("CREATE TEMPORARY TABLE results AS SELECT * FROM main.results WHERE 1 = 0")
        for unique, name, columns in _INDEXES:
            connection.exec_driver_sql(f"CREATE {unique}INDEX temp.visible_results_{name} ON results ({columns})")
        yield _TemporaryResults(connection, _in_schema("main"), _in_schema("temp"))
    finally:
        connection.exec_driver_sql("DROP TABLE IF EXISTS temp.results")
        connection.exec_driver_sql(f"PRAGMA query_only = {query_only}")


@contextmanager
def _temporary_on_postgres(connection: Connection) -> Iterator[_TemporaryResults]:
    """After an error the end of the transaction drops the table."""
    schema = str(connection.exec_driver_sql("SELECT current_schema()").scalar())
    connection.exec_driver_sql(
        f'CREATE TEMPORARY TABLE results ON COMMIT DROP AS SELECT * FROM "{schema}".results WHERE FALSE'  # noqa: S608
    )
    for unique, name, columns in _INDEXES:
        connection.exec_driver_sql(f"CREATE {unique}INDEX visible_results_{name} ON pg_temp.results ({columns})")
    yield _TemporaryResults(connection, _in_schema(schema), _in_schema("pg_temp"))
    connection.exec_driver_sql("DROP TABLE pg_temp.results")
