"""What the resources of runs were built from, as far as it shows why some of them were skipped."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, func, select, union_all

from gateway.archive.columnar.visible_results import of_runs, visible_rows
from gateway.archive.reading.model_results import FAILED
from gateway.archive.tables.many_keys import chunks
from gateway.archive.tables.run_tables import invocations, manifest_nodes, node_parents, nodes, resources, results


def parents_of_runs(connection: Connection, run_ids: Iterable[int]) -> dict[int, dict[str, list[str]]]:
    """By run and unique id, the parents of what was skipped or failed, and of ephemeral models. One statement for five
    hundred runs."""
    parents_of: dict[int, dict[str, list[str]]] = {}
    for part in chunks(sorted(set(run_ids))):
        troubled = (
            select(results.c.run_id, resources.c.unique_id, node_parents.c.parent)
            .select_from(results)
            .join(resources, resources.c.id == results.c.resource_id)
            .join(invocations, invocations.c.id == results.c.invocation_id)
            .join(node_parents, node_parents.c.node_id == results.c.node_id)
            .where(invocations.c.run_id.in_(part), invocations.c.executing, results.c.final)
            .where(func.lower(results.c.status).in_((*FAILED, "skipped")))
        )
        ephemeral = (
            select(invocations.c.run_id, nodes.c.unique_id, node_parents.c.parent)
            .select_from(invocations)
            .join(manifest_nodes, manifest_nodes.c.manifest_id == invocations.c.manifest_id)
            .join(nodes, nodes.c.id == manifest_nodes.c.node_id)
            .join(node_parents, node_parents.c.node_id == nodes.c.id)
            .where(invocations.c.run_id.in_(part), invocations.c.executing, manifest_nodes.c.kind == "model")
            .where(nodes.c.materialization == "ephemeral")
        )
        query = union_all(troubled, ephemeral).order_by("run_id", "unique_id", "parent")
        for row in visible_rows(connection, query, of_runs(connection, part)):
            parents = parents_of.setdefault(row.run_id, {}).setdefault(row.unique_id, [])
            if not parents or parents[-1] != row.parent:
                parents.append(row.parent)
    return parents_of
