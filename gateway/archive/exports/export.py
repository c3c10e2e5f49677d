"""Exports an archive to a folder: one consistent view of it, and only the files whose content has changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from gateway.archive.archive import Archive
from gateway.archive.exports.columns import (
    CHANGE_POINTS,
    INVOCATIONS,
    JOBS,
    MODELS,
    NODE_RESULTS,
    RUNS,
    ExportTable,
)
from gateway.archive.exports.contents import (
    ArchiveContents,
    MonthContent,
    archive_contents,
    digest_of_rows,
    digest_text,
)
from gateway.archive.exports.export_folder import ExportFolder, opened_folder
from gateway.archive.exports.file_formats import ExportFormat, Parts, require_format, write_rows
from gateway.archive.exports.rows import (
    EnvironmentMonth,
    change_points,
    invocations_of_month,
    jobs_of,
    models_of,
    results_of_month,
    runs_of_month,
)
from gateway.archive.months import month_name, month_of
from gateway.archive.tables.run_tables import accounts, environments
from gateway.archive.times import to_micros
from gateway.errors import ConfigurationError

_FILES_BETWEEN_SAVES = 50

NO_MONTH = "__HIVE_DEFAULT_PARTITION__"
"""Hive's name of the folder of what has no value: here runs without any time."""


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What an export did. `kept`: files of past months that were left as they are, because the archive has forgotten
    some of the runs in them."""

    written: int
    rows: int
    unchanged: int
    kept: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _PlannedFile:
    table: ExportTable
    path: str
    content: str
    rows: Callable[[], Parts]
    sources: int = 0
    month: int | None = None


def export_archive(
    archive: Archive,
    folder: Path,
    file_format: ExportFormat,
    *,
    now: datetime,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> ExportReport:
    """Brings the files below `folder` up to date. `progress` gets how many files are done, and how many there are.

    Raises ConfigurationError where the archive cannot be read or is damaged, the folder cannot be written or holds
    anything else, another process exports to it, or the format's library is missing.
    """
    require_format(file_format)
    with archive.reading() as connection:
        account_ids = list(connection.scalars(select(accounts.c.id).order_by(accounts.c.id)))
        with opened_folder(folder, file_format.value, account_ids) as target:
            try:
                planned = list(_planned(connection, file_format))
                return _write(target, planned, file_format, to_micros(now), progress)
            except (TypeError, ValueError, OverflowError) as error:
                raise ConfigurationError(
                    f"The archive {archive.name} is damaged: a column holds a value of another type "
                    f"({str(error).splitlines()[0]}). Restore a backup, or read the artifacts into a new one."
                ) from error


def _write(
    target: ExportFolder,
    planned: list[_PlannedFile],
    file_format: ExportFormat,
    now: int,
    progress: Callable[[int, int], None],
) -> ExportReport:
    changed, kept = [], []
    for file in planned:
        known = target.exported(file.path)
        if known is not None and known.content == file.content:
            continue
        is_past = file.month is not None and file.month < month_of(now)
        if known is not None and is_past and file.sources < known.sources:
            kept.append(file.path)
            continue
        changed.append(file)
    if changed:
        target.announce([file.path for file in changed])
    rows = 0
    try:
        for done, file in enumerate(changed, start=1):
            rows += target.write(
                file.path,
                file.content,
                file.sources,
                lambda out, file=file: write_rows(file_format, file.table, file.rows(), out),  # type: ignore[misc]
            )
            if done % _FILES_BETWEEN_SAVES == 0:
                target.save()
            progress(done, len(changed))
    finally:
        if changed:
            target.save()
    return ExportReport(len(changed), rows, len(planned) - len(changed) - len(kept), tuple(kept))


def _planned(connection: Connection, file_format: ExportFormat) -> Iterator[_PlannedFile]:
    """Every file of the archive, in an order that readers can follow."""
    contents = archive_contents(connection)
    changes: dict[EnvironmentMonth, list[tuple[Any, ...]]] = defaultdict(list)
    for place, row in change_points(connection):
        changes[place].append(row)
    ending = file_format.value
    places = {*contents.runs, *contents.invocations, *contents.node_results, *changes}
    for place in sorted(places, key=lambda each: (each.environment_id, each.month or 0)):
        yield from _of_month(connection, contents, place, ending)
        if place.month is not None:
            rows = changes.get(place, [])
            yield _snapshot(CHANGE_POINTS, _month_path(CHANGE_POINTS, place, ending), rows)
    for environment_id in connection.scalars(select(environments.c.id).order_by(environments.c.id)).all():
        path = f"{MODELS.name}/environment_id={environment_id}/part.{ending}"
        yield _snapshot(MODELS, path, models_of(connection, environment_id))
    yield _snapshot(JOBS, f"{JOBS.name}/part.{ending}", jobs_of(connection))


def _of_month(
    connection: Connection, contents: ArchiveContents, place: EnvironmentMonth, ending: str
) -> Iterator[_PlannedFile]:
    """The files of a month; one without rows has the columns of the others."""
    for table, content, read in (
        (RUNS, contents.runs, runs_of_month),
        (NODE_RESULTS, contents.node_results, results_of_month),
        (INVOCATIONS, contents.invocations, invocations_of_month),
    ):
        if place.month is None and table is not RUNS:
            continue
        month = content.get(place, MonthContent())
        digest = digest_text(table, month.digest)
        path = _month_path(table, place, ending)

        def rows(read: Callable[[Connection, EnvironmentMonth], Parts] = read) -> Parts:
            return read(connection, place)

        yield _PlannedFile(table, path, digest, rows, month.sources, place.month)


def _snapshot(table: ExportTable, path: str, rows: list[tuple[Any, ...]]) -> _PlannedFile:
    return _PlannedFile(table, path, digest_of_rows(table, rows), lambda: [rows])


def _month_path(table: ExportTable, place: EnvironmentMonth, ending: str) -> str:
    month = NO_MONTH if place.month is None else month_name(place.month)
    return f"{table.name}/environment_id={place.environment_id}/month={month}/part.{ending}"
