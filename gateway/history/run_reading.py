"""What models did in runs, read from the archive and given as Discovery gives it: times to the millisecond."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, TypeVar

from sqlalchemy import Connection

from gateway.archive.artifacts.artifact_files import Node
from gateway.archive.artifacts.node_content import materialization, tags_of
from gateway.archive.artifacts.node_names import name_of
from gateway.archive.reading.model_results import (
    arguments_of_runs,
    last_results,
    node_contents,
    node_of,
    nodes_of_runs,
    outlines_of_runs,
    results_of_runs,
    runs_with_artifacts,
)
from gateway.archive.tables.rows import AnyRow
from gateway.archive.times import from_micros
from gateway.hierarchy.objects.model import BuiltModel, ModelRun
from gateway.services.rows.discovery_types import OutlineRow, RunModel
from gateway.services.rows.mapping import Share, to_built_model, to_model_run
from gateway.services.runs.model_histories import HistoryKey
from gateway.services.runs.run_history import CommandKey, RunModels
from gateway.services.runs.run_rows import RunKey

T = TypeVar("T")

Named = Mapping[tuple[int, str], int]
"""Keys of manifest nodes by run and unique id."""


def read_model_runs(
    connection: Connection, keys: Sequence[HistoryKey], count: int
) -> dict[HistoryKey, tuple[ModelRun, ...]]:
    """The newest `count` runs of each model, newest first."""
    by_environment: dict[int, list[str]] = {}
    for key in keys:
        by_environment.setdefault(key.environment_id, []).append(key.unique_id)
    rows = [
        (HistoryKey(environment_id, row.unique_id), row)
        for environment_id, names in by_environment.items()
        for row in last_results(connection, environment_id, names, count)
    ]
    contents = _contents(connection, (row.node_id for _, row in rows))
    share = Share()
    model_runs: dict[HistoryKey, list[ModelRun]] = {key: [] for key in keys}
    for key, row in rows:
        run = to_model_run(_run_model(row, contents.get(row.node_id or 0), share), share)
        if run is not None:
            model_runs[key].append(run)
    return {key: tuple(sorted(runs, key=lambda run: run.recency, reverse=True)) for key, runs in model_runs.items()}


def read_run_models(connection: Connection, keys: Sequence[RunKey]) -> dict[RunKey, RunModels[ModelRun]]:
    """What each model did in each run."""
    share = Share()
    rows = results_of_runs(connection, (key.run_id for key in keys))
    return _read_runs(connection, keys, rows, lambda row, node: to_model_run(_run_model(row, node, share), share))


class _BuiltNode(NamedTuple):
    """What a result shows of the manifest node that it is of."""

    name: str | None
    package_name: str | None
    tags: list[str]
    materialization: str | None


def model_runs_of(connection: Connection, rows: Sequence[AnyRow], share: Share) -> Iterable[ModelRun]:
    """What these rows of results say of models, their contents beside them; a node that has none is looked for."""
    named = _unnamed(connection, rows)
    contents = _contents(connection, (named.get((row.run_id, row.unique_id)) for row in rows if row.node_id is None))
    for row in rows:
        content = row.content
        node = _built(node_of(content)) if content is not None else contents.get(_node_key(row, named) or 0)
        model = to_model_run(_run_model(row, node, share), share)
        if model is not None:
            yield model


def read_outlines(connection: Connection, keys: Sequence[RunKey]) -> dict[RunKey, RunModels[BuiltModel]]:
    """The same in outline."""
    share = Share()
    rows = outlines_of_runs(connection, (key.run_id for key in keys))
    return _read_runs(connection, keys, rows, lambda row, node: to_built_model(_outline(row, node), share))


def _read_runs(
    connection: Connection,
    keys: Sequence[RunKey],
    results: Iterable[AnyRow],
    to_model: Callable[[AnyRow, _BuiltNode | None], T | None],
) -> dict[RunKey, RunModels[T]]:
    """By run, what `to_model` makes of each result and of the node that it is of; results of no model are left out."""
    rows = list(results)
    named = _unnamed(connection, rows)
    contents = _contents(connection, _node_keys(rows, named))
    by_run: dict[int, list[T]] = {}
    for row in rows:
        model = to_model(row, contents.get(_node_key(row, named) or 0))
        if model is not None:
            by_run.setdefault(row.run_id, []).append(model)
    known = runs_with_artifacts(connection, (key.run_id for key in keys))
    return {
        key: RunModels(tuple(by_run.get(key.run_id, ())), ingested=True)
        if known.get(key.run_id) == key.job_id
        else RunModels((), ingested=False)
        for key in keys
    }


def _outline(row: AnyRow, node: _BuiltNode | None) -> OutlineRow:
    return OutlineRow(
        row.unique_id,
        row.status,
        node.tags if node else [],
        node.materialization if node else None,
        row.execution_time,
    )


def read_arguments(connection: Connection, keys: Iterable[CommandKey]) -> dict[CommandKey, str | None]:
    """The arguments of each command as JSON text; None where there are none."""
    asked = list(keys)
    arguments = arguments_of_runs(connection, (key.run_id for key in asked))
    return {key: arguments.get((key.run_id, key.invocation_id or "")) for key in asked}


def _contents(connection: Connection, keys: Iterable[int | None]) -> dict[int, _BuiltNode]:
    nodes = node_contents(connection, sorted({key for key in keys if key is not None}))
    return {key: _built(node) for key, node in nodes.items()}


def _built(node: Node) -> _BuiltNode:
    return _BuiltNode(node.name, node.package_name, tags_of(node), materialization(node))


def _unnamed(connection: Connection, rows: Sequence[AnyRow]) -> Named:
    """The nodes of results whose own command left no manifest, by the one that stands for their run."""
    without = sorted({row.run_id for row in rows if row.node_id is None})
    return nodes_of_runs(connection, without) if without else {}


def _node_key(row: AnyRow, named: Named) -> int | None:
    key: int | None = row.node_id
    return key if key is not None else named.get((row.run_id, row.unique_id))


def _node_keys(rows: Iterable[AnyRow], named: Named) -> Iterable[int | None]:
    return (_node_key(row, named) for row in rows)


def _run_model(row: AnyRow, node: _BuiltNode | None, share: Share) -> RunModel:
    return RunModel(
        unique_id=row.unique_id,
        run_id=row.run_id,
        job_id=row.job_id,
        environment_id=row.environment_id,
        name=node.name if node else name_of(row.unique_id),
        package_name=node.package_name if node else None,
        tags=node.tags if node else [],
        materialized_type=node.materialization if node else None,
        status=row.status,
        error=row.message,
        execution_time=row.execution_time,
        compile_started_at=milliseconds_of(row.compile_started_at),
        compile_completed_at=milliseconds_of(row.compile_completed_at),
        execute_started_at=milliseconds_of(row.execute_started_at),
        execute_completed_at=milliseconds_of(row.execute_completed_at),
        thread_id=row.thread,
        invocation_id=row.uuid,
        run_generated_at=share[milliseconds_of(row.generated_at)],
        run_elapsed_time=row.elapsed,
        step=row.step,
        rows_affected=row.rows_affected,
    )


def milliseconds_of(micros: int | None) -> datetime | None:
    """To the millisecond, as Discovery does."""
    return None if micros is None else from_micros(micros - micros % 1000)
