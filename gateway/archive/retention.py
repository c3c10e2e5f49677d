"""Forgets old runs, and then what no remaining run refers to any more."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Table,
    and_,
    delete,
    false,
    func,
    not_,
    or_,
    select,
    union_all,
    update,
)

from gateway.archive.archive import Archive
from gateway.archive.columnar.compacted_files import files_of
from gateway.archive.columnar.dropped_months import drop_empty_months, referred_keys
from gateway.archive.months import begin_of, month_of
from gateway.archive.result_months import drop_month, has_months, stored_months, table_of
from gateway.archive.rollups.upkeep import StaleResources, remake
from gateway.archive.tables.many_keys import among, chunks
from gateway.archive.tables.run_order import NEWEST_FIRST
from gateway.archive.tables.run_tables import (
    artifact_pieces,
    artifacts,
    catalog_tables,
    compilations,
    environments,
    freshness,
    invocations,
    manifest_files,
    manifest_nodes,
    manifests,
    node_parents,
    nodes,
    pieces,
    resources,
    results,
    run_files,
    runs,
    texts,
)

_FACTS = (results, compilations, freshness, catalog_tables)
_TEXT_COLUMNS = (
    results.c.thread_id,
    results.c.message_id,
    results.c.compiled_id,
    compilations.c.compiled_id,
    freshness.c.criteria_id,
    freshness.c.error_id,
    freshness.c.thread_id,
    catalog_tables.c.content_id,
    invocations.c.args_id,
)


@dataclass(frozen=True)
class Retention:
    """What to keep: runs younger than `age`, and the newest `runs_per_job`. None sets no limit.

    The newest run of every job is kept whatever its age, so that no job disappears.
    """

    age: timedelta | None = None
    runs_per_job: int | None = None


@dataclass(frozen=True)
class Forgotten:
    """What was removed. `results`: of commands that are in no compacted month; `files`: compacted months that were
    unlinked. `notes`: what could not be looked at."""

    runs: int
    results: int
    nodes: int
    files: int = 0
    notes: tuple[str, ...] = ()


def forget_old_runs(archive: Archive, retention: Retention, now: float | None = None) -> Forgotten:
    """Removes what `retention` does not keep. `now`: seconds since 1970.

    On SQLite in one transaction; on PostgreSQL in two, the second of which removes what no remaining run refers to, as
    those who read wait from the moment that a month is dropped until the first one ends. Folders that were read stay
    known, so that reading them again does not bring forgotten runs back.
    """
    moment = int((time.time() if now is None else now) * 1_000_000)
    with archive.writing() as connection:
        doomed = _doomed_runs(connection, retention, moment)
        by_month = has_months(connection)
        removed, dropped = _remove(connection, doomed, _emptied_months(connection, doomed) if by_month else [])
        swept = _sweep(connection) if doomed and not by_month else 0
        notes = _notes(connection)
    if by_month and doomed:
        with archive.writing() as connection:
            swept, notes = _sweep(connection), _notes(connection)
            # Whoever has written since then may remember what is gone now.
            connection.execute(update(environments).values(revision=environments.c.revision + 1))
    return Forgotten(len(doomed), removed, swept, _unlink(dropped), notes)


def _notes(connection: Connection) -> tuple[str, ...]:
    files = files_of(connection)
    return tuple(files.problems) if files else ()


def _remove(connection: Connection, run_ids: Sequence[int], months: Sequence[int]) -> tuple[int, list[Path]]:
    """Removes these runs; `months` are those that have results of no others, and are dropped whole, last of all.
    Returns how many results went, and the files of compacted months that are empty now."""
    stale = StaleResources()
    removed = 0
    for month in months:
        stale.add_month(connection, month)
        removed += connection.exec_driver_sql(f"SELECT count(*) FROM {table_of(month)}").scalar_one()  # noqa: S608
    of_months = or_(false(), *(_within(invocations.c.generated_at, month) for month in months))
    dropped = frozenset(connection.scalars(select(invocations.c.id).where(of_months))) if months else frozenset()
    for part in chunks(run_ids):
        removed += _remove_runs(connection, part, stale, dropped)
    files = drop_empty_months(connection)
    remake(connection, stale, months)
    for month in months:
        drop_month(connection, month)
    return removed, files


def _emptied_months(connection: Connection, run_ids: Sequence[int]) -> list[int]:
    """The months that have results of these runs alone, or of none."""
    stays = select(invocations.c.generated_at).where(not_(among(connection, invocations.c.run_id, run_ids)))
    staying = {month_of(at) for at in connection.scalars(stays.where(invocations.c.executing).distinct())}
    return sorted(stored_months(connection) - staying)


def _within(at: Any, month: int) -> Any:
    return and_(at >= begin_of(month), at < begin_of(month + 1))


def _unlink(paths: list[Path]) -> int:
    """Removes files of dropped months; returns how many there were. Those that stay the next compaction removes."""
    removed = 0
    for path in paths:
        with suppress(OSError):
            path.unlink()
            removed += 1
    return removed


def forget_newest_runs(connection: Connection, count: int) -> None:
    """Leaves the archive as it was before the newest `count` runs with artifacts of each environment were read."""
    ended = func.max(invocations.c.generated_at)
    place = func.row_number().over(
        partition_by=invocations.c.environment_id, order_by=(ended.desc(), invocations.c.run_id.desc())
    )
    ranked = select(invocations.c.run_id, place.label("place")).group_by(
        invocations.c.environment_id, invocations.c.run_id
    )
    newest = [row.run_id for row in connection.execute(ranked) if row.place <= count]
    stale = StaleResources()
    for part in chunks(newest):
        _remove_runs(connection, part, stale)
    remake(connection, stale)
    left = select(ended).where(invocations.c.environment_id == environments.c.id).correlate(environments)
    connection.execute(update(environments).values(updated_at=left.scalar_subquery()))


def _doomed_runs(connection: Connection, retention: Retention, moment: int) -> list[int]:
    place = func.row_number().over(partition_by=runs.c.job_id, order_by=NEWEST_FIRST)
    rows = connection.execute(select(runs.c.id, runs.c.created_at, place.label("place")))
    oldest = moment - retention.age // timedelta(microseconds=1) if retention.age is not None else None
    most = retention.runs_per_job
    return [
        row.id
        for row in rows
        if row.place > 1
        and ((oldest is not None and (row.created_at or 0) < oldest) or (most is not None and row.place > max(most, 1)))
    ]


def _remove_runs(
    connection: Connection, run_ids: list[int], stale: StaleResources, dropped: frozenset[int] = frozenset()
) -> int:
    """Removes these runs and moves the time of their environments; returns the number of results that went, but for
    those of the invocations in `dropped`, which are left to the caller."""
    keys = list(connection.scalars(select(invocations.c.id).where(invocations.c.run_id.in_(run_ids))))
    removed = 0
    staying = [key for key in keys if key not in dropped]
    stale.add_invocations(connection, staying)
    stale.add_dropped(connection, [key for key in keys if key in dropped])
    for part in chunks(staying):
        removed += connection.execute(delete(results).where(results.c.invocation_id.in_(part))).rowcount
    for part in chunks(keys):
        for table in _FACTS[1:]:
            connection.execute(delete(table).where(table.c.invocation_id.in_(part)))
        connection.execute(delete(invocations).where(invocations.c.id.in_(part)))
    places = select(runs.c.environment_id).where(runs.c.id.in_(run_ids))
    moved = {"revision": environments.c.revision + 1, "updated_at": environments.c.updated_at + 1000}
    connection.execute(update(environments).where(environments.c.id.in_(places)).values(moved))
    connection.execute(delete(run_files).where(run_files.c.run_id.in_(run_ids)))
    connection.execute(delete(runs).where(runs.c.id.in_(run_ids)))
    return removed


def _sweep(connection: Connection) -> int:
    """Removes contents that nothing refers to any more; returns the number of nodes that went. Where a file of a
    compacted month cannot be read, what it may refer to stays."""
    _keep(connection, manifest_files, manifest_files.c.manifest_id, (invocations.c.manifest_id,))
    _keep(connection, manifest_nodes, manifest_nodes.c.manifest_id, (invocations.c.manifest_id,))
    _keep(connection, manifests, manifests.c.id, (invocations.c.manifest_id,))
    used = (manifest_nodes.c.node_id, results.c.node_id, freshness.c.node_id)
    referred = referred_keys(connection)
    if referred is not None:
        _keep(connection, node_parents, node_parents.c.node_id, used, referred.nodes)
    _sweep_files(connection)
    if referred is None:
        return 0
    removed = _keep(connection, nodes, nodes.c.id, used, referred.nodes)
    _keep(connection, resources, resources.c.id, tuple(table.c.resource_id for table in _FACTS), referred.resources)
    _keep(connection, texts, texts.c.id, _TEXT_COLUMNS, referred.texts)
    return removed


def _sweep_files(connection: Connection) -> None:
    listed = select(artifacts.c.id).where(artifacts.c.digest.in_(select(run_files.c.digest)))
    connection.execute(delete(artifact_pieces).where(artifact_pieces.c.artifact_id.not_in(listed)))
    connection.execute(delete(artifacts).where(artifacts.c.id.not_in(listed)))
    _keep(connection, pieces, pieces.c.id, (artifact_pieces.c.piece_id, artifacts.c.numbers_id))


def _keep(
    connection: Connection,
    table: Table,
    key: Column[int],
    used: tuple[Column[int], ...],
    more: frozenset[int] = frozenset(),
) -> int:
    """Removes the rows of a table whose key stands in none of these columns, and is none of `more`."""
    referred = union_all(*(select(column).where(column.is_not(None)) for column in used))
    unused = delete(table).where(key.not_in(referred))
    return connection.execute(unused.where(~among(connection, key, more)) if more else unused).rowcount
