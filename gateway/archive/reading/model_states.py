"""The models of applied states as lists order and filter them: how each ended last, and its last success."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    and_,
    case,
    func,
    literal,
    null,
    select,
    true,
    type_coerce,
)
from sqlalchemy.types import NullType

from gateway.archive.reading.applied_state import defining_manifests
from gateway.archive.tables.many_keys import chunks
from gateway.archive.tables.rows import driver_rows
from gateway.archive.tables.run_tables import manifest_nodes, nodes, resources, results
from gateway.archive.tables.state_rows import newest_result, succeeded


class AppliedModelRow(NamedTuple):
    """A model of an applied state. `status` and `generated_at` (microseconds) are of the last attempt, the result with
    the key `attempt`; `execution_time` (seconds) is of the last success, `materialization` of what that built, or of
    the manifest where there was none. `content`: the node as JSON, where it was asked for."""

    environment_id: int
    unique_id: str
    attempt: int | None
    status: str | None
    generated_at: int | None
    execution_time: float | None
    materialization: str | None
    content: bytes | None


class DescribedNode(msgspec.Struct, frozen=True):
    """As much of a model's node as lists order and filter by."""

    name: str | None = None
    original_file_path: str | None = None
    path: str | None = None
    tags: list[str] | str | None = None
    group: str | None = None
    access: str | None = None
    config: msgspec.Raw = msgspec.Raw()
    meta: msgspec.Raw = msgspec.Raw()


_node = msgspec.json.Decoder(DescribedNode)


def _newest_success(last: Any, deploys: Any) -> ColumnElement[Any]:
    """The key of the last success, which is the `last` attempt as a rule: then it is not sought."""
    return case((and_(*succeeded(last)), last.c.id), else_=newest_result(deploys, *succeeded(results)))


def with_newest(connection: Connection, source: FromClause, deploys: Any) -> tuple[FromClause, Any, Any]:
    """`source`, which has resources, with the last attempt and the last success of each; and these two."""
    if connection.dialect.name == "postgresql":
        last, success = _newest_row("last", deploys), _newest_row("success", deploys, succeeded)
        return source.outerjoin(last, true()).outerjoin(success, true()), last, success
    last, success = results.alias("last"), results.alias("success")
    with_last = source.outerjoin(last, last.c.id == newest_result(deploys))
    return with_last.outerjoin(success, success.c.id == _newest_success(last, deploys)), last, success


def _newest_row(name: str, deploys: Any, conditions: Callable[[Any], Iterable[Any]] = lambda _: ()) -> Any:
    """The whole of it: by its key alone PostgreSQL would look for it in every month."""
    rows = results.alias(f"{name}_rows")
    query = select(rows).where(rows.c.resource_id == resources.c.id, rows.c.deploys == deploys, *conditions(rows))
    newest = query.order_by(rows.c.generated_at.desc(), rows.c.run_id.desc()).limit(1)
    return newest.correlate_except(rows).lateral(name)


def model_states(
    connection: Connection, environment_ids: Sequence[int], *, contents: bool
) -> Iterator[AppliedModelRow]:
    """The models of the applied states of environments, in no order; a statement for a thousand environments. With
    `contents` the whole node too."""
    for part in chunks(environment_ids):
        yield from map(AppliedModelRow._make, driver_rows(connection, _statement(connection, part, contents=contents)))


def newest_successes(connection: Connection, resource_ids: Sequence[int], *, deploys: bool) -> dict[int, float | None]:
    """The execution time of the last success of each resource, None where there was none; a statement for a thousand
    resources."""
    each, success = _with_success(connection, literal(deploys))
    runtimes: dict[int, float | None] = {}
    for part in chunks(resource_ids):
        query = select(resources.c.id, success.c.execution_time).select_from(each).where(resources.c.id.in_(part))
        runtimes.update((row.id, row.execution_time) for row in connection.execute(query))
    return runtimes


def _with_success(connection: Connection, deploys: Any) -> tuple[FromClause, Any]:
    if connection.dialect.name == "postgresql":
        success = _newest_row("success", deploys, succeeded)
        return resources.outerjoin(success, true()), success
    success = results.alias("success")
    newest = newest_result(deploys, *succeeded(results))
    return resources.outerjoin(success, success.c.id == newest), success


def described_node(content: bytes) -> DescribedNode:
    """The node in a row's `content`."""
    return _node.decode(content)


def _statement(connection: Connection, environment_ids: Sequence[int], *, contents: bool) -> Select[Any]:
    applied = nodes.alias("applied")
    defining = defining_manifests(environment_ids)
    deploys = defining.c.deploys
    same_name = and_(
        resources.c.unique_id == nodes.c.unique_id, resources.c.environment_id == defining.c.environment_id
    )
    known = defining.join(manifest_nodes, manifest_nodes.c.manifest_id == defining.c.manifest_id)
    known = known.join(nodes, nodes.c.id == manifest_nodes.c.node_id).outerjoin(resources, same_name)
    source, last, success = with_newest(connection, known, deploys)
    columns: tuple[ColumnElement[Any], ...] = (
        defining.c.environment_id,
        nodes.c.unique_id,
        last.c.id.label("attempt"),
        last.c.status,
        last.c.generated_at,
        success.c.execution_time,
        applied.c.materialization,
        # As the driver gives it: bytes.
        type_coerce(applied.c.content, NullType()) if contents else null().label("content"),
    )
    return (
        select(*columns)
        .select_from(source.join(applied, applied.c.id == func.coalesce(success.c.node_id, nodes.c.id)))
        .where(manifest_nodes.c.kind == "model")
    )
