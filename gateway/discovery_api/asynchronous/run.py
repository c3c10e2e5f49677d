"""A run, for asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Unpack

from gateway.discovery_api.api import Run
from gateway.discovery_api.api.arguments import WhatIfChange
from gateway.discovery_api.asynchronous.model import AsyncModel
from gateway.discovery_api.models import (
    Average,
    Criteria,
    ModelFilter,
    RankedList,
    RunStatus,
    SearchFilter,
    run_analysis,
)
from gateway.discovery_api.models import resources as records

if TYPE_CHECKING:
    from gateway.discovery_api.asynchronous.job import AsyncJob


class AsyncRun:
    """`Run` for asyncio: the same names; questions are awaited."""

    def __init__(self, run: Run) -> None:
        self._run = run

    @property
    def run_id(self) -> str:
        """As `Run.run_id`."""
        return self._run.run_id

    @property
    def model_run(self) -> records.ModelRun | None:
        """As `Run.model_run`."""
        return self._run.model_run

    async def get_timeline(
        self, step: int | None = None, min_seconds: float = 0.0, first_n: int = 5000, *, refresh: bool = False
    ) -> run_analysis.Timeline | None:
        """As `Run.get_timeline`."""
        return await asyncio.to_thread(self._run.get_timeline, step, min_seconds, first_n, refresh=refresh)

    async def get_critical_path(
        self, step: int | None = None, *, refresh: bool = False
    ) -> run_analysis.CriticalPath | None:
        """As `Run.get_critical_path`."""
        return await asyncio.to_thread(self._run.get_critical_path, step, refresh=refresh)

    async def get_observed_chain(
        self, step: int | None = None, *, refresh: bool = False
    ) -> run_analysis.ObservedChain | None:
        """As `Run.get_observed_chain`."""
        return await asyncio.to_thread(self._run.get_observed_chain, step, refresh=refresh)

    async def get_utilization(
        self, step: int | None = None, *, refresh: bool = False
    ) -> run_analysis.Utilization | None:
        """As `Run.get_utilization`."""
        return await asyncio.to_thread(self._run.get_utilization, step, refresh=refresh)

    async def get_weighted_seconds(
        self, by: str = "node", first_n: int = 50, *, refresh: bool = False
    ) -> list[run_analysis.WeightedSeconds]:
        """As `Run.get_weighted_seconds`."""
        return await asyncio.to_thread(self._run.get_weighted_seconds, by, first_n, refresh=refresh)

    async def what_if(self, *, refresh: bool = False, **change: Unpack[WhatIfChange]) -> run_analysis.WhatIf | None:
        """As `Run.what_if`."""
        return await asyncio.to_thread(self._run.what_if, refresh=refresh, **change)

    async def compare(
        self, to: str = "previous", run_id: str | int | None = None, *, refresh: bool = False
    ) -> run_analysis.RunComparison | None:
        """As `Run.compare`."""
        return await asyncio.to_thread(self._run.compare, to, run_id, refresh=refresh)

    async def load(self) -> AsyncRun:
        """As `Run.load`."""
        await asyncio.to_thread(self._run.load)
        return self

    async def refresh(self) -> AsyncRun:
        """As `Run.refresh`."""
        await asyncio.to_thread(self._run.refresh)
        return self

    @property
    def status(self) -> RunStatus:
        """As `Run.status`."""
        return self._run.status

    @property
    def status_text(self) -> str:
        """As `Run.status_text`."""
        return self._run.status_text

    @property
    def runtime(self) -> float | None:
        """As `Run.runtime`."""
        return self._run.runtime

    @property
    def start_time(self) -> datetime | None:
        """As `Run.start_time`."""
        return self._run.start_time

    @property
    def end_time(self) -> datetime | None:
        """As `Run.end_time`."""
        return self._run.end_time

    @property
    def run_completed_at(self) -> datetime | None:
        """As `Run.run_completed_at`."""
        return self._run.run_completed_at

    @property
    def queue_seconds(self) -> float | None:
        """As `Run.queue_seconds`."""
        return self._run.queue_seconds

    @property
    def error(self) -> Awaitable[str | None]:
        """As `Run.error`; to be awaited."""
        return asyncio.to_thread(lambda: self._run.error)

    @property
    def title(self) -> Awaitable[str]:
        """As `Run.title`; to be awaited."""
        return asyncio.to_thread(lambda: self._run.title)

    @property
    def git_sha(self) -> str | None:
        """As `Run.git_sha`."""
        return self._run.git_sha

    @property
    def git_branch(self) -> str | None:
        """As `Run.git_branch`."""
        return self._run.git_branch

    @property
    def url(self) -> str | None:
        """As `Run.url`."""
        return self._run.url

    @property
    def inferred(self) -> bool:
        """As `Run.inferred`."""
        return self._run.inferred

    @property
    def job_id(self) -> str:
        """As `Run.job_id`."""
        return self._run.job_id

    @property
    def job(self) -> Awaitable[AsyncJob]:
        """As `Run.job`; to be awaited."""
        return self._job()

    async def _job(self) -> AsyncJob:
        from gateway.discovery_api.asynchronous.job import AsyncJob

        return AsyncJob(await asyncio.to_thread(lambda: self._run.job))

    @property
    def model_count(self) -> Awaitable[int]:
        """As `Run.model_count`; to be awaited."""
        return asyncio.to_thread(lambda: self._run.model_count)

    async def get_models(
        self, filter: SearchFilter | None = None, *, refresh: bool = False, **filters: Unpack[Criteria]
    ) -> list[AsyncModel]:
        """As `Run.get_models`."""
        return [
            AsyncModel(item)
            for item in await asyncio.to_thread(self._run.get_models, filter, refresh=refresh, **filters)
        ]

    async def get_model_runs(
        self, filter: SearchFilter | None = None, *, refresh: bool = False
    ) -> list[records.ModelRun]:
        """As `Run.get_model_runs`."""
        return await asyncio.to_thread(self._run.get_model_runs, filter, refresh=refresh)

    async def get_node_results(
        self,
        resource_types: Iterable[str] | None = None,
        statuses: Iterable[RunStatus | str] | None = None,
        *,
        refresh: bool = False,
    ) -> list[records.NodeResult]:
        """As `Run.get_node_results`."""
        return await asyncio.to_thread(self._run.get_node_results, resource_types, statuses, refresh=refresh)

    async def get_failures(self, *, refresh: bool = False) -> list[records.RunFailure]:
        """As `Run.get_failures`."""
        return await asyncio.to_thread(self._run.get_failures, refresh=refresh)

    async def get_newly_broken(self, *, refresh: bool = False) -> list[records.NodeResult]:
        """As `Run.get_newly_broken`."""
        return await asyncio.to_thread(self._run.get_newly_broken, refresh=refresh)

    async def get_recovered(self, *, refresh: bool = False) -> list[records.NodeResult]:
        """As `Run.get_recovered`."""
        return await asyncio.to_thread(self._run.get_recovered, refresh=refresh)

    async def get_slowest_models(
        self,
        slowest_n: int = 5,
        filter: SearchFilter | None = None,
        *,
        refresh: bool = False,
        **filters: Unpack[Criteria],
    ) -> RankedList[AsyncModel]:
        """As `Run.get_slowest_models`."""
        return (
            await asyncio.to_thread(self._run.get_slowest_models, slowest_n, filter, refresh=refresh, **filters)
        ).map(AsyncModel)

    async def average_model_runtime(
        self,
        slowest_n: int | None = 5,
        filter: SearchFilter | None = None,
        model_filter: ModelFilter | None = None,
        *,
        refresh: bool = False,
    ) -> Average | None:
        """As `Run.average_model_runtime`."""
        return await asyncio.to_thread(
            self._run.average_model_runtime, slowest_n, filter, model_filter, refresh=refresh
        )

    async def get_trigger(self) -> records.RunTrigger | None:
        """As `Run.get_trigger`."""
        return await asyncio.to_thread(self._run.get_trigger)

    async def get_steps(self) -> list[records.RunStep]:
        """As `Run.get_steps`."""
        return await asyncio.to_thread(self._run.get_steps)

    async def to_record(self) -> records.Run:
        """As `Run.to_record`."""
        return await asyncio.to_thread(self._run.to_record)

    def __repr__(self) -> str:
        return f"Async{self._run!r}"

    def _repr_html_(self) -> str:
        return self._run._repr_html_()
