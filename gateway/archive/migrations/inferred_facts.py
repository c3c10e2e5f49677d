"""Infers again what an older version inferred otherwise, from what the archive holds: no file is read for it."""

from __future__ import annotations

from sqlalchemy import Connection, delete, func, insert, select, update

from gateway.archive.artifacts.artifact_files import read_args
from gateway.archive.artifacts.command_names import title_of
from gateway.archive.artifacts.ownership import stable_id
from gateway.archive.artifacts.records import RunRecord
from gateway.archive.tables.run_tables import environments, invocations, jobs, results, runs, texts
from gateway.archive.writing.run_rows import complete_run


def name_inferred_jobs_anew(connection: Connection) -> None:
    """Moves commands to the job that all of their selection names. A job whose title stays keeps its id."""
    query = (
        select(invocations.c.id, invocations.c.run_id, invocations.c.command, texts.c.body.label("args"), jobs)
        .join(jobs, jobs.c.id == invocations.c.job_id)
        .outerjoin(texts, texts.c.id == invocations.c.args_id)
        .where(jobs.c.inferred)
        .order_by(invocations.c.generated_at)
    )
    emptied = set()
    for key, run_id, command, args, *job in connection.execute(query).all():
        row = dict(zip(jobs.c.keys(), job, strict=True))
        if row["id"] != stable_id(row["environment_id"], "job", row["name"]):
            continue  # numbered or named by who ran it
        title = title_of(command, read_args(args))
        if title == row["name"]:
            continue
        new = {**row, "id": stable_id(row["environment_id"], "job", title), "name": title}
        if connection.scalar(select(jobs.c.id).where(jobs.c.id == new["id"])) is None:
            connection.execute(insert(jobs).values(new))
        connection.execute(update(invocations).where(invocations.c.id == key).values(job_id=new["id"]))
        of_run = (runs.c.id == run_id, runs.c.job_id == row["id"])
        connection.execute(update(runs).where(*of_run).values(job_id=new["id"]))
        emptied.add(row["id"])
        _revise(connection, row["environment_id"])
    for job_id in emptied:
        if connection.scalar(select(runs.c.id).where(runs.c.job_id == job_id).limit(1)) is None:
            connection.execute(delete(jobs).where(jobs.c.id == job_id))


def time_commands_by_results(connection: Connection) -> None:
    """Gives commands in whose files `elapsed_time` was null the seconds from their first result to their last."""
    begins = func.coalesce(results.c.compile_started_at, results.c.execute_started_at)
    ends = func.coalesce(results.c.execute_completed_at, results.c.compile_completed_at)
    query = (
        select(invocations.c.id, invocations.c.run_id, invocations.c.environment_id, func.min(begins), func.max(ends))
        .join(results, results.c.invocation_id == invocations.c.id)
        .where(invocations.c.elapsed.is_(None))
        .group_by(invocations.c.id, invocations.c.run_id, invocations.c.environment_id)
    )
    for key, run_id, environment_id, begin, end in connection.execute(query).all():
        if begin is None or end is None or end < begin:
            continue
        connection.execute(update(invocations).where(invocations.c.id == key).values(elapsed=(end - begin) / 1_000_000))
        if connection.scalar(select(runs.c.inferred).where(runs.c.id == run_id)):
            complete_run(connection, run_id, RunRecord())
        _revise(connection, environment_id)


def _revise(connection: Connection, environment_id: int) -> None:
    """Lets those who remember the environment notice, as when a run arrives late."""
    values = {"revision": environments.c.revision + 1, "updated_at": environments.c.updated_at + 1000}
    connection.execute(update(environments).where(environments.c.id == environment_id).values(values))
