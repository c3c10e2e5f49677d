"""A model, for asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Unpack

from gateway.discovery_api.api import Model
from gateway.discovery_api.models import (
    ChangePoint,
    Column,
    Criteria,
    Rank,
    RunStatus,
    RuntimeSeries,
    SearchFilter,
    SourceFreshnessReport,
)
from gateway.discovery_api.models import resources as records

if TYPE_CHECKING:
    from gateway.discovery_api.asynchronous.job import AsyncJob
    from gateway.discovery_api.asynchronous.run import AsyncRun


class AsyncModel:
    """`Model` for asyncio: the same names; questions are awaited."""

    def __init__(self, model: Model) -> None:
        self._model = model

    @property
    def model_id(self) -> str:
        """As `Model.model_id`."""
        return self._model.model_id

    @property
    def ranked(self) -> Rank | None:
        """As `Model.ranked`."""
        return self._model.ranked

    @property
    def model_run(self) -> records.ModelRun | None:
        """As `Model.model_run`."""
        return self._model.model_run

    @property
    def unique_id(self) -> str:
        """As `Model.unique_id`."""
        return self._model.unique_id

    @property
    def removed(self) -> bool:
        """As `Model.removed`."""
        return self._model.removed

    @property
    def name(self) -> str:
        """As `Model.name`."""
        return self._model.name

    @property
    def project_id(self) -> str:
        """As `Model.project_id`."""
        return self._model.project_id

    @property
    def package_name(self) -> str:
        """As `Model.package_name`."""
        return self._model.package_name

    @property
    def tags(self) -> list[str]:
        """As `Model.tags`."""
        return self._model.tags

    @property
    def materialization(self) -> str | None:
        """As `Model.materialization`."""
        return self._model.materialization

    @property
    def runtime(self) -> float | None:
        """As `Model.runtime`."""
        return self._model.runtime

    @property
    def start_time(self) -> datetime | None:
        """As `Model.start_time`."""
        return self._model.start_time

    @property
    def end_time(self) -> datetime | None:
        """As `Model.end_time`."""
        return self._model.end_time

    @property
    def last_run_status(self) -> RunStatus | None:
        """As `Model.last_run_status`."""
        return self._model.last_run_status

    @property
    def last_run_error(self) -> str | None:
        """As `Model.last_run_error`."""
        return self._model.last_run_error

    @property
    def last_run_runtime(self) -> Awaitable[float | None]:
        """As `Model.last_run_runtime`; to be awaited."""
        return asyncio.to_thread(lambda: self._model.last_run_runtime)

    @property
    def last_run_start_time(self) -> Awaitable[datetime | None]:
        """As `Model.last_run_start_time`; to be awaited."""
        return asyncio.to_thread(lambda: self._model.last_run_start_time)

    @property
    def last_run_end_time(self) -> Awaitable[datetime | None]:
        """As `Model.last_run_end_time`; to be awaited."""
        return asyncio.to_thread(lambda: self._model.last_run_end_time)

    @property
    def description(self) -> Awaitable[str | None]:
        """As `Model.description`; to be awaited."""
        return asyncio.to_thread(lambda: self._model.description)

    @property
    def database(self) -> Awaitable[str | None]:
        """As `Model.database`; to be awaited."""
        return asyncio.to_thread(lambda: self._model.database)

    @property
    def schema(self) -> Awaitable[str | None]:
        """As `Model.schema`; to be awaited."""
        return asyncio.to_thread(lambda: self._model.schema)

    @property
    def alias(self) -> Awaitable[str | None]:
        """As `Model.alias`; to be awaited."""
        return asyncio.to_thread(lambda: self._model.alias)

    @property
    def relation_name(self) -> Awaitable[str | None]:
        """As `Model.relation_name`; to be awaited."""
        return asyncio.to_thread(lambda: self._model.relation_name)

    @property
    def access(self) -> Awaitable[str | None]:
        """As `Model.access`; to be awaited."""
        return asyncio.to_thread(lambda: self._model.access)

    @property
    def group(self) -> Awaitable[str | None]:
        """As `Model.group`; to be awaited."""
        return asyncio.to_thread(lambda: self._model.group)

    @property
    def meta(self) -> Awaitable[Mapping[str, Any] | None]:
        """As `Model.meta`; to be awaited."""
        return asyncio.to_thread(lambda: self._model.meta)

    @property
    def file_path(self) -> Awaitable[str | None]:
        """As `Model.file_path`; to be awaited."""
        return asyncio.to_thread(lambda: self._model.file_path)

    @property
    def language(self) -> Awaitable[str | None]:
        """As `Model.language`; to be awaited."""
        return asyncio.to_thread(lambda: self._model.language)

    @property
    def version(self) -> Awaitable[str | None]:
        """As `Model.version`; to be awaited."""
        return asyncio.to_thread(lambda: self._model.version)

    @property
    def contract_enforced(self) -> Awaitable[bool | None]:
        """As `Model.contract_enforced`; to be awaited."""
        return asyncio.to_thread(lambda: self._model.contract_enforced)

    async def get_owner(self) -> records.Owner | None:
        """As `Model.get_owner`."""
        return await asyncio.to_thread(self._model.get_owner)

    async def to_record(self) -> records.Model:
        """As `Model.to_record`."""
        return await asyncio.to_thread(self._model.to_record)

    async def load(self) -> AsyncModel:
        """As `Model.load`."""
        await asyncio.to_thread(self._model.load)
        return self

    async def refresh(self) -> AsyncModel:
        """As `Model.refresh`."""
        await asyncio.to_thread(self._model.refresh)
        return self

    async def get_last_run(self) -> AsyncRun | None:
        """As `Model.get_last_run`."""
        from gateway.discovery_api.asynchronous.run import AsyncRun

        run = await asyncio.to_thread(self._model.get_last_run)
        return AsyncRun(run) if run else None

    async def get_last_seen_run(self) -> AsyncRun | None:
        """As `Model.get_last_seen_run`."""
        from gateway.discovery_api.asynchronous.run import AsyncRun

        run = await asyncio.to_thread(self._model.get_last_seen_run)
        return AsyncRun(run) if run else None

    async def get_runs(
        self, last_n: int = 5, filter: SearchFilter | None = None, *, refresh: bool = False, **filters: Unpack[Criteria]
    ) -> list[AsyncRun]:
        """As `Model.get_runs`."""
        from gateway.discovery_api.asynchronous.run import AsyncRun

        return [
            AsyncRun(item)
            for item in await asyncio.to_thread(self._model.get_runs, last_n, filter, refresh=refresh, **filters)
        ]

    async def get_sql(self, *, compiled: bool = False, run_id: str | None = None) -> str | None:
        """As `Model.get_sql`."""
        return await asyncio.to_thread(self._model.get_sql, compiled=compiled, run_id=run_id)

    async def get_tests(self) -> list[records.ModelTest]:
        """As `Model.get_tests`."""
        return await asyncio.to_thread(self._model.get_tests)

    async def get_columns(self) -> list[Column]:
        """As `Model.get_columns`."""
        return await asyncio.to_thread(self._model.get_columns)

    async def get_lineage(
        self,
        direction: str = "both",
        depth: int = 1,
        resource_types: Iterable[str] | None = None,
        *,
        first: int = 500,
        refresh: bool = False,
    ) -> list[records.LineageResource]:
        """As `Model.get_lineage`."""
        return await asyncio.to_thread(
            self._model.get_lineage, direction, depth, resource_types, first=first, refresh=refresh
        )

    async def freshness(self, *, refresh: bool = False) -> RunStatus:
        """As `Model.freshness`."""
        return await asyncio.to_thread(self._model.freshness, refresh=refresh)

    async def source_freshness(self, *, refresh: bool = False) -> list[SourceFreshnessReport]:
        """As `Model.source_freshness`."""
        return await asyncio.to_thread(self._model.source_freshness, refresh=refresh)

    async def get_jobs(self, *, refresh: bool = False) -> list[AsyncJob]:
        """As `Model.get_jobs`."""
        from gateway.discovery_api.asynchronous.job import AsyncJob

        return [AsyncJob(item) for item in await asyncio.to_thread(self._model.get_jobs, refresh=refresh)]

    async def get_runtime_series(
        self, job_id: str | int | None = None, last_n: int = 100, *, refresh: bool = False
    ) -> RuntimeSeries:
        """As `Model.get_runtime_series`."""
        return await asyncio.to_thread(self._model.get_runtime_series, job_id, last_n, refresh=refresh)

    async def get_change_points(
        self, job_id: str | int | None = None, certainty: str = "suspected", first_n: int = 10, *, refresh: bool = False
    ) -> list[ChangePoint]:
        """As `Model.get_change_points`."""
        return await asyncio.to_thread(self._model.get_change_points, job_id, certainty, first_n, refresh=refresh)

    async def get_upstream_models(self) -> list[AsyncModel]:
        """As `Model.get_upstream_models`."""
        return [AsyncModel(item) for item in await asyncio.to_thread(self._model.get_upstream_models)]

    async def get_downstream_models(self) -> list[AsyncModel]:
        """As `Model.get_downstream_models`."""
        return [AsyncModel(item) for item in await asyncio.to_thread(self._model.get_downstream_models)]

    def __repr__(self) -> str:
        return f"Async{self._model!r}"

    def _repr_html_(self) -> str:
        return self._model._repr_html_()
