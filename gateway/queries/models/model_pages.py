"""Pages of the models of several projects: only what is in a page is read whole, where an archive knows the rest."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

from gateway.concurrency.gathering import gather
from gateway.errors import GatewayError
from gateway.hierarchy.filters.model_filters import ModelFilter
from gateway.hierarchy.lists.model_orders import ModelOrders, RankableModel
from gateway.hierarchy.lists.ordering import ModelOrderField
from gateway.hierarchy.measures.basis import FactSource
from gateway.hierarchy.objects.model import Model
from gateway.hierarchy.objects.project import Project
from gateway.hierarchy.vocabulary.unique_ids import local_name
from gateway.loading.field_context import FieldContext
from gateway.queries.models.models import in_order, matching

SPARED = 2
"""Whoever shows more of the models than one in so many may as well read all of them: the next question finds them then.
"""


@dataclass(frozen=True, slots=True)
class ModelStretch:
    """A stretch of a list of models ordered by id, and how many are `ahead` of it and `behind` it."""

    models: Sequence[Model]
    ahead: int
    behind: int


@dataclass(frozen=True, slots=True)
class ListedSelection:
    """Models that meet a filter, by environment and all of them by id, and how many were looked at."""

    environments: Sequence[ModelOrders[RankableModel]]
    models: Sequence[RankableModel]
    considered: int


class PlacedModel(Protocol):
    """What tells a model apart."""

    @property
    def environment_id(self) -> int: ...

    @property
    def unique_id(self) -> str: ...


@dataclass(frozen=True, slots=True)
class _Sized:
    project: Project
    models: int

    @property
    def prefix(self) -> str:
        """What the ids of its models begin with."""
        return f"{self.project.id}."


async def models_from(
    context: FieldContext, projects: Sequence[Project], after: str | None, count: int
) -> ModelStretch | None:
    """A stretch of all models of these projects that holds the `count` models behind the id `after`, or from the start.

    None where nothing is spared, where nothing counts models without reading them, and where a project that is needed
    cannot be read: then all have to be read.
    """
    if len(projects) < 2 or context.loaders.history_source is FactSource.DISCOVERY:
        return None

    async def read() -> ModelStretch | None:
        return await _models_from(context, projects, after, count)

    key: Hashable = ("stretch of models", tuple(map(id, projects)), after, count)
    return await context.loaders.derived(key, tuple(projects), read)


async def listed_models(
    context: FieldContext, projects: Sequence[Project], model_filter: ModelFilter | None, order: ModelOrderField
) -> ListedSelection | None:
    """The models of these projects that meet a filter, as far as lists look at them. None where all models have to be
    read for it, and where a project cannot be read, which is reported then. Raises as select_models."""

    async def select() -> ListedSelection | None:
        if order is ModelOrderField.RUNTIME and (model_filter is None or model_filter.is_empty):
            return await _timed(context, projects)
        answers = await context.loaders.model_lists.of_each(projects, described=_looks_at_nodes(model_filter, order))
        environments = [models for models in answers or () if not isinstance(models, GatewayError)]
        if answers is None or len(environments) < len(answers):
            return None
        considered = sum(len(listed.models) for listed in environments)
        met = await matching(context, environments, model_filter)
        return ListedSelection(met, await in_order(met), considered)

    looked_at = order if order in (ModelOrderField.NAME, ModelOrderField.RUNTIME) else None
    key: Hashable = ("listed models", tuple(map(id, projects)), model_filter, looked_at)
    return await context.loaders.derived(key, tuple(projects), select)


async def _timed(context: FieldContext, projects: Sequence[Project]) -> ListedSelection | None:
    """All models with their runtimes, of which an archive makes less than of what else lists look at."""
    if context.loaders.history_source is FactSource.DISCOVERY:
        return None
    answers = await context.loaders.runtimes_of_each(projects)
    environments = [models for models in answers if not isinstance(models, GatewayError)]
    if len(environments) < len(answers):
        return None
    considered = sum(len(timed.models) for timed in environments)
    return ListedSelection(environments, await in_order(environments), considered)


def _looks_at_nodes(model_filter: ModelFilter | None, order: ModelOrderField) -> bool:
    """Whether it is for more than ids, the last attempt and the last success."""
    if order is ModelOrderField.NAME:
        return True
    looked_at = ("tags", "folder", "groups", "owners", "access")
    return model_filter is not None and any(getattr(model_filter, name) is not None for name in looked_at)


async def models_behind(
    context: FieldContext, projects: Sequence[Project], places: Sequence[PlacedModel]
) -> list[Model]:
    """The models in these places, in their order; of others in their environments nothing need be read. Those that are
    not there any more, or cannot be read, are left out."""
    names: dict[int, set[str]] = {}
    for place in places:
        names.setdefault(place.environment_id, set()).add(local_name(place.unique_id))
    here = [project for project in projects if project.environment_id in names]
    read = await context.loaders.models_with({project: names[project.environment_id] for project in here})
    by_environment = {
        models.environment_id: models.by_unique_id for models in read if not isinstance(models, GatewayError)
    }
    behind = (by_environment.get(place.environment_id, {}).get(place.unique_id) for place in places)
    return [model for model in behind if model is not None]


async def _models_from(
    context: FieldContext, projects: Sequence[Project], after: str | None, count: int
) -> ModelStretch | None:
    counts = await gather(_count(context, project) for project in projects)
    sized = [_Sized(project, n) for project, n in zip(projects, counts, strict=True) if not isinstance(n, GatewayError)]
    sized.sort(key=lambda group: group.prefix)
    # Where the ids of one project reach into those of another, nobody knows which of them come first.
    if not sized or any(other.prefix.startswith(group.prefix) for group, other in pairwise(sized)):
        return None
    first = _first_reached(sized, after)
    end = _end_of_page(sized, first, after, count)
    read = await context.loaders.models_of_each([group.project for group in sized[first:end]], None)
    environments = [environment for environment in read if not isinstance(environment, GatewayError)]
    if len(environments) < len(read):
        return None
    context.sort_out(projects, counts)
    ahead, behind = (sum(group.models for group in some) for some in (sized[:first], sized[end:]))
    return ModelStretch(await in_order(environments), ahead, behind)


async def _count(context: FieldContext, project: Project) -> int | GatewayError:
    try:
        return await context.loaders.model_count(project)
    except GatewayError as error:
        return error


def _first_reached(sized: Sequence[_Sized], after: str | None) -> int:
    """The place of the first project that has models behind `after`, or may have."""
    if after is None:
        return 0
    return next(
        (place for place, group in enumerate(sized) if group.prefix > after or after.startswith(group.prefix)),
        len(sized),
    )


def _end_of_page(sized: Sequence[_Sized], first: int, after: str | None, count: int) -> int:
    """The place behind the last project that is needed; one in which `after` lies may have no model behind it."""
    end, models = first, 0
    while end < len(sized) and (models < count or (after is not None and after.startswith(sized[end].prefix))):
        group = sized[end]
        models += 0 if after is not None and after.startswith(group.prefix) else group.models
        end += 1
    return end
