"""Pages of lists of models: of as few models as can be read for them, and of orders that are kept."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, TypeVar, cast

from msgspec.structs import replace

from gateway.hierarchy.filters.model_filters import ModelFilter
from gateway.hierarchy.lists.model_orders import ModelOrders, RankableModel
from gateway.hierarchy.lists.ordering import ModelOrderField
from gateway.hierarchy.objects.model import Model
from gateway.hierarchy.objects.project import Project
from gateway.loading.field_context import FieldContext
from gateway.queries.models.model_pages import SPARED, listed_models, models_behind, models_from
from gateway.queries.models.models import in_order, narrowed_environments, select_models
from gateway.schema.inputs.orders import BY_MODEL_ID, ModelOrder, order_of_models
from gateway.schema.lists.paging import OrderedItems, Page, PageArguments, cut, cut_stretch, put_in_order

M = TypeVar("M", bound=RankableModel)


async def page_of_models(
    context: FieldContext,
    projects: Sequence[Project],
    where: ModelFilter | None,
    order: ModelOrder | None,
    page: PageArguments,
) -> Page[Model]:
    """The page of the models of these projects that meet a filter. Raises as select_models."""
    few = await _page_of_few(context, projects, where, order, page)
    if few is not None:
        return few
    by = order_of_models(order)
    if order is None:
        chosen = await select_models(context, projects, where)
        return cut(chosen, by, page, arrived_in=by, place=context.place)

    async def arrange() -> OrderedItems[Model]:
        return await _arranged(context, await narrowed_environments(context, projects, where), order)

    ordered = await context.loaders.derived(_key("models", projects, where, order), tuple(projects), arrange)
    return cut(ordered.items, by, page, arrived_in=by, place=context.place, sums=ordered.sums)


async def _page_of_few(
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
        ordered = (
            OrderedItems(listed.models, ()) if order is None else await _arranged(context, listed.environments, order)
        )
        return ordered, listed.considered

    arranged = await context.loaders.derived(_key("listed", projects, where, order), tuple(projects), arrange)
    if arranged is None:
        return None
    ordered, considered = arranged
    shown = cut(ordered.items, by, page, arrived_in=by, place=context.place, sums=ordered.sums)
    if len(shown.nodes) * SPARED > considered:
        return None
    models = await models_behind(context, projects, shown.nodes) if shown.nodes else []
    return replace(cast("Page[Model]", shown), nodes=models) if len(models) == len(shown.nodes) else None


async def _arranged(
    context: FieldContext, environments: Sequence[ModelOrders[M]], order: ModelOrder
) -> OrderedItems[M]:
    """The models of these environments in an order, which is kept as long as they are: the next page, and whoever asks
    for the same list, costs no sorting."""
    # Orders look at what every listed model has.
    by = cast("Any", order_of_models(order))

    async def put() -> OrderedItems[M]:
        return await put_in_order(await in_order(environments), by)

    key = ("order", tuple(map(id, environments)), order.field, by.direction)
    return await context.loaders.derived_of(key, tuple(environments), put)


def _key(what: str, projects: Sequence[Project], where: ModelFilter | None, order: ModelOrder | None) -> Hashable:
    by = None if order is None else (order.field, order_of_models(order).direction)
    return f"{what} in order", tuple(map(id, projects)), where, by
