"""Moves the results of past months from `results` to a Parquet file for each environment and month.

A file is written whole under a hidden name. One transaction records it, marks the commands whose results it holds, and
deletes these; then it gets its name. What is interrupted before that transaction leaves a hidden file that nobody
reads, after it one under its hidden name: the next compaction puts both right. A run that arrives late for a month
stays in `results` beside its file, and the next compaction writes the file anew with it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, and_, delete, exists, func, insert, select, update

from gateway.archive.archive import Archive
from gateway.archive.columnar.compacted_files import CompactedMonth, DamagedFile, digest_of, files_of, hidden
from gateway.archive.columnar.parquet_rows import imported_duckdb
from gateway.archive.exports.columns import NODE_RESULTS, ExportColumn, ExportTable, ExportType
from gateway.archive.exports.file_formats import ExportFormat, require_format, write_compact
from gateway.archive.exports.rows import (
    KEY_COLUMNS,
    EnvironmentMonth,
    compacted_results,
    merged_results,
    stored_results,
)
from gateway.archive.folders import locked_folder, sync_folder
from gateway.archive.months import begin_of, month_name, month_of
from gateway.archive.tables.compacted_tables import columnar_folder, compacted_months
from gateway.archive.tables.many_keys import among, chunks
from gateway.archive.tables.run_tables import invocations, results
from gateway.archive.tables.state_rows import state_keys
from gateway.archive.tables.upserts import upsert
from gateway.archive.times import to_micros
from gateway.errors import ConfigurationError

KEPT_MONTHS: Final = 2
"""So many whole months before the current one stay in `results`: 59 days at least."""

COMPACTED_RESULTS: Final = ExportTable(
    NODE_RESULTS.name,
    NODE_RESULTS.partitions,
    (
        *NODE_RESULTS.columns,
        *(ExportColumn(name, ExportType.INTEGER, "key of the archive") for name in KEY_COLUMNS),
    ),
    NODE_RESULTS.sorted_by,
)
"""The table in files of compacted months: NODE_RESULTS of an export, and keys by which the archive knows rows again."""

_LOCK: Final = "_compact.lock"


@dataclass(frozen=True, slots=True)
class CompactReport:
    """What a compaction did. `months`: files written; `rows`: results that moved; `bytes`: of the files written.
    `left`: what was left as it was, and why."""

    months: int
    rows: int
    bytes: int
    left: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _OpenMonth:
    """A month with results that are in no file, those of `commands`. `runs`: all commands of their runs, with what
    tells whether these were stored anew."""

    place: EnvironmentMonth
    commands: frozenset[int]
    runs: frozenset[tuple[int, bytes]]
    recorded: CompactedMonth | None

    @property
    def month(self) -> int:
        """As in `months`."""
        return self.place.month or 0


def compact(
    archive: Archive,
    *,
    now: datetime,
    folder: Path | None = None,
    keep_months: int = KEPT_MONTHS,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> CompactReport:
    """Compacts every month of every environment that ended `keep_months` whole months before the current one.

    `folder` becomes the folder of the archive's files; None: the one that it has, else, for SQLite, one beside it.
    `progress` gets how many files are done, and how many there are. Raises ConfigurationError where libraries are
    missing, the folder cannot be written or another process compacts; MissingExtra without DuckDB.
    """
    imported_duckdb()
    require_format(ExportFormat.PARQUET)
    root = _chosen_folder(archive, folder)
    try:
        root.mkdir(parents=True, exist_ok=True)
        with locked_folder(root, _LOCK, "compacts"):
            _tidy(archive, root)
            return _compact_all(archive, root, month_of(to_micros(now)) - keep_months, progress)
    except OSError as error:
        place = error.filename or root
        raise ConfigurationError(f"{place} cannot be written: {error.strerror or error}.") from error


def _compact_all(archive: Archive, root: Path, before: int, progress: Callable[[int, int], None]) -> CompactReport:
    with archive.reading() as connection:
        months = _open_months(connection, before)
    written = rows = size = 0
    left: list[str] = []
    for done, month in enumerate(months, start=1):
        try:
            recorded, moved = _compact_month(archive, root, month)
        except DamagedFile as damaged:
            left.append(damaged.message)
        else:
            if recorded is None:
                left.append(f"{_name_of(month)} changed meanwhile: compact again.")
            else:
                written, rows, size = written + 1, rows + moved, size + recorded.bytes
        progress(done, len(months))
    return CompactReport(written, rows, size, tuple(left))


def _name_of(month: _OpenMonth) -> str:
    return f"Environment {month.place.environment_id}, {month_name(month.month)}"


def _open_months(connection: Connection, before: int, environment_id: int | None = None) -> list[_OpenMonth]:
    """The months before one with results that are in no file, by environment; or those of one environment."""
    files = files_of(connection)
    recorded = files.months(connection) if files else {}
    has_results = exists().where(results.c.invocation_id == invocations.c.id, results.c.status.is_not(None))
    query = (
        select(invocations.c.environment_id, invocations.c.generated_at, invocations.c.id, invocations.c.run_id)
        .where(~invocations.c.compacted, invocations.c.generated_at < begin_of(before), has_results)
        .order_by(invocations.c.environment_id, invocations.c.generated_at)
    )
    if environment_id is not None:
        query = query.where(invocations.c.environment_id == environment_id)
    commands: dict[tuple[int, int], dict[int, int]] = {}
    for place, at, key, run_id in connection.execute(query):
        commands.setdefault((place, month_of(at)), {})[key] = run_id
    return [
        _OpenMonth(
            EnvironmentMonth(*place),
            frozenset(of_month),
            _commands_of(connection, set(of_month.values())),
            recorded.get(place),
        )
        for place, of_month in commands.items()
    ]


def _commands_of(connection: Connection, run_ids: set[int]) -> frozenset[tuple[int, bytes]]:
    """A later command of a run, in whatever month, changes which results stand for it."""
    query = select(invocations.c.id, invocations.c.fingerprint).where(among(connection, invocations.c.run_id, run_ids))
    return frozenset((key, bytes(fingerprint)) for key, fingerprint in connection.execute(query))


def _compact_month(archive: Archive, root: Path, month: _OpenMonth) -> tuple[CompactedMonth | None, int]:
    """The file as it is recorded now, and how many results moved; None where the month changed meanwhile."""
    new, moved = _write(archive, root, month)
    before = month.recorded
    with archive.writing() as connection:
        recorded = _switch(connection, month, new)
    if not recorded:
        (root / new.hidden_path).unlink()
        return None, 0
    if before is not None and (root / before.path).exists():
        (root / before.path).replace(root / before.hidden_path)
    _show(root, new)
    return new, moved


def _write(archive: Archive, root: Path, month: _OpenMonth) -> tuple[CompactedMonth, int]:
    """Writes the new file of a month under its hidden name. Raises DamagedFile where the old one cannot be read."""
    path = _path_of(month)
    place = root / hidden(path)
    place.parent.mkdir(parents=True, exist_ok=True)
    moved = 0

    def counted(parts: Iterator[list[tuple[object, ...]]]) -> Iterator[list[tuple[object, ...]]]:
        nonlocal moved
        for part in parts:
            moved += len(part)
            yield part

    with archive.reading() as connection, place.open("wb") as file:
        stored = counted(stored_results(connection, month.place))
        rows = merged_results(stored, compacted_results(connection, month.place, list(KEY_COLUMNS)))
        count = write_compact(COMPACTED_RESULTS, rows, file)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(place.parent)
    size = place.stat().st_size
    return CompactedMonth(month.place.environment_id, month.month, path, digest_of(place), size, count), moved


def _switch(connection: Connection, month: _OpenMonth, new: CompactedMonth) -> bool:
    """Records the file in place of the rows that it holds; False where these are not what was written any more."""
    if month not in _open_months(connection, month.month + 1, month.place.environment_id):
        return False
    upsert(
        connection,
        compacted_months,
        [(new.environment_id, new.month, new.path, new.digest, new.bytes, new.rows)],
    )
    keys = sorted(month.commands)
    kept = _state_keys(connection, keys)
    for part in chunks(keys):
        of_part = and_(results.c.invocation_id.in_(part), results.c.status.is_not(None))
        connection.execute(delete(results).where(of_part, ~among(connection, results.c.id, kept)))
        connection.execute(update(invocations).where(invocations.c.id.in_(part)).values(compacted=True))
    return True


def _state_keys(connection: Connection, keys: Sequence[int]) -> set[int]:
    """The results of these commands that states are made of: they stay in `results`, too."""
    kept: set[int] = set()
    ids: set[int] = set()
    for part in chunks(keys):
        of_part = select(results.c.resource_id).where(results.c.invocation_id.in_(part)).distinct()
        ids.update(connection.scalars(of_part))
    for part in chunks(sorted(ids), 5_000):
        kept |= state_keys(connection, part)
    return kept


def _path_of(month: _OpenMonth) -> str:
    """A name that no file of the month had before."""
    before = month.recorded
    number = int(before.path.rpartition("-")[2].partition(".")[0]) + 1 if before else 1
    folder = f"{NODE_RESULTS.name}/environment_id={month.place.environment_id}/month={month_name(month.month)}"
    return f"{folder}/part-{number}.parquet"


def _show(root: Path, month: CompactedMonth) -> None:
    (root / month.hidden_path).replace(root / month.path)
    sync_folder((root / month.path).parent)


def _tidy(archive: Archive, root: Path) -> None:
    """Gives recorded files their names, and removes those that are not recorded, or not any more."""
    with archive.reading() as connection:
        files = files_of(connection)
        recorded = list(files.months(connection).values()) if files else []
    for month in recorded:
        if (root / month.hidden_path).exists() and not (root / month.path).exists():
            _show(root, month)
    names = {month.path for month in recorded}
    for path in sorted((root / NODE_RESULTS.name).glob("environment_id=*/month=*/*part-*.parquet")):
        if path.relative_to(root).as_posix() not in names:
            path.unlink()


def _chosen_folder(archive: Archive, folder: Path | None) -> Path:
    """The folder, recorded. Raises ConfigurationError where none is named, or where another has files."""
    with archive.reading() as connection:
        recorded = connection.scalar(select(columnar_folder.c.path))
        count = connection.scalar(select(func.count()).select_from(compacted_months)) or 0
    database = Path(archive.url.database or "") if archive.url.get_backend_name() == "sqlite" else None
    chosen = _recorded_path(database, folder, recorded)
    root = chosen if database is None else database.parent / chosen
    if str(chosen) != recorded:
        _refuse_other(archive, root, count)
        with archive.writing() as connection:
            connection.execute(delete(columnar_folder))
            connection.execute(insert(columnar_folder).values(path=str(chosen)))
    return root


def _recorded_path(database: Path | None, folder: Path | None, recorded: str | None) -> Path:
    """As it is recorded: relative to an SQLite archive where it lies beside or below it."""
    if folder is None:
        if recorded is not None:
            return Path(recorded)
        if database is None:
            raise ConfigurationError("Name the folder for the files of compacted months: --to DIR.")
        return Path(f"{database.name}-columnar")
    whole = folder.absolute()
    beside = database.absolute().parent if database else None
    return whole.relative_to(beside) if beside is not None and whole.is_relative_to(beside) else whole


def _refuse_other(archive: Archive, root: Path, count: int) -> None:
    """A folder may take the place of another when the files are there."""
    if not count:
        return
    with archive.reading() as connection:
        files = files_of(connection)
        for month in files.months(connection).values() if files else ():
            if files and not (root / month.path).exists() and not (root / month.hidden_path).exists():
                raise ConfigurationError(
                    f"{root} does not hold {month.path}, which the archive has compacted: move the whole folder there "
                    "first, or leave out --to."
                )
