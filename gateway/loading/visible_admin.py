"""The account as far as a caller may see it: what is hidden from him is left out before anything is computed.

Everything that the gateway answers hangs on the environments, jobs and runs reported here, so hiding them hides all
that is theirs. Facts are shared by all callers; this stands between those facts and one caller's request.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from gateway.concurrency.gathering import gather
from gateway.errors import GatewayError, NotFound, UpstreamForbidden, UpstreamRejected, UpstreamUnavailable
from gateway.hierarchy.objects.job import Job, Run, RunDetails, newest_first
from gateway.hierarchy.objects.visibility import Visibility
from gateway.loading.batching import Batched
from gateway.services.admin.admin_facts import AdminFacts, RunListing, Topology
from gateway.services.bundle import Services
from gateway.services.environments.environment_service import EnvironmentHeader, EnvironmentService
from gateway.services.runs.run_query import RunQuery
from gateway.telemetry.usage import current_usage, uncounted

_LISTED = 100

RunsOrError = tuple[Run, ...] | GatewayError


def visible_services(services: Services, visibility: Visibility) -> Services:
    """The services for one request of a caller with this visibility."""
    if visibility.is_everything:
        return services
    return replace(services, admin=VisibleAdmin(services.admin, services.environments, visibility))


class VisibleAdmin:
    """AdminFacts of what a caller may see; to be made inside a running loop, one per request.

    Finding out what he may see looks at hidden things too, so that is left out of the counts and ages in his answer;
    and what happens in hidden environments has nothing read again for him.
    """

    def __init__(self, admin: AdminFacts, environments: EnvironmentService, visibility: Visibility) -> None:
        self._admin = admin
        self._environments = environments
        self._visibility = visibility
        self._topology: Batched[Literal["all"], Topology] = Batched(self._read_topology)
        self._jobs: Batched[Literal["all"], Mapping[int, Job]] = Batched(self._read_jobs)
        self._with_hidden_runs: set[int] = set()

    @property
    def account_id(self) -> int:
        return self._admin.account_id

    @property
    def inferred(self) -> bool:
        return self._admin.inferred

    def invalidate_run(self, environment_id: int, job_id: int, run_id: int) -> None:
        """Facts are shared by all callers: they are outdated for all of them."""
        self._admin.invalidate_run(environment_id, job_id, run_id)

    async def account_name(self) -> str | None:
        return await self._admin.account_name()

    async def topology(self) -> Topology:
        """The visible environments with their projects."""
        topology = await self._topology.load("all")
        usage = current_usage()
        usage.seen |= {environment.id for environment in topology.environments}
        usage.upstream_notes.update(topology.notes)
        return topology

    async def jobs(self, seen: frozenset[int] | None = None) -> Mapping[int, Job]:
        """The jobs that run in visible environments."""
        jobs = await self._jobs.load("all")
        return jobs if seen is None else {job_id: job for job_id, job in jobs.items() if job.environment_id in seen}

    def known_environments(self) -> frozenset[int]:
        """Those that a caller may see are known from `topology` alone."""
        return frozenset()

    async def runs(self, run_ids: Sequence[int]) -> Mapping[int, Run | GatewayError]:
        """Each run by its id; NotFound for one that does not exist, or not for the caller."""
        with uncounted() as apart:
            runs = await self._admin.runs(run_ids)
        seen = await self._seen()
        if any(isinstance(run, Run) and run.environment_id in seen for run in runs.values()):
            current_usage().take_ages(apart)
        return {
            run_id: answer
            if isinstance(answer, GatewayError) or answer.environment_id in seen
            else NotFound(f"dbt lists no run {run_id}.")
            for run_id, answer in runs.items()
        }

    async def run_details(self, run_ids: Sequence[int]) -> Mapping[int, RunDetails | GatewayError]:
        """Trigger and steps of each run, which must be a visible one."""
        return await self._admin.run_details(run_ids)

    async def recent_runs(self, job_ids: Sequence[int], count: int) -> Mapping[int, RunsOrError]:
        """The newest `count` runs of each visible job, newest first."""
        jobs = await self.jobs()
        asked = [job_id for job_id in job_ids if job_id in jobs]
        recent: dict[int, RunsOrError] = dict.fromkeys(job_ids, ())
        recent |= await self._listed_runs([jobs[job_id] for job_id in asked], count) if len(asked) > 1 else {}
        rest = [job_id for job_id in asked if not recent[job_id]]
        alone = await gather(self._runs_of_job(job_id, count) for job_id in rest)
        return recent | dict(zip(rest, alone, strict=True))

    async def newest_runs(self, count: int) -> tuple[Run, ...]:
        """The newest `count` runs of the visible environments, newest first."""
        if self.inferred:
            recent = await self.recent_runs(list(await self.jobs()), count)
            failed = next((answer for answer in recent.values() if isinstance(answer, GatewayError)), None)
            if failed is not None:
                raise failed
            listed = [run for runs in recent.values() if isinstance(runs, tuple) for run in runs]
        else:
            asked = (
                self._admin.environment_runs(environment_id, count) for environment_id in sorted(await self._seen())
            )
            listed = [run for listing in await gather(asked) for run in listing.runs[:count]]
        return newest_first(listed)[:count]

    async def matching_runs(self, query: RunQuery, count: int) -> RunListing:
        """The newest `count` runs of visible environments that a query asks for: one list for each of them, so that
        nothing hidden is counted."""
        if self.inferred:
            runs = await self.newest_runs(count)
            return RunListing(runs, complete=len(runs) < count)
        seen = await self._seen()
        asked = sorted(seen) if query.environment_id is None else sorted(seen & {query.environment_id})
        listings = await gather(
            self._admin.matching_runs(query._replace(environment_id=environment_id), count) for environment_id in asked
        )
        runs = newest_first(run for listing in listings for run in listing.runs)
        return RunListing(runs, complete=all(listing.complete for listing in listings))

    async def environment_runs(self, environment_id: int, count: int = _LISTED) -> RunListing:
        """The newest `count` runs of a visible environment."""
        if environment_id not in await self._seen():
            return RunListing((), complete=True)
        return await self._admin.environment_runs(environment_id, count)

    async def ended_runs(self, environment_id: int) -> RunListing:
        """The runs of a visible environment that ended last."""
        if environment_id not in await self._seen():
            return RunListing((), complete=True)
        return await self._admin.ended_runs(environment_id)

    async def run_counts(self, job_ids: Sequence[int]) -> Mapping[int, int | GatewayError | None]:
        """How many runs of each job there are; None for a job that ran where the caller may not look."""
        known = [job_id for job_id in job_ids if job_id not in self._with_hidden_runs]
        counts = await self._admin.run_counts(known) if known else {}
        return dict.fromkeys(job_ids) | dict(counts)

    async def _seen(self) -> frozenset[int]:
        return frozenset(environment.id for environment in (await self.topology()).environments)

    async def _listed_runs(self, jobs: Sequence[Job], count: int) -> dict[int, RunsOrError]:
        """The runs of jobs that share an environment, as far as the environment's newest runs have them."""
        by_environment: dict[int, list[Job]] = {}
        for job in jobs:
            by_environment.setdefault(job.environment_id, []).append(job)
        shared = {environment_id: of_it for environment_id, of_it in by_environment.items() if len(of_it) > 1}
        listings = await gather(self._listing(environment_id) for environment_id in shared)
        runs_of_jobs: dict[int, RunsOrError] = {}
        for of_it, listing in zip(shared.values(), listings, strict=True):
            for job in of_it:
                runs = tuple(run for run in listing.runs if run.job_id == job.id)[:count]
                if len(runs) == count:
                    runs_of_jobs[job.id] = runs
        return runs_of_jobs

    async def _listing(self, environment_id: int) -> RunListing:
        try:
            return await self._admin.environment_runs(environment_id)
        except GatewayError:
            # Each job is asked alone then, and says itself what is wrong.
            return RunListing((), complete=False)

    async def _runs_of_job(self, job_id: int, count: int) -> RunsOrError:
        runs = (await self._admin.recent_runs([job_id], count))[job_id]
        if isinstance(runs, GatewayError):
            return runs
        seen = await self._seen()
        visible = tuple(run for run in runs if run.environment_id in seen)
        if len(visible) < len(runs):
            self._with_hidden_runs.add(job_id)
        return visible

    async def _read_topology(self, keys: list[Literal["all"]]) -> Mapping[Literal["all"], Topology | GatewayError]:
        with uncounted():
            topology = await self._admin.topology()
            seen = await self._visible_environments(topology)
        return dict.fromkeys(keys, _reduced(topology, seen))

    async def _read_jobs(self, keys: list[Literal["all"]]) -> Mapping[Literal["all"], Mapping[int, Job] | GatewayError]:
        seen = await self._seen()
        with uncounted():
            jobs = await self._admin.jobs(seen)
        visible = {
            job_id: _without_hidden_runs(job, seen) for job_id, job in jobs.items() if job.environment_id in seen
        }
        return dict.fromkeys(keys, visible)

    async def _visible_environments(self, topology: Topology) -> frozenset[int]:
        admitted = [environment for environment in topology.environments if self._visibility.admits(environment.id)]
        projects = self._visibility.projects
        if projects is None:
            return frozenset(environment.id for environment in admitted)
        headers = await self._environments.names([environment.id for environment in admitted])
        names = {
            environment.id: _name(headers[environment.id], topology.project_names.get(environment.dbt_cloud_project_id))
            for environment in admitted
        }
        seen = frozenset(
            environment_id for environment_id, name in names.items() if self._visibility.shows(name, environment_id)
        )
        if any(map(_may_pass, headers.values())):
            _ensure_nothing_is_missed(projects, {names[environment_id] for environment_id in seen})
        return seen


def _name(header: EnvironmentHeader | GatewayError, display: str | None) -> str:
    """What a project is called; by the name it has in dbt Cloud where its environment does not say."""
    name = header.dbt_project_name if isinstance(header, EnvironmentHeader) else None
    return name or display or ""


def _may_pass(header: EnvironmentHeader | GatewayError) -> bool:
    """Whether a header cannot be read now, but perhaps later: what dbt refused, it will go on refusing."""
    return isinstance(header, GatewayError) and not isinstance(header, UpstreamForbidden | UpstreamRejected)


def _ensure_nothing_is_missed(project_names: frozenset[str], visible_names: set[str]) -> None:
    """While environments cannot be asked their names, a project that is not found may be one of them."""
    if not {name.split("@")[0] for name in project_names} <= visible_names:
        raise UpstreamUnavailable("dbt does not report what all projects are called just now. Try again in a moment.")


def _reduced(topology: Topology, seen: frozenset[int]) -> Topology:
    environments = tuple(environment for environment in topology.environments if environment.id in seen)
    numbers = {environment.dbt_cloud_project_id for environment in environments}
    return Topology(
        project_names={number: name for number, name in topology.project_names.items() if number in numbers},
        environments=environments,
        reasons={
            environment_id: reason for environment_id, reason in topology.reasons.items() if environment_id in seen
        },
        # What is said of the account, or of environments that are hidden in part, is not for this caller.
        notes=tuple(note for note in topology.notes if note.environment_ids and seen.issuperset(note.environment_ids)),
    )


def _without_hidden_runs(job: Job, seen: frozenset[int]) -> Job:
    """The job; one that was moved from a hidden environment has left runs there."""
    hidden = {
        name: None
        for name, run in (("last_run", job.last_run), ("last_finished_run", job.last_finished_run))
        if run is not None and run.environment_id not in seen
    }
    return replace(job, **hidden) if hidden else job  # type: ignore[arg-type]  # both may be None
