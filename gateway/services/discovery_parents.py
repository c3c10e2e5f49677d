"""Reading of Discovery what the resources of runs were built from, as they were in each run."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.concurrency.checkpoints import pieces
from gateway.errors import GatewayError
from gateway.services.base_query import BaseQuery, BatchOperation
from gateway.services.discovery_types import DependentNode, JobDependencies
from gateway.services.mapping import Share
from gateway.services.run_history import RunParents
from gateway.services.run_rows import JobList, Rows, RunKey, read_lists_of_runs

# The lists of twenty-five runs.
_LISTS_PER_DOCUMENT = 100

_OPERATION = BatchOperation("RunParents", "", JobDependencies, nullable=True)

_NAMED = "uniqueId status dependsOn paginationCursor"
_LISTS = (
    JobList("models", _NAMED),
    JobList("tests", _NAMED),
    JobList("exposures", _NAMED),
    JobList("snapshots", "uniqueId status parentsModels { uniqueId } parentsSources { uniqueId } paginationCursor"),
)


async def read_parents(query: BaseQuery, keys: Sequence[RunKey]) -> dict[RunKey, RunParents | GatewayError]:
    """The parents of the models, tests, exposures and snapshots of each run."""
    lists = [(key, one) for key in keys for one in _LISTS]
    found = await read_lists_of_runs(query, _OPERATION, lists, _LISTS_PER_DOCUMENT)
    share = Share()
    return {key: await _joined([found[key, one] for one in _LISTS], share) for key in keys}


async def _joined(lists: Sequence[Rows[DependentNode] | GatewayError], share: Share) -> RunParents | GatewayError:
    parents: dict[str, tuple[str, ...]] = {}
    ingested = True
    for rows in lists:
        if isinstance(rows, GatewayError):
            return rows
        ingested = ingested and rows.known
        async for piece in pieces(rows.rows, steps=8):
            parents.update((share[row.unique_id], tuple(share[one] for one in _parents(row))) for row in piece)
    return RunParents(parents, ingested)


def _parents(row: DependentNode) -> list[str]:
    return [*row.depends_on, *(one.unique_id for one in (*row.parents_models, *row.parents_sources))]
