"""Models of which no more has been read than orders and filters of lists look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from gateway.hierarchy.ids.model_ids import model_ids
from gateway.hierarchy.lists.model_index import ModelIndex
from gateway.hierarchy.vocabulary.status import RunStatus


class ListedState(NamedTuple):
    """What orders and filters look at. `runtime` (seconds) is of the last success, `last_run_status` and
    `last_run_time` of the last attempt; None where there was none. From `name` on it is filled in where that was asked
    for."""

    unique_id: str
    runtime: float | None
    last_run_status: RunStatus | None
    last_run_time: datetime | None
    materialization: str | None
    name: str = ""
    tags: tuple[str, ...] = ()
    file_path: str | None = None
    group: str | None = None
    access: str | None = None
    meta: Mapping[str, Any] | None = None


class ListedModel(NamedTuple):
    """A model with its state, as it stands in a list of one project."""

    id: str
    project_id: str
    environment_id: int
    state: ListedState

    @property
    def unique_id(self) -> str:
        return self.state.unique_id

    @property
    def name(self) -> str:
        return self.state.name

    @property
    def tags(self) -> tuple[str, ...]:
        return self.state.tags

    @property
    def materialization(self) -> str | None:
        return self.state.materialization

    @property
    def runtime(self) -> float | None:
        return self.state.runtime

    @property
    def outcome(self) -> RunStatus | None:
        return self.state.last_run_status

    @property
    def last_run_status(self) -> RunStatus | None:
        return self.state.last_run_status

    @property
    def last_run_time(self) -> datetime | None:
        return self.state.last_run_time

    @property
    def file_path(self) -> str | None:
        return self.state.file_path

    @property
    def group(self) -> str | None:
        return self.state.group

    @property
    def access(self) -> str | None:
        return self.state.access

    @property
    def meta(self) -> Mapping[str, Any] | None:
        return self.state.meta


class ListedModels(ModelIndex[ListedModel]):
    """Every model of one project in one environment, or some of them, as lists order and filter them."""

    def __init__(self, project_id: str, environment_id: int, models: Sequence[ListedModel]) -> None:
        super().__init__(project_id, environment_id, models)
        self._renamed: ListedModels | None = None

    @classmethod
    def of_states(cls, project_id: str, environment_id: int, states: Sequence[ListedState]) -> ListedModels:
        """Of the states of all models of an environment, in any order."""
        ids = model_ids(project_id, [state.unique_id for state in states])
        models = [
            ListedModel(ids[state.unique_id], project_id, environment_id, state)
            for state in sorted(states, key=_unique_id)
        ]
        return cls(project_id, environment_id, models)

    def of_project(self, project_id: str) -> ListedModels:
        """The same models, if the project's id were this; made once for the last id that was asked for."""
        if self._renamed is None or self._renamed.project_id != project_id:
            old = len(self.project_id)
            models = [
                ListedModel(project_id + model.id[old:], project_id, self.environment_id, model.state)
                for model in self.models
            ]
            self._renamed = ListedModels(project_id, self.environment_id, models)
        return self._renamed


def _unique_id(state: ListedState) -> str:
    return state.unique_id
