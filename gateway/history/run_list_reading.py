"""Lists of runs, read from the archive and given as the Admin API gives them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection

from gateway.archive.artifacts.run_bundle import STATUS_NAMES
from gateway.archive.reading.overridden_commands import overridden_commands
from gateway.archive.reading.run_lists import (
    RunScope,
    count_runs,
    count_runs_of_jobs,
    newest_runs,
    newest_runs_of_jobs,
    runs_by_id,
)
from gateway.archive.tables.rows import AnyRow
from gateway.archive.times import from_micros, to_micros
from gateway.errors import NotFound
from gateway.hierarchy.objects.job import Run, newest_first
from gateway.services.rows.admin_types import AdminRun, AdminTrigger
from gateway.services.rows.mapping import to_run
from gateway.services.runs.run_history import ListedRuns
from gateway.services.runs.run_query import RunQuery


class _Trigger(msgspec.Struct):
    cause: str | None = None
    cause_category: str | None = None


class _Details(msgspec.Struct):
    """What the archive keeps of a run beside its columns, as far as it is looked at here."""

    status_message: str | None = None
    href: str | None = None
    trigger: _Trigger | None = None


_details = msgspec.json.Decoder(_Details)


def read_run_list(connection: Connection, account_id: int, query: RunQuery, count: int) -> ListedRuns:
    """The newest `count` runs that a query asks for: three statements."""
    scope = RunScope(
        account_id,
        query.environment_id,
        query.job_id,
        query.codes,
        None if query.created_since is None else to_micros(query.created_since),
        None if query.created_until is None else to_micros(query.created_until),
    )
    return ListedRuns(_runs(connection, newest_runs(connection, scope, count)), count_runs(connection, scope))


def read_runs_of_jobs(
    connection: Connection, account_id: int, job_ids: Sequence[int], count: int
) -> dict[int, ListedRuns]:
    """The newest `count` runs of each job: three statements for five hundred jobs."""
    by_job: dict[int, list[Run]] = {job_id: [] for job_id in job_ids}
    for run in _runs(connection, list(newest_runs_of_jobs(connection, account_id, job_ids, count))):
        by_job[run.job_id].append(run)
    counts = count_runs_of_jobs(connection, account_id, job_ids)
    return {job_id: ListedRuns(tuple(listed), counts.get(job_id, 0)) for job_id, listed in by_job.items()}


def read_run_counts(connection: Connection, account_id: int, job_ids: Sequence[int]) -> dict[int, int]:
    """How many runs each job has: one statement for five hundred jobs."""
    counts = count_runs_of_jobs(connection, account_id, job_ids)
    return {job_id: counts.get(job_id, 0) for job_id in job_ids}


def read_runs(connection: Connection, account_id: int, run_ids: Sequence[int]) -> dict[int, Run | NotFound]:
    """Each run: two statements for five hundred. NotFound for those that the account does not have."""
    known = {run.id: run for run in _runs(connection, list(runs_by_id(connection, account_id, run_ids)))}
    return {run_id: known.get(run_id) or NotFound(f"dbt knows no run {run_id}.") for run_id in run_ids}


def _runs(connection: Connection, rows: Sequence[AnyRow]) -> tuple[Run, ...]:
    overridden = overridden_commands(connection, [row.id for row in rows])
    return newest_first(to_run(_admin_run(row, overridden.get(row.id))) for row in rows)


def _admin_run(row: AnyRow, commands: list[str] | None) -> AdminRun:
    details = _details.decode(row.details)
    trigger = details.trigger or _Trigger()
    return AdminRun(
        id=row.id,
        status=row.status,
        environment_id=row.environment_id,
        job_definition_id=row.job_id,
        status_humanized=STATUS_NAMES.get(row.status, "Unknown"),
        status_message=details.status_message,
        created_at=None if row.created_at is None else from_micros(row.created_at),
        started_at=None if row.started_at is None else from_micros(row.started_at),
        finished_at=None if row.finished_at is None else from_micros(row.finished_at),
        git_sha=row.git_sha,
        git_branch=row.git_branch,
        dbt_version=row.dbt_version,
        href=details.href,
        trigger=AdminTrigger(trigger.cause, trigger.cause_category, commands),
    )
