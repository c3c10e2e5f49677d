"""Reading of Discovery what a run's tests, seeds, snapshots, exposures and sources did: several lists of several runs
in one document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gateway.concurrency.checkpoints import pieces
from gateway.errors import GatewayError
from gateway.hierarchy.objects.node_result import NodeRun
from gateway.services.discovery.base_query import BaseQuery, BatchOperation
from gateway.services.rows.discovery_types import JobNodes, RunNode
from gateway.services.rows.mapping import Share
from gateway.services.runs.node_mapping import to_node_run
from gateway.services.runs.run_nodes import NodeGroup, NodesKey, RunNodes, nodes_of_run
from gateway.services.runs.run_rows import JobList, Rows, RunKey, read_runs

# The lists of twenty runs.
_LISTS_PER_DOCUMENT = 100

_OPERATION = BatchOperation("RunNodes", "", JobNodes, nullable=True)

_COMMON = "uniqueId environmentId name paginationCursor"
_EXECUTED = f"""{_COMMON} status executionTime
  compileStartedAt compileCompletedAt executeStartedAt executeCompletedAt"""
_LISTS: Mapping[NodeGroup, JobList] = {
    NodeGroup.TESTS: JobList.of("tests", "TestNode", f"{_EXECUTED} threadId error runGeneratedAt invocationId"),
    NodeGroup.SEEDS: JobList.of("seeds", "SeedNode", f"{_EXECUTED} threadId: thread_id error runGeneratedAt"),
    NodeGroup.SNAPSHOTS: JobList.of("snapshots", "SnapshotNode", f"{_EXECUTED} threadId error runGeneratedAt"),
    NodeGroup.EXPOSURES: JobList.of("exposures", "ExposureNode", f"{_EXECUTED} threadId"),
    NodeGroup.SOURCES: JobList.of("sources", "SourceNode", f"{_COMMON} state runGeneratedAt maxLoadedAtTimeAgoInS"),
}


async def read_nodes(query: BaseQuery, keys: Sequence[NodesKey]) -> dict[NodesKey, RunNodes | GatewayError]:
    """What each group of nodes did in its run; nothing of those that dbt does not list. A list that cannot be read is
    an error in its place alone."""
    listed = [key for key in keys if key.group in _LISTS]
    lists = [(RunKey(key.job_id, key.run_id), _LISTS[key.group]) for key in listed]
    rows_by_list = await read_runs(query, _OPERATION, lists, _LISTS_PER_DOCUMENT)
    share = Share()
    read: dict[NodesKey, RunNodes | GatewayError] = {
        key: RunNodes(ingested=True) for key in keys if key.group not in _LISTS
    }
    for key, rows in zip(listed, rows_by_list.values(), strict=True):
        read[key] = rows if isinstance(rows, GatewayError) else await _touched(rows, share)
    return read


async def _touched(rows: Rows[RunNode], share: Share) -> RunNodes:
    of_run: list[NodeRun | None] = []
    async for piece in pieces(rows.rows, steps=8):
        of_run += [to_node_run(row, rows.key, share) for row in piece]
    return nodes_of_run(of_run, ingested=rows.known)
