"""The slowest models by their last success' runtime, from the order that each project's models keep."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import merge
from itertools import islice

from gateway.hierarchy.model import Model
from gateway.hierarchy.model_index import EnvironmentModels, place_by_runtime
from gateway.hierarchy.ranking import Ranked, Ranking
from gateway.hierarchy.statistics import summarise


def slowest_of_projects(environments: Sequence[EnvironmentModels], first: int) -> Ranking[Model]:
    """The `first` slowest of all their models. Costs as much as there are projects, however many models they have,
    once each project's order has been made (see EnvironmentModels.slowest)."""
    considered = sum(len(one.models) for one in environments)
    timed = sum(one.timed for one in environments)
    slowest = islice(merge(*(one.slowest(first) for one in environments), key=place_by_runtime), first)
    return Ranking(_ranked(slowest), considered, considered - timed)


def _ranked(models: Iterable[Model]) -> tuple[Ranked[Model], ...]:
    return tuple(
        Ranked(place, model, model.runtime or 0.0, summarise([model.runtime or 0.0]))
        for place, model in enumerate(models, 1)
    )
