"""The models of one project in the orders that are asked for again and again, each made when it is first asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from heapq import nlargest
from itertools import chain, pairwise
from operator import attrgetter
from typing import Final, Generic, Protocol, TypeVar, overload


class RankableModel(Protocol):
    """As much of a model as rankings look at: `runtime` is that of its last success, in seconds."""

    @property
    def id(self) -> str: ...

    @property
    def unique_id(self) -> str: ...

    @property
    def environment_id(self) -> int: ...

    @property
    def runtime(self) -> float | None: ...


M = TypeVar("M", bound=RankableModel)
M_co = TypeVar("M_co", bound=RankableModel, covariant=True)


class ModelOrders(Generic[M_co]):
    """Models of one project in one environment, ordered by unique id. They never change; orders made of them are kept.

    `runtimes` are theirs, in their order; without them the models are asked.
    """

    def __init__(
        self,
        project_id: str,
        environment_id: int,
        models: Sequence[M_co],
        runtimes: Sequence[float | None] | None = None,
    ) -> None:
        self.project_id: Final = project_id
        self.environment_id: Final = environment_id
        self.models: Final = models
        self._runtimes = runtimes
        self._in_order: tuple[M_co, ...] | None = None
        self._timed: int | None = None
        self._slowest: Sequence[M_co] = ()

    @property
    def runtimes(self) -> Sequence[float | None]:
        """The runtime of each model, in seconds."""
        if self._runtimes is None:
            self._runtimes = [model.runtime for model in self.models]
        return self._runtimes

    @property
    def in_order(self) -> tuple[M_co, ...]:
        """The models by id."""
        if self._in_order is None:
            self._in_order = tuple(sorted(self.models, key=attrgetter("id")))
        return self._in_order

    @property
    def ids(self) -> Sequence[str]:
        """The models' ids, by unique id."""
        return [model.id for model in self.models]

    @property
    def timed(self) -> int:
        """How many of them have a runtime, counted once: every ranking asks."""
        if self._timed is None:
            self._timed = len(self.runtimes) - self.runtimes.count(None)
        return self._timed

    def slowest(self, first: int) -> Sequence[M_co]:
        """At least the `first` slowest of those that have a runtime, the slowest first, ties by id. Of the others no
        object is made for whoever asks first; for whoever asks for more all of them are put in order, once."""
        if len(self._slowest) < min(first, self.timed):
            timed = [runtime for runtime in self.runtimes if runtime is not None]
            self._slowest = self._all_by_runtime() if self._slowest else self._at_least(nlargest(first, timed)[-1])
        return self._slowest

    def steps_to_order(self) -> int:
        """About how many microseconds `in_order` takes: few where the order is known."""
        return len(self.models) if self._in_order is None else 1

    def steps_to_rank(self, first: int) -> int:
        """About how many microseconds `slowest(first)` takes: few where the order is known."""
        return 5 if len(self._slowest) >= min(first, self.timed) else len(self.models)

    def _at_least(self, seconds: float) -> list[M_co]:
        """The models whose runtime is that long or longer, the slowest first, ties by id."""
        places = [place for place, runtime in enumerate(self.runtimes) if runtime is not None and runtime >= seconds]
        return sorted((self.models[place] for place in places), key=place_by_runtime)

    def _all_by_runtime(self) -> list[M_co]:
        timed = (model for model in self.in_order if model.runtime is not None)
        return sorted(timed, key=attrgetter("runtime"), reverse=True)


def place_by_runtime(model: RankableModel) -> tuple[float, str]:
    """What models that have a runtime are ordered by: the slowest first, ties by id."""
    return -(model.runtime or 0.0), model.id


class JoinedModels(Sequence[M_co]):
    """Lists of models one behind the other, without a copy of them: a page of a few costs as much as the page."""

    def __init__(self, parts: Sequence[Sequence[M_co]]) -> None:
        self._parts = parts
        self._length = sum(map(len, parts))

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[M_co]:
        return chain.from_iterable(self._parts)

    @overload
    def __getitem__(self, index: int) -> M_co: ...
    @overload
    def __getitem__(self, index: slice) -> list[M_co]: ...
    def __getitem__(self, index: int | slice) -> M_co | list[M_co]:
        if isinstance(index, slice):
            start, stop, step = index.indices(self._length)
            if step == 1:
                return self._between(start, stop)
            return self._between(start, stop)[::step] if step > 0 else list(self)[index]
        place = range(self._length)[index]
        return self._between(place, place + 1)[0]

    def _between(self, start: int, stop: int) -> list[M_co]:
        models: list[M_co] = []
        for part in self._parts:
            if stop <= 0:
                break
            models += part[max(0, start) : stop]
            start, stop = start - len(part), stop - len(part)
        return models


def models_in_order(environments: Iterable[ModelOrders[M]]) -> Sequence[M]:
    """The models of several projects by id. Where no project's ids reach into another's, nothing is sorted anew."""
    present = sorted(
        (environment.in_order for environment in environments if environment.models), key=lambda models: models[0].id
    )
    if any(earlier[-1].id > other[0].id for earlier, other in pairwise(present)):
        return sorted(chain.from_iterable(present), key=attrgetter("id"))
    return present[0] if len(present) == 1 else JoinedModels(present)
