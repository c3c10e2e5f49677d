"""Reading models as lists order and filter them, for one request, in batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from gateway.errors import GatewayError
from gateway.hierarchy.lists.listed_models import ListedModels
from gateway.hierarchy.objects.project import Project
from gateway.loading.batching import Batched, Departures
from gateway.services.bundle import Services


class _ListRequest(NamedTuple):
    project: Project
    described: bool


class ModelListLoader:
    """All models of projects, as far as lists look at them; see ModelLists."""

    def __init__(self, services: Services, departures: Departures) -> None:
        self._services = services
        self._lists: Batched[_ListRequest, ListedModels] = Batched(self._load_lists, departures)

    async def of_each(
        self, projects: Sequence[Project], *, described: bool
    ) -> list[ListedModels | GatewayError] | None:
        """The models of each project; with names, tags and the like where they are to be `described`. What cannot be
        read is its error. None where all models would have to be read for it."""
        if not self._services.figures.count_models:
            return None
        return await self._lists.load_all([_ListRequest(project, described) for project in projects])

    async def _load_lists(self, requests: list[_ListRequest]) -> Mapping[_ListRequest, ListedModels | GatewayError]:
        described = any(request.described for request in requests)
        projects = list({request.project: None for request in requests})
        models = await self._services.model_lists.read(projects, described=described)
        return {request: _named_for(request.project, models[request.project.environment_id]) for request in requests}


def _named_for(project: Project, models: ListedModels | GatewayError) -> ListedModels | GatewayError:
    """The facts are shared; whether a project's id says its environment depends on what else the caller sees."""
    if isinstance(models, GatewayError) or models.project_id == project.id:
        return models
    return models.of_project(project.id)
