"""Accounts, projects, environments and jobs: as account.json names them, or as a run's own artifacts let us infer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, Table, func, insert, select, update

from gateway.archive.artifacts import artifact_files as artifacts
from gateway.archive.artifacts.odd_values import OddValue
from gateway.archive.artifacts.ownership import LOCAL_ACCOUNT, Owner, numeric, stable_id
from gateway.archive.artifacts.records import AccountRecord
from gateway.archive.rollups.result_events import CI_JOB_TYPES, is_full_refresh
from gateway.archive.rollups.upkeep import StaleResources, remake
from gateway.archive.tables.run_tables import accounts, environments, jobs, projects, runs

_PRODUCTION = frozenset({"prod", "production"})

Rows = list[tuple[Table, dict[str, Any]]]


def read_account(path: Path) -> tuple[AccountRecord, Sequence[OddValue]]:
    """One account.json, and the values of it that were left out. Raises UnreadableArtifact."""
    return artifacts.read_record(path, AccountRecord)


def account_number(record: AccountRecord) -> int:
    """The account's id, derived from its name where it has none."""
    number = numeric(record.account.id, "ACCOUNT_ID")
    return number if number is not None else stable_id("account", record.account.name or LOCAL_ACCOUNT)


def store_account(connection: Connection, record: AccountRecord) -> None:
    """Writes what account.json says over whatever was inferred or read before."""
    stale = StaleResources()
    for table, row in _recorded_rows(record):
        known = connection.execute(select(table).where(table.c.id == row["id"])).first()
        if known is None:
            connection.execute(insert(table).values(row))
            continue
        if table is jobs and _job_facts(known._asdict()) != _job_facts(row):
            stale.add_job(connection, row["id"])
        connection.execute(update(table).where(table.c.id == row["id"]).values(row))
    remake(connection, stale)


def _job_facts(job: Mapping[str, Any]) -> tuple[bool, bool]:
    """What decides whether a job's results count for averages."""
    return job["job_type"] in CI_JOB_TYPES, is_full_refresh(job["details"])


def store_missing(connection: Connection, rows: Rows) -> None:
    """Inserts rows whose id is unknown yet; known ones stay as they are."""
    for table, row in rows:
        if connection.scalar(select(table.c.id).where(table.c.id == row["id"])) is None:
            connection.execute(insert(table).values(row))


def account_rows(owner: Owner) -> Rows:
    """What a run says of its account, project, environment and job."""
    scope = {"account_id": owner.account_id, "inferred": True}
    project = {**scope, "project_id": owner.project_id}
    job = {**project, "environment_id": owner.environment_id, "details": "{}"}
    return [
        (accounts, {"id": owner.account_id, "name": LOCAL_ACCOUNT, "inferred": True}),
        (projects, {**scope, "id": owner.project_id, "name": owner.project_name}),
        (environments, {**project, "id": owner.environment_id, "name": owner.environment_name, "type": "deployment"}),
        (jobs, {**job, "id": owner.job_id, "name": owner.job_name}),
    ]


def follow_names(connection: Connection, owner: Owner, moment: int) -> None:
    """Renames what the run at `moment` (microseconds) names otherwise, unless account.json names it or a later run did.

    The newest name stands, in whatever order runs are read.
    """
    for table, key, name, column in (
        (projects, owner.project_id, owner.project_name, runs.c.project_id),
        (environments, owner.environment_id, owner.environment_name, runs.c.environment_id),
        (jobs, owner.job_id, owner.job_name, runs.c.job_id),
    ):
        if table.name.removesuffix("s") not in owner.named:
            continue
        other = select(table.c.id).where(table.c.id == key, table.c.inferred, table.c.name != name)
        if connection.scalar(other) is None:
            continue
        ended = func.max(func.coalesce(runs.c.finished_at, runs.c.created_at))
        newest = connection.scalar(select(ended).where(column == key, runs.c.id != owner.run_id))
        if newest is None or newest <= moment:
            connection.execute(update(table).where(table.c.id == key).values(name=name))


def infer_deployment_types(connection: Connection, project_id: int) -> None:
    """Says which environment of a project is production where nobody did: one named so, or else the one used last."""
    rows = connection.execute(select(environments).where(environments.c.project_id == project_id)).all()
    if any(row.deployment_type == "production" and not row.inferred for row in rows):
        return
    inferred = [row for row in rows if row.inferred]
    best = max(inferred, key=lambda row: (row.name.lower() in _PRODUCTION, row.updated_at or 0, row.id), default=None)
    for row in inferred:
        kind = "production" if row is best else "staging" if "stag" in row.name.lower() else None
        if kind != row.deployment_type:
            values = {"deployment_type": kind}
            connection.execute(update(environments).where(environments.c.id == row.id).values(values))


def _recorded_rows(record: AccountRecord) -> Rows:
    account_id = account_number(record)
    scope: Mapping[str, Any] = {"account_id": account_id, "inferred": False}
    rows: Rows = [(accounts, {"id": account_id, "name": record.account.name or LOCAL_ACCOUNT, "inferred": False})]
    for project in record.projects:
        rows.append((projects, {**scope, "id": numeric(project.id, "PROJECT_ID"), "name": project.name or "unnamed"}))
    for place in record.environments:
        values = {"name": place.name or "unnamed", "type": place.type, "deployment_type": place.deployment_type}
        owner = numeric(place.project_id, "PROJECT_ID")
        keys = {"id": numeric(place.id, owner, "ENVIRONMENT_ID"), "project_id": owner}
        rows.append((environments, {**scope, **values, **keys}))
    for job in record.jobs:
        owner = numeric(job.project_id, "PROJECT_ID")
        keys = {"id": numeric(job.id, owner, "JOB_ID"), "project_id": owner}
        keys["environment_id"] = numeric(job.environment_id, owner, "ENVIRONMENT_ID")
        details = msgspec.json.encode({"execute_steps": job.execute_steps, "schedule": job.schedule}).decode()
        values = {"name": job.name or "unnamed", "job_type": job.job_type, "details": details}
        rows.append((jobs, {**scope, **values, **keys}))
    return [(table, row) for table, row in rows if row["id"] is not None]
