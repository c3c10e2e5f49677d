"""Versioned changes of the archive's tables. A new archive starts at the newest version; an older one is led there."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection, func, insert, inspect, select, update
from sqlalchemy.schema import CreateIndex

from gateway.analysis.change_points import DEFAULT_THRESHOLD
from gateway.archive.api_facts import adopt_earlier_facts
from gateway.archive.artifacts.artifact_files import RunArgs
from gateway.archive.artifacts.command_variants import NOT_BUILDING, variant_of
from gateway.archive.changes.runtime_changes import look_again
from gateway.archive.migrations.added_columns import add_columns, fill_columns
from gateway.archive.migrations.inferred_facts import name_inferred_jobs_anew, time_commands_by_results
from gateway.archive.result_months import part_by_month
from gateway.archive.rollups.stale_series import mark_everything
from gateway.archive.rollups.upkeep import rebuild
from gateway.archive.tables.alert_tables import alert_messages, alert_senders, alerts
from gateway.archive.tables.change_tables import runtime_changes, runtime_series, stale_series
from gateway.archive.tables.compacted_tables import columnar_folder, compacted_months
from gateway.archive.tables.mirror_tables import ended_runs, mirrored_runs, mirrors
from gateway.archive.tables.run_tables import (
    RUN_INDEXES,
    artifact_pieces,
    artifacts,
    freshness,
    invocations,
    kept_facts,
    kept_model_runs,
    metadata,
    migrations,
    nodes,
    pieces,
    recent_results,
    resource_months,
    resources,
    results,
    runs,
    texts,
)
from gateway.archive.writing.run_rows import infer_job_kinds
from gateway.archive.writing.step_numbers import number_steps
from gateway.errors import ConfigurationError

_log = logging.getLogger(__name__)
_MANY_RESOURCES = 2_000


@dataclass(frozen=True)
class Migration:
    """One step from `version - 1` to `version`; `apply` runs inside the transaction that records it."""

    version: int
    name: str
    apply: Callable[[Connection], None]


def _create_tables(connection: Connection) -> None:
    metadata.create_all(connection)
    part_by_month(connection)
    adopt_earlier_facts(connection)


def _count_model_results(connection: Connection) -> None:
    connection.exec_driver_sql("CREATE INDEX IF NOT EXISTS invocations_by_uuid ON invocations (uuid)")
    connection.exec_driver_sql("ALTER TABLE invocations ADD COLUMN model_results INTEGER NOT NULL DEFAULT 0")
    connection.exec_driver_sql(
        "UPDATE invocations SET model_results = (SELECT count(*) FROM results JOIN resources"
        " ON resources.id = results.resource_id WHERE results.invocation_id = invocations.id"
        " AND substr(resources.unique_id, 1, 6) = 'model.')"
    )


def _keep_raw_files(connection: Connection) -> None:
    metadata.create_all(connection, [pieces, artifacts, artifact_pieces])


_ONCE_FOREIGN_KEYS = {
    "manifest_nodes": ("node_id",),
    "invocations": ("args_id",),
    "results": ("node_id", "thread_id", "message_id", "compiled_id"),
    "compilations": ("compiled_id",),
    "freshness": ("node_id", "criteria_id", "error_id"),
    "catalog_tables": ("content_id",),
}


def _drop_foreign_keys_to_contents(connection: Connection) -> None:
    if connection.dialect.name != "postgresql":
        return  # SQLite does not look at them unless it is told to
    for table, columns in _ONCE_FOREIGN_KEYS.items():
        for column in columns:
            connection.exec_driver_sql(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {table}_{column}_fkey")


def _tell_steps_apart(connection: Connection) -> None:
    """Commands read from bare folders were all step 1 of their run. Of their files those read last are known."""
    connection.exec_driver_sql("ALTER TABLE invocations ADD COLUMN failed BOOLEAN NOT NULL DEFAULT FALSE")
    bad = "status IN ('error', 'fail', 'partial success', 'runtime error')"
    connection.exec_driver_sql(
        f"UPDATE invocations SET failed = TRUE WHERE id IN (SELECT invocation_id FROM results WHERE {bad}"  # noqa: S608
        f" UNION SELECT invocation_id FROM freshness WHERE {bad})"
    )
    crowded = connection.exec_driver_sql(
        "SELECT run_id, max(id) FROM invocations WHERE run_id IN (SELECT id FROM runs WHERE inferred)"
        " GROUP BY run_id HAVING count(*) > 1 AND max(step) = 1"
    )
    for run_id, read_last in crowded.all():
        others = select(invocations.c.id).where(invocations.c.run_id == run_id, invocations.c.id != read_last)
        for step, key in enumerate(connection.scalars(others).all(), start=2):
            connection.execute(update(invocations).where(invocations.c.id == key).values(step=step))
        number_steps(connection, run_id)


def _remember_runs_of_folders(connection: Connection) -> None:
    connection.exec_driver_sql("ALTER TABLE folders ADD COLUMN runs TEXT")


def _add_column(connection: Connection, table: str, name: str, kind: str) -> None:
    if name not in {column["name"] for column in inspect(connection).get_columns(table)}:
        connection.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN {name} {kind}")


def _tell_variants(connection: Connection) -> None:
    """Which commands were full refreshes, clones, empty or samples, from their arguments."""
    _add_column(connection, "invocations", "variant", "TEXT")
    _add_column(connection, "results", "builds", "BOOLEAN NOT NULL DEFAULT TRUE")
    arguments = select(texts.c.id, texts.c.body).where(texts.c.id.in_(select(invocations.c.args_id)))
    for key, body in connection.execute(arguments).all():
        variant = variant_of(_args_in(body))
        if variant is None:
            continue
        of_variant = invocations.c.args_id == key
        connection.execute(update(invocations).where(of_variant).values(variant=variant))
        if variant in NOT_BUILDING:
            commands = select(invocations.c.id).where(of_variant)
            connection.execute(update(results).where(results.c.invocation_id.in_(commands)).values(builds=False))


def _args_in(body: str) -> RunArgs:
    try:
        return msgspec.json.decode(body, type=RunArgs)
    except msgspec.MsgspecError:
        return RunArgs()


def _order_runs_by_time(connection: Connection) -> None:
    """Lists of runs went by id, which is a hash for runs that are named by text; now by time, and find it in these."""
    for index in RUN_INDEXES[connection.dialect.name]:
        connection.execute(CreateIndex(index, if_not_exists=True))


class _LoggedTenths:
    """Logs a line for each tenth of what a long rebuild has done."""

    def __init__(self) -> None:
        self._tenth = 0

    def __call__(self, done: int, total: int) -> None:
        if total >= _MANY_RESOURCES and done * 10 // total > self._tenth:
            self._tenth = done * 10 // total
            _log.warning("Roll-ups are made of the archive's results: %s of %s resources.", done, total)


def _roll_up(connection: Connection) -> None:
    """What analyses and roll-ups need, from rows and kept files; files that were not kept leave nulls."""
    add_columns(
        connection,
        *(runs.c.trigger, nodes.c.materialization, nodes.c.code_checksum, resources.c.kind),
        *(invocations.c.started_at, invocations.c.threads),
        *(results.c.rows_affected, results.c.bytes_billed, results.c.adapter_response),
        *(freshness.c.execution_time, freshness.c.started_at, freshness.c.completed_at, freshness.c.thread_id),
    )
    metadata.create_all(connection, [recent_results, resource_months])
    fill_columns(connection)
    rebuild(connection, _LoggedTenths())


def _keep_api_facts(connection: Connection) -> None:
    metadata.create_all(connection, [kept_facts, kept_model_runs])
    adopt_earlier_facts(connection)


def _look_at_series(connection: Connection) -> None:
    """What the series of runtimes show, of all runs that there are."""
    metadata.create_all(connection, [runtime_changes, runtime_series, stale_series])
    mark_everything(connection)
    while connection.execute(select(stale_series.c.job_id).limit(1)).first() is not None:
        look_again(connection)


def _mirror(connection: Connection) -> None:
    metadata.create_all(connection, [mirrors, mirrored_runs, ended_runs])


def _drop_index_of_series(connection: Connection) -> None:
    """To go through all series takes some tenths of a second for 100,000 models; the index took 1.5 bytes a result."""
    connection.exec_driver_sql("DROP INDEX IF EXISTS ix_runtime_series_environment_id")


def _alerts(connection: Connection) -> None:
    metadata.create_all(connection, [alerts, alert_messages, alert_senders])


def _shorten_series(connection: Connection) -> None:
    """Nobody read when the newest run of a series ended, nor how often those run that are too fast to show a change:
    1.4 bytes a result."""
    if "newest_at" in {column["name"] for column in inspect(connection).get_columns(runtime_series.name)}:
        connection.exec_driver_sql("ALTER TABLE runtime_series DROP COLUMN newest_at")
    fast = runtime_series.c.level < DEFAULT_THRESHOLD.seconds
    connection.execute(update(runtime_series).where(fast).values(runs_a_day=0.0))


def _compact(connection: Connection) -> None:
    metadata.create_all(connection, [compacted_months, columnar_folder])
    _add_column(connection, "invocations", "compacted", "BOOLEAN NOT NULL DEFAULT FALSE")


def _figures_of_mirror(connection: Connection) -> None:
    add_columns(connection, mirrors.c.remaining, mirrors.c.swept_at, mirrored_runs.c.cause)
    _add_column(connection, "mirrors", "requests", "BIGINT NOT NULL DEFAULT 0")


MIGRATIONS: tuple[Migration, ...] = (
    Migration(1, "the first tables", _create_tables),
    Migration(2, "model results counted per invocation", _count_model_results),
    Migration(3, "artifact files kept", _keep_raw_files),
    Migration(4, "no foreign keys to shared contents", _drop_foreign_keys_to_contents),
    Migration(5, "steps of a run told apart", _tell_steps_apart),
    Migration(6, "runs of folders remembered", _remember_runs_of_folders),
    Migration(7, "inferred jobs told apart by all that selects", name_inferred_jobs_anew),
    Migration(8, "seconds of commands without elapsed_time", time_commands_by_results),
    Migration(9, "full refreshes, clones, empty runs and samples told apart", _tell_variants),
    Migration(10, "runs ordered by time", _order_runs_by_time),
    Migration(11, "columns for analyses, and roll-ups", _roll_up),
    Migration(12, "CI jobs known by what started their runs", infer_job_kinds),
    Migration(13, "finished runs as dbt's API gave them", _keep_api_facts),
    Migration(14, "lasting changes of runtimes", _look_at_series),
    Migration(15, "the mirror of dbt Cloud", _mirror),
    Migration(16, "no index of the series of runtimes, plain days in fewer bytes", _drop_index_of_series),
    Migration(17, "alerts and their outbox", _alerts),
    Migration(18, "series of runtimes in fewer bytes", _shorten_series),
    Migration(19, "months in columnar files", _compact),
    Migration(20, "figures of the mirror", _figures_of_mirror),
    Migration(21, "results by month on PostgreSQL", part_by_month),
)


def migrate(connection: Connection, steps: tuple[Migration, ...] = MIGRATIONS) -> None:
    """Brings the archive to the newest version. Raises ConfigurationError when a newer program has written it."""
    newest = steps[-1].version
    if not inspect(connection).has_table(migrations.name):
        _create_tables(connection)
        _record(connection, Migration(newest, "created", _create_tables))
        return
    version = connection.scalar(select(func.max(migrations.c.version))) or 0
    if version > newest:
        raise ConfigurationError(
            f"The archive has version {version}, this program knows up to {newest}: upgrade it, or name another "
            "archive."
        )
    missing = [step for step in steps if step.version > version]
    for step in missing:
        # Where millions of results are read for it, this takes minutes, and whoever waits should know why.
        _log.warning(
            "The archive is brought to version %s of %s: %s. Whatever interrupts this leaves it as it was.",
            *(step.version, newest, step.name),
        )
        step.apply(connection)
        _record(connection, step)


def _record(connection: Connection, step: Migration) -> None:
    connection.execute(
        insert(migrations).values(version=step.version, name=step.name, applied_at=time.time_ns() // 1000)
    )
