"""Reading the models of projects for one request: whole, filtered or by name, nothing twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, overload

from gateway.concurrency.gathering import gather, gather_pair
from gateway.errors import GatewayError
from gateway.hierarchy.model_index import EnvironmentModels
from gateway.hierarchy.project import Project
from gateway.hierarchy.timed_models import EnvironmentRuntimes
from gateway.services.models.model_service import ModelService
from gateway.services.models.pushdown import PushedFilter

RankedModels = EnvironmentModels | EnvironmentRuntimes
"""A project's models, of each at least what a ranking by runtime shows."""


class ModelsRequest(NamedTuple):
    """The models of a project: all, or at least those that meet a filter upstream, or those that have a name. `fields`
    are optional ones that a filter looks at, beside those that the operation shows."""

    project: Project
    pushed: PushedFilter | None = None
    names: tuple[str, ...] | None = None
    fields: frozenset[str] = frozenset()

    @property
    def is_whole(self) -> bool:
        return self.pushed is None and self.names is None


class ModelReading:
    """Reads models with the optional fields that an operation shows."""

    def __init__(self, models: ModelService, shown: frozenset[str]) -> None:
        self._models = models
        self._shown = shown

    async def models(self, requests: list[ModelsRequest]) -> Mapping[ModelsRequest, EnvironmentModels | GatewayError]:
        """What each asks for, or the error that its reading met. Where all models of a project are asked for, nothing
        of it is read twice."""
        whole: dict[Project, frozenset[str]] = {}
        for one in requests:
            if one.is_whole:
                whole[one.project] = whole.get(one.project, frozenset()) | one.fields
        asked = {
            one: ModelsRequest(one.project, fields=whole[one.project] | one.fields) if one.project in whole else one
            for one in requests
        }
        filtered, named = await gather_pair(
            self._filtered([one for one in asked.values() if one.names is None]),
            self._named([one for one in asked.values() if one.names is not None]),
        )
        found = filtered | named
        return {one: _named_for(one.project, found[asked[one]]) for one in requests}

    async def runtimes(self, projects: list[Project]) -> Mapping[Project, RankedModels | GatewayError]:
        """The ids and runtimes of all models of each project."""
        found = await self._models.runtimes(projects)
        return {project: _named_for(project, found[project.environment_id]) for project in projects}

    async def _filtered(
        self, requests: Sequence[ModelsRequest]
    ) -> dict[ModelsRequest, EnvironmentModels | GatewayError]:
        by_filter: dict[tuple[PushedFilter | None, frozenset[str]], list[Project]] = {}
        for one in requests:
            by_filter.setdefault((one.pushed, one.fields), []).append(one.project)
        answers = await gather(
            self._models.models(projects, self._shown | fields, pushed)
            for (pushed, fields), projects in by_filter.items()
        )
        found = dict(zip(by_filter, answers, strict=True))
        return {one: found[one.pushed, one.fields][one.project.environment_id] for one in requests}

    async def _named(self, requests: Sequence[ModelsRequest]) -> dict[ModelsRequest, EnvironmentModels | GatewayError]:
        if not requests:
            return {}
        names: dict[Project, set[str]] = {}
        for one in requests:
            names.setdefault(one.project, set()).update(one.names or ())
        found = await self._models.named(names, self._shown)
        return {one: found[one.project.environment_id] for one in requests}


@overload
def _named_for(project: Project, models: EnvironmentModels | GatewayError) -> EnvironmentModels | GatewayError: ...
@overload
def _named_for(project: Project, models: RankedModels | GatewayError) -> RankedModels | GatewayError: ...
def _named_for(project: Project, models: RankedModels | GatewayError) -> RankedModels | GatewayError:
    """The facts are shared; whether a project's id says its environment depends on what else the caller sees."""
    if isinstance(models, GatewayError) or models.project_id == project.id:
        return models
    return models.of_project(project.id)
