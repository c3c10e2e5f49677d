"""Pages of an account's models for which few of them are read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from msgspec.structs import replace

from gateway.hierarchy.model import Model
from gateway.hierarchy.ordering import ModelOrderField
from gateway.hierarchy.project import Project
from gateway.loading.field_context import FieldContext
from gateway.queries.model_pages import models_behind, models_from, timed_models
from gateway.schema.orders import BY_MODEL_ID, ModelOrder, order_of_models
from gateway.schema.paging import Page, PageArguments, cut_in_order, cut_stretch


async def page_of_few(
    context: FieldContext, projects: Sequence[Project], order: ModelOrder | None, page: PageArguments
) -> Page[Model] | None:
    """The page of all models of these projects by id or by runtime; None where they have to be read for it."""
    if order is None:
        return await _by_id(context, projects, page)
    return await _by_runtime(context, projects, order, page) if order.field is ModelOrderField.RUNTIME else None


async def _by_id(context: FieldContext, projects: Sequence[Project], page: PageArguments) -> Page[Model] | None:
    """From the start or a cursor on: the projects before and behind it are counted."""
    if not page.goes_forward:
        return None
    stretch = await models_from(context, projects, page.after_id, page.first or 0)
    return None if stretch is None else cut_stretch(stretch.models, BY_MODEL_ID, page, stretch.ahead, stretch.behind)


async def _by_runtime(
    context: FieldContext, projects: Sequence[Project], order: ModelOrder, page: PageArguments
) -> Page[Model] | None:
    """Of all models ids and runtimes are read, of those in the page the rest."""
    timed = await timed_models(context, projects)
    if timed is None:
        return None
    # The order looks at ids and runtimes, which are all that a timed model has.
    by_runtime = cast("Any", order_of_models(order))
    shown = await cut_in_order(timed, by_runtime, page, arrived_in=cast("Any", BY_MODEL_ID), place=context.place)
    models = await models_behind(context, projects, shown.nodes) if shown.nodes else []
    return replace(cast("Page[Model]", shown), nodes=models) if len(models) == len(shown.nodes) else None
