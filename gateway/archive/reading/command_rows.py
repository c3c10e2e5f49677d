"""The commands of runs as their artifacts report them, for runs whose steps nobody recorded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, select

from gateway.archive.tables.many_keys import chunks
from gateway.archive.tables.rows import AnyRow
from gateway.archive.tables.run_tables import invocations, texts


def command_rows(connection: Connection, run_ids: Sequence[int]) -> Iterator[AnyRow]:
    """The commands of each run in their order, with their arguments (`args`); a statement for a thousand runs."""
    columns = (
        invocations.c.run_id,
        invocations.c.step,
        invocations.c.command,
        invocations.c.failed,
        invocations.c.generated_at,
        invocations.c.elapsed,
        texts.c.body.label("args"),
    )
    for part in chunks(run_ids):
        query = (
            select(*columns)
            .outerjoin(texts, texts.c.id == invocations.c.args_id)
            .where(invocations.c.run_id.in_(part))
            .order_by(invocations.c.run_id, invocations.c.step, invocations.c.generated_at)
        )
        yield from connection.execute(query)
