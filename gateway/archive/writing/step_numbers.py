"""Numbers the steps of a run that no orchestrator described: its commands in the order in which they ended.

The order depends on the commands alone, not on when they were read; one that arrives late moves those after it.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, func, select, update

from gateway.archive.tables.run_tables import invocations, run_files


def step_of(connection: Connection, run_id: int, uuid: str) -> int:
    """The step of a stored command; for a new one the next number, which `number_steps` may still change."""
    of_run = invocations.c.run_id == run_id
    stored = connection.scalar(select(invocations.c.step).where(of_run, invocations.c.uuid == uuid))
    return stored or (connection.scalar(select(func.max(invocations.c.step)).where(of_run)) or 0) + 1


def number_steps(connection: Connection, run_id: int) -> None:
    """Numbers the run's commands from 1 and moves the files of each with it."""
    order = invocations.c.generated_at, invocations.c.uuid
    query = select(invocations.c.id, invocations.c.step).where(invocations.c.run_id == run_id).order_by(*order)
    rows = connection.execute(query).all()
    moved = {row.id: (row.step, step) for step, row in enumerate(rows, start=1) if row.step != step}
    for key, (_, step) in moved.items():
        connection.execute(update(invocations).where(invocations.c.id == key).values(step=step))
    _move_files(connection, run_id, dict(moved.values()))


def _move_files(connection: Connection, run_id: int, steps: Mapping[int, int]) -> None:
    """In two goes, so that no step's files meet those of the step whose number they get."""
    of_run = run_files.c.run_id == run_id
    for old, new in steps.items():
        connection.execute(update(run_files).where(of_run, run_files.c.step == old).values(step=-new))
    if steps:
        connection.execute(update(run_files).where(of_run, run_files.c.step < 0).values(step=-run_files.c.step))
