"""A page of the newest runs over several projects."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.hierarchy.filters.list_filters import RunFilter
from gateway.hierarchy.objects.job import Run
from gateway.hierarchy.objects.project import Project
from gateway.loading.field_context import FieldContext
from gateway.queries.jobs.account_runs import are_all_looked_at, newest_runs
from gateway.queries.jobs.jobs import MOST_RUNS
from gateway.schema.inputs.orders import RunOrder, order_of_runs
from gateway.schema.lists.paging import Page, PageArguments, cut


async def page_of_runs(
    field_context: FieldContext,
    projects: Sequence[Project],
    where: RunFilter | None,
    order_by: RunOrder | None,
    page: PageArguments,
) -> Page[Run]:
    """The page asked for; as few runs are read as it needs."""
    newest = None if order_by else page.from_the_start
    limit = min(MOST_RUNS, newest + 1) if newest is not None else MOST_RUNS
    runs = await newest_runs(field_context, projects, limit, where=where)

    async def total() -> int | None:
        everything = await newest_runs(field_context, projects, MOST_RUNS, where=where)
        return len(everything) if await are_all_looked_at(field_context, projects, where) else None

    return cut(runs, order_of_runs(order_by), page, total, place=field_context.place)
