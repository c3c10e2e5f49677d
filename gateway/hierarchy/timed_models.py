"""Models of which no more than unique id and runtime has been read: what a ranking needs, without an object each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import overload

from gateway.hierarchy.model import Model
from gateway.hierarchy.model_ids import local_name, model_ids, package_of


class TimedModels(Sequence[Model]):
    """An environment's models ordered by unique id. Each is made when it is first asked for, and the same ever after.

    Of a model made here ids, project, environment and `runtime` are right; nothing else of it has been read.
    """

    def __init__(
        self, project_id: str, environment_id: int, unique_ids: Sequence[str], runtimes: Sequence[float | None]
    ) -> None:
        """The runtime of each unique id, in any order."""
        self._project_id = project_id
        self._environment_id = environment_id
        ordered = sorted(unique_ids)
        if ordered != unique_ids:
            # dbt tells them in order as a rule, and looking costs little.
            places = sorted(range(len(unique_ids)), key=unique_ids.__getitem__)
            runtimes = [runtimes[place] for place in places]
        self._unique_ids = ordered
        self.runtimes = runtimes
        self._made: dict[int, Model] = {}

    def __len__(self) -> int:
        return len(self._unique_ids)

    def __iter__(self) -> Iterator[Model]:
        return map(self._at, range(len(self._unique_ids)))

    @overload
    def __getitem__(self, index: int) -> Model: ...
    @overload
    def __getitem__(self, index: slice) -> list[Model]: ...
    def __getitem__(self, index: int | slice) -> Model | list[Model]:
        places = range(len(self._unique_ids))
        return [self._at(place) for place in places[index]] if isinstance(index, slice) else self._at(places[index])

    def _at(self, place: int) -> Model:
        made = self._made.get(place)
        if made is None:
            made = self._made[place] = self._make(self._unique_ids[place], self.runtimes[place])
        return made

    def _make(self, unique_id: str, runtime: float | None) -> Model:
        return Model(
            id=self._ids[unique_id] if self._ids else f"{self._project_id}.{local_name(unique_id)}",
            unique_id=unique_id,
            name=local_name(unique_id),
            package_name=package_of(unique_id),
            project_id=self._project_id,
            environment_id=self._environment_id,
            tags=(),
            materialization=None,
            runtime=runtime,
            start_time=None,
            end_time=None,
            last_success_run_id=None,
            last_success_job_id=None,
            last_run=None,
        )

    @cached_property
    def _ids(self) -> Mapping[str, str]:
        """The id of each; none where all are of one package, so that a model's name is enough to tell it."""
        first, last = self._unique_ids[0], self._unique_ids[-1]
        package = first[: len(first) - len(local_name(first))]
        # What stands between two texts with the same beginning begins like them.
        if package.count(".") == 2 and last.startswith(package):
            return {}
        return model_ids(self._project_id, self._unique_ids)
