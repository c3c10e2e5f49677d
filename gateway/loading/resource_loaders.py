"""What one request may load of the resources that projects define, each kind in batches."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cached_property

from gateway.concurrency.gathering import gather
from gateway.errors import GatewayError
from gateway.hierarchy.objects.column import Column
from gateway.hierarchy.objects.project import Project
from gateway.hierarchy.resources.resource import Definitions, ExposureDetails
from gateway.hierarchy.vocabulary.resource_type import ResourceType
from gateway.hierarchy.vocabulary.status import RunStatus
from gateway.loading.batching import Batched, Departures
from gateway.services.bundle import Services
from gateway.services.resources.attempt_service import ATTEMPTED_TYPES, Attempts
from gateway.services.resources.exposure_service import Exposures
from gateway.services.resources.resource_service import ResourceGroup, groups_of
from gateway.services.runs.model_histories import HistoryKey

_Groups = tuple[int, tuple[ResourceGroup, ...]]
_Attempted = tuple[int, ResourceType]


class ResourceLoaders:
    """The loads of one request. A failure of one kind of facts leaves the others whole."""

    def __init__(self, services: Services, departures: Departures) -> None:
        self._resources = services.resources
        self._departures = departures

    @cached_property
    def _definitions(self) -> Batched[_Groups, Definitions]:
        return Batched(self._load_definitions, self._departures)

    @cached_property
    def _exposures(self) -> Batched[int, Exposures]:
        return Batched(self._resources.exposures.exposures, self._departures)

    @cached_property
    def _attempts(self) -> Batched[_Attempted, Attempts]:
        return Batched(self._load_attempts, self._departures)

    @cached_property
    def _columns(self) -> Batched[HistoryKey, tuple[Column, ...]]:
        return Batched(self._resources.columns.columns, self._departures, cached=False)

    async def definitions(self, project: Project, types: Collection[ResourceType]) -> Definitions:
        """The resources that an environment defines, by unique id: all of the groups that hold these types."""
        return await self._definitions.load((project.environment_id, tuple(groups_of(types))))

    async def exposure(self, environment_id: int, unique_id: str) -> ExposureDetails:
        """What an exposure is; nothing is known of one that the environment's list does not hold."""
        exposures = await self._exposures.load(environment_id)
        return exposures.get(unique_id) or ExposureDetails(None, None, None)

    async def last_run_status(
        self, environment_id: int, unique_id: str, resource_type: ResourceType
    ) -> RunStatus | None:
        """How the last attempt of a seed or snapshot ended; None when there was none, and for other types."""
        if resource_type not in ATTEMPTED_TYPES:
            return None
        return (await self._attempts.load((environment_id, resource_type))).get(unique_id)

    async def columns(self, environment_id: int, unique_id: str) -> tuple[Column, ...]:
        """The columns of a model, source, seed or snapshot, in the table's order; none without a catalog."""
        return await self._columns.load(HistoryKey(environment_id, unique_id))

    async def _load_definitions(self, keys: list[_Groups]) -> Mapping[_Groups, Definitions | GatewayError]:
        by_groups: dict[tuple[ResourceGroup, ...], list[int]] = {}
        for environment_id, groups in keys:
            by_groups.setdefault(groups, []).append(environment_id)
        answers = await gather(
            self._resources.definitions(environments, groups) for groups, environments in by_groups.items()
        )
        by_group = dict(zip(by_groups, answers, strict=True))
        return {(environment_id, groups): by_group[groups][environment_id] for environment_id, groups in keys}

    async def _load_attempts(self, keys: list[_Attempted]) -> Mapping[_Attempted, Attempts | GatewayError]:
        by_type: dict[ResourceType, list[int]] = {}
        for environment_id, resource_type in keys:
            by_type.setdefault(resource_type, []).append(environment_id)
        answers = await gather(
            self._resources.attempts.attempts(environments, kind) for kind, environments in by_type.items()
        )
        attempts = dict(zip(by_type, answers, strict=True))
        return {(environment_id, kind): attempts[kind][environment_id] for environment_id, kind in keys}
