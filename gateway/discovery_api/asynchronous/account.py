"""All projects of one dbt account, for asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from datetime import datetime
from types import TracebackType
from typing import Literal, Self, Unpack

from gateway.discovery_api.api import dbtAccount
from gateway.discovery_api.asynchronous.job import AsyncJob
from gateway.discovery_api.asynchronous.model import AsyncModel
from gateway.discovery_api.asynchronous.project import AsyncProject
from gateway.discovery_api.asynchronous.run import AsyncRun
from gateway.discovery_api.client import DEFAULT_TIMEOUT, DEFAULT_TTL, Client, DataSource
from gateway.discovery_api.frames import Frame
from gateway.discovery_api.models import (
    ChangeList,
    Column,
    Criteria,
    Flaky,
    HistoryScope,
    IncidentList,
    JobFilter,
    ModelFilter,
    ProjectCriteria,
    ProjectFilter,
    RankedList,
    RunFilter,
    RunStatus,
    SearchFilter,
    SourceReport,
)
from gateway.discovery_api.models import account_analysis as reports
from gateway.discovery_api.models import resources as records
from gateway.discovery_api.models.run_analysis import WeightedSeconds


class AsyncAccount:
    """`dbtAccount` for asyncio: the same arguments, questions and answers.

        async with AsyncAccount(artifacts="path/to/target") as account:
            slowest, longest = await asyncio.gather(account.slowest_models(), account.longest_running_jobs())

    Questions may be asked side by side. One that is cancelled goes on in its thread, and its answer is dropped.
    """

    def __init__(
        self,
        environment: Literal["production", "staging"] = "production",
        filter: ProjectFilter | None = None,
        *,
        ttl: float = DEFAULT_TTL,
        timeout: float = DEFAULT_TIMEOUT,
        client: Client | None = None,
        **source: Unpack[DataSource],
    ) -> None:
        self._account = dbtAccount(environment, filter, ttl=ttl, timeout=timeout, client=client, **source)

    @property
    def client(self) -> Client:
        """As `dbtAccount.client`."""
        return self._account.client

    @property
    def filter(self) -> ProjectFilter | None:
        """As `dbtAccount.filter`."""
        return self._account.filter

    async def close(self) -> None:
        """As `dbtAccount.close`."""
        await asyncio.to_thread(self._account.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"AsyncAccount({self.environment!r})"

    async def get_regressions(
        self,
        since: datetime | None = None,
        filter: ModelFilter | SearchFilter | None = None,
        *,
        certainty: str = "confirmed",
        first_n: int = 10,
        refresh: bool = False,
    ) -> ChangeList:
        """As `dbtAccount.get_regressions`."""
        return await asyncio.to_thread(
            self._account.get_regressions, since, filter, certainty=certainty, first_n=first_n, refresh=refresh
        )

    async def get_improvements(
        self,
        since: datetime | None = None,
        filter: ModelFilter | SearchFilter | None = None,
        *,
        certainty: str = "confirmed",
        first_n: int = 10,
        refresh: bool = False,
    ) -> ChangeList:
        """As `dbtAccount.get_improvements`."""
        return await asyncio.to_thread(
            self._account.get_improvements, since, filter, certainty=certainty, first_n=first_n, refresh=refresh
        )

    async def get_flaky(
        self, since: datetime | None = None, first_n: int = 10, *, refresh: bool = False
    ) -> list[Flaky]:
        """As `dbtAccount.get_flaky`."""
        return await asyncio.to_thread(self._account.get_flaky, since, first_n, refresh=refresh)

    async def get_incidents(
        self, since: datetime | None = None, *, open_only: bool = False, refresh: bool = False
    ) -> IncidentList:
        """As `dbtAccount.get_incidents`."""
        return await asyncio.to_thread(self._account.get_incidents, since, open_only=open_only, refresh=refresh)

    async def get_wasted_builds(
        self, since: datetime | None = None, until: datetime | None = None, first_n: int = 10, *, refresh: bool = False
    ) -> reports.WastedBuilds:
        """As `dbtAccount.get_wasted_builds`."""
        return await asyncio.to_thread(self._account.get_wasted_builds, since, until, first_n, refresh=refresh)

    async def get_concurrency(
        self, since: datetime, until: datetime | None = None, bucket_minutes: int = 60, *, refresh: bool = False
    ) -> reports.Concurrency:
        """As `dbtAccount.get_concurrency`."""
        return await asyncio.to_thread(self._account.get_concurrency, since, until, bucket_minutes, refresh=refresh)

    async def get_weighted_seconds(
        self, by: str, since: datetime, until: datetime | None = None, first_n: int = 50, *, refresh: bool = False
    ) -> list[WeightedSeconds]:
        """As `dbtAccount.get_weighted_seconds`."""
        return await asyncio.to_thread(self._account.get_weighted_seconds, by, since, until, first_n, refresh=refresh)

    @property
    def environment(self) -> str:
        """As `dbtAccount.environment`."""
        return self._account.environment

    @property
    def projects(self) -> Awaitable[list[AsyncProject]]:
        """As `dbtAccount.projects`; to be awaited."""
        return self._projects()

    async def _projects(self) -> list[AsyncProject]:
        return [AsyncProject(item) for item in await asyncio.to_thread(lambda: self._account.projects)]

    async def project(self, project_id: str) -> AsyncProject:
        """As `dbtAccount.project`."""
        return AsyncProject(await asyncio.to_thread(self._account.project, project_id))

    async def model(self, model_id: str) -> AsyncModel:
        """As `dbtAccount.model`."""
        return AsyncModel(await asyncio.to_thread(self._account.model, model_id))

    async def resource(self, resource_id: str) -> records.Resource:
        """As `dbtAccount.resource`."""
        return await asyncio.to_thread(self._account.resource, resource_id)

    async def get_columns(self, resource_id: str) -> list[Column]:
        """As `dbtAccount.get_columns`."""
        return await asyncio.to_thread(self._account.get_columns, resource_id)

    async def job(
        self, job_id: int | str | None = None, *, name: str | None = None, project: str | AsyncProject | None = None
    ) -> AsyncJob:
        """As `dbtAccount.job`."""
        return AsyncJob(
            await asyncio.to_thread(
                self._account.job,
                job_id,
                name=name,
                project=project.project_id if isinstance(project, AsyncProject) else project,
            )
        )

    async def run(self, run_id: int | str) -> AsyncRun:
        """As `dbtAccount.run`."""
        return AsyncRun(await asyncio.to_thread(self._account.run, run_id))

    async def get_projects(
        self, filter: ProjectFilter | None = None, *, refresh: bool = False, **filters: Unpack[ProjectCriteria]
    ) -> list[AsyncProject]:
        """As `dbtAccount.get_projects`."""
        return [
            AsyncProject(item)
            for item in await asyncio.to_thread(self._account.get_projects, filter, refresh=refresh, **filters)
        ]

    async def get_jobs(
        self,
        filter: SearchFilter | None = None,
        *,
        where: JobFilter | None = None,
        refresh: bool = False,
        **filters: Unpack[Criteria],
    ) -> list[AsyncJob]:
        """As `dbtAccount.get_jobs`."""
        return [
            AsyncJob(item)
            for item in await asyncio.to_thread(self._account.get_jobs, filter, where=where, refresh=refresh, **filters)
        ]

    async def get_models(
        self, filter: SearchFilter | None = None, *, refresh: bool = False, **filters: Unpack[Criteria]
    ) -> list[AsyncModel]:
        """As `dbtAccount.get_models`."""
        return [
            AsyncModel(item)
            for item in await asyncio.to_thread(self._account.get_models, filter, refresh=refresh, **filters)
        ]

    async def history_frame(
        self,
        filter: SearchFilter | None = None,
        *,
        last_n_runs: int = 20,
        refresh: bool = False,
        **filters: Unpack[Criteria],
    ) -> Frame:
        """As `dbtAccount.history_frame`."""
        return await asyncio.to_thread(
            self._account.history_frame, filter, last_n_runs=last_n_runs, refresh=refresh, **filters
        )

    async def get_runs(
        self,
        limit: int = 10,
        filter: SearchFilter | None = None,
        *,
        where: RunFilter | None = None,
        refresh: bool = False,
        **filters: Unpack[Criteria],
    ) -> list[AsyncRun]:
        """As `dbtAccount.get_runs`."""
        return [
            AsyncRun(item)
            for item in await asyncio.to_thread(
                self._account.get_runs, limit, filter, where=where, refresh=refresh, **filters
            )
        ]

    async def get_sources(
        self,
        statuses: Sequence[RunStatus | str] | None = None,
        *,
        name_contains: str | None = None,
        refresh: bool = False,
    ) -> list[SourceReport]:
        """As `dbtAccount.get_sources`."""
        return await asyncio.to_thread(
            self._account.get_sources, statuses, name_contains=name_contains, refresh=refresh
        )

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
        """As `dbtAccount.slowest_models`."""
        return (
            await asyncio.to_thread(
                self._account.slowest_models,
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
        """As `dbtAccount.longest_running_jobs`."""
        return (
            await asyncio.to_thread(
                self._account.longest_running_jobs,
                longest_n,
                last_n_runs,
                filter,
                model_filter,
                include_full_refresh=include_full_refresh,
                refresh=refresh,
            )
        ).map(AsyncJob)

    def invalidate(self) -> None:
        """As `dbtAccount.invalidate`: nothing is read."""
        self._account.invalidate()
