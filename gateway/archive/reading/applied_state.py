"""Which invocation stands for the present of an environment, and which models it has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import CTE, ColumnElement, Connection, and_, exists, func, select

from gateway.archive.tables.many_keys import chunks
from gateway.archive.tables.run_tables import invocations, manifest_nodes, nodes, recent_results, resources

NEWEST_DEPLOYING: tuple[ColumnElement[Any], ...] = (
    invocations.c.deploys.desc(),
    invocations.c.generated_at.desc(),
    invocations.c.run_id.desc(),
)
"""The newest invocation first; those that deploy come before CI."""


def applied_models(environment_ids: Sequence[int]) -> CTE:
    """The models of the applied states of environments: `environment_id`, `unique_id`, `deploys` as of
    `defining_manifests`, and `resource_id`, null for a model that never ran.

    They are those of the newest manifest; none before anything has been executed.
    """
    defining = defining_manifests(environment_ids)
    same_name = and_(
        resources.c.unique_id == nodes.c.unique_id, resources.c.environment_id == defining.c.environment_id
    )
    return (
        select(defining.c.environment_id, defining.c.deploys, nodes.c.unique_id, resources.c.id.label("resource_id"))
        .select_from(defining)
        .join(manifest_nodes, manifest_nodes.c.manifest_id == defining.c.manifest_id)
        .join(nodes, nodes.c.id == manifest_nodes.c.node_id)
        .outerjoin(resources, same_name)
        .where(manifest_nodes.c.kind == "model")
        .cte("applied_models")
    )


def count_models(connection: Connection, environment_ids: Sequence[int]) -> dict[int, int]:
    """How many models the applied state of each environment has, by one statement for a thousand environments."""
    counts = dict.fromkeys(environment_ids, 0)
    for part in chunks(environment_ids):
        defining = defining_manifests(part)
        counted = (
            select(defining.c.environment_id, func.count().label("models"))
            .join(manifest_nodes, manifest_nodes.c.manifest_id == defining.c.manifest_id)
            .where(manifest_nodes.c.kind == "model")
            .group_by(defining.c.environment_id)
        )
        counts.update((row.environment_id, row.models) for row in connection.execute(counted))
    return counts


def models_gone(connection: Connection, environment_ids: Sequence[int]) -> dict[int, tuple[str, ...]]:
    """The models with results in each environment that its applied state does not have, ordered by unique id; by one
    statement for a thousand environments."""
    gone: dict[int, list[str]] = {environment_id: [] for environment_id in environment_ids}
    for part in chunks(environment_ids):
        # Joined, SQLite would look through all of them for each: 16 s where there are 20,000.
        applied = applied_models(part)
        held = select(applied.c.resource_id).where(applied.c.resource_id.is_not(None))
        query = (
            select(recent_results.c.environment_id, resources.c.unique_id)
            .join(resources, resources.c.id == recent_results.c.resource_id)
            .where(
                recent_results.c.environment_id.in_(part),
                recent_results.c.kind == "model",
                recent_results.c.resource_id.not_in(held),
            )
            .order_by(resources.c.unique_id)
        )
        for row in connection.execute(query):
            gone[row.environment_id].append(row.unique_id)
    return {environment_id: tuple(names) for environment_id, names in gone.items()}


def newest_manifests(connection: Connection, environment_ids: Sequence[int]) -> list[int]:
    """The manifest of the applied state of each environment that has one."""
    return list(connection.scalars(select(defining_manifests(environment_ids).c.manifest_id)))


def defining_manifests(environment_ids: Sequence[int]) -> CTE:
    """The newest manifest of each environment that has executed anything: `environment_id`, `manifest_id`, and whether
    the command that left it `deploys`."""
    place = func.row_number().over(partition_by=invocations.c.environment_id, order_by=NEWEST_DEPLOYING)
    ranked = (
        select(invocations.c.environment_id, invocations.c.manifest_id, invocations.c.deploys, place.label("place"))
        .where(invocations.c.environment_id.in_(environment_ids), invocations.c.manifest_id.is_not(None))
        .subquery("ranked")
    )
    executing = invocations.alias("executing")
    executed = exists().where(executing.c.environment_id == ranked.c.environment_id, executing.c.executing)
    columns = ranked.c.environment_id, ranked.c.manifest_id, ranked.c.deploys
    return select(*columns).where(ranked.c.place == 1, executed).cte("defining")
