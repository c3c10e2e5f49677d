"""A dbt project in one environment, for asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from typing import Unpack

from gateway.discovery_api.api import Project
from gateway.discovery_api.asynchronous.job import AsyncJob
from gateway.discovery_api.asynchronous.model import AsyncModel
from gateway.discovery_api.models import (
    AttemptedResource,
    Criteria,
    Exposure,
    HistoryScope,
    ModelFilter,
    RankedList,
    RunStatus,
    SearchFilter,
    SourceReport,
)
from gateway.discovery_api.models import resources as records


class AsyncProject:
    """`Project` for asyncio: the same names; questions are awaited."""

    def __init__(self, project: Project) -> None:
        self._project = project

    @property
    def project_id(self) -> str:
        """As `Project.project_id`."""
        return self._project.project_id

    async def load(self) -> AsyncProject:
        """As `Project.load`."""
        await asyncio.to_thread(self._project.load)
        return self

    @property
    def name(self) -> str:
        """As `Project.name`."""
        return self._project.name

    @property
    def adapter_type(self) -> str | None:
        """As `Project.adapter_type`."""
        return self._project.adapter_type

    @property
    def environment(self) -> str:
        """As `Project.environment`."""
        return self._project.environment

    @property
    def models(self) -> Awaitable[list[AsyncModel]]:
        """As `Project.models`; to be awaited."""
        return self._models()

    async def _models(self) -> list[AsyncModel]:
        return [AsyncModel(item) for item in await asyncio.to_thread(lambda: self._project.models)]

    @property
    def jobs(self) -> Awaitable[list[AsyncJob]]:
        """As `Project.jobs`; to be awaited."""
        return self._jobs()

    async def _jobs(self) -> list[AsyncJob]:
        return [AsyncJob(item) for item in await asyncio.to_thread(lambda: self._project.jobs)]

    @property
    def model_count(self) -> Awaitable[int]:
        """As `Project.model_count`; to be awaited."""
        return asyncio.to_thread(lambda: self._project.model_count)

    @property
    def job_count(self) -> Awaitable[int]:
        """As `Project.job_count`; to be awaited."""
        return asyncio.to_thread(lambda: self._project.job_count)

    async def get_models(
        self, filter: SearchFilter | None = None, *, refresh: bool = False, **filters: Unpack[Criteria]
    ) -> list[AsyncModel]:
        """As `Project.get_models`."""
        return [
            AsyncModel(item)
            for item in await asyncio.to_thread(self._project.get_models, filter, refresh=refresh, **filters)
        ]

    async def get_removed_models(self, *, refresh: bool = False) -> list[AsyncModel]:
        """As `Project.get_removed_models`."""
        return [AsyncModel(item) for item in await asyncio.to_thread(self._project.get_removed_models, refresh=refresh)]

    async def get_jobs(
        self, filter: SearchFilter | None = None, *, refresh: bool = False, **filters: Unpack[Criteria]
    ) -> list[AsyncJob]:
        """As `Project.get_jobs`."""
        return [
            AsyncJob(item)
            for item in await asyncio.to_thread(self._project.get_jobs, filter, refresh=refresh, **filters)
        ]

    async def get_sources(
        self,
        statuses: Sequence[RunStatus | str] | None = None,
        *,
        name_contains: str | None = None,
        refresh: bool = False,
    ) -> list[SourceReport]:
        """As `Project.get_sources`."""
        return await asyncio.to_thread(
            self._project.get_sources, statuses, name_contains=name_contains, refresh=refresh
        )

    async def get_resources(
        self,
        resource_types: Iterable[str] | None = None,
        *,
        name_contains: str | None = None,
        tags: Iterable[str] | None = None,
        refresh: bool = False,
    ) -> list[records.Resource]:
        """As `Project.get_resources`."""
        return await asyncio.to_thread(
            self._project.get_resources, resource_types, name_contains=name_contains, tags=tags, refresh=refresh
        )

    async def get_exposures(self, *, refresh: bool = False) -> list[Exposure]:
        """As `Project.get_exposures`."""
        return await asyncio.to_thread(self._project.get_exposures, refresh=refresh)

    async def get_seeds(self, *, refresh: bool = False) -> list[AttemptedResource]:
        """As `Project.get_seeds`."""
        return await asyncio.to_thread(self._project.get_seeds, refresh=refresh)

    async def get_snapshots(self, *, refresh: bool = False) -> list[AttemptedResource]:
        """As `Project.get_snapshots`."""
        return await asyncio.to_thread(self._project.get_snapshots, refresh=refresh)

    async def slowest_models(
        self,
        slowest_n: int = 5,
        last_n_runs: int = 1,
        filter: SearchFilter | None = None,
        *,
        history: HistoryScope | None = None,
        refresh: bool = False,
        **filters: Unpack[Criteria],
    ) -> RankedList[AsyncModel]:
        """As `Project.slowest_models`."""
        return (
            await asyncio.to_thread(
                self._project.slowest_models,
                slowest_n,
                last_n_runs,
                filter,
                history=history,
                refresh=refresh,
                **filters,
            )
        ).map(AsyncModel)

    async def longest_running_jobs(
        self,
        longest_n: int = 5,
        last_n_runs: int = 1,
        filter: SearchFilter | None = None,
        model_filter: ModelFilter | None = None,
        *,
        include_full_refresh: bool = False,
        refresh: bool = False,
    ) -> RankedList[AsyncJob]:
        """As `Project.longest_running_jobs`."""
        return (
            await asyncio.to_thread(
                self._project.longest_running_jobs,
                longest_n,
                last_n_runs,
                filter,
                model_filter,
                include_full_refresh=include_full_refresh,
                refresh=refresh,
            )
        ).map(AsyncJob)

    async def to_record(self) -> records.Project:
        """As `Project.to_record`."""
        return await asyncio.to_thread(self._project.to_record)

    def __repr__(self) -> str:
        return f"Async{self._project!r}"

    def _repr_html_(self) -> str:
        return self._project._repr_html_()
