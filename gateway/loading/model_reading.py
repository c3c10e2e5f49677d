"""Reading the models of projects for one request: whole, filtered or by name, nothing twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, overload

from gateway.concurrency.gathering import gather, gather_pair
from gateway.errors import GatewayError
from gateway.hierarchy.lists.model_index import EnvironmentModels
from gateway.hierarchy.lists.timed_models import EnvironmentRuntimes
from gateway.hierarchy.objects.project import Project
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
        for request in requests:
            if request.is_whole:
                whole[request.project] = whole.get(request.project, frozenset()) | request.fields
        asked = {
            request: ModelsRequest(request.project, fields=whole[request.project] | request.fields)
            if request.project in whole
            else request
            for request in requests
        }
        filtered, named = await gather_pair(
            self._filtered([request for request in asked.values() if request.names is None]),
            self._named([request for request in asked.values() if request.names is not None]),
        )
        models = filtered | named
        return {request: _named_for(request.project, models[asked[request]]) for request in requests}

    async def runtimes(self, projects: list[Project]) -> Mapping[Project, RankedModels | GatewayError]:
        """The ids and runtimes of all models of each project."""
        runtimes = await self._models.runtimes(projects)
        return {project: _named_for(project, runtimes[project.environment_id]) for project in projects}

    async def _filtered(
        self, requests: Sequence[ModelsRequest]
    ) -> dict[ModelsRequest, EnvironmentModels | GatewayError]:
        by_filter: dict[tuple[PushedFilter | None, frozenset[str]], list[Project]] = {}
        for request in requests:
            by_filter.setdefault((request.pushed, request.fields), []).append(request.project)
        answers = await gather(
            self._models.models(projects, self._shown | fields, pushed)
            for (pushed, fields), projects in by_filter.items()
        )
        read = dict(zip(by_filter, answers, strict=True))
        return {request: read[request.pushed, request.fields][request.project.environment_id] for request in requests}

    async def _named(self, requests: Sequence[ModelsRequest]) -> dict[ModelsRequest, EnvironmentModels | GatewayError]:
        if not requests:
            return {}
        names: dict[Project, set[str]] = {}
        for request in requests:
            names.setdefault(request.project, set()).update(request.names or ())
        named = await self._models.named(names, self._shown)
        return {request: named[request.project.environment_id] for request in requests}


@overload
def _named_for(project: Project, models: EnvironmentModels | GatewayError) -> EnvironmentModels | GatewayError: ...
@overload
def _named_for(project: Project, models: RankedModels | GatewayError) -> RankedModels | GatewayError: ...
def _named_for(project: Project, models: RankedModels | GatewayError) -> RankedModels | GatewayError:
    """The facts are shared; whether a project's id says its environment depends on what else the caller sees."""
    if isinstance(models, GatewayError) or models.project_id == project.id:
        return models
    return models.of_project(project.id)
