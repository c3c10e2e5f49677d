"""Which months an archive has something of, and digests by which a change of a month is noticed without reading its
results."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any

import msgspec
from sqlalchemy import Connection

from gateway.archive.exports.columns import ExportTable
from gateway.archive.exports.rows import ROWS_AT_ONCE, EnvironmentMonth, invocation_rows, run_rows
from gateway.archive.months import month_of
from gateway.archive.tables.run_tables import invocations, runs

_DIGESTS = 2**128


@dataclass(slots=True)
class MonthContent:
    """How many runs or commands the rows of a month come from, and a digest of all that they depend on. The order in
    which they are added makes no difference."""

    sources: int = 0
    digest: int = 0

    def add(self, digest: int, sources: int) -> None:
        """Takes in what has this digest."""
        self.digest = (self.digest + digest) % _DIGESTS
        self.sources += sources


def _no_months() -> defaultdict[EnvironmentMonth, MonthContent]:
    return defaultdict(MonthContent)


@dataclass(frozen=True, slots=True)
class ArchiveContents:
    """The content of each month in each table that is made of runs."""

    runs: defaultdict[EnvironmentMonth, MonthContent] = field(default_factory=_no_months)
    invocations: defaultdict[EnvironmentMonth, MonthContent] = field(default_factory=_no_months)
    node_results: defaultdict[EnvironmentMonth, MonthContent] = field(default_factory=_no_months)


def archive_contents(connection: Connection) -> ArchiveContents:
    """Reads all runs and commands once, by two statements."""
    contents = ArchiveContents()
    for row in _rows(connection, run_rows().add_columns(runs.c.environment_id)):
        created = row.created_at
        place = EnvironmentMonth(row.environment_id, None if created is None else month_of(created))
        contents.runs[place].add(_number(row), 1)
    query = invocation_rows().add_columns(invocations.c.environment_id, invocations.c.id, invocations.c.fingerprint)
    rows = _rows(connection, query.order_by(invocations.c.run_id, invocations.c.id))
    for _, commands in groupby(rows, key=itemgetter(0)):
        _add_run(contents, list(commands))
    return contents


def digest_of_rows(table: ExportTable, rows: Iterable[tuple[Any, ...]]) -> str:
    """The digest of a file that holds these rows."""
    return digest_text(table, _digest(list(rows)))


def digest_text(table: ExportTable, digest: int) -> str:
    """As the manifest has it; the table's columns are part of it, so that new ones are written everywhere."""
    columns = [(column.name, column.type.value) for column in table.columns]
    return f"{_digest([columns, f'{digest:x}']):032x}"


def _add_run(contents: ArchiveContents, commands: list[Any]) -> None:
    """A result changes when a later command of its run comes, too: it is the last one no more."""
    of_run = 0
    ending: dict[EnvironmentMonth, int] = defaultdict(int)
    for row in commands:
        place = EnvironmentMonth(row.environment_id, month_of(row.ended_at))
        digest = _number(row)
        contents.invocations[place].add(digest, 1)
        of_run = (of_run + digest) % _DIGESTS
        ending[place] += 1
    for place, count in ending.items():
        contents.node_results[place].add(of_run, count)


def _rows(connection: Connection, query: Any) -> Iterator[Any]:
    yield from connection.execute(query, execution_options={"yield_per": ROWS_AT_ONCE})


def _number(row: Any) -> int:
    return _digest(tuple(row))


def _digest(values: Any) -> int:
    return int.from_bytes(hashlib.blake2b(msgspec.json.encode(values), digest_size=16).digest())
