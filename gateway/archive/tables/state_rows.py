"""Which results the state of a resource is made of: its last attempt, and its last success."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, ScalarSelect, Select, literal, select

from gateway.archive.tables.many_keys import among
from gateway.archive.tables.run_tables import resources, results

SUCCESSFUL: Final = ("success", "pass", "warn")
"""How a result ended that succeeded."""


def succeeded(table: Any) -> tuple[ColumnElement[bool], ...]:
    """Whether a result, of `results` or an alias of it, can be a last success: what a later command of the same run did
    counts instead, and what leaves no table with its data behind does not."""
    return table.c.status.in_(SUCCESSFUL), table.c.final, table.c.builds


def newest_result(deploys: Any, *conditions: Any) -> ScalarSelect[Any]:
    """The key of the newest result of the resource of the row around it that meets the conditions."""
    return (
        select(results.c.id)
        .where(results.c.resource_id == resources.c.id, results.c.deploys == deploys, *conditions)
        .order_by(results.c.generated_at.desc(), results.c.run_id.desc())
        .limit(1)
        .correlate_except(results)
        .scalar_subquery()
    )


def state_keys(connection: Connection, resource_ids: list[int]) -> set[int]:
    """The keys of all results that the states of these resources are made of: at most four of each."""
    keys: set[int] = set()
    query: Select[Any] = select(
        *(newest_result(literal(deploys)) for deploys in (True, False)),
        *(newest_result(literal(deploys), *succeeded(results)) for deploys in (True, False)),
    ).where(among(connection, resources.c.id, resource_ids))
    for row in connection.execute(query.select_from(resources)):
        keys.update(key for key in row if key is not None)
    return keys
