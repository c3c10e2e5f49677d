"""The statements of the Discovery API: few, and never one per row. Keys go in, rows come out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Connection, Select, Table, and_, select

from gateway.archive.columnar.visible_results import newest_of_short, of_runs, short_of, visible_rows
from gateway.archive.reading.applied_state import NEWEST_DEPLOYING
from gateway.archive.reading.model_results import newest_of_resources
from gateway.archive.reading.model_states import with_newest
from gateway.archive.tables.many_keys import among, chunks
from gateway.archive.tables.rows import AnyRow
from gateway.archive.tables.run_tables import (
    environments,
    invocations,
    manifest_nodes,
    node_parents,
    nodes,
    resources,
    results,
    texts,
)


def environment_row(connection: Connection, environment_id: int) -> AnyRow | None:
    """The environment itself."""
    return connection.execute(select(environments).where(environments.c.id == environment_id)).first()


def newest_invocation(connection: Connection, environment_id: int, *conditions: Any) -> AnyRow | None:
    """The newest invocation of the environment that meets the conditions; ones that deploy come before CI."""
    query = select(invocations).where(invocations.c.environment_id == environment_id, *conditions)
    return connection.execute(query.order_by(*NEWEST_DEPLOYING).limit(1)).first()


class MembersKey(NamedTuple):
    """Nodes of some kinds in a manifest, in an environment whose state is that of runs that deploy, or of CI."""

    environment_id: int
    manifest_id: int
    kinds: tuple[str, ...]
    deploys: bool


def member_rows(connection: Connection, key: MembersKey, unique_ids: Iterable[str] | None = None) -> Sequence[AnyRow]:
    """The nodes of a manifest with the last attempt and the last success of each in the environment, by unique id; of
    `unique_ids` only those."""
    same_name = and_(resources.c.unique_id == nodes.c.unique_id, resources.c.environment_id == key.environment_id)
    known = manifest_nodes.join(nodes, nodes.c.id == manifest_nodes.c.node_id).outerjoin(resources, same_name)
    source, last, success = with_newest(connection, known, key.deploys)
    query: Select[*tuple[Any, ...]] = (
        select(
            nodes.c.unique_id,
            nodes.c.kind,
            nodes.c.id.label("manifest_node_id"),
            resources.c.id.label("resource_id"),
            last.c.id.label("last_id"),
            last.c.status.label("last_status"),
            success.c.id.label("success_id"),
            success.c.node_id.label("success_node_id"),
            success.c.execute_completed_at.label("execute_completed_at"),
        )
        .select_from(source)
        .where(manifest_nodes.c.manifest_id == key.manifest_id, manifest_nodes.c.kind.in_(key.kinds))
        .order_by(nodes.c.unique_id)
    )
    if unique_ids is not None:
        query = query.where(among(connection, nodes.c.unique_id, unique_ids))
    return connection.execute(query).all()


class _Package(msgspec.Struct, frozen=True):
    package_name: str | None = None


_package = msgspec.json.Decoder(_Package)


def package_rows(connection: Connection, manifest_id: int, kind: str) -> list[str]:
    """The packages that the nodes of a kind of a manifest come from, each once and in order."""
    query = (
        select(nodes.c.content)
        .join(manifest_nodes, manifest_nodes.c.node_id == nodes.c.id)
        .where(manifest_nodes.c.manifest_id == manifest_id, manifest_nodes.c.kind == kind)
    )
    packages = {_package.decode(content).package_name for content in connection.scalars(query)}
    return sorted(name for name in packages if name)


def listed_nodes(connection: Connection, manifest_id: int, kind: str) -> dict[str, int]:
    """The nodes of a kind that a manifest holds: keys by unique id."""
    query = (
        select(nodes.c.unique_id, nodes.c.id)
        .join(manifest_nodes, manifest_nodes.c.node_id == nodes.c.id)
        .where(manifest_nodes.c.manifest_id == manifest_id, manifest_nodes.c.kind == kind)
    )
    return dict(connection.execute(query).all())


def text_bodies(connection: Connection, keys: Iterable[int | None]) -> dict[int, str]:
    """Texts by key."""
    known = {key for key in keys if key is not None}
    if not known:
        return {}
    query = select(texts.c.id, texts.c.body).where(among(connection, texts.c.id, known))
    return dict(connection.execute(query).all())


def manifest_edges(connection: Connection, manifest_id: int) -> Sequence[AnyRow]:
    """Every (unique_id, kind, parent) of a manifest but those of macros; parent is None for nodes without one."""
    query: Select[*tuple[Any, ...]] = (
        select(nodes.c.unique_id, nodes.c.kind, node_parents.c.parent)
        .select_from(manifest_nodes)
        .join(nodes, nodes.c.id == manifest_nodes.c.node_id)
        .outerjoin(node_parents, node_parents.c.node_id == nodes.c.id)
        .where(manifest_nodes.c.manifest_id == manifest_id, manifest_nodes.c.kind != "macro")
        .order_by(nodes.c.unique_id, node_parents.c.parent)
    )
    return connection.execute(query).all()


_RESULT_COLUMNS = (
    results,
    invocations.c.uuid,
    invocations.c.step,
    invocations.c.elapsed,
    invocations.c.job_id,
    invocations.c.environment_id,
    invocations.c.dbt_version,
    invocations.c.args_id,
    invocations.c.manifest_id,
)


def result_query() -> Select[*tuple[Any, ...]]:
    """Results with what their invocation adds; to be narrowed by the caller."""
    return select(*_RESULT_COLUMNS).join(invocations, invocations.c.id == results.c.invocation_id)


_STATE_COLUMNS = (
    results.c.id,
    results.c.run_id,
    results.c.generated_at,
    results.c.status,
    results.c.execution_time,
    results.c.compile_started_at,
    results.c.compile_completed_at,
    results.c.execute_started_at,
    results.c.execute_completed_at,
    results.c.failures,
    results.c.message_id,
    results.c.compiled_id,
    invocations.c.elapsed,
    invocations.c.job_id,
    invocations.c.dbt_version,
)


def result_rows(connection: Connection, keys: Iterable[int | None]) -> dict[int, AnyRow]:
    """What an environment's state says of results, by key."""
    known = {key for key in keys if key is not None}
    if not known:
        return {}
    query = select(*_STATE_COLUMNS).join(invocations, invocations.c.id == results.c.invocation_id)
    query = query.where(among(connection, results.c.id, known))
    return {row.id: row for row in connection.execute(query).all()}


def history_rows(connection: Connection, resource_ids: Iterable[int], count: int) -> dict[int, list[AnyRow]]:
    """The last `count` runs' results of each resource, newest first; by resource."""
    rows_by_resource: dict[int, list[AnyRow]] = {}
    order = (results.c.resource_id, results.c.generated_at.desc(), results.c.run_id.desc())
    query = select(*_RESULT_COLUMNS).select_from(newest_of_resources(connection.dialect.name, count))
    query = query.join(invocations, invocations.c.id == results.c.invocation_id).order_by(*order)
    for part in chunks(resource_ids):
        for row in _newest_rows(connection, query.where(resources.c.id.in_(part)), part, count):
            rows_by_resource.setdefault(row.resource_id, []).append(row)
    return rows_by_resource


def _newest_rows(
    connection: Connection, query: Select[Any], resource_ids: Sequence[int], count: int
) -> Iterator[AnyRow]:
    """Those of `results`, then those of resources of which compacted months hold more."""
    short = short_of(connection, resource_ids, count)
    yield from connection.execute(query.where(resources.c.id.not_in(short)) if short else query)
    if short:
        of_short = query.where(resources.c.id.in_(short))
        yield from visible_rows(connection, of_short, newest_of_short(connection, short, count))


def run_result_rows(connection: Connection, run_ids: Iterable[int], resource_ids: Iterable[int]) -> Sequence[AnyRow]:
    """Every executed result of these resources in these runs, oldest first."""
    rows: list[AnyRow] = []
    runs_wanted = sorted(set(run_ids))
    for part in chunks(sorted(set(resource_ids))):
        for run_part in chunks(runs_wanted):
            query = result_query().where(results.c.resource_id.in_(part), results.c.run_id.in_(run_part))
            query = query.order_by(results.c.generated_at, results.c.id)
            rows += visible_rows(connection, query, of_runs(connection, run_part))
    return rows


def run_statuses(connection: Connection, run_id: int) -> dict[str, str]:
    """How a run ended for each node it executed or skipped, by unique id."""
    query = (
        select(resources.c.unique_id, results.c.status)
        .join(resources, resources.c.id == results.c.resource_id)
        .join(invocations, invocations.c.id == results.c.invocation_id)
        .where(invocations.c.run_id == run_id, results.c.final)
    )
    rows = list(visible_rows(connection, query, of_runs(connection, [run_id])))
    return dict(rows)


def resource_keys(connection: Connection, environment_id: int, unique_ids: Iterable[str]) -> dict[str, int]:
    """The environment's keys of these unique ids; unknown ones are left out."""
    keys: dict[str, int] = {}
    for part in chunks(unique_ids):
        query = select(resources.c.unique_id, resources.c.id).where(
            resources.c.environment_id == environment_id, resources.c.unique_id.in_(part)
        )
        keys.update((name, key) for name, key in connection.execute(query))
    return keys


def newest_by_resource(
    connection: Connection, table: Table, resource_ids: Iterable[int], *conditions: ColumnElement[bool]
) -> dict[int, AnyRow]:
    """The newest row of each resource in a table of facts, with the run and job it comes from; by resource."""
    rows_by_resource: dict[int, AnyRow] = {}
    newest = (
        select(table.c.id)
        .where(table.c.resource_id == resources.c.id, *conditions)
        .order_by(table.c.generated_at.desc(), table.c.id.desc())
        .limit(1)
        .correlate(resources)
        .scalar_subquery()
    )
    facts = table.alias("facts")
    for part in chunks(resource_ids):
        query = (
            select(facts, invocations.c.job_id)
            .select_from(resources)
            .join(facts, facts.c.id == newest)
            .join(invocations, invocations.c.id == facts.c.invocation_id)
            .where(resources.c.id.in_(part))
        )
        rows_by_resource.update((row.resource_id, row) for row in connection.execute(query))
    return rows_by_resource
