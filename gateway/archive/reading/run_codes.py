"""Reads the code that nodes had in chosen runs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from sqlalchemy import Connection, and_, select

from gateway.archive.columnar.visible_results import of_runs, visible_rows
from gateway.archive.tables.many_keys import chunks
from gateway.archive.tables.run_tables import invocations, nodes, resources, results, runs, texts


class NodeCode(NamedTuple):
    """A node in a run: what its manifest says of it, as JSON, and its compiled code; None where not known."""

    run_id: int
    unique_id: str
    content: bytes | None
    compiled: str | None


def codes_in_runs(connection: Connection, run_ids: Iterable[int], unique_ids: Collection[str]) -> Iterator[NodeCode]:
    """Each of these nodes in each of these runs that executed it, by its last command. One statement for five hundred
    runs and as many nodes."""
    query = (
        select(runs.c.id, resources.c.unique_id, nodes.c.content, texts.c.body)
        .select_from(results)
        .join(resources, resources.c.id == results.c.resource_id)
        .join(invocations, invocations.c.id == results.c.invocation_id)
        .join(runs, and_(runs.c.id == results.c.run_id, runs.c.environment_id == resources.c.environment_id))
        .outerjoin(nodes, nodes.c.id == results.c.node_id)
        .outerjoin(texts, texts.c.id == results.c.compiled_id)
        .where(invocations.c.executing, results.c.final)
    )
    for part in chunks(sorted(set(run_ids))):
        for names in chunks(sorted(set(unique_ids))):
            of_part = query.where(runs.c.id.in_(part), resources.c.unique_id.in_(names))
            rows = visible_rows(connection, of_part, of_runs(connection, part))
            yield from (NodeCode(*row) for row in rows)
