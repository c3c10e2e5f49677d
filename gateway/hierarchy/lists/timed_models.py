"""Models of which no more than unique id and runtime has been read: what a ranking needs, without an object each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import overload

from gateway.hierarchy.ids.model_ids import model_ids
from gateway.hierarchy.lists.model_orders import ModelOrders
from gateway.hierarchy.vocabulary.unique_ids import local_name


@dataclass(frozen=True, slots=True)
class TimedModel:
    """A model as a ranking by runtime shows it. Tags, last run and all else have not been read, and are not here.

    `runtime` is that of its last successful run in seconds; None where there was none.
    """

    id: str
    unique_id: str
    project_id: str
    environment_id: int
    runtime: float | None


class TimedModels(Sequence[TimedModel]):
    """An environment's models ordered by unique id. Each is made when it is first asked for, and kept."""

    def __init__(
        self, project_id: str, environment_id: int, unique_ids: Sequence[str], runtimes: Sequence[float | None]
    ) -> None:
        """The runtime of each unique id, in any order."""
        self._project_id = project_id
        self._environment_id = environment_id
        ordered = sorted(unique_ids)
        if ordered != unique_ids:
            # dbt reports them in order as a rule, and looking costs little.
            places = sorted(range(len(unique_ids)), key=unique_ids.__getitem__)
            runtimes = [runtimes[place] for place in places]
        self.unique_ids = ordered
        self.runtimes = runtimes
        self._made: dict[int, TimedModel] = {}

    def __len__(self) -> int:
        return len(self.unique_ids)

    def __iter__(self) -> Iterator[TimedModel]:
        return map(self._at, range(len(self.unique_ids)))

    @overload
    def __getitem__(self, index: int) -> TimedModel: ...
    @overload
    def __getitem__(self, index: slice) -> list[TimedModel]: ...
    def __getitem__(self, index: int | slice) -> TimedModel | list[TimedModel]:
        places = range(len(self.unique_ids))
        return [self._at(place) for place in places[index]] if isinstance(index, slice) else self._at(places[index])

    def _at(self, place: int) -> TimedModel:
        made = self._made.get(place)
        if made is None:
            made = self._made[place] = self._make(self.unique_ids[place], self.runtimes[place])
        return made

    def _make(self, unique_id: str, runtime: float | None) -> TimedModel:
        return TimedModel(
            id=self._ids[unique_id] if self._ids else f"{self._project_id}.{local_name(unique_id)}",
            unique_id=unique_id,
            project_id=self._project_id,
            environment_id=self._environment_id,
            runtime=runtime,
        )

    @cached_property
    def _ids(self) -> Mapping[str, str]:
        """The id of each; none where all are of one package, so that a model's name is enough to identify it."""
        first, last = self.unique_ids[0], self.unique_ids[-1]
        package = first[: len(first) - len(local_name(first))]
        # What stands between two texts with the same beginning begins like them.
        if package.count(".") == 2 and last.startswith(package):
            return {}
        return model_ids(self._project_id, self.unique_ids)


class EnvironmentRuntimes(ModelOrders[TimedModel]):
    """Every model of one project in one environment with its runtime, and no more of it."""

    def __init__(
        self, project_id: str, environment_id: int, unique_ids: Sequence[str], runtimes: Sequence[float | None]
    ) -> None:
        """The runtime of each unique id, in any order."""
        timed = TimedModels(project_id, environment_id, unique_ids, runtimes)
        super().__init__(project_id, environment_id, timed, timed.runtimes)
        self.unique_ids = timed.unique_ids
        self._renamed: EnvironmentRuntimes | None = None

    def of_project(self, project_id: str) -> EnvironmentRuntimes:
        """The same models, if the project's id were this; made once for the last id that was asked for."""
        if self._renamed is None or self._renamed.project_id != project_id:
            self._renamed = EnvironmentRuntimes(project_id, self.environment_id, self.unique_ids, self.runtimes)
        return self._renamed
