"""The tables of an export, their columns and types. docs/export.md lists them, and a test compares the two."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ExportType(StrEnum):
    """The type of a column, in Arrow's words."""

    INTEGER = "int64"
    DOUBLE = "double"
    TEXT = "string"
    BOOLEAN = "bool"
    TIME = "timestamp[us, tz=UTC]"


class Partitions(StrEnum):
    """What the folders of a table are: one file per environment and month, per environment, or one file."""

    MONTHS = "environment_id, month"
    ENVIRONMENTS = "environment_id"
    NONE = ""


@dataclass(frozen=True, slots=True)
class ExportColumn:
    """A column; `description` says what it holds, with its unit."""

    name: str
    type: ExportType
    description: str


@dataclass(frozen=True, slots=True)
class ExportTable:
    """A table. Its files hold `columns` in this order, sorted by `sorted_by`."""

    name: str
    partitions: Partitions
    columns: tuple[ExportColumn, ...]
    sorted_by: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its columns."""
        return tuple(column.name for column in self.columns)


_INTEGER, _DOUBLE, _TEXT = ExportType.INTEGER, ExportType.DOUBLE, ExportType.TEXT
_BOOLEAN, _TIME = ExportType.BOOLEAN, ExportType.TIME

_RUN = ExportColumn("run_id", _INTEGER, "the run")
_JOB = ExportColumn("job_id", _INTEGER, "its job")
_INVOCATION = ExportColumn("invocation_id", _TEXT, "dbt's id of the command")
_STEP = ExportColumn("step", _INTEGER, "the place of the command in its run")

RUNS = ExportTable(
    "runs",
    Partitions.MONTHS,
    (
        _RUN,
        _JOB,
        ExportColumn("account_id", _INTEGER, "its account"),
        ExportColumn("project_id", _INTEGER, "its project"),
        ExportColumn("status", _TEXT, "`queued`, `starting`, `running`, `success`, `error` or `cancelled`"),
        ExportColumn("created_at", _TIME, "when it was created, else started, else ended; decides the month"),
        ExportColumn("dequeued_at", _TIME, "when it left the queue"),
        ExportColumn("started_at", _TIME, "when it started"),
        ExportColumn("finished_at", _TIME, "when it ended"),
        ExportColumn("runtime_seconds", _DOUBLE, "seconds from start to end"),
        ExportColumn("trigger", _TEXT, "why it ran, as the scheduler says: `scheduled`, `api`, `pull_request` …"),
        ExportColumn("git_branch", _TEXT, "branch"),
        ExportColumn("git_sha", _TEXT, "commit"),
        ExportColumn("dbt_version", _TEXT, "dbt's version"),
        ExportColumn("ingested_at", _TIME, "when the archive last stored what the scheduler says of it"),
    ),
    ("job_id", "created_at", "run_id"),
)

INVOCATIONS = ExportTable(
    "invocations",
    Partitions.MONTHS,
    (
        _RUN,
        _JOB,
        _INVOCATION,
        _STEP,
        ExportColumn("command", _TEXT, "dbt's command: `build`, `run`, `source freshness` …"),
        ExportColumn("variant", _TEXT, "what makes it unlike an ordinary command: `full_refresh` …; null if nothing"),
        ExportColumn("executes", _BOOLEAN, "whether it executes nodes, as `compile` does not"),
        ExportColumn("deploys", _BOOLEAN, "whether it changes the environment's state, as CI does not"),
        ExportColumn("failed", _BOOLEAN, "whether any of its results is a failure"),
        ExportColumn("started_at", _TIME, "when dbt began; known from dbt 1.11 on"),
        ExportColumn("ended_at", _TIME, "when it ended; decides the month"),
        ExportColumn("elapsed_seconds", _DOUBLE, "seconds, as dbt reports them; without parsing"),
        ExportColumn("threads", _INTEGER, "how many threads it was allowed"),
        ExportColumn("model_results", _INTEGER, "how many models it executed"),
        ExportColumn("dbt_version", _TEXT, "dbt's version"),
        ExportColumn("args", _TEXT, "its arguments, a JSON object"),
    ),
    ("job_id", "ended_at", "run_id", "step", "invocation_id"),
)

NODE_RESULTS = ExportTable(
    "node_results",
    Partitions.MONTHS,
    (
        ExportColumn("unique_id", _TEXT, "dbt's unique id of the node"),
        ExportColumn("resource_type", _TEXT, "`model`, `test`, `seed`, `snapshot`, `source`, `operation` …"),
        _RUN,
        _JOB,
        _INVOCATION,
        _STEP,
        ExportColumn(
            "status",
            _TEXT,
            "`success`, `error`, `skipped`, `pass`, `fail`, `warn` …; `reused`: not executed",
        ),
        ExportColumn("execution_seconds", _DOUBLE, "`execution_time`, seconds"),
        ExportColumn("compile_started_at", _TIME, "when compiling began"),
        ExportColumn("compile_completed_at", _TIME, "when compiling ended"),
        ExportColumn("execute_started_at", _TIME, "when executing began"),
        ExportColumn("execute_completed_at", _TIME, "when executing ended"),
        ExportColumn("invocation_ended_at", _TIME, "when the command ended; decides the month"),
        ExportColumn("thread", _TEXT, "the thread that executed it"),
        ExportColumn("message", _TEXT, "dbt's message"),
        ExportColumn("failures", _INTEGER, "failing rows of a test"),
        ExportColumn("rows_affected", _INTEGER, "rows, as the warehouse reports them"),
        ExportColumn("bytes_billed", _INTEGER, "bytes, as the warehouse reports them"),
        ExportColumn("adapter_response", _TEXT, "what else the warehouse reports, a JSON object"),
        ExportColumn("is_final", _BOOLEAN, "whether it is the node's last result in its run"),
        ExportColumn("builds", _BOOLEAN, "whether the command builds data, as `clone` and `--empty` do not"),
        ExportColumn("deploys", _BOOLEAN, "whether the command changes the environment's state, as CI does not"),
        ExportColumn("is_freshness_check", _BOOLEAN, "whether it is a check of a source's freshness"),
        ExportColumn("max_loaded_at", _TIME, "freshness checks: time of the newest row"),
        ExportColumn("snapshotted_at", _TIME, "freshness checks: when it was looked at"),
        ExportColumn("age_seconds", _DOUBLE, "freshness checks: age of the newest row, seconds"),
    ),
    ("unique_id", "invocation_ended_at", "run_id"),
)

CHANGE_POINTS = ExportTable(
    "change_points",
    Partitions.MONTHS,
    (
        ExportColumn("unique_id", _TEXT, "the model with the lasting change; null: the job's wall clock"),
        ExportColumn("job_id", _INTEGER, "the job in whose runs it changed"),
        ExportColumn("since", _TIME, "when the first run after the change began; decides the month"),
        ExportColumn("last_run_id", _INTEGER, "the last run before the change"),
        ExportColumn("first_run_id", _INTEGER, "the first run after it"),
        ExportColumn("before_seconds", _DOUBLE, "median before, seconds"),
        ExportColumn("after_seconds", _DOUBLE, "median after, seconds"),
        ExportColumn("seconds_per_day", _DOUBLE, "what it costs, seconds a day; negative: saves"),
        ExportColumn("chance", _DOUBLE, "probability that it is noise"),
        ExportColumn("confirmed_at", _TIME, "when it became certain enough to alert on; null: it is not"),
        ExportColumn("withdrawn_at", _TIME, "since when newer runs no longer show it; null: they do"),
    ),
    ("unique_id", "job_id", "since", "first_run_id"),
)

MODELS = ExportTable(
    "models",
    Partitions.ENVIRONMENTS,
    (
        ExportColumn("unique_id", _TEXT, "dbt's unique id"),
        ExportColumn("name", _TEXT, "name"),
        ExportColumn("package_name", _TEXT, "package"),
        ExportColumn("materialization", _TEXT, "`table`, `view`, `incremental` …"),
        ExportColumn("database", _TEXT, "database"),
        ExportColumn("schema", _TEXT, "schema"),
        ExportColumn("alias", _TEXT, "name of the table or view"),
        ExportColumn("group_name", _TEXT, "group"),
        ExportColumn("access", _TEXT, "`private`, `protected` or `public`"),
        ExportColumn("tags", _TEXT, "tags, a JSON array"),
        ExportColumn("last_status", _TEXT, "status of the last attempt; null: never attempted"),
        ExportColumn("last_attempt_at", _TIME, "when the command of the last attempt ended"),
        ExportColumn("execution_seconds", _DOUBLE, "`execution_time` of the last success, seconds"),
    ),
    ("unique_id",),
)

JOBS = ExportTable(
    "jobs",
    Partitions.NONE,
    (
        ExportColumn("job_id", _INTEGER, "the job"),
        ExportColumn("name", _TEXT, "name"),
        ExportColumn("account_id", _INTEGER, "its account"),
        ExportColumn("project_id", _INTEGER, "its project"),
        ExportColumn("project_name", _TEXT, "name of its project"),
        ExportColumn("environment_id", _INTEGER, "its environment"),
        ExportColumn("environment_name", _TEXT, "name of its environment"),
        ExportColumn("deployment_type", _TEXT, "of its environment: `production`, `staging` or null"),
        ExportColumn("job_type", _TEXT, "`scheduled`, `ci`, `merge`, `other` … as dbt Cloud says"),
        ExportColumn("execute_steps", _TEXT, "its commands, a JSON array"),
        ExportColumn("cron", _TEXT, "its schedule, UTC"),
    ),
    ("job_id",),
)

EXPORT_TABLES = (RUNS, NODE_RESULTS, INVOCATIONS, MODELS, JOBS, CHANGE_POINTS)
"""Every table, in the order in which they are written."""
