"""AdminService: what only dbt's Admin API knows: projects, environments, jobs and runs of the account."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from gateway.caching.codec import Codec
from gateway.caching.facts import FactsCache, Kind
from gateway.caching.generations import ACCOUNT
from gateway.caching.memory import Fact
from gateway.caching.tiers import Tiers
from gateway.caching.validity import FINAL, UNFIT, Validity, for_seconds
from gateway.concurrency.bounded_map import BoundedMap
from gateway.errors import GatewayError
from gateway.hierarchy.objects.job import Job, Run, RunDetails
from gateway.services.admin.admin_api import PAGE_SIZE
from gateway.services.admin.admin_facts import RunListing, Topology
from gateway.services.admin.configured import ConfiguredProject
from gateway.services.admin.deployments import choose_deployments, undecided
from gateway.services.admin.environment_list import EnvironmentList
from gateway.services.admin.list_reading import notes_of_list
from gateway.services.admin.listed_facts import (
    JOB_BYTES,
    RUN_BYTES,
    Jobs,
    RecentRuns,
    RunCount,
    weigh_details,
    weigh_recent,
    weigh_topology,
)
from gateway.services.admin.run_lists import RunLists
from gateway.services.admin.visible_parts import VisibleParts
from gateway.services.rows.admin_types import AdminAccount, AdminJob, AdminProject
from gateway.services.rows.mapping import to_environment, to_job
from gateway.services.runs.run_query import RunQuery
from gateway.telemetry.usage import current_usage

_ACTIVE = 1

# Lists of runs that are known at once.
_MOST_QUERIES = 1_000

# Pages of the account's newest runs that are tried before jobs are asked one by one.
_MOST_SHARED_PAGES = 10


# A run's trigger shows which commands it ran in the place of its job's.
_WITH_TRIGGER = {"include_related": '["trigger"]'}


class AdminService:
    """Caches lists for `topology_seconds`, the newest runs of a job for `interval`, and finished runs for good."""

    def __init__(
        self,
        lists: RunLists,
        topology_seconds: float,
        interval: float,
        tiers: Tiers,
        configured: Sequence[ConfiguredProject] = (),
    ) -> None:
        self._api = lists.api
        self._lists = lists
        self._configured = tuple(configured)
        self._environment_list = EnvironmentList(lists.api)
        self._topology_seconds = topology_seconds
        self._interval = interval
        self._clock = tiers.clock
        self._topology: FactsCache[str, Topology] = FactsCache(
            tiers, Kind("topology", weigh_topology, codec=Codec(Topology))
        )
        self._jobs: FactsCache[str, Jobs] = FactsCache(
            tiers, Kind("job list", lambda known: 1_000 + JOB_BYTES * len(known.jobs), codec=Codec(Jobs))
        )
        self._parts = VisibleParts("jobs")
        self._names: FactsCache[str, str] = FactsCache(tiers, Kind("account", codec=Codec(str)))
        self._recent: FactsCache[int, RecentRuns] = FactsCache(
            tiers, Kind("recent", weigh_recent, codec=Codec(RecentRuns))
        )
        self._newest: FactsCache[str, RecentRuns] = FactsCache(
            tiers, Kind("newest", weigh_recent, codec=Codec(RecentRuns))
        )
        self._listings: FactsCache[int, RunListing] = FactsCache(tiers, _kind_of_listing("listing"))
        self._matching: FactsCache[RunQuery, RunListing] = FactsCache(tiers, _kind_of_listing("matching"))
        self._queries: BoundedMap[RunQuery, None] = BoundedMap(_MOST_QUERIES)
        self._ended: FactsCache[int, RunListing] = FactsCache(tiers, _kind_of_listing("ended"))
        self._counts: FactsCache[int, RunCount] = FactsCache(tiers, Kind("run count", codec=Codec(RunCount)))
        self._details: FactsCache[int, RunDetails] = FactsCache(
            tiers, Kind("details", weigh_details, codec=Codec(RunDetails))
        )
        self._runs: FactsCache[int, Run] = FactsCache(
            tiers,
            Kind("run", lambda _: 200 + RUN_BYTES, codec=Codec(Run), is_final=lambda run: run.status.is_final),
        )

    inferred = False

    @property
    def account_id(self) -> int:
        return self._api.account_id

    def _clock_of_account(self) -> float:
        """The time now; what is asked counts among the account's facts in the answer."""
        current_usage().environments.add(ACCOUNT)
        return self._clock()

    def _clock_of_runs(self) -> float:
        """The same for lists of runs."""
        current_usage().history_sources.update(self._lists.source)
        return self._clock_of_account()

    async def account_name(self) -> str:
        """The account's display name."""
        now = self._clock_of_account()
        return await self._names.get(
            "name", self._read_name, lambda fact: for_seconds(fact.read_at, self._topology_seconds, now)
        )

    async def topology(self) -> Topology:
        """Active projects and deployment environments; two lists read side by side."""
        now = self._clock_of_account()
        topology = await self._topology.get(
            "topology", self._read_topology, lambda fact: for_seconds(fact.read_at, self._topology_seconds, now)
        )
        current_usage().upstream_notes.update(topology.notes)
        return topology

    async def jobs(self, seen: frozenset[int] | None = None) -> Mapping[int, Job]:
        """Active jobs, each with its newest run and its newest finished one (see AdminFacts)."""
        now = self._clock_of_account()

        async def read() -> Jobs:
            known = await self._read_jobs()
            if seen is None:
                return known
            return Jobs({job_id: job for job_id, job in known.jobs.items() if job.environment_id in seen}, known.notes)

        known = await self._jobs.get(
            self._parts.key(seen), read, lambda fact: for_seconds(fact.read_at, self._topology_seconds, now)
        )
        current_usage().upstream_notes.update(known.notes)
        return known.jobs

    def known_environments(self) -> frozenset[int]:
        """The environments that the last topology listed; none before there was one."""
        fact = self._topology.peek("topology")
        return frozenset(environment.id for environment in fact.value.environments) if fact else frozenset()

    async def runs(self, run_ids: Sequence[int]) -> dict[int, Run | GatewayError]:
        """Each run by its id; NotFound when the account has no such run."""
        now = self._clock_of_runs()

        def validate(_: int, fact: Fact[Run]) -> Validity:
            return FINAL if fact.value.status.is_final else for_seconds(fact.read_at, self._interval, now)

        return await self._runs.get_many(run_ids, self._lists.runs, validate)

    async def run_details(self, run_ids: Sequence[int]) -> dict[int, RunDetails | GatewayError]:
        """Trigger and steps of each run."""
        now = self._clock_of_account()
        return await self._details.get_many(
            run_ids, self._lists.details, lambda _, fact: for_seconds(fact.read_at, self._interval, now)
        )

    async def recent_runs(self, job_ids: Sequence[int], count: int) -> dict[int, tuple[Run, ...] | GatewayError]:
        """The newest `count` runs of each job, newest first, whatever their status.

        Several jobs are answered from the account's newest runs as far as those reach; the rest are asked one by one.
        """
        now = self._clock_of_runs()

        async def fetch(missing: list[int]) -> Mapping[int, RecentRuns | GatewayError]:
            reading = await self._lists.recent(missing, count)
            for run in reading.passed:
                self._runs.put(run.id, run)
            for job_id, total in reading.totals.items():
                self._counts.put(job_id, RunCount(total))
            return reading.by_job

        def validate(_: int, fact: Fact[RecentRuns]) -> Validity:
            return for_seconds(fact.read_at, self._interval, now) if fact.value.holds(count) else UNFIT

        facts = await self._recent.get_many(job_ids, fetch, validate)
        for fact in facts.values():
            if isinstance(fact, RecentRuns):
                current_usage().upstream_notes.update(fact.notes)
        return {job_id: fact.runs[:count] if isinstance(fact, RecentRuns) else fact for job_id, fact in facts.items()}

    async def newest_runs(self, count: int) -> tuple[Run, ...]:
        """The newest `count` runs of the account, newest first, by any job and whatever their status."""
        now = self._clock_of_runs()

        async def fetch() -> RecentRuns:
            return await self._lists.newest(count)

        def validate(known: Fact[RecentRuns]) -> Validity:
            return for_seconds(known.read_at, self._interval, now) if known.value.holds(count) else UNFIT

        fact = await self._newest.get("newest", fetch, validate)
        current_usage().upstream_notes.update(fact.notes)
        return fact.runs[:count]

    async def environment_runs(self, environment_id: int, count: int = PAGE_SIZE) -> RunListing:
        """The newest runs of an environment, by any job: whole pages of a hundred, as many as hold `count`."""
        now = self._clock_of_runs()

        async def fetch() -> RunListing:
            return await self._lists.listing(RunQuery(environment_id), count)

        def validate(fact: Fact[RunListing]) -> Validity:
            holds = fact.value.complete or len(fact.value.runs) >= count
            return for_seconds(fact.read_at, self._interval, now) if holds else UNFIT

        return _noted(await self._listings.get(environment_id, fetch, validate))

    async def matching_runs(self, query: RunQuery, count: int) -> RunListing:
        """At least the newest `count` runs that a query asks for: whole pages of a hundred."""
        now = self._clock_of_runs()
        self._queries.put(query, None)

        async def fetch() -> RunListing:
            return await self._lists.listing(query, count)

        def validate(fact: Fact[RunListing]) -> Validity:
            holds = fact.value.complete or len(fact.value.runs) >= count
            return for_seconds(fact.read_at, self._interval, now) if holds else UNFIT

        return _noted(await self._matching.get(query, fetch, validate))

    async def ended_runs(self, environment_id: int) -> RunListing:
        """The hundred runs of an environment that ended last, by any job, the last first."""
        now = self._clock_of_account()

        async def fetch() -> RunListing:
            return await self._lists.ended(environment_id)

        return _noted(
            await self._ended.get(environment_id, fetch, lambda fact: for_seconds(fact.read_at, self._interval, now))
        )

    async def run_counts(self, job_ids: Sequence[int]) -> dict[int, int | GatewayError | None]:
        """How many runs of each job the Admin API lists (it keeps 365 days); None where it does not say."""
        now = self._clock_of_runs()

        facts = await self._counts.get_many(
            job_ids, self._lists.counts, lambda _, fact: for_seconds(fact.read_at, self._interval, now)
        )
        return {job_id: fact.runs if isinstance(fact, RunCount) else fact for job_id, fact in facts.items()}

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

    async def _read_name(self) -> str:
        account = await self._api.get("v2", "/", AdminAccount)
        return account.name or str(account.id)

    async def _read_topology(self) -> Topology:
        projects, environments = await asyncio.gather(
            self._api.list_all("v3", "/projects/", AdminProject), self._environment_list.read()
        )
        names = {row.id: row.name for row in projects.rows.values() if row.state in (_ACTIVE, None)}
        listed = [
            to_environment(row)
            for row in environments.rows.values()
            if row.state in (_ACTIVE, None) and row.type in ("deployment", None)
        ]
        jobs = await self._deploying_jobs() if undecided(listed, self._configured) else {}
        chosen = choose_deployments(names, listed, self._configured, jobs)
        notes = (*chosen.notes, *notes_of_list("projects", projects), *notes_of_list("environments", environments))
        return Topology(names, chosen.environments, chosen.reasons, notes)

    async def _deploying_jobs(self) -> Mapping[int, Job]:
        """The jobs, to know what is deployed to; none where they cannot be read."""
        try:
            return await self.jobs()
        except GatewayError:
            return {}

    async def _read_jobs(self) -> Jobs:
        related = {"include_related": '["most_recent_run","most_recent_completed_run"]'}
        listed = await self._api.list_all("v2", "/jobs/", AdminJob, related)
        jobs = {job_id: to_job(row) for job_id, row in listed.rows.items() if row.state in (_ACTIVE, None)}
        return Jobs(jobs, notes_of_list("jobs", listed))


def _kind_of_listing(name: str) -> Kind[Any, RunListing]:
    return Kind(name, lambda listing: 300 + RUN_BYTES * len(listing.runs), codec=Codec(RunListing))


def _noted(listing: RunListing) -> RunListing:
    current_usage().upstream_notes.update(listing.notes)
    return listing
