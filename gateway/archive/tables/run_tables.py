"""The archive's tables. Times are microseconds since 1970; JSON is text; ids of dbt are kept as dbt gave them.

Five kinds of rows: what an orchestrator knows (accounts … runs), what a manifest says (nodes stored once by content,
manifests as sets of nodes), what happened (results, freshness, catalogs), found by resource and time, roll-ups of
what happened (recent_results, resource_months), written in the transaction that writes the results, and facts that were
read from dbt's API (kept_facts, kept_model_runs).

Columns that point to nodes, texts and pieces are no foreign keys: PostgreSQL would look through every row of a table
for each one that retention removes.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
)

metadata = MetaData()

KEY = BigInteger().with_variant(Integer, "sqlite")


def _key() -> Column[int]:
    return Column("id", KEY, primary_key=True)


migrations = Table(
    "migrations",
    metadata,
    Column("version", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("applied_at", BigInteger, nullable=False),
)

accounts = Table(
    "accounts",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("inferred", Boolean, nullable=False),
)

projects = Table(
    "projects",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("account_id", BigInteger, nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("inferred", Boolean, nullable=False),
)

# `revision` counts every change; `updated_at` is the time of the newest artifact and never stands still on a change.
environments = Table(
    "environments",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("account_id", BigInteger, nullable=False, index=True),
    Column("project_id", BigInteger, nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("inferred", Boolean, nullable=False),
    Column("type", Text),
    Column("deployment_type", Text),
    Column("revision", BigInteger, nullable=False, default=0),
    Column("updated_at", BigInteger),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("account_id", BigInteger, nullable=False, index=True),
    Column("project_id", BigInteger, nullable=False, index=True),
    Column("environment_id", BigInteger, nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("inferred", Boolean, nullable=False),
    Column("job_type", Text),
    Column("details", Text, nullable=False),
)

runs = Table(
    "runs",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("account_id", BigInteger, nullable=False),
    Column("project_id", BigInteger, nullable=False, index=True),
    Column("environment_id", BigInteger, nullable=False, index=True),
    Column("job_id", BigInteger, nullable=False, index=True),
    Column("inferred", Boolean, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("created_at", BigInteger, index=True),
    Column("dequeued_at", BigInteger),
    Column("started_at", BigInteger),
    Column("finished_at", BigInteger),
    Column("git_sha", Text),
    Column("git_branch", Text),
    Column("trigger", Text),
    Column("dbt_version", Text),
    Column("facts_digest", LargeBinary, nullable=False),
    Column("details", Text, nullable=False),
    Column("ingested_at", BigInteger, nullable=False),
)

# The order of runs (see run_order). Only PostgreSQL lets an index say where nulls go; elsewhere they are the least.
_RUN_LISTS = {"": (), "_of_job": (runs.c.job_id,), "_of_environment": (runs.c.environment_id,)}
_CREATION = {
    "sqlite": (runs.c.created_at, runs.c.id),
    "postgresql": (runs.c.created_at.desc().nulls_last(), runs.c.id.desc()),
}
RUN_INDEXES = {
    dialect: tuple(
        Index(f"runs_by_creation{name}", *of, *order).ddl_if(dialect=dialect) for name, of in _RUN_LISTS.items()
    )
    for dialect, order in _CREATION.items()
}

# Which files a run left, and where they lay when they were read. Those that were not kept are served from there.
run_files = Table(
    "run_files",
    metadata,
    Column("run_id", BigInteger, primary_key=True, autoincrement=False),
    Column("step", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, primary_key=True),
    Column("path", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
)

# Files that were kept, by the digest of their bytes; `numbers_id`: the piece with the numbers taken out of the others.
artifacts = Table(
    "artifacts",
    metadata,
    _key(),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("size", BigInteger, nullable=False),
    Column("numbers_id", KEY),
)

artifact_pieces = Table(
    "artifact_pieces",
    metadata,
    Column("artifact_id", KEY, ForeignKey("artifacts.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("piece_id", KEY, nullable=False),
    sqlite_with_rowid=False,
)

pieces = Table(
    "pieces",
    metadata,
    _key(),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("body", LargeBinary, nullable=False),
)

# Folders that were read whole, with names, sizes and times of their files: they are not read again while these stand.
# `runs`: the ids of the runs in them, parted by blanks; null where an older version read the folder.
folders = Table(
    "folders",
    metadata,
    Column("path", Text, primary_key=True),
    Column("stamp", LargeBinary, nullable=False),
    Column("runs", Text),
)

texts = Table(
    "texts",
    metadata,
    _key(),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("body", Text, nullable=False),
)

# `code_checksum`: equal for nodes of equal code, whatever else of them differs; null for nodes without code.
# `materialization` as the node's config reports it, in lower case.
nodes = Table(
    "nodes",
    metadata,
    _key(),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("kind", String(32), nullable=False),
    Column("unique_id", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("materialization", Text),
    Column("code_checksum", LargeBinary),
)

node_parents = Table(
    "node_parents",
    metadata,
    Column("node_id", KEY, ForeignKey("nodes.id"), primary_key=True),
    Column("parent", Text, primary_key=True),
    sqlite_with_rowid=False,
)

manifests = Table(
    "manifests",
    metadata,
    _key(),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("project_name", Text),
    Column("adapter_type", Text),
)

manifest_nodes = Table(
    "manifest_nodes",
    metadata,
    Column("manifest_id", KEY, ForeignKey("manifests.id"), primary_key=True),
    Column("kind", String(32), primary_key=True),
    Column("node_id", KEY, primary_key=True),
    sqlite_with_rowid=False,
)

# Files that were read before, so that an unchanged manifest is neither parsed nor compared again.
manifest_files = Table(
    "manifest_files",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("manifest_id", KEY, ForeignKey("manifests.id"), nullable=False),
)

# `variant`: what sets a command apart from the ordinary one of its kind (see command_variants); NULL for ordinary ones.
# `started_at`: when dbt 1.11 and later began, before it parsed. `threads`: as allowed. `compacted`: in a file.
invocations = Table(
    "invocations",
    metadata,
    _key(),
    Column("run_id", BigInteger, ForeignKey("runs.id"), nullable=False, index=True),
    Column("environment_id", BigInteger, nullable=False),
    Column("job_id", BigInteger, nullable=False),
    Column("step", Integer, nullable=False),
    Column("uuid", Text, nullable=False),
    Column("command", Text),
    Column("executing", Boolean, nullable=False),
    Column("variant", Text),
    Column("deploys", Boolean, nullable=False),
    Column("failed", Boolean, nullable=False),
    Column("generated_at", BigInteger, nullable=False),
    Column("elapsed", Float),
    Column("model_results", Integer, nullable=False),
    Column("dbt_version", Text),
    Column("args_id", KEY),
    Column("manifest_id", KEY, ForeignKey("manifests.id")),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("started_at", BigInteger),
    Column("threads", Integer),
    Column("compacted", Boolean, nullable=False, server_default="0", default=False),
    Index("invocations_by_environment", "environment_id", "generated_at"),
    Index("invocations_by_uuid", "uuid"),
)

# `kind`: model, test, unit_test, seed, snapshot, source, operation (hooks), function …, as the unique id begins.
resources = Table(
    "resources",
    metadata,
    _key(),
    Column("environment_id", BigInteger, nullable=False),
    Column("unique_id", Text, nullable=False),
    Column("kind", String(32), nullable=False),
    Index("resources_by_name", "environment_id", "unique_id", unique=True),
)

# What commands that execute nodes reported. `final`: the last result of its resource within its run. `builds`: by a
# command that builds its resource with its data, which `clone`, `--empty` and `--sample` do not. `adapter_response`:
# what the warehouse reported beside `rows_affected` and `bytes_billed`, as a JSON object; null: nothing.
results = Table(
    "results",
    metadata,
    _key(),
    Column("invocation_id", KEY, ForeignKey("invocations.id"), nullable=False, index=True),
    Column("run_id", BigInteger, nullable=False),
    Column("resource_id", KEY, ForeignKey("resources.id"), nullable=False),
    Column("node_id", KEY),
    Column("generated_at", BigInteger, nullable=False),
    Column("deploys", Boolean, nullable=False),
    Column("final", Boolean, nullable=False),
    Column("builds", Boolean, nullable=False),
    Column("status", Text),
    Column("execution_time", Float),
    Column("compile_started_at", BigInteger),
    Column("compile_completed_at", BigInteger),
    Column("execute_started_at", BigInteger),
    Column("execute_completed_at", BigInteger),
    Column("thread_id", KEY),
    Column("message_id", KEY),
    Column("compiled_id", KEY),
    Column("failures", BigInteger),
    Column("rows_affected", BigInteger),
    Column("bytes_billed", BigInteger),
    Column("adapter_response", Text),
    Index("results_by_time", "resource_id", "generated_at", "run_id"),
)

# Code that `compile` or `docs generate` produced without executing it.
compilations = Table(
    "compilations",
    metadata,
    _key(),
    Column("invocation_id", KEY, ForeignKey("invocations.id"), nullable=False, index=True),
    Column("resource_id", KEY, ForeignKey("resources.id"), nullable=False),
    Column("generated_at", BigInteger, nullable=False),
    Column("compiled_id", KEY, nullable=False),
    Index("compilations_by_time", "resource_id", "generated_at"),
)

freshness = Table(
    "freshness",
    metadata,
    _key(),
    Column("invocation_id", KEY, ForeignKey("invocations.id"), nullable=False, index=True),
    Column("run_id", BigInteger, nullable=False),
    Column("resource_id", KEY, ForeignKey("resources.id"), nullable=False),
    Column("node_id", KEY),
    Column("generated_at", BigInteger, nullable=False),
    Column("deploys", Boolean, nullable=False),
    Column("status", Text),
    Column("max_loaded_at", BigInteger),
    Column("snapshotted_at", BigInteger),
    Column("age", Float),
    Column("criteria_id", KEY),
    Column("error_id", KEY),
    Column("execution_time", Float),
    Column("started_at", BigInteger),
    Column("completed_at", BigInteger),
    Column("thread_id", KEY),
    Index("freshness_by_time", "resource_id", "generated_at", "run_id"),
)

catalog_tables = Table(
    "catalog_tables",
    metadata,
    _key(),
    Column("invocation_id", KEY, ForeignKey("invocations.id"), nullable=False, index=True),
    Column("run_id", BigInteger, nullable=False),
    Column("resource_id", KEY, ForeignKey("resources.id"), nullable=False),
    Column("generated_at", BigInteger, nullable=False),
    Column("deploys", Boolean, nullable=False),
    Column("content_id", KEY, nullable=False),
    Index("catalog_tables_by_time", "resource_id", "generated_at", "run_id"),
)

# The newest results of each resource in one row: `outcomes` has a byte for each, newest first (see outcomes), `seconds`
# a little-endian double for each of those that are timed. `newest_at`: when the command of the first ended. `days`:
# what the resource did in the month of `newest_at`, packed by day (see day_buckets).
recent_results = Table(
    "recent_results",
    metadata,
    Column("environment_id", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", String(32), primary_key=True),
    Column("resource_id", KEY, primary_key=True, autoincrement=False),
    Column("newest_at", BigInteger, nullable=False),
    Column("outcomes", LargeBinary, nullable=False),
    Column("seconds", LargeBinary, nullable=False),
    Column("days", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

# What a resource did in each of the months of UTC before that, packed by day. `month` counts from January of year 0.
# A run changes one row of each resource, and no more: the month of the newest result lies beside it.
resource_months = Table(
    "resource_months",
    metadata,
    Column("environment_id", BigInteger, primary_key=True, autoincrement=False),
    Column("month", Integer, primary_key=True, autoincrement=False),
    Column("kind", String(32), primary_key=True),
    Column("resource_id", KEY, primary_key=True, autoincrement=False),
    Column("days", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

# Finished runs as dbt's API gave them (see api_facts). `account`: a hash of dbt's addresses and account.
kept_facts = Table(
    "kept_facts",
    metadata,
    Column("account", String(64), primary_key=True),
    Column("kind", String(32), primary_key=True),
    Column("name", String(200), primary_key=True),
    Column("payload", LargeBinary, nullable=False),
)

kept_model_runs = Table(
    "kept_model_runs",
    metadata,
    Column("account", String(64), primary_key=True),
    Column("environment_id", BigInteger, primary_key=True, autoincrement=False),
    Column("unique_id", String(1000), primary_key=True),
    Column("run_id", BigInteger, primary_key=True, autoincrement=False),
    Column("payload", LargeBinary, nullable=False),
    Column("ended_at", BigInteger),
)
