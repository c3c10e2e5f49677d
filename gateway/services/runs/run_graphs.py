"""Reading of Discovery who depended on whom in runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from gateway.errors import GatewayError
from gateway.hierarchy.runs.run_graph import GraphNode, RunGraph
from gateway.services.discovery.base_query import BaseQuery, BatchOperation
from gateway.services.rows.discovery_types import BigInt, NamedNode, Wired
from gateway.services.rows.mapping import Share
from gateway.services.runs.run_rows import JobList, Rows, RunKey, read_runs


class GraphRow(Wired, frozen=True):
    """A node and its parents, which snapshots list by type. The rest as far as it is selected."""

    unique_id: str
    depends_on: list[str] | None = None
    parents_models: list[NamedNode] | None = None
    parents_sources: list[NamedNode] | None = None
    tags: list[str] | None = None
    materialized_type: str | None = None
    dbt_group: str | None = None
    pagination_cursor: str | None = None


class JobGraph(Wired, frozen=True):
    id: BigInt
    run_id: BigInt
    rows: list[GraphRow]
    rows1: list[GraphRow] | None = None
    rows2: list[GraphRow] | None = None
    rows3: list[GraphRow] | None = None
    rows4: list[GraphRow] | None = None


# The lists of twenty runs.
_LISTS_PER_DOCUMENT = 80
_OPERATION = BatchOperation("RunGraphs", "", JobGraph, nullable=True)

_DEPENDENT = "uniqueId dependsOn paginationCursor"
_BELONGING = "tags materializedType dbtGroup"
_TESTS = JobList.of("tests", "TestNode", _DEPENDENT)
# Never executed, but listed as skipped because of what they stand on.
_EXPOSURES = JobList.of("exposures", "ExposureNode", _DEPENDENT)
_SNAPSHOTS = JobList.of(
    "snapshots", "SnapshotNode", "uniqueId parentsModels { uniqueId } parentsSources { uniqueId } tags paginationCursor"
)


class GraphKey(NamedTuple):
    """The graph of a run. `whole`: with tags, materializations, groups and files of its nodes."""

    job_id: int
    run_id: int
    whole: bool


async def read_graphs(query: BaseQuery, keys: Sequence[GraphKey]) -> dict[GraphKey, RunGraph | GatewayError]:
    """The graph of each run: its models, tests, snapshots and exposures; up to twenty runs in one document. dbt's
    API has no threads, checksums and files here, and no list of hooks, unit tests, functions and exports."""
    lists = {key: _lists_of(key) for key in keys}
    asked = [(RunKey(key.job_id, key.run_id), job_list) for key, of_run in lists.items() for job_list in of_run]
    lists_of_runs = await read_runs(query, _OPERATION, list(dict.fromkeys(asked)), _LISTS_PER_DOCUMENT)
    share = Share()
    return {
        key: _graph([lists_of_runs[RunKey(key.job_id, key.run_id), job_list] for job_list in lists[key]], share)
        for key in keys
    }


def _lists_of(key: GraphKey) -> Sequence[JobList]:
    return (
        JobList.of("models", "ModelNode", f"{_DEPENDENT} {_BELONGING}" if key.whole else _DEPENDENT),
        _TESTS,
        _SNAPSHOTS,
        _EXPOSURES,
    )


def _graph(lists: Sequence[Rows[GraphRow] | GatewayError], share: Share) -> RunGraph | GatewayError:
    failure = next((answer for answer in lists if isinstance(answer, GatewayError)), None)
    if failure is not None:
        return failure
    read = [answer for answer in lists if not isinstance(answer, GatewayError)]
    nodes: Mapping[str, GraphNode] = {row.unique_id: _node(row, share) for of_list in read for row in of_list.rows}
    return RunGraph(all(rows.known for rows in read), tuple(nodes[unique_id] for unique_id in sorted(nodes)))


def _node(row: GraphRow, share: Share) -> GraphNode:
    named = (*(row.parents_models or ()), *(row.parents_sources or ()))
    parents = [*(row.depends_on or ()), *(parent.unique_id for parent in named)]
    return GraphNode(
        unique_id=share[row.unique_id],
        parents=tuple(share[parent] for parent in sorted(set(parents)) if not parent.startswith("macro.")),
        tags=tuple(share[tag] for tag in row.tags or ()),
        materialization=share[row.materialized_type],
        group=share[row.dbt_group],
    )


def weigh_graph(graph: RunGraph) -> int:
    """About how many bytes it takes in memory."""
    return 500 + sum(300 + 2 * len(node.unique_id) + 8 * len(node.parents) for node in graph.nodes)
