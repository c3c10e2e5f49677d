"""What the manifests of runs say of their nodes, and how many threads their commands were allowed.

One statement for the commands of a thousand runs, one for the nodes of all their manifests, and one for contents.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from sqlalchemy import Connection, func, select

from gateway.archive.columnar.visible_results import of_runs, visible_rows
from gateway.archive.tables.many_keys import among, chunks
from gateway.archive.tables.rows import AnyRow
from gateway.archive.tables.run_tables import invocations, manifest_nodes, node_parents, nodes, results

_NOT_EXECUTED = ("macro", "doc", "exposure", "metric", "semantic_model", "group", "analysis", "source")


def commands_of_runs(connection: Connection, run_ids: Iterable[int]) -> Iterator[AnyRow]:
    """The commands of runs, in order: run, job, invocation, threads, manifest, and how many of
    their results a later command of the run replaced."""
    replaced = (
        select(func.count())
        .where(results.c.invocation_id == invocations.c.id, results.c.final.is_(False))
        .correlate(invocations)
        .scalar_subquery()
    )
    columns = (invocations.c.run_id, invocations.c.job_id, invocations.c.uuid, invocations.c.threads)
    for part in chunks(sorted(set(run_ids))):
        query = (
            select(*columns, invocations.c.manifest_id, replaced.label("replaced"))
            .where(invocations.c.run_id.in_(part))
            .order_by(invocations.c.run_id, invocations.c.step, invocations.c.id)
        )
        yield from visible_rows(connection, query, of_runs(connection, part))


def nodes_of_manifests(connection: Connection, manifest_ids: Collection[int]) -> Iterator[AnyRow]:
    """The nodes of manifests that commands execute or pass, a row for each parent and one for a node without: manifest,
    key, unique id, checksum of code, parent."""
    yield from connection.execute(
        select(
            manifest_nodes.c.manifest_id,
            nodes.c.id,
            nodes.c.unique_id,
            nodes.c.code_checksum,
            nodes.c.materialization,
            node_parents.c.parent,
        )
        .select_from(manifest_nodes)
        .join(nodes, nodes.c.id == manifest_nodes.c.node_id)
        .outerjoin(node_parents, node_parents.c.node_id == nodes.c.id)
        .where(among(connection, manifest_nodes.c.manifest_id, manifest_ids))
        .where(manifest_nodes.c.kind.not_in(_NOT_EXECUTED))
    )


def contents_of_nodes(connection: Connection, keys: Collection[int]) -> Iterator[AnyRow]:
    """Key and content of nodes."""
    yield from connection.execute(select(nodes.c.id, nodes.c.content).where(among(connection, nodes.c.id, keys)))
