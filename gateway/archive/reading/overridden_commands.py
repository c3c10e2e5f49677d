"""The commands that runs executed in the place of their jobs' steps, as the artifacts of the runs report them."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from gateway.archive.artifacts.artifact_files import read_args
from gateway.archive.artifacts.command_names import command_line
from gateway.archive.artifacts.command_variants import is_typed_in, with_option
from gateway.archive.tables.many_keys import chunks
from gateway.archive.tables.rows import AnyRow
from gateway.archive.tables.run_tables import invocations, jobs, texts


def overridden_commands(connection: Connection, run_ids: Sequence[int]) -> dict[int, list[str]]:
    """The commands of those runs of which one was no ordinary command, unless the steps of the job say it too."""
    special = select(invocations.c.run_id).where(invocations.c.variant.is_not(None))
    overridden: dict[int, list[str]] = {}
    for part in chunks(run_ids):
        query = (
            select(
                invocations.c.run_id,
                invocations.c.command,
                invocations.c.variant,
                jobs.c.details,
                texts.c.body.label("args"),
            )
            .outerjoin(texts, texts.c.id == invocations.c.args_id)
            .outerjoin(jobs, jobs.c.id == invocations.c.job_id)
            .where(invocations.c.run_id.in_(part), invocations.c.run_id.in_(special))
            .order_by(invocations.c.run_id, invocations.c.step, invocations.c.generated_at)
        )
        for row in connection.execute(query):
            if not is_typed_in(row.details or "", row.variant):
                overridden.setdefault(row.run_id, []).append(_command_of(row))
    return overridden


def _command_of(invocation: AnyRow) -> str:
    """A command as it was typed, with the option that sets it apart where that stood elsewhere."""
    return with_option(command_line(invocation.command, read_args(invocation.args)), invocation.variant)
