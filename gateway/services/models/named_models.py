"""Models that are asked for by name: of each environment only those are read that have one of the names.

dbt filters by unique ids, `model.package.name`, and an environment's header lists its packages. So a name is as many
unique ids as there are packages, and what they find shows too whether the name alone is enough for the model's id.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from gateway.caching.codec import Codec
from gateway.caching.facts import FactsCache, Kind
from gateway.caching.memory import Fact
from gateway.caching.tiers import Tiers
from gateway.caching.validity import UNFIT, Validity
from gateway.errors import GatewayError
from gateway.hierarchy.ids.model_ids import unique_ids_of_name
from gateway.hierarchy.lists.model_index import EnvironmentModels
from gateway.hierarchy.objects.model import Model
from gateway.hierarchy.objects.project import Project
from gateway.hierarchy.vocabulary.unique_ids import local_name
from gateway.services.discovery.base_query import BaseQuery
from gateway.services.discovery.page_reading import PAGE_SIZE
from gateway.services.environments.environment_service import EnvironmentHeader, EnvironmentValidity
from gateway.services.models.model_states import make_models, read_states
from gateway.services.models.pushdown import PushedFilter
from gateway.services.rows.mapping import weigh_models

MOST_UNIQUE_IDS = PAGE_SIZE
"""So many unique ids, all of which one page can hold, are asked for of an environment at once."""


class _NameKey(NamedTuple):
    """A model's name in an environment, without its package."""

    environment_id: int
    name: str


@dataclass(frozen=True, slots=True)
class _NamedFact:
    """The models of that name, ordered by unique id: none, one, or one of each of several packages."""

    project_id: str
    models: tuple[Model, ...]
    fields: frozenset[str]
    revision: datetime | None


class NamedModels:
    """Models by name. Each name is kept on its own, valid while its environment's revision stands."""

    def __init__(self, query: BaseQuery, tiers: Tiers) -> None:
        self._query = query
        kind: Kind[_NameKey, _NamedFact] = Kind(
            "named_models", _weigh, lambda key: key.environment_id, 0.0, Codec(_NamedFact)
        )
        self._facts: FactsCache[_NameKey, _NamedFact] = FactsCache(tiers, kind)

    async def read(
        self,
        names: Mapping[Project, Collection[str]],
        headers: Mapping[int, EnvironmentValidity],
        fields: frozenset[str],
    ) -> dict[int, EnvironmentModels | GatewayError]:
        """The models of each project that have one of its names, by environment id.

        `headers` are those of the environments. One document for twenty environments, one filter for each.
        """
        projects = {project.environment_id: project for project in names}

        async def fetch(keys: list[_NameKey]) -> Mapping[_NameKey, _NamedFact | GatewayError]:
            return await self._fetch(keys, projects, headers, fields)

        def validate(key: _NameKey, fact: Fact[_NamedFact]) -> Validity:
            holds = fields <= fact.value.fields
            return headers[key.environment_id].validate(fact.value.revision) if holds else UNFIT

        keys = {
            project: [_NameKey(project.environment_id, name) for name in sorted(names[project])] for project in names
        }
        facts = await self._facts.get_many([key for some in keys.values() for key in some], fetch, validate)
        return {project.environment_id: _together(project, [facts[key] for key in keys[project]]) for project in names}

    async def _fetch(
        self,
        keys: Sequence[_NameKey],
        projects: Mapping[int, Project],
        headers: Mapping[int, EnvironmentValidity],
        fields: frozenset[str],
    ) -> dict[_NameKey, _NamedFact | GatewayError]:
        pushed = {
            environment_id: PushedFilter(unique_ids=tuple(unique_ids(headers[environment_id].header, names)))
            for environment_id, names in _by_environment(keys).items()
        }
        read = await read_states(self._query, list(pushed), fields, pushed=pushed)
        made = {
            environment_id: rows
            if isinstance(rows, GatewayError)
            else await make_models(rows, projects[environment_id])
            for environment_id, rows in read.items()
        }
        return {key: _fact(key, made[key.environment_id], headers, fields) for key in keys}


def unique_ids(header: EnvironmentHeader, names: Collection[str]) -> list[str]:
    """The unique ids that models of these names may have, in order: one for each package. The project is a package too,
    whether dbt lists it or not."""
    own = {header.dbt_project_name} if header.dbt_project_name else frozenset()
    return sorted(
        unique_id for name in names for unique_id in unique_ids_of_name(name, (header.packages or frozenset()) | own)
    )


def _by_environment(keys: Sequence[_NameKey]) -> dict[int, list[str]]:
    names: dict[int, list[str]] = {}
    for key in keys:
        names.setdefault(key.environment_id, []).append(key.name)
    return names


def _fact(
    key: _NameKey,
    read_models: EnvironmentModels | GatewayError,
    headers: Mapping[int, EnvironmentValidity],
    fields: frozenset[str],
) -> _NamedFact | GatewayError:
    if isinstance(read_models, GatewayError):
        return read_models
    models = tuple(model for model in read_models.models if local_name(model.unique_id) == key.name)
    return _NamedFact(read_models.project_id, models, fields, headers[key.environment_id].revision)


def _together(project: Project, facts: Sequence[_NamedFact | GatewayError]) -> EnvironmentModels | GatewayError:
    models: list[Model] = []
    for fact in facts:
        if isinstance(fact, GatewayError):
            return fact
        # Callers share facts, and not what they call a project.
        known = EnvironmentModels(fact.project_id, project.environment_id, fact.models)
        models += known.models if fact.project_id == project.id else known.of_project(project.id).models
    models.sort(key=lambda model: model.unique_id)
    return EnvironmentModels(project.id, project.environment_id, models)


def _weigh(fact: _NamedFact) -> int:
    # The name itself is kept with it.
    return 800 + weigh_models(fact.models, described=len(fact.fields) > 1)
