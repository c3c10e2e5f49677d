"""Pages of an account's models for which few of them are read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from msgspec.structs import replace

from gateway.hierarchy.filters.model_filters import ModelFilter
from gateway.hierarchy.lists.model_orders import RankableModel
from gateway.hierarchy.lists.ordering import ModelOrderField
from gateway.hierarchy.objects.model import Model
from gateway.hierarchy.objects.project import Project
from gateway.loading.field_context import FieldContext
from gateway.queries.models.model_pages import SPARED, listed_models, models_behind, models_from
from gateway.schema.inputs.orders import BY_MODEL_ID, ModelOrder, order_of_models
from gateway.schema.lists.paging import OrderedItems, Page, PageArguments, cut, cut_stretch, put_in_order


async def page_of_few(
    context: FieldContext,
    projects: Sequence[Project],
    where: ModelFilter | None,
    order: ModelOrder | None,
    page: PageArguments,
) -> Page[Model] | None:
    """The page of the models of these projects that meet a filter; None where they have to be read for it."""
    if where is None and order is None:
        by_id = await _by_id(context, projects, page)
        if by_id is not None:
            return by_id
    return await _of_listed(context, projects, where, order, page)


async def _by_id(context: FieldContext, projects: Sequence[Project], page: PageArguments) -> Page[Model] | None:
    """From the start or a cursor on: the projects before and behind it are counted."""
    if not page.goes_forward:
        return None
    stretch = await models_from(context, projects, page.after_id, page.first or 0)
    return None if stretch is None else cut_stretch(stretch.models, BY_MODEL_ID, page, stretch.ahead, stretch.behind)


async def _of_listed(
    context: FieldContext,
    projects: Sequence[Project],
    where: ModelFilter | None,
    order: ModelOrder | None,
    page: PageArguments,
) -> Page[Model] | None:
    """Of all models that is read what orders and filters look at, of those in the page the rest."""
    # Orders look at what a listed model has of a model.
    by, field = cast("Any", order_of_models(order)), order.field if order else ModelOrderField.ID

    async def arrange() -> tuple[OrderedItems[RankableModel], int] | None:
        listed = await listed_models(context, projects, where, field)
        if listed is None:
            return None
        ordered = OrderedItems(listed.models, ()) if order is None else await put_in_order(listed.models, by)
        return ordered, listed.considered

    key = ("listed in order", tuple(map(id, projects)), where, field, by.direction)
    arranged = await context.loaders.derived(key, tuple(projects), arrange)
    if arranged is None:
        return None
    ordered, considered = arranged
    shown = cut(ordered.items, by, page, arrived_in=by, place=context.place, sums=ordered.sums)
    if len(shown.nodes) * SPARED > considered:
        return None
    models = await models_behind(context, projects, shown.nodes) if shown.nodes else []
    return replace(cast("Page[Model]", shown), nodes=models) if len(models) == len(shown.nodes) else None
