"""The rows of an export's tables: one statement a table and file, whose rows are never in memory all at once."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from heapq import merge
from itertools import chain
from operator import itemgetter
from typing import Any, TypeAlias

import msgspec
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Float,
    Select,
    Text,
    and_,
    case,
    cast,
    false,
    null,
    select,
    true,
    union_all,
)

from gateway.archive.artifacts.node_content import config_of, tags_of
from gateway.archive.columnar.compacted_files import files_of
from gateway.archive.columnar.result_rows import commands_of
from gateway.archive.exports.columns import NODE_RESULTS, ExportColumn, ExportType
from gateway.archive.months import begin_of, month_of
from gateway.archive.reading.model_states import model_states
from gateway.archive.tables.change_tables import runtime_changes
from gateway.archive.tables.many_keys import chunks
from gateway.archive.tables.run_tables import (
    environments,
    freshness,
    invocations,
    jobs,
    projects,
    resources,
    results,
    runs,
    texts,
)

ROWS_AT_ONCE = 20_000
"""How many rows are in memory at a time."""

Rows: TypeAlias = Iterator[list[tuple[Any, ...]]]
"""The rows of a file in parts, each row in the order of its table's columns."""

_STATUSES = {1: "queued", 2: "starting", 3: "running", 10: "success", 20: "error", 30: "cancelled"}
_threads, _messages = texts.alias("threads"), texts.alias("messages")


@dataclass(frozen=True, slots=True)
class EnvironmentMonth:
    """A month of UTC in an environment, counted as in `months`; None for what has no time."""

    environment_id: int
    month: int | None

    def holds(self, time: ColumnElement[Any]) -> ColumnElement[bool]:
        """Whether a time in microseconds lies in it."""
        if self.month is None:
            return time.is_(None)
        return and_(time >= begin_of(self.month), time < begin_of(self.month + 1))


def run_rows() -> Select[*tuple[Any, ...]]:
    """All runs, in no order; the columns of RUNS."""
    runtime = cast(runs.c.finished_at - runs.c.started_at, Float) / 1_000_000.0
    return select(
        runs.c.id.label("run_id"),
        runs.c.job_id,
        runs.c.account_id,
        runs.c.project_id,
        case(_STATUSES, value=runs.c.status).label("status"),
        runs.c.created_at,
        runs.c.dequeued_at,
        runs.c.started_at,
        runs.c.finished_at,
        runtime.label("runtime_seconds"),
        runs.c.trigger,
        runs.c.git_branch,
        runs.c.git_sha,
        runs.c.dbt_version,
        runs.c.ingested_at,
    )


def invocation_rows() -> Select[*tuple[Any, ...]]:
    """All commands, in no order; the columns of INVOCATIONS."""
    return select(
        invocations.c.run_id,
        invocations.c.job_id,
        invocations.c.uuid.label("invocation_id"),
        invocations.c.step,
        invocations.c.command,
        invocations.c.variant,
        invocations.c.executing.label("executes"),
        invocations.c.deploys,
        invocations.c.failed,
        invocations.c.started_at,
        invocations.c.generated_at.label("ended_at"),
        invocations.c.elapsed.label("elapsed_seconds"),
        invocations.c.threads,
        invocations.c.model_results,
        invocations.c.dbt_version,
        texts.c.body.label("args"),
    ).outerjoin(texts, texts.c.id == invocations.c.args_id)


def runs_of_month(connection: Connection, place: EnvironmentMonth) -> Rows:
    """The rows of RUNS that were created in a month."""
    query = run_rows().where(runs.c.environment_id == place.environment_id, place.holds(runs.c.created_at))
    return _streamed(connection, query.order_by(runs.c.job_id, runs.c.created_at, runs.c.id))


def invocations_of_month(connection: Connection, place: EnvironmentMonth) -> Rows:
    """The rows of INVOCATIONS that ended in a month."""
    here = invocations.c.environment_id == place.environment_id, place.holds(invocations.c.generated_at)
    order = (invocations.c.job_id, invocations.c.generated_at, invocations.c.run_id, invocations.c.step)
    return _streamed(connection, invocation_rows().where(*here).order_by(*order, invocations.c.uuid))


def results_of_month(connection: Connection, place: EnvironmentMonth) -> Rows:
    """The rows of NODE_RESULTS whose command ended in a month: results, and checks of sources' freshness.

    SQLite reads both in the order of their indexes and merges them, so nothing is sorted. Raises DamagedFile where the
    month was compacted and its file cannot be read.
    """
    stored = _of_month(connection, place, results, _RESULT).where(~invocations.c.compacted)
    both = union_all(stored, _of_month(connection, place, freshness, _CHECK)).order_by(*_ORDER)
    width = len(NODE_RESULTS.columns)
    for rows in merged_results(_streamed(connection, both), compacted_results(connection, place, ("row_key",))):
        yield [row[:width] for row in rows]


KEY_COLUMNS = {
    "row_key": results.c.id,
    "node_key": results.c.node_id,
    "compiled_key": results.c.compiled_id,
    "thread_key": results.c.thread_id,
    "message_key": results.c.message_id,
}
"""What files of compacted months have beside the columns of NODE_RESULTS, as `results` holds it."""


def stored_results(connection: Connection, place: EnvironmentMonth) -> Rows:
    """The results of a month that are in no file, in the order of NODE_RESULTS; its columns, and KEY_COLUMNS."""
    query = _of_month(connection, place, results, _RESULT)
    query = query.add_columns(*(column.label(name) for name, column in list(KEY_COLUMNS.items())[1:]))
    return _streamed(connection, query.where(~invocations.c.compacted, results.c.status.is_not(None)).order_by(*_ORDER))


def compacted_results(connection: Connection, place: EnvironmentMonth, keys: Collection[str]) -> Rows:
    """The rows of a month's file that count, in its order: the columns of NODE_RESULTS, and these of KEY_COLUMNS.

    Nothing where the month was not compacted. Raises DamagedFile, MissingExtra and ConfigurationError.
    """
    files = files_of(connection)
    recorded = files.months(connection).get((place.environment_id, place.month or 0)) if files else None
    if files is None or recorded is None:
        return
    commands = commands_of(connection, recorded.environment_id, recorded.month)
    path = files.place_of(connection, recorded)
    selected = [_as_stored(column) for column in NODE_RESULTS.columns]
    run, command = NODE_RESULTS.names.index("run_id"), NODE_RESULTS.names.index("invocation_id")
    for part in files.verified.reader.rows(path, ", ".join([*selected, *keys])):
        yield [row for row in part if (row[run], row[command]) in commands]


def merged_results(*several: Rows) -> Rows:
    """Rows of results, each with its `row_key` behind the columns of NODE_RESULTS, in the order of NODE_RESULTS."""
    by = [NODE_RESULTS.names.index(name) for name in (*NODE_RESULTS.sorted_by, "is_freshness_check")]
    place = itemgetter(*by, len(NODE_RESULTS.columns))
    yield from chunks(merge(*(chain.from_iterable(rows) for rows in several), key=place), ROWS_AT_ONCE)


def _as_stored(column: ExportColumn) -> str:
    return f"epoch_us({column.name})" if column.type is ExportType.TIME else column.name


_ORDER = ("unique_id", "invocation_ended_at", "run_id", "is_freshness_check", "row_key")


def change_points(connection: Connection) -> Iterator[tuple[EnvironmentMonth, tuple[Any, ...]]]:
    """All rows of CHANGE_POINTS in their order, each with where it belongs."""
    changes = runtime_changes.c
    query = (
        select(
            changes.environment_id,
            resources.c.unique_id,
            changes.job_id,
            changes.since,
            changes.last_run_id,
            changes.first_run_id,
            changes.before.label("before_seconds"),
            changes.after.label("after_seconds"),
            changes.seconds_per_day,
            changes.chance,
            changes.confirmed_at,
            changes.withdrawn_at,
        )
        .outerjoin(resources, and_(resources.c.id == changes.resource_id, changes.resource_id != 0))
        .order_by(_by_bytes(connection, resources.c.unique_id).nulls_last(), changes.job_id, changes.since)
        .order_by(changes.first_run_id)
    )
    for part in _streamed(connection, query):
        yield from ((EnvironmentMonth(row[0], month_of(row[3])), row[1:]) for row in part)


class _ExportedNode(msgspec.Struct, frozen=True):
    """As much of a model's node as is exported."""

    name: str | None = None
    package_name: str | None = None
    database: str | None = None
    schema: str | None = None
    alias: str | None = None
    group: str | None = None
    access: str | None = None
    tags: list[str] | str | None = None
    config: msgspec.Raw = msgspec.Raw()


_node = msgspec.json.Decoder(_ExportedNode)


def models_of(connection: Connection, environment_id: int) -> list[tuple[Any, ...]]:
    """The rows of MODELS of an environment."""
    rows = []
    for row in model_states(connection, [environment_id], contents=True):
        node = _node.decode(row.content or b"{}")
        config = config_of(node)
        tags = msgspec.json.encode(tags_of(node)).decode()
        place = node.database, node.schema, node.alias, node.group or config.group, node.access or config.access
        state = row.status, row.generated_at, row.execution_time
        rows.append((row.unique_id, node.name, node.package_name, row.materialization, *place, tags, *state))
    return sorted(rows, key=lambda values: values[0])


class _JobDetails(msgspec.Struct, frozen=True):
    execute_steps: list[str] = []
    schedule: dict[str, Any] | None = None


def jobs_of(connection: Connection) -> list[tuple[Any, ...]]:
    """The rows of JOBS."""
    query = (
        select(
            *(jobs.c.id, jobs.c.name, jobs.c.account_id, jobs.c.project_id, projects.c.name.label("project_name")),
            *(jobs.c.environment_id, environments.c.name.label("environment_name"), environments.c.deployment_type),
            *(jobs.c.job_type, jobs.c.details),
        )
        .outerjoin(projects, projects.c.id == jobs.c.project_id)
        .outerjoin(environments, environments.c.id == jobs.c.environment_id)
        .order_by(jobs.c.id)
    )
    rows = []
    for *facts, details in connection.execute(query):
        known = msgspec.json.decode(details, type=_JobDetails)
        cron = (known.schedule or {}).get("cron")
        steps = msgspec.json.encode(known.execute_steps).decode()
        rows.append((*facts, steps, cron if isinstance(cron, str) else None))
    return rows


def _of_month(
    connection: Connection, place: EnvironmentMonth, table: Any, columns: dict[str, ColumnElement[Any]]
) -> Select[*tuple[Any, ...]]:
    message = columns["message_id"]
    return (
        select(
            _by_bytes(connection, resources.c.unique_id).label("unique_id"),
            resources.c.kind.label("resource_type"),
            table.c.run_id.label("run_id"),
            invocations.c.job_id,
            invocations.c.uuid.label("invocation_id"),
            invocations.c.step,
            table.c.status,
            table.c.execution_time.label("execution_seconds"),
            *(columns[name].label(name) for name in _TIMES),
            table.c.generated_at.label("invocation_ended_at"),
            _threads.c.body.label("thread"),
            _messages.c.body.label("message"),
            *(columns[name].label(name) for name in _FIGURES),
            table.c.deploys,
            *(columns[name].label(name) for name in _FRESHNESS),
            table.c.id.label("row_key"),
        )
        .select_from(resources)
        .join(table, table.c.resource_id == resources.c.id)
        .join(invocations, invocations.c.id == table.c.invocation_id)
        .outerjoin(_threads, _threads.c.id == table.c.thread_id)
        .outerjoin(_messages, _messages.c.id == message)
        .where(resources.c.environment_id == place.environment_id, place.holds(table.c.generated_at))
    )


_TIMES = ("compile_started_at", "compile_completed_at", "execute_started_at", "execute_completed_at")
_FIGURES = ("failures", "rows_affected", "bytes_billed", "adapter_response", "is_final", "builds")
_FRESHNESS = ("is_freshness_check", "max_loaded_at", "snapshotted_at", "age_seconds")


def _none(kind: Any) -> ColumnElement[Any]:
    return cast(null(), kind)


_RESULT: dict[str, ColumnElement[Any]] = {
    **{name: results.c[name] for name in (*_TIMES, "message_id", "failures", "rows_affected", "bytes_billed")},
    "adapter_response": results.c.adapter_response,
    "is_final": results.c.final,
    "builds": results.c.builds,
    "is_freshness_check": false(),
    "max_loaded_at": _none(BigInteger),
    "snapshotted_at": _none(BigInteger),
    "age_seconds": _none(Float),
}
_later = freshness.alias("later")
_CHECK: dict[str, ColumnElement[Any]] = {
    "compile_started_at": _none(BigInteger),
    "compile_completed_at": _none(BigInteger),
    "execute_started_at": freshness.c.started_at,
    "execute_completed_at": freshness.c.completed_at,
    "message_id": freshness.c.error_id,
    "failures": _none(BigInteger),
    "rows_affected": _none(BigInteger),
    "bytes_billed": _none(BigInteger),
    "adapter_response": _none(Text),
    "is_final": ~select(_later.c.id)
    .where(
        _later.c.resource_id == freshness.c.resource_id,
        _later.c.run_id == freshness.c.run_id,
        _later.c.generated_at > freshness.c.generated_at,
    )
    .correlate(freshness)
    .exists(),
    "builds": false(),
    "is_freshness_check": true(),
    "max_loaded_at": freshness.c.max_loaded_at,
    "snapshotted_at": freshness.c.snapshotted_at,
    "age_seconds": freshness.c.age,
}


def _by_bytes(connection: Connection, column: ColumnElement[Any]) -> ColumnElement[Any]:
    """Text that is ordered by its bytes, whatever the language of a PostgreSQL database."""
    return column.collate("C") if connection.dialect.name == "postgresql" else column


def _streamed(connection: Connection, query: Any) -> Rows:
    rows = connection.execute(query, execution_options={"yield_per": ROWS_AT_ONCE})
    for part in rows.partitions():
        yield [tuple(row) for row in part]
