"""What models did in runs: the results of one model's last runs, of whole runs, and the arguments of their commands.

Keys go in, rows come out; a statement for each environment, or for all runs, and never one for each row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any

import msgspec
from sqlalchemy import BindParameter, Connection, FromClause, Integer, Select, and_, bindparam, select, true

from gateway.archive.artifacts.artifact_files import Node
from gateway.archive.columnar.compacted_files import files_of
from gateway.archive.columnar.visible_results import (
    newest_of_short,
    short_of,
    visible_rows,
)
from gateway.archive.columnar.visible_results import (
    of_runs as results_of,
)
from gateway.archive.tables.many_keys import among, chunks
from gateway.archive.tables.rows import AnyRow
from gateway.archive.tables.run_tables import invocations, manifest_nodes, nodes, resources, results, runs, texts

FAILED = ("error", "fail", "partial success", "runtime error")
"""How a result ended that failed."""

SKIPPED = ("skipped",)
"""How a result ended that something kept from starting."""

TELLING = (*FAILED, "warn")
"""How a result ended whose message says what is wrong."""

_threads, _messages = texts.alias("threads"), texts.alias("messages")
_newest = results.alias("newest")

_node = msgspec.json.Decoder(Node)

_COLUMNS = (
    resources.c.unique_id,
    runs.c.environment_id,
    runs.c.job_id,
    results.c.run_id,
    results.c.node_id,
    results.c.generated_at,
    results.c.status,
    results.c.execution_time,
    results.c.compile_started_at,
    results.c.compile_completed_at,
    results.c.execute_started_at,
    results.c.execute_completed_at,
    results.c.rows_affected,
    invocations.c.uuid,
    invocations.c.elapsed,
    invocations.c.step,
    _threads.c.body.label("thread"),
    _messages.c.body.label("message"),
)


def last_results(
    connection: Connection, environment_id: int, unique_ids: Iterable[str], count: int
) -> Iterator[AnyRow]:
    """The last results of the newest `count` runs of each model, newest first; in the order of the unique ids."""
    query = _last_results(connection.dialect.name)
    for part in chunks(sorted(unique_ids)):
        asked = {"count": count, "environment_id": environment_id, "names": part}
        short = _short_of(connection, environment_id, part, count)
        if short:
            yield from _with_older(connection, query.params(asked), short, count)
        else:
            yield from connection.execute(query, asked)


def _with_older(
    connection: Connection, query: Select[Any], short: Mapping[int, set[int]], count: int
) -> Iterable[AnyRow]:
    """The rows of a query about `newest_of_resources`, those of compacted months among them: ordered by unique id as
    `query` is. `short`: the resources of which the table has too few, see short_of."""
    rows = connection.execute(query.where(resources.c.id.not_in(short))).all()
    of_short = query.where(resources.c.id.in_(short))
    older = visible_rows(connection, of_short, newest_of_short(connection, short, count))
    return sorted([*rows, *older], key=attrgetter("unique_id"))


def _short_of(
    connection: Connection, environment_id: int, unique_ids: Sequence[str], count: int
) -> dict[int, set[int]]:
    if files_of(connection) is None:
        return {}
    named = (resources.c.environment_id == environment_id, resources.c.unique_id.in_(unique_ids))
    return short_of(connection, connection.scalars(select(resources.c.id).where(*named)).all(), count)


# One model's history is asked for again and again: making the statement takes as long as SQLite takes to answer it.
@lru_cache(maxsize=2)
def _last_results(dialect: str) -> Select[*tuple[Any, ...]]:
    order = (resources.c.unique_id, results.c.generated_at.desc(), results.c.run_id.desc())
    named = resources.c.unique_id.in_(bindparam("names", expanding=True))
    query = _told(newest_of_resources(dialect, bindparam("count", type_=Integer)))
    return query.where(resources.c.environment_id == bindparam("environment_id"), named).order_by(*order)


def newest_of_resources(dialect: str, count: int | BindParameter[int]) -> FromClause:
    """Resources, each with the last results of its newest `count` runs, for SQLite or PostgreSQL."""
    newest = (
        select(_newest.c.id)
        .where(_newest.c.resource_id == resources.c.id, _newest.c.final)
        .order_by(_newest.c.generated_at.desc(), _newest.c.run_id.desc())
        .limit(count)
        .correlate(resources)
    )
    if dialect == "postgresql":
        # By time too, which says in which month it lies.
        keys = newest.add_columns(_newest.c.generated_at).lateral("keys")
        is_same = and_(results.c.id == keys.c.id, results.c.generated_at == keys.c.generated_at)
        return resources.join(keys, true()).join(results, is_same)
    # By their keys alone: given the resource too, SQLite goes through its newest results again for each of its results.
    return resources.join(results, results.c.id.in_(newest))


def results_of_runs(connection: Connection, run_ids: Iterable[int]) -> Iterator[AnyRow]:
    """The last result of each model in each run, ordered by run and unique id."""
    order = (results.c.run_id, resources.c.unique_id)
    for part in chunks(sorted(set(run_ids))):
        of_runs = (invocations.c.run_id.in_(part), invocations.c.executing, results.c.final)
        query = _results().where(*of_runs, _is_model()).order_by(*order)
        yield from visible_rows(connection, query, results_of(connection, part))


def outlines_of_runs(connection: Connection, run_ids: Iterable[int]) -> Iterator[AnyRow]:
    """The same with no more than `run_id`, `unique_id`, `node_id`, `status` and `execution_time`."""
    query = (
        select(results.c.run_id, resources.c.unique_id, results.c.node_id, results.c.status, results.c.execution_time)
        .join(invocations, invocations.c.id == results.c.invocation_id)
        .join(resources, resources.c.id == results.c.resource_id)
        .order_by(results.c.run_id, resources.c.unique_id)
    )
    for part in chunks(sorted(set(run_ids))):
        of_runs = (invocations.c.run_id.in_(part), invocations.c.executing, results.c.final)
        yield from visible_rows(connection, query.where(*of_runs, _is_model()), results_of(connection, part))


def _results() -> Select[*tuple[Any, ...]]:
    return _told(results.join(resources, resources.c.id == results.c.resource_id))


def _told(source: FromClause) -> Select[*tuple[Any, ...]]:
    """What is known of the results in `source`, which has their resources."""
    tells = and_(_messages.c.id == results.c.message_id, results.c.status.in_(TELLING))
    return (
        select(*_COLUMNS)
        .select_from(source)
        .join(invocations, invocations.c.id == results.c.invocation_id)
        .join(runs, runs.c.id == results.c.run_id)
        .outerjoin(_threads, _threads.c.id == results.c.thread_id)
        .outerjoin(_messages, tells)
    )


def _is_model() -> Any:
    return resources.c.unique_id.startswith("model.", autoescape=True)


def runs_with_artifacts(connection: Connection, run_ids: Iterable[int]) -> dict[int, int]:
    """The job of each of these runs that left artifacts, by run."""
    runs_of_environment: dict[int, int] = {}
    for part in chunks(sorted(set(run_ids))):
        query = select(runs.c.id, runs.c.job_id).where(
            runs.c.id.in_(part), runs.c.id.in_(select(invocations.c.run_id).where(invocations.c.run_id.in_(part)))
        )
        runs_of_environment.update((row.id, row.job_id) for row in connection.execute(query))
    return runs_of_environment


def nodes_of_runs(connection: Connection, run_ids: Sequence[int]) -> dict[tuple[int, str], int]:
    """The models of the manifest that stands for each run, the last one that it left: node keys by run and name."""
    node_ids: dict[tuple[int, str], int] = {}
    for part in chunks(sorted(set(run_ids))):
        manifests = dict(
            connection.execute(
                select(invocations.c.run_id, invocations.c.manifest_id)
                .where(invocations.c.run_id.in_(part), invocations.c.manifest_id.is_not(None))
                .order_by(invocations.c.generated_at, invocations.c.id)
            ).all()
        )
        for run_id, manifest_id in manifests.items():
            listed = (
                select(nodes.c.unique_id, nodes.c.id)
                .join(manifest_nodes, manifest_nodes.c.node_id == nodes.c.id)
                .where(manifest_nodes.c.manifest_id == manifest_id, manifest_nodes.c.kind == "model")
            )
            node_ids.update(((run_id, name), key) for name, key in connection.execute(listed))
    return node_ids


def node_contents(connection: Connection, keys: Iterable[int]) -> dict[int, Node]:
    """Manifest nodes by key."""
    known = set(keys)
    if not known:
        return {}
    query = select(nodes.c.id, nodes.c.content).where(among(connection, nodes.c.id, known))
    return {key: node_of(content) for key, content in connection.execute(query).all()}


def node_of(content: bytes) -> Node:
    """A manifest node by its content."""
    return _node.decode(content)


def arguments_of_runs(connection: Connection, run_ids: Iterable[int]) -> dict[tuple[int, str], str]:
    """The arguments, as JSON text, of the commands of runs that dbt wrote any of: by run and invocation."""
    arguments: dict[tuple[int, str], str] = {}
    for part in chunks(sorted(set(run_ids))):
        query = (
            select(invocations.c.run_id, invocations.c.uuid, texts.c.body)
            .join(texts, texts.c.id == invocations.c.args_id)
            .where(invocations.c.run_id.in_(part))
        )
        arguments.update(((row.run_id, row.uuid), row.body) for row in connection.execute(query))
    return arguments
