"""Kept orders of models against sorting everything anew."""

from __future__ import annotations

from random import Random

import pytest

from gateway.hierarchy.lists.model_index import EnvironmentModels
from gateway.hierarchy.lists.model_orders import models_in_order
from gateway.hierarchy.objects.model import Model
from gateway.hierarchy.rankings.slowest import slowest_of_projects


def account(seed: int) -> list[EnvironmentModels]:
    """Projects whose ids reach into each other or do not, with ties and models without a runtime."""
    chance = Random(seed)  # noqa: S311
    names = chance.sample(["a", "a-b", "a.b", "ab", "b", "c_1", "z"], chance.randint(0, 5))
    return [
        EnvironmentModels(name, number, [_model(name, number, one, chance) for one in range(chance.randint(0, 30))])
        for number, name in enumerate(names)
    ]


def _model(project: str, environment: int, number: int, chance: Random) -> Model:
    runtime = chance.choice([None, 0.0, 1.0, 2.5, chance.random() * 10])
    name = f"{chance.choice('xyz')}{number}"
    plain = (name, "p", project, environment, (), None, runtime, None, None, None, None, None)
    return Model(f"{project}.{name}", f"model.p.{name}", *plain)


@pytest.mark.parametrize("seed", range(40))
def test_kept_orders_are_what_sorting_gives(seed: int) -> None:
    environments = account(seed)
    everything = [model for one in environments for model in one.models]
    by_id = sorted(everything, key=lambda model: model.id)
    timed = sorted((m for m in everything if m.runtime is not None), key=lambda m: (-(m.runtime or 0), m.id))
    for first in (1, 3, 1000):
        ranking = slowest_of_projects(environments, first)
        assert [entry.item for entry in ranking.entries] == timed[:first]
        assert [entry.runtime for entry in ranking.entries] == [model.runtime for model in timed[:first]]
        assert [entry.rank for entry in ranking.entries] == list(range(1, len(timed[:first]) + 1))
        assert (ranking.considered, ranking.without_runtime) == (len(everything), len(everything) - len(timed))
    joined = models_in_order(environments)
    assert (list(joined), len(joined), list(joined[:])) == (by_id, len(by_id), by_id)
    for start in range(-3, len(by_id) + 2, 5):
        for stop in range(0, len(by_id) + 3, 7):
            assert list(joined[start:stop]) == by_id[start:stop]
            assert list(joined[start:stop:2]) == by_id[start:stop:2]
    assert [joined[index] for index in range(-len(by_id), len(by_id))] == by_id + by_id
    with pytest.raises(IndexError):
        joined[len(by_id)]
