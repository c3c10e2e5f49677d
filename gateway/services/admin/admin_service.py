"""AdminService: what only dbt's Admin API knows: projects, environments, jobs and runs of the account."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.caching.codec import Codec
from gateway.caching.facts import FactsCache, Kind
from gateway.caching.generations import ACCOUNT
from gateway.caching.memory import Fact
from gateway.caching.tiers import Tiers
from gateway.caching.validity import FINAL, UNFIT, Validity, for_seconds
from gateway.concurrency.bounded_map import BoundedMap
from gateway.errors import GatewayError, NotFound, UpstreamRejected
from gateway.hierarchy.job import Job, Run, RunDetails, newest_first
from gateway.services.admin.admin_api import PAGE_SIZE, AdminApi
from gateway.services.admin.admin_facts import RunListing, Topology
from gateway.services.admin.admin_types import AdminAccount, AdminEnvironment, AdminJob, AdminProject, AdminRun
from gateway.services.admin.run_query import RunQuery
from gateway.services.admin.visible_parts import VisibleParts
from gateway.services.mapping import to_environment, to_job, to_run, to_run_details
from gateway.telemetry.usage import current_usage

_ACTIVE = 1

# Lists of runs that are known at once.
_MOST_QUERIES = 1_000

# Pages of the account's newest runs that are tried before jobs are asked one by one.
_MOST_SHARED_PAGES = 10


@dataclass(frozen=True, slots=True)
class _RecentRuns:
    runs: tuple[Run, ...]
    asked: int

    def holds(self, count: int) -> bool:
        return self.asked >= count or len(self.runs) < self.asked


# A run's trigger tells which commands it ran in the place of its job's.
_WITH_TRIGGER = {"include_related": '["trigger"]'}

_RUN_BYTES = 900
_JOB_BYTES = 2_500


def _weigh_topology(topology: Topology) -> int:
    return 1_000 + 300 * len(topology.environments) + 100 * len(topology.project_names)


def _weigh_recent(recent: _RecentRuns) -> int:
    return 200 + _RUN_BYTES * len(recent.runs)


def _weigh_details(details: RunDetails) -> int:
    return 300 + 400 * len(details.steps)


class AdminService:
    """Lists are believed for `topology_seconds`, the newest runs of a job for `interval`, a finished run for good."""

    def __init__(self, api: AdminApi, topology_seconds: float, interval: float, tiers: Tiers) -> None:
        self._api = api
        self._topology_seconds = topology_seconds
        self._interval = interval
        self._clock = tiers.clock
        self._topology: FactsCache[str, Topology] = FactsCache(
            tiers, Kind("topology", _weigh_topology, codec=Codec(Topology))
        )
        self._jobs: FactsCache[str, Mapping[int, Job]] = FactsCache(
            tiers, Kind("jobs", lambda jobs: 1_000 + _JOB_BYTES * len(jobs), codec=Codec(dict[int, Job]))
        )
        self._parts = VisibleParts("jobs")
        self._names: FactsCache[str, str] = FactsCache(tiers, Kind("account", codec=Codec(str)))
        self._recent: FactsCache[int, _RecentRuns] = FactsCache(
            tiers, Kind("recent", _weigh_recent, codec=Codec(_RecentRuns))
        )
        self._newest: FactsCache[str, _RecentRuns] = FactsCache(
            tiers, Kind("newest", _weigh_recent, codec=Codec(_RecentRuns))
        )
        self._listings: FactsCache[int, RunListing] = FactsCache(
            tiers, Kind("listing", lambda listing: 300 + _RUN_BYTES * len(listing.runs), codec=Codec(RunListing))
        )
        self._matching: FactsCache[RunQuery, RunListing] = FactsCache(
            tiers, Kind("matching", lambda listing: 300 + _RUN_BYTES * len(listing.runs), codec=Codec(RunListing))
        )
        self._queries: BoundedMap[RunQuery, None] = BoundedMap(_MOST_QUERIES)
        self._ended: FactsCache[int, RunListing] = FactsCache(
            tiers, Kind("ended", lambda listing: 300 + _RUN_BYTES * len(listing.runs), codec=Codec(RunListing))
        )
        self._counts: FactsCache[int, int] = FactsCache(tiers, Kind("count", codec=Codec(int)))
        self._details: FactsCache[int, RunDetails] = FactsCache(
            tiers, Kind("details", _weigh_details, codec=Codec(RunDetails))
        )
        self._runs: FactsCache[int, Run] = FactsCache(
            tiers,
            Kind("run", lambda _: 200 + _RUN_BYTES, codec=Codec(Run), is_final=lambda run: run.status.is_final),
        )

    inferred = False

    @property
    def account_id(self) -> int:
        return self._api.account_id

    def _clock_of_account(self) -> float:
        """The time now; what is asked counts among the account's facts in the answer."""
        current_usage().environments.add(ACCOUNT)
        return self._clock()

    async def account_name(self) -> str:
        """The account's display name."""
        now = self._clock_of_account()
        return await self._names.get(
            "name", self._read_name, lambda fact: for_seconds(fact.read_at, self._topology_seconds, now)
        )

    async def topology(self) -> Topology:
        """Active projects and deployment environments; two lists read side by side."""
        now = self._clock_of_account()
        return await self._topology.get(
            "topology", self._read_topology, lambda fact: for_seconds(fact.read_at, self._topology_seconds, now)
        )

    async def jobs(self, seen: frozenset[int] | None = None) -> Mapping[int, Job]:
        """Active jobs, each with its newest run and its newest finished one (see AdminFacts)."""
        now = self._clock_of_account()

        async def read() -> Mapping[int, Job]:
            jobs = await self._read_jobs()
            return jobs if seen is None else {one: job for one, job in jobs.items() if job.environment_id in seen}

        return await self._jobs.get(
            self._parts.key(seen), read, lambda fact: for_seconds(fact.read_at, self._topology_seconds, now)
        )

    def known_environments(self) -> frozenset[int]:
        """The environments that the last topology told of; none before there was one."""
        fact = self._topology.peek("topology")
        return frozenset(one.id for one in fact.value.environments) if fact else frozenset()

    async def runs(self, run_ids: Sequence[int]) -> dict[int, Run | GatewayError]:
        """Each run by its id; NotFound when the account has no such run."""
        now = self._clock_of_account()

        async def fetch(missing: list[int]) -> Mapping[int, Run | GatewayError]:
            return await self._read_runs(missing)

        def validate(_: int, fact: Fact[Run]) -> Validity:
            return FINAL if fact.value.status.is_final else for_seconds(fact.read_at, self._interval, now)

        return await self._runs.get_many(run_ids, fetch, validate)

    async def run_details(self, run_ids: Sequence[int]) -> dict[int, RunDetails | GatewayError]:
        """Trigger and steps of each run, one request a run: lists of runs with their steps are slow upstream."""

        async def fetch(missing: list[int]) -> Mapping[int, RunDetails | GatewayError]:
            found = await asyncio.gather(*(self._read_details(run_id) for run_id in missing))
            return dict(zip(missing, found, strict=True))

        now = self._clock_of_account()
        return await self._details.get_many(
            run_ids, fetch, lambda _, fact: for_seconds(fact.read_at, self._interval, now)
        )

    async def recent_runs(self, job_ids: Sequence[int], count: int) -> dict[int, tuple[Run, ...] | GatewayError]:
        """The newest `count` runs of each job, newest first, whatever their status.

        Several jobs are answered from the account's newest runs as far as those reach; the rest are asked one by one.
        """
        now = self._clock_of_account()

        async def fetch(missing: list[int]) -> Mapping[int, _RecentRuns | GatewayError]:
            return await self._read_recent(missing, count)

        def validate(_: int, fact: Fact[_RecentRuns]) -> Validity:
            return for_seconds(fact.read_at, self._interval, now) if fact.value.holds(count) else UNFIT

        facts = await self._recent.get_many(job_ids, fetch, validate)
        return {one: fact.runs[:count] if isinstance(fact, _RecentRuns) else fact for one, fact in facts.items()}

    async def newest_runs(self, count: int) -> tuple[Run, ...]:
        """The newest `count` runs of the account, newest first, by any job and whatever their status."""
        now = self._clock_of_account()

        async def fetch() -> _RecentRuns:
            query = {"order_by": "-id"}
            pages = -(-count // PAGE_SIZE)
            rows, _ = await self._api.list_first("v2", "/runs/", AdminRun, query, pages=pages, rows_wanted=count)
            return _RecentRuns(newest_first(map(to_run, rows))[:count], count)

        def validate(known: Fact[_RecentRuns]) -> Validity:
            return for_seconds(known.read_at, self._interval, now) if known.value.holds(count) else UNFIT

        fact = await self._newest.get("newest", fetch, validate)
        return fact.runs[:count]

    async def environment_runs(self, environment_id: int, count: int = PAGE_SIZE) -> RunListing:
        """The newest runs of an environment, by any job: whole pages of a hundred, as many as hold `count`."""
        now = self._clock_of_account()

        async def fetch() -> RunListing:
            query = {"environment_id": str(environment_id), "order_by": "-id"}
            pages = -(-count // PAGE_SIZE)
            rows, total = await self._api.list_first("v2", "/runs/", AdminRun, query, pages=pages)
            return RunListing(newest_first(map(to_run, rows)), complete=len(rows) >= total)

        def validate(fact: Fact[RunListing]) -> Validity:
            holds = fact.value.complete or len(fact.value.runs) >= count
            return for_seconds(fact.read_at, self._interval, now) if holds else UNFIT

        return await self._listings.get(environment_id, fetch, validate)

    async def matching_runs(self, query: RunQuery, count: int) -> RunListing:
        """At least the newest `count` runs that a query asks for: whole pages of a hundred."""
        now = self._clock_of_account()
        self._queries.put(query, None)

        async def fetch() -> RunListing:
            pages = -(-count // PAGE_SIZE)
            rows, total = await self._api.list_first("v2", "/runs/", AdminRun, query.parameters, pages=pages)
            return RunListing(newest_first(map(to_run, rows)), complete=len(rows) >= total)

        def validate(fact: Fact[RunListing]) -> Validity:
            holds = fact.value.complete or len(fact.value.runs) >= count
            return for_seconds(fact.read_at, self._interval, now) if holds else UNFIT

        return await self._matching.get(query, fetch, validate)

    async def ended_runs(self, environment_id: int) -> RunListing:
        """The hundred runs of an environment that ended last, by any job, the last first."""
        now = self._clock_of_account()

        async def fetch() -> RunListing:
            ended = {"environment_id": str(environment_id), "status__in": "[10,20,30]", "order_by": "-finished_at"}
            rows, total = await self._api.list_first("v2", "/runs/", AdminRun, ended, pages=1)
            return RunListing(tuple(map(to_run, rows)), complete=len(rows) >= total)

        return await self._ended.get(environment_id, fetch, lambda fact: for_seconds(fact.read_at, self._interval, now))

    async def run_counts(self, job_ids: Sequence[int]) -> dict[int, int | GatewayError]:
        """How many runs of each job the Admin API lists (it keeps 365 days)."""
        now = self._clock_of_account()

        async def fetch(missing: list[int]) -> Mapping[int, int | GatewayError]:
            counts = await asyncio.gather(*(self._count_runs(job_id) for job_id in missing))
            return dict(zip(missing, counts, strict=True))

        return await self._counts.get_many(
            job_ids, fetch, lambda _, fact: for_seconds(fact.read_at, self._interval, now)
        )

    def invalidate_run(self, environment_id: int, job_id: int, run_id: int) -> None:
        """The run, the lists it is in, and the jobs with their newest runs are read again when they are asked for."""
        for key in self._parts.touched_by(environment_id):
            self._jobs.invalidate(key)
        self._newest.invalidate("newest")
        for query, _ in self._queries.items():
            if query.environment_id in (None, environment_id) and query.job_id in (None, job_id):
                self._matching.invalidate(query)
        self._listings.invalidate(environment_id)
        self._ended.invalidate(environment_id)
        self._recent.invalidate(job_id)
        self._counts.invalidate(job_id)
        self._runs.invalidate(run_id)
        self._details.invalidate(run_id)

    async def _count_runs(self, job_id: int) -> int | GatewayError:
        query = {"job_definition_id": str(job_id)}
        try:
            _, total = await self._api.list_first("v2", "/runs/", AdminRun, query, pages=1, rows_wanted=1)
        except GatewayError as failure:
            return failure
        return total

    async def _read_name(self) -> str:
        account = await self._api.get("v2", "/", AdminAccount)
        return account.name or str(account.id)

    async def _read_topology(self) -> Topology:
        projects, environments = await asyncio.gather(
            self._api.list_all("v3", "/projects/", AdminProject),
            self._api.list_all("v3", "/environments/", AdminEnvironment),
        )
        return Topology(
            project_names={row.id: row.name for row in projects if row.state in (_ACTIVE, None)},
            environments=tuple(
                to_environment(row)
                for row in environments
                if row.state in (_ACTIVE, None) and row.type in ("deployment", None)
            ),
        )

    async def _read_jobs(self) -> Mapping[int, Job]:
        related = {"include_related": '["most_recent_run","most_recent_completed_run"]'}
        rows = await self._api.list_all("v2", "/jobs/", AdminJob, related)
        return {row.id: to_job(row) for row in rows if row.state in (_ACTIVE, None)}

    async def _read_runs(self, run_ids: Sequence[int]) -> dict[int, Run | GatewayError]:
        """Many runs by lists of ids; what a list that heeds the ids leaves out does not exist."""
        if len(run_ids) == 1:
            return {run_ids[0]: await self._read_run(run_ids[0])}
        starts = range(0, len(run_ids), PAGE_SIZE)
        chunks = [run_ids[start : start + PAGE_SIZE] for start in starts]
        found = await asyncio.gather(*(self._read_listed(chunk) for chunk in chunks))
        return {run_id: answer for part in found for run_id, answer in part.items()}

    async def _read_listed(self, run_ids: Sequence[int]) -> dict[int, Run | GatewayError]:
        listed = {run.id: run for run in await self._list_runs(run_ids)}
        if listed and listed.keys() <= set(run_ids):
            return {one: listed.get(one) or NotFound(f"dbt lists no run {one}.") for one in run_ids}
        # Nothing, or other runs than those: the list may not have heeded the ids, so each is asked alone.
        alone = await asyncio.gather(*(self._read_run(run_id) for run_id in run_ids))
        return dict(zip(run_ids, alone, strict=True))

    async def _read_details(self, run_id: int) -> RunDetails | GatewayError:
        query = {"include_related": '["trigger","run_steps"]'}
        try:
            return to_run_details(await self._api.get("v2", f"/runs/{run_id}/", AdminRun, query))
        except GatewayError as failure:
            return failure

    async def _list_runs(self, run_ids: Sequence[int]) -> list[Run]:
        query = {"pk__in": f"[{','.join(map(str, run_ids))}]"}
        try:
            rows, _ = await self._api.list_first("v2", "/runs/", AdminRun, query, pages=1)
        except UpstreamRejected:
            return []
        return [to_run(row) for row in rows]

    async def _read_run(self, run_id: int) -> Run | GatewayError:
        try:
            return to_run(await self._api.get("v2", f"/runs/{run_id}/", AdminRun))
        except GatewayError as failure:
            return failure

    async def _read_recent(self, job_ids: Sequence[int], count: int) -> dict[int, _RecentRuns | GatewayError]:
        found: dict[int, _RecentRuns | GatewayError] = {}
        if len(job_ids) > 1:
            found.update(await self._read_shared(job_ids, count))
        rest = [job_id for job_id in job_ids if job_id not in found]
        alone = await asyncio.gather(*(self._read_job(job_id, count) for job_id in rest))
        return {**found, **dict(zip(rest, alone, strict=True))}

    async def _read_shared(self, job_ids: Sequence[int], count: int) -> dict[int, _RecentRuns | GatewayError]:
        """The jobs whose newest runs are all among the newest runs of the account."""
        pages = min(_MOST_SHARED_PAGES, -(-len(job_ids) * count // PAGE_SIZE) + 1)
        try:
            query = {"order_by": "-id", **_WITH_TRIGGER}
            rows, total = await self._api.list_first("v2", "/runs/", AdminRun, query, pages=pages)
        except GatewayError as failure:
            return dict.fromkeys(job_ids, failure)
        by_job: dict[int, list[Run]] = {}
        for run in newest_first(map(to_run, rows)):
            self._runs.put(run.id, run)
            by_job.setdefault(run.job_id, []).append(run)
        read_all = len(rows) >= total
        if read_all:
            for job_id in job_ids:
                self._counts.put(job_id, len(by_job.get(job_id, ())))
        candidates = {job_id: tuple(by_job.get(job_id, ())[:count]) for job_id in job_ids}
        return {
            job_id: _RecentRuns(runs, count) for job_id, runs in candidates.items() if read_all or len(runs) == count
        }

    async def _read_job(self, job_id: int, count: int) -> _RecentRuns | GatewayError:
        query = {"job_definition_id": str(job_id), "order_by": "-id", **_WITH_TRIGGER}
        try:
            rows, total = await self._api.list_first(
                "v2", "/runs/", AdminRun, query, pages=-(-count // PAGE_SIZE), rows_wanted=count
            )
        except GatewayError as failure:
            return failure
        self._counts.put(job_id, total)
        return _RecentRuns(newest_first(map(to_run, rows))[:count], count)
