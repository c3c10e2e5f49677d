"""A job, for asyncio."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Unpack

from gateway.discovery_api.api import Job
from gateway.discovery_api.api.arguments import WhatIfChange
from gateway.discovery_api.asynchronous.model import AsyncModel
from gateway.discovery_api.asynchronous.run import AsyncRun
from gateway.discovery_api.models import (
    Average,
    ChangePoint,
    Criteria,
    DeadlineReport,
    ModelFilter,
    Rank,
    RankedList,
    RunStatus,
    RuntimeReport,
    RuntimeSeries,
    SearchFilter,
)
from gateway.discovery_api.models import resources as records
from gateway.discovery_api.models.run_analysis import WhatIf
from gateway.discovery_api.models.run_matrix import OftenCritical, RunMatrix


class AsyncJob:
    """`Job` for asyncio: the same names; questions are awaited."""

    def __init__(self, job: Job) -> None:
        self._job = job

    @property
    def job_id(self) -> str:
        """As `Job.job_id`."""
        return self._job.job_id

    @property
    def ranked(self) -> Rank | None:
        """As `Job.ranked`."""
        return self._job.ranked

    async def load(self) -> AsyncJob:
        """As `Job.load`."""
        await asyncio.to_thread(self._job.load)
        return self

    async def refresh(self) -> AsyncJob:
        """As `Job.refresh`."""
        await asyncio.to_thread(self._job.refresh)
        return self

    @property
    def name(self) -> str | None:
        """As `Job.name`."""
        return self._job.name

    @property
    def description(self) -> str | None:
        """As `Job.description`."""
        return self._job.description

    @property
    def kind(self) -> str | None:
        """As `Job.kind`."""
        return self._job.kind

    @property
    def schedule(self) -> str | None:
        """As `Job.schedule`."""
        return self._job.schedule

    @property
    def steps(self) -> list[str]:
        """As `Job.steps`."""
        return self._job.steps

    @property
    def inferred(self) -> bool:
        """As `Job.inferred`."""
        return self._job.inferred

    @property
    def last_run_status(self) -> RunStatus | None:
        """As `Job.last_run_status`."""
        return self._job.last_run_status

    @property
    def last_run_runtime(self) -> float | None:
        """As `Job.last_run_runtime`."""
        return self._job.last_run_runtime

    @property
    def last_run_start_time(self) -> datetime | None:
        """As `Job.last_run_start_time`."""
        return self._job.last_run_start_time

    @property
    def last_run_end_time(self) -> datetime | None:
        """As `Job.last_run_end_time`."""
        return self._job.last_run_end_time

    async def get_models(
        self, filter: SearchFilter | None = None, *, refresh: bool = False, **filters: Unpack[Criteria]
    ) -> list[AsyncModel]:
        """As `Job.get_models`."""
        return [
            AsyncModel(item)
            for item in await asyncio.to_thread(self._job.get_models, filter, refresh=refresh, **filters)
        ]

    async def get_last_run(self) -> AsyncRun | None:
        """As `Job.get_last_run`."""
        run = await asyncio.to_thread(self._job.get_last_run)
        return AsyncRun(run) if run else None

    async def get_runs(self, last_n: int = 5, *, refresh: bool = False) -> list[AsyncRun]:
        """As `Job.get_runs`."""
        return [AsyncRun(item) for item in await asyncio.to_thread(self._job.get_runs, last_n, refresh=refresh)]

    async def get_slowest_models(
        self,
        slowest_n: int = 5,
        filter: SearchFilter | None = None,
        *,
        refresh: bool = False,
        **filters: Unpack[Criteria],
    ) -> RankedList[AsyncModel]:
        """As `Job.get_slowest_models`."""
        return (
            await asyncio.to_thread(self._job.get_slowest_models, slowest_n, filter, refresh=refresh, **filters)
        ).map(AsyncModel)

    async def get_runtimes(
        self, last_n: int = 5, by_model: bool = False, *, refresh: bool = False
    ) -> list[RuntimeReport]:
        """As `Job.get_runtimes`."""
        return await asyncio.to_thread(self._job.get_runtimes, last_n, by_model, refresh=refresh)

    async def get_runtime_series(self, last_n: int = 100, *, refresh: bool = False) -> RuntimeSeries:
        """As `Job.get_runtime_series`."""
        return await asyncio.to_thread(self._job.get_runtime_series, last_n, refresh=refresh)

    async def get_change_points(
        self, certainty: str = "suspected", first_n: int = 10, *, refresh: bool = False
    ) -> list[ChangePoint]:
        """As `Job.get_change_points`."""
        return await asyncio.to_thread(self._job.get_change_points, certainty, first_n, refresh=refresh)

    async def get_run_matrix(self, last_n: int = 50, first_n: int = 200, *, refresh: bool = False) -> RunMatrix:
        """As `Job.get_run_matrix`."""
        return await asyncio.to_thread(self._job.get_run_matrix, last_n, first_n, refresh=refresh)

    async def get_often_critical(
        self, last_n: int = 20, first_n: int = 10, *, refresh: bool = False
    ) -> list[OftenCritical]:
        """As `Job.get_often_critical`."""
        return await asyncio.to_thread(self._job.get_often_critical, last_n, first_n, refresh=refresh)

    async def what_if(self, last_n: int = 5, *, refresh: bool = False, **change: Unpack[WhatIfChange]) -> WhatIf | None:
        """As `Job.what_if`."""
        return await asyncio.to_thread(self._job.what_if, last_n, refresh=refresh, **change)

    async def get_deadline(
        self, finished_by: str, time_zone: str, last_days: int = 30, *, refresh: bool = False
    ) -> DeadlineReport:
        """As `Job.get_deadline`."""
        return await asyncio.to_thread(self._job.get_deadline, finished_by, time_zone, last_days, refresh=refresh)

    async def get_average_job_runtime(
        self,
        last_n: int = 5,
        filter: SearchFilter | None = None,
        model_filter: ModelFilter | None = None,
        *,
        include_full_refresh: bool = False,
        refresh: bool = False,
    ) -> Average | None:
        """As `Job.get_average_job_runtime`."""
        return await asyncio.to_thread(
            self._job.get_average_job_runtime,
            last_n,
            filter,
            model_filter,
            include_full_refresh=include_full_refresh,
            refresh=refresh,
        )

    async def average_historical_model_runtime(
        self,
        slowest_n: int | None = 5,
        last_n_runs: int = 5,
        filter: SearchFilter | None = None,
        model_filter: ModelFilter | None = None,
        *,
        include_full_refresh: bool = False,
        refresh: bool = False,
    ) -> Average | None:
        """As `Job.average_historical_model_runtime`."""
        return await asyncio.to_thread(
            self._job.average_historical_model_runtime,
            slowest_n,
            last_n_runs,
            filter,
            model_filter,
            include_full_refresh=include_full_refresh,
            refresh=refresh,
        )

    async def to_record(self) -> records.Job:
        """As `Job.to_record`."""
        return await asyncio.to_thread(self._job.to_record)

    def __repr__(self) -> str:
        return f"Async{self._job!r}"

    def _repr_html_(self) -> str:
        return self._job._repr_html_()
