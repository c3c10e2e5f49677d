"""The slowest models by their last success' runtime, from the order that each project's models keep."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import merge
from itertools import islice
from typing import TypeVar

from gateway.hierarchy.lists.model_orders import ModelOrders, RankableModel, place_by_runtime
from gateway.hierarchy.measures.statistics import summarise
from gateway.hierarchy.rankings.ranking import Ranked, Ranking

M = TypeVar("M", bound=RankableModel)


def slowest_of_projects(environments: Sequence[ModelOrders[M]], first: int) -> Ranking[M]:
    """The `first` slowest of all their models. Costs as much as there are projects, however many models they have,
    once each project's order has been made (see ModelOrders.slowest)."""
    considered = sum(len(environment.models) for environment in environments)
    timed = sum(environment.timed for environment in environments)
    slowest = islice(merge(*(environment.slowest(first) for environment in environments), key=place_by_runtime), first)
    return Ranking(_ranked(slowest), considered, considered - timed)


def _ranked(models: Iterable[M]) -> tuple[Ranked[M], ...]:
    return tuple(
        Ranked(place, model, model.runtime or 0.0, summarise([model.runtime or 0.0]))
        for place, model in enumerate(models, 1)
    )
