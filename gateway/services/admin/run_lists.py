"""Lists of runs: of an archive where one has all runs, else of the Admin API. Nothing is cached here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from gateway.errors import GatewayError
from gateway.hierarchy.objects.job import Run, RunDetails, newest_first
from gateway.services.admin.admin_api import PAGE_SIZE, AdminApi
from gateway.services.admin.admin_facts import RunListing
from gateway.services.admin.list_reading import ListReading, notes_of_list
from gateway.services.admin.listed_facts import RecentRuns, RunCount
from gateway.services.admin.single_runs import read_run_details, read_runs
from gateway.services.rows.admin_types import AdminRun
from gateway.services.rows.mapping import to_run
from gateway.services.runs.run_history import HistorySource, ListedRuns, RunHistory
from gateway.services.runs.run_query import RunQuery
from gateway.telemetry.upstream_note import UpstreamNote

# Pages of the account's newest runs that are tried before jobs are asked one by one.
_MOST_SHARED_PAGES = 10

# A run's trigger shows which commands it ran in the place of its job's.
_WITH_TRIGGER = {"include_related": '["trigger"]'}


@dataclass(slots=True)
class RecentReading:
    """The newest runs of jobs, and what came along: other runs that were seen, and how many runs a job has (None where
    dbt does not say)."""

    by_job: dict[int, RecentRuns | GatewayError] = field(default_factory=dict)
    passed: list[Run] = field(default_factory=list)
    totals: dict[int, int | None] = field(default_factory=dict)


class RunLists:
    """Runs of one account. Raises what reading meets, where it cannot stand in a job's or a run's own place."""

    def __init__(self, api: AdminApi, history: RunHistory) -> None:
        self.api = api
        self._history = history

    @property
    def source(self) -> tuple[HistorySource, ...]:
        """What `extensions.gateway` names for lists of runs: nothing for the Admin API, which is no history."""
        return ("ARCHIVE",) if self._history.counts_models else ()

    async def runs(self, run_ids: Sequence[int]) -> Mapping[int, Run | GatewayError]:
        """Each run by its id; NotFound where the account has no such run."""
        stored = await self._history.runs(self.api.account_id, run_ids)
        return await read_runs(self.api, run_ids) if stored is None else stored

    async def details(self, run_ids: Sequence[int]) -> Mapping[int, RunDetails | GatewayError]:
        """Why each run was started, and its steps: of the Admin API one request a run, as lists of runs with their
        steps are slow there."""
        stored = await self._history.run_details(self.api.account_id, run_ids)
        if stored is not None:
            return stored
        details = await asyncio.gather(*(read_run_details(self.api, run_id) for run_id in run_ids))
        return dict(zip(run_ids, details, strict=True))

    async def newest(self, count: int) -> RecentRuns:
        """The newest `count` runs of the account, newest first."""
        stored = await self._stored(RunQuery(), count)
        if stored is not None:
            return RecentRuns(stored.runs, count)
        listed = await self._list({"order_by": "-id"}, count, rows_wanted=count)
        return RecentRuns(newest_first(map(to_run, listed.rows.values()))[:count], count, _notes_of_runs(listed))

    async def listing(self, query: RunQuery, count: int) -> RunListing:
        """At least the newest `count` runs that a query asks for; of the Admin API whole pages of a hundred."""
        stored = await self._stored(query, count)
        if stored is not None:
            return RunListing(stored.runs, stored.total <= len(stored.runs))
        return _listing(await self._list(query.parameters, count), newest_first)

    async def ended(self, environment_id: int) -> RunListing:
        """The hundred runs of an environment that ended last, the last first, by the Admin API."""
        ended = {"environment_id": str(environment_id), "status__in": "[10,20,30]", "order_by": "-finished_at"}
        return _listing(await self._list(ended, PAGE_SIZE), tuple)

    async def counts(self, job_ids: Sequence[int]) -> Mapping[int, RunCount | GatewayError]:
        """How many runs each job has."""
        stored = await self._history.run_counts(self.api.account_id, job_ids)
        if stored is not None:
            return {job_id: n if isinstance(n, GatewayError) else RunCount(n) for job_id, n in stored.items()}
        counts = await asyncio.gather(*(self._count(job_id) for job_id in job_ids))
        return dict(zip(job_ids, counts, strict=True))

    async def recent(self, job_ids: Sequence[int], count: int) -> RecentReading:
        """The newest `count` runs of each job. Several jobs are answered from the account's newest runs as far as
        those reach; the rest are asked one by one."""
        stored = await self._history.runs_of_jobs(self.api.account_id, job_ids, count)
        reading = RecentReading()
        if stored is not None:
            for job_id, listed in stored.items():
                reading.by_job[job_id] = listed if isinstance(listed, GatewayError) else RecentRuns(listed.runs, count)
                if isinstance(listed, ListedRuns):
                    reading.totals[job_id] = listed.total
            return reading
        if len(job_ids) > 1:
            await self._read_shared(reading, job_ids, count)
        rest = [job_id for job_id in job_ids if job_id not in reading.by_job]
        await asyncio.gather(*(self._read_job(reading, job_id, count) for job_id in rest))
        return reading

    async def _stored(self, query: RunQuery, count: int) -> ListedRuns | None:
        """The list as an archive has it; None where dbt does."""
        listed = await self._history.run_list(self.api.account_id, query, count)
        if isinstance(listed, GatewayError):
            raise listed
        return listed

    async def _count(self, job_id: int) -> RunCount | GatewayError:
        try:
            return RunCount(_total(await self._list({"job_definition_id": str(job_id)}, 1, rows_wanted=1)))
        except GatewayError as failure:
            return failure

    async def _read_shared(self, reading: RecentReading, job_ids: Sequence[int], count: int) -> None:
        """The jobs whose newest runs are all among the newest runs of the account."""
        pages = min(_MOST_SHARED_PAGES, -(-len(job_ids) * count // PAGE_SIZE) + 1)
        try:
            listed = await self._list({"order_by": "-id", **_WITH_TRIGGER}, pages * PAGE_SIZE)
        except GatewayError as failure:
            reading.by_job |= dict.fromkeys(job_ids, failure)
            return
        if listed.left_out:
            # Whose rows they are is not known: each job's own list says it.
            return
        by_job: dict[int, list[Run]] = {}
        for run in newest_first(map(to_run, listed.rows.values())):
            reading.passed.append(run)
            by_job.setdefault(run.job_id, []).append(run)
        if listed.complete:
            reading.totals |= {job_id: len(by_job.get(job_id, ())) for job_id in job_ids}
        notes = _notes_of_runs(listed)
        candidates = {job_id: tuple(by_job.get(job_id, ())[:count]) for job_id in job_ids}
        for job_id, runs in candidates.items():
            if listed.complete or len(runs) == count:
                reading.by_job[job_id] = RecentRuns(runs, count, notes)

    async def _read_job(self, reading: RecentReading, job_id: int, count: int) -> None:
        query = {"job_definition_id": str(job_id), "order_by": "-id", **_WITH_TRIGGER}
        try:
            listed = await self._list(query, count, rows_wanted=count)
        except GatewayError as failure:
            reading.by_job[job_id] = failure
            return
        reading.totals[job_id] = _total(listed)
        runs = newest_first(map(to_run, listed.rows.values()))
        reading.by_job[job_id] = RecentRuns(runs, count, _notes_of_runs(listed))

    async def _list(self, query: Mapping[str, str], count: int, rows_wanted: int = PAGE_SIZE) -> ListReading[AdminRun]:
        """As many pages as hold `count` runs."""
        pages = -(-count // PAGE_SIZE)
        return await self.api.list_first("v2", "/runs/", AdminRun, query, pages=pages, rows_wanted=rows_wanted)


def _listing(listed: ListReading[AdminRun], in_order: Callable[[Iterable[Run]], tuple[Run, ...]]) -> RunListing:
    runs = in_order(map(to_run, listed.rows.values()))
    return RunListing(runs, listed.complete and not listed.left_out, _notes_of_runs(listed))


def _total(listed: ListReading[AdminRun]) -> int | None:
    """How many runs there are, where that is known."""
    return len(listed.rows) if listed.total is None and listed.complete else listed.total


def _notes_of_runs(listed: ListReading[AdminRun]) -> tuple[UpstreamNote, ...]:
    return notes_of_list("runs", listed)
