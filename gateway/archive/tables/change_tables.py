"""The tables of lasting changes of runtimes: what was seen of them, of which series, and what is to be looked at again.

A series is a model in the runs of one job; without a model (`resource_id` 0) it is the wall clock of the job.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, Index, Integer, Table

from gateway.archive.tables.run_tables import KEY, metadata

# One row a change, which keeps its id, `found_run_id`: the run that came first after it when it was seen first.
# `ended_at`: when the command of `first_run_id` ended, by which it has its place in the series; `since`: when that run
# began. `confirmed_at`: when it was first certain enough to alert on; `withdrawn_at`: since when newer runs no longer
# show it, null while they do.
runtime_changes = Table(
    "runtime_changes",
    metadata,
    Column("resource_id", KEY, primary_key=True, autoincrement=False),
    Column("job_id", BigInteger, primary_key=True, autoincrement=False),
    Column("found_run_id", BigInteger, primary_key=True, autoincrement=False),
    Column("environment_id", BigInteger, nullable=False),
    Column("last_run_id", BigInteger, nullable=False),
    Column("first_run_id", BigInteger, nullable=False),
    Column("earliest_run_id", BigInteger, nullable=False),
    Column("latest_run_id", BigInteger, nullable=False),
    Column("ended_at", BigInteger, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("before", Float, nullable=False),
    Column("after", Float, nullable=False),
    Column("seconds_per_day", Float, nullable=False),
    Column("chance", Float, nullable=False),
    Column("confirmed_at", BigInteger),
    Column("withdrawn_at", BigInteger),
    Index("runtime_changes_by_environment", "environment_id", "since"),
    sqlite_with_rowid=False,
)

# What was looked at: how many runs of a series, when the oldest ended, their median in seconds, and the runs a day; 0
# of a series that is too fast to show a change, which takes no byte on SQLite.
runtime_series = Table(
    "runtime_series",
    metadata,
    Column("resource_id", KEY, primary_key=True, autoincrement=False),
    Column("job_id", BigInteger, primary_key=True, autoincrement=False),
    Column("environment_id", BigInteger, nullable=False),
    Column("runs", Integer, nullable=False),
    Column("oldest_at", BigInteger, nullable=False),
    Column("level", Float, nullable=False),
    Column("runs_a_day", Float, nullable=False),
    sqlite_with_rowid=False,
)

# What has new results: models in all their jobs (`job_id` 0), or a job's wall clock (`resource_id` 0).
stale_series = Table(
    "stale_series",
    metadata,
    Column("resource_id", KEY, primary_key=True, autoincrement=False),
    Column("job_id", BigInteger, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)
