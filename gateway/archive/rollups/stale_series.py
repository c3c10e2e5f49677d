"""Notes which series of runtimes are to be looked at again, in the transaction that changes their results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Select, literal, select

from gateway.archive.tables.change_tables import stale_series
from gateway.archive.tables.many_keys import chunks
from gateway.archive.tables.run_tables import invocations, jobs, resources, results
from gateway.archive.tables.upserts import insertion


def mark_models_of(connection: Connection, invocation_ids: Sequence[int]) -> None:
    """The models that these commands have results of."""
    for part in chunks(invocation_ids):
        of_commands = results.c.invocation_id.in_(part)
        query = select(results.c.resource_id, literal(0)).join(resources, resources.c.id == results.c.resource_id)
        _note(connection, query.where(of_commands, resources.c.kind == "model").distinct())


def mark_models(connection: Connection, resource_ids: Iterable[int]) -> None:
    """Those of these resources that are models."""
    for part in chunks(sorted(resource_ids)):
        _note(connection, select(resources.c.id, literal(0)).where(resources.c.id.in_(part), _IS_MODEL))


def mark_job(connection: Connection, job_id: int) -> None:
    """The wall clock of a job."""
    statement = insertion(connection, stale_series).values(resource_id=0, job_id=job_id)
    connection.execute(statement.on_conflict_do_nothing())


def mark_everything(connection: Connection) -> None:
    """Every series there is."""
    ran = select(invocations.c.job_id).where(invocations.c.executing)
    _note(connection, select(resources.c.id, literal(0)).where(_IS_MODEL))
    _note(connection, select(literal(0), jobs.c.id).where(jobs.c.id.in_(ran)))


_IS_MODEL = resources.c.kind == "model"


def _note(connection: Connection, query: Select[Any]) -> None:
    statement = insertion(connection, stale_series).from_select(["resource_id", "job_id"], query)
    connection.execute(statement.on_conflict_do_nothing())
