"""What the Admin API lists and looks up, and the related things it puts into an answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, exists, false, func, select
from starlette.datastructures import QueryParams

from gateway.archive.artifacts.artifact_files import CATALOG, SOURCES
from gateway.archive.artifacts.run_bundle import ERROR
from gateway.archive.reading.overridden_commands import overridden_commands
from gateway.archive.tables.many_keys import chunks
from gateway.archive.tables.rows import AnyRow
from gateway.archive.tables.run_order import NEWEST_FIRST, created_after
from gateway.archive.tables.run_tables import environments, invocations, jobs, projects, run_files, runs, texts
from gateway.local_platform.admin import shapes
from gateway.local_platform.admin.envelope import not_found
from gateway.local_platform.admin.lifetimes import Lifetime, lifetimes, project_lifetimes
from gateway.local_platform.admin.listing import (
    ListedTable,
    above,
    after,
    contains_text,
    equals,
    equals_text,
    in_range,
    is_active,
    is_in,
    is_in_texts,
    is_never,
    is_true,
    related,
)
from gateway.local_platform.admin.run_logs import step_logs
from gateway.local_platform.admin.status_messages import status_messages

FINISHED = 10
MOST_ID = 2**63 - 1
Rows = list[dict[str, Any]]


def _left(name: str) -> ColumnElement[bool]:
    """Runs that left an artifact of this name."""
    return exists().where(run_files.c.run_id == runs.c.id, run_files.c.name == name)


PROJECTS = ListedTable(
    projects,
    {
        "state": is_active,
        "pk": equals(projects.c.id),
        "pk__in": is_in(projects.c.id),
        "pk__gt": above(projects.c.id),
        "name__icontains": contains_text(projects.c.name),
    },
    {"name": projects.c.name},
)

ENVIRONMENTS = ListedTable(
    environments,
    {
        "state": is_active,
        "project_id": equals(environments.c.project_id),
        "project_id__in": is_in(environments.c.project_id),
        "pk": equals(environments.c.id),
        "pk__in": is_in(environments.c.id),
        "id__gt": above(environments.c.id),
        "name": equals_text(environments.c.name),
        "name__icontains": contains_text(environments.c.name),
        "type": equals_text(environments.c.type),
        "deployment_type": equals_text(environments.c.deployment_type),
        "deployment_type__in": is_in_texts(environments.c.deployment_type),
    },
    {"name": environments.c.name, "project_id": environments.c.project_id},
)

JOBS = ListedTable(
    jobs,
    {
        "state": is_active,
        "is_system": is_never,
        "triggers_schedule": is_true(jobs.c.details.contains('"schedule":{', autoescape=True)),
        "pk": equals(jobs.c.id),
        "pk__in": is_in(jobs.c.id),
        "project_id": equals(jobs.c.project_id),
        "project_id__in": is_in(jobs.c.project_id),
        "environment_id": equals(jobs.c.environment_id),
        "name__icontains": contains_text(jobs.c.name),
    },
    {"name": jobs.c.name, "project_id": jobs.c.project_id, "environment_id": jobs.c.environment_id},
)

RUNS = ListedTable(
    runs,
    {
        "job_definition_id": equals(runs.c.job_id),
        "job_definition_id__in": is_in(runs.c.job_id),
        "project_id": equals(runs.c.project_id),
        "project_id__in": is_in(runs.c.project_id),
        "environment_id": equals(runs.c.environment_id),
        "environment_id__in": is_in(runs.c.environment_id),
        "status": equals(runs.c.status),
        "status__in": is_in(runs.c.status),
        "id__gt": after(created_after),
        "pk": equals(runs.c.id),
        "pk__in": is_in(runs.c.id),
        "state": is_active,
        "dbt_version": equals_text(runs.c.dbt_version),
        "dbt_version__in": is_in_texts(runs.c.dbt_version),
        "deferring_run_id": lambda _value: false(),
        "has_docs_generated": is_true(_left(CATALOG)),
        "has_sources_generated": is_true(_left(SOURCES)),
        "created_at__range": in_range(runs.c.created_at),
        "finished_at__range": in_range(runs.c.finished_at),
    },
    {"id": runs.c.created_at, "created_at": runs.c.created_at, "finished_at": runs.c.finished_at},
)


def find_one(connection: Connection, table: Table, key: int, *scope: ColumnElement[bool]) -> AnyRow:
    """One row by id. Raises AdminError (404) when it does not exist in this scope."""
    row = None if key > MOST_ID else connection.execute(select(table).where(table.c.id == key, *scope)).first()
    if row is None:
        raise not_found(f"{table.name} {key}")
    return row


def job_shapes(connection: Connection, rows: Sequence[AnyRow], params: QueryParams) -> Rows:
    """Jobs with what `include_related` asks for."""
    related_kinds = related(params)
    shown = _shown_jobs(connection, rows)
    if "environment" in related_kinds:
        environments = _environments_by_id(connection, (row.environment_id for row in rows))
        for job in shown:
            job["environment"] = environments.get(job["environment_id"])
    for name, conditions in (("most_recent_run", ()), ("most_recent_completed_run", (runs.c.status >= FINISHED,))):
        if name in related_kinds:
            newest = _newest_runs(connection, [row.id for row in rows], *conditions)
            for job in shown:
                job[name] = newest.get(job["id"])
    return shown


def _shown_jobs(connection: Connection, rows: Sequence[AnyRow]) -> Rows:
    seen = lifetimes(connection, jobs, (row.id for row in rows))
    return [shapes.job(row, seen.get(row.id, Lifetime())) for row in rows]


def project_shapes(connection: Connection, rows: Sequence[AnyRow], params: QueryParams) -> Rows:
    """Projects with what `include_related` asks for: their environments. What only dbt Cloud has of them is null."""
    related_kinds = related(params)
    seen = project_lifetimes(connection, (row.id for row in rows))
    shown = [shapes.project(row, seen.get(row.id, Lifetime())) for row in rows]
    if "environments" in related_kinds:
        by_project: dict[int, Rows] = {row.id: [] for row in rows}
        for part in chunks(by_project):
            query = select(environments).where(environments.c.project_id.in_(part)).order_by(environments.c.id)
            for place in environment_shapes(connection, connection.execute(query).all()):
                by_project[place["project_id"]].append(place)
        for project in shown:
            project["environments"] = by_project[project["id"]]
    for name in related_kinds & {"connection", "repository", "group_permissions", "docs_job", "freshness_job"}:
        for project in shown:
            project[name] = None
    return shown


def environment_shapes(connection: Connection, rows: Sequence[AnyRow]) -> Rows:
    """Environments, with the dbt version of their newest runs."""
    seen = lifetimes(connection, environments, (row.id for row in rows))
    return [shapes.environment(row, seen.get(row.id, Lifetime())) for row in rows]


def _environments_by_id(connection: Connection, keys: Iterable[int]) -> dict[int, dict[str, Any]]:
    rows = _by_id(connection, environments, keys)
    return {place["id"]: place for place in environment_shapes(connection, list(rows.values()))}


def _newest_runs(connection: Connection, job_ids: Sequence[int], *conditions: ColumnElement[bool]) -> dict[int, Any]:
    """The newest run of each job that meets the conditions, as the API shows it."""
    newest: dict[int, Any] = {}
    order = func.row_number().over(partition_by=runs.c.job_id, order_by=NEWEST_FIRST)
    for part in chunks(job_ids):
        ranked = select(runs.c.id, order.label("place")).where(runs.c.job_id.in_(part), *conditions).subquery()
        query = select(runs).join(ranked, ranked.c.id == runs.c.id).where(ranked.c.place == 1)
        rows = connection.execute(query).all()
        newest.update(
            zip(
                (row.job_id for row in rows),
                _with_triggers(connection, rows, _shown_runs(connection, rows)),
                strict=True,
            )
        )
    return newest


def _shown_runs(connection: Connection, rows: Sequence[AnyRow]) -> Rows:
    files: dict[int, set[str]] = {row.id: set() for row in rows}
    for part in chunks(files):
        query = select(run_files.c.run_id, run_files.c.name).where(run_files.c.run_id.in_(part))
        for run_id, name in connection.execute(query):
            files[run_id].add(name)
    shown = [shapes.run(row, files[row.id]) for row in rows]
    unexplained = [run["id"] for run in shown if run["status"] == ERROR and run["status_message"] is None]
    sentences = status_messages(connection, unexplained)
    for run in shown:
        run["status_message"] = sentences.get(run["id"], run["status_message"])
    return shown


def _with_triggers(connection: Connection, rows: Sequence[AnyRow], shown: Rows) -> Rows:
    overridden = overridden_commands(connection, [row.id for row in rows])
    return [
        {**run, "trigger": shapes.trigger(row, overridden.get(row.id))} for run, row in zip(shown, rows, strict=True)
    ]


def run_shapes(connection: Connection, rows: Sequence[AnyRow], params: QueryParams) -> Rows:
    """Runs with what `include_related` asks for."""
    related_kinds = related(params)
    shown = _shown_runs(connection, rows)
    if "trigger" in related_kinds:
        overridden = overridden_commands(connection, [row.id for row in rows])
        for run, row in zip(shown, rows, strict=True):
            run["trigger"] = shapes.trigger(row, overridden.get(row.id))
    if "job" in related_kinds:
        of_id = _by_id(connection, jobs, (row.job_id for row in rows))
        shown_jobs = {job["id"]: job for job in _shown_jobs(connection, list(of_id.values()))}
        for run in shown:
            run["job"] = shown_jobs.get(run["job_id"])
    if "environment" in related_kinds:
        places = _environments_by_id(connection, (row.environment_id for row in rows))
        for run in shown:
            run["environment"] = places.get(run["environment_id"])
    if "run_steps" in related_kinds:
        for run, row in zip(shown, rows, strict=True):
            run["run_steps"] = run_steps(connection, row)
    return shown


def run_steps(connection: Connection, row: AnyRow, *, with_logs: bool = False) -> Rows:
    """The steps of a run: as recorded, else one per invocation. Their logs take a statement of their own."""
    logs = step_logs(connection, row.id) if with_logs else {}
    recorded = shapes.recorded_steps(row, logs)
    if recorded:
        return recorded
    query = (
        select(invocations, texts.c.body.label("args"))
        .outerjoin(texts, texts.c.id == invocations.c.args_id)
        .where(invocations.c.run_id == row.id)
        .order_by(invocations.c.step, invocations.c.generated_at)
    )
    return [shapes.derived_step(row, invocation, logs.get(invocation.step)) for invocation in connection.execute(query)]


def find_step(connection: Connection, key: int, *scope: ColumnElement[bool]) -> dict[str, Any]:
    """One step by id. Raises AdminError (404) when it does not exist in this scope."""
    row = find_one(connection, runs, key // shapes.STEPS_PER_RUN, *scope)
    step = next((step for step in run_steps(connection, row, with_logs=True) if step["id"] == key), None)
    if step is None:
        raise not_found(f"step {key}")
    return step


def _by_id(connection: Connection, table: Table, keys: Iterable[int]) -> dict[int, AnyRow]:
    rows: list[AnyRow] = []
    for part in chunks(sorted(set(keys))):
        rows += connection.execute(select(table).where(table.c.id.in_(part))).all()
    return {row.id: row for row in rows}
