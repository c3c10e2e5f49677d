"""Questions about what nodes of every type did in a run."""

from __future__ import annotations

from collections.abc import Collection

from gateway.errors import BadUserInput
from gateway.hierarchy.objects.job import Run
from gateway.hierarchy.objects.node_result import RESULT_TYPES, NodeResult, NodeResultFilter
from gateway.hierarchy.vocabulary.resource_type import ResourceType
from gateway.loading.field_context import FieldContext
from gateway.loading.run_results import FoundResults
from gateway.queries.projects import project_of_environment
from gateway.services.runs.run_nodes import NOT_LISTED
from gateway.telemetry.usage import current_usage

_PARTS = {
    "models": "The list of models",
    "tests": "The list of tests",
    "seeds": "The list of seeds",
    "snapshots": "The list of snapshots",
    "sources": "The list of sources",
    "exposures": "The list of exposures",
    "others": "The list of hooks, functions and exports",
}
_NOT_LISTED = (
    "Hooks, unit tests, functions and exports are missing: dbt's API lists none of a run. An archive of its artifacts "
    "does."
)


async def node_results(
    context: FieldContext, run: Run, result_filter: NodeResultFilter | None = None
) -> list[NodeResult]:
    """The results of a run that match, ordered by unique id; resources that it did not touch have none.

    Types that the criteria leave out are not read. A type that cannot be read is reported and the others are answered;
    raises what went wrong where none can be read.
    """
    if result_filter is not None and result_filter.step is not None:
        refuse_unknown_steps(context)
    types = result_filter.wanted_types if result_filter else RESULT_TYPES
    results = await read_results(context, run, types)
    return [result for result in results if result_filter is None or result_filter.admits(result)]


def refuse_unknown_steps(context: FieldContext) -> None:
    """Raises BadUserInput where nobody reports which step a result is of."""
    if not context.loaders.results.are_complete:
        raise BadUserInput(
            "dbt's API does not say which step a result is of. Leave `step` out, or give the gateway an archive.",
            argument="step",
        )


async def read_results(context: FieldContext, run: Run, types: Collection[ResourceType]) -> tuple[NodeResult, ...]:
    """All results of resources of these types; as in node_results."""
    return await reported(context, run, await context.loaders.results.of(run, types), types)


async def reported(
    context: FieldContext, run: Run, of_run: FoundResults, types: Collection[ResourceType]
) -> tuple[NodeResult, ...]:
    """The results that were found; what could not be read of these types, and what nobody lists, is said beside the
    answer. Raises what went wrong where nothing was found."""
    if of_run.failures:
        await _report(context, run, of_run)
    if not context.loaders.results.are_complete and not NOT_LISTED.isdisjoint(types):
        current_usage().notes.append({"path": list(context.path), "note": _NOT_LISTED})
    return of_run.results


async def _report(context: FieldContext, run: Run, of_run: FoundResults) -> None:
    if not of_run.results:
        raise next(iter(of_run.failures.values()))
    project = await project_of_environment(context, run.environment_id)
    for name, error in of_run.failures.items():
        context.report_part(error, f"{_PARTS[name]} of run {run.id}", project)
