"""What tests, seeds, snapshots, sources, hooks and all else but models did in runs, read from the archive."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from gateway.archive.artifacts.node_names import name_in, name_of
from gateway.archive.reading.model_results import FAILED, SKIPPED, runs_with_artifacts
from gateway.archive.reading.node_results import node_results, results_ending, statuses_in_runs
from gateway.archive.reading.run_parents import parents_of_runs
from gateway.archive.tables.rows import AnyRow
from gateway.hierarchy.objects.model import ModelRun
from gateway.hierarchy.objects.node_result import NodeRun
from gateway.hierarchy.vocabulary.resource_type import ResourceType, resource_type_of
from gateway.history.run_reading import milliseconds_of, model_runs_of
from gateway.services.rows.discovery_types import RunNode
from gateway.services.rows.mapping import Share
from gateway.services.runs.node_mapping import to_node_run
from gateway.services.runs.run_history import RunParents
from gateway.services.runs.run_nodes import (
    EndedResults,
    NodeGroup,
    NodeInRun,
    NodeOutcome,
    NodesKey,
    RunNodes,
    group_of,
    nodes_of_run,
)
from gateway.services.runs.run_rows import RunKey


def read_nodes(connection: Connection, keys: Sequence[NodesKey]) -> dict[NodesKey, RunNodes]:
    """What each group of nodes did in its run."""
    groups = {key.group for key in keys}
    names = _NodeNames()
    share = Share()
    nodes: dict[tuple[int, NodeGroup], list[NodeRun | None]] = {}
    for row in node_results(connection, (key.run_id for key in keys), _beside(groups)):
        group = group_of(resource_type_of(row.unique_id))
        node = to_node_run(_run_node(row, names), RunKey(row.job_id, row.run_id), share)
        nodes.setdefault((row.run_id, group), []).append(node)
    known = runs_with_artifacts(connection, (key.run_id for key in keys))
    return {
        key: nodes_of_run(nodes.get((key.run_id, key.group), ()), ingested=True)
        if known.get(key.run_id) == key.job_id
        else RunNodes(ingested=False)
        for key in keys
    }


def read_failed(connection: Connection, keys: Sequence[RunKey]) -> dict[RunKey, EndedResults]:
    """What failed in each run."""
    return _read_ended(connection, keys, FAILED)


def read_skipped(connection: Connection, keys: Sequence[RunKey]) -> dict[RunKey, EndedResults]:
    """What was skipped in each run."""
    return _read_ended(connection, keys, SKIPPED)


def _read_ended(connection: Connection, keys: Sequence[RunKey], words: Sequence[str]) -> dict[RunKey, EndedResults]:
    """One statement, and two more where a model's command left no manifest."""
    rows = list(results_ending(connection, (key.run_id for key in keys), words))
    known = {row.run_id: row.job_id for row in rows if row.unique_id is None}
    names, share = _NodeNames(), Share()
    models: dict[int, list[ModelRun]] = {}
    for model in model_runs_of(connection, [row for row in rows if _is_model(row)], share):
        models.setdefault(model.run_id, []).append(model)
    others: dict[int, list[NodeRun | None]] = {}
    for row in rows:
        if row.unique_id is not None and not _is_model(row):
            node = to_node_run(_run_node(row, names), RunKey(row.job_id, row.run_id), share)
            others.setdefault(row.run_id, []).append(node)
    results: dict[RunKey, EndedResults] = {}
    for key in keys:
        nodes = nodes_of_run(others.get(key.run_id, ()), ingested=known.get(key.run_id) == key.job_id)
        results[key] = EndedResults(nodes.ingested, tuple(models.get(key.run_id, ())), nodes.tests, nodes.others)
    return results


def read_attempts(connection: Connection, keys: Sequence[NodeInRun]) -> dict[NodeInRun, NodeOutcome]:
    """How each node ended in its run."""
    runs = [key.run_id for key in keys]
    statuses = statuses_in_runs(connection, runs, {key.unique_id for key in keys})
    words = {(run_id, unique_id): word for run_id, unique_id, word in statuses}
    known = runs_with_artifacts(connection, runs)
    return {
        key: NodeOutcome(words.get((key.run_id, key.unique_id)), known.get(key.run_id) == key.job_id) for key in keys
    }


def read_parents(connection: Connection, keys: Sequence[RunKey]) -> dict[RunKey, RunParents]:
    """What the resources of each run were built from: two statements for five hundred runs."""
    parents_of = parents_of_runs(connection, (key.run_id for key in keys))
    known = runs_with_artifacts(connection, (key.run_id for key in keys))
    return {
        key: RunParents(
            {name: tuple(parents) for name, parents in parents_of.get(key.run_id, {}).items()},
            known.get(key.run_id) == key.job_id,
        )
        for key in keys
    }


def _is_model(row: AnyRow) -> bool:
    return row.unique_id is not None and resource_type_of(row.unique_id) is ResourceType.MODEL


class _NodeNames:
    """The names of nodes, each read out of its content once."""

    def __init__(self) -> None:
        self._known: dict[int, str] = {}

    def of(self, row: AnyRow) -> str:
        """A node's name; where its command left no manifest, what its id says."""
        if row.node_id is None:
            return name_of(row.unique_id)
        if row.node_id not in self._known:
            self._known[row.node_id] = name_in(row.content, row.unique_id)
        return self._known[row.node_id]


def _beside(groups: set[NodeGroup]) -> list[str]:
    """The kinds of nodes that are not asked for. A kind that nobody knows is never among them."""
    known = [resource_type for resource_type in ResourceType if resource_type is not ResourceType.UNKNOWN]
    return [
        resource_type.value
        for resource_type in known
        if resource_type is ResourceType.MODEL or group_of(resource_type) not in groups
    ]


def _run_node(row: AnyRow, names: _NodeNames) -> RunNode:
    is_check = row.is_check
    return RunNode(
        unique_id=row.unique_id,
        environment_id=row.environment_id,
        name=names.of(row),
        run_generated_at=milliseconds_of(row.generated_at),
        status=None if is_check else row.status,
        state=row.status if is_check else None,
        error=row.message,
        execution_time=row.execution_time,
        compile_started_at=milliseconds_of(row.compile_started_at),
        compile_completed_at=milliseconds_of(row.compile_completed_at),
        execute_started_at=milliseconds_of(row.execute_started_at),
        execute_completed_at=milliseconds_of(row.execute_completed_at),
        thread_id=row.thread,
        max_loaded_at_time_ago_in_s=row.age,
        invocation_id=row.uuid,
        step=row.step,
        failures=row.failures,
        rows_affected=row.rows_affected,
    )
