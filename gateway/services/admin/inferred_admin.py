"""InferredAdmin: jobs and runs without the Admin API, from the traces they leave in Discovery.

Projects and environments are those of the configuration. A job exists when it attempted or built some model last, or
stands in the last twenty runs of one of up to a hundred models of its environment; it has no name. Its runs are those
in the histories of the models that bear its trace. A run began with the first of its invocations that ran a model and
ended with the last; it failed when a model failed in it, and otherwise counts as a success: a cancelled run cannot be
reported, nor what a run did beside building models. A job that ran in several environments stands in that of its newest
run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from gateway.caching.codec import Codec
from gateway.caching.facts import FactsCache, Kind
from gateway.caching.generations import ACCOUNT
from gateway.caching.tiers import Tiers
from gateway.caching.validity import for_seconds
from gateway.errors import GatewayError, NotFound
from gateway.hierarchy.objects.job import Job, Run, RunDetails, newest_first
from gateway.hierarchy.objects.model import ModelRun
from gateway.hierarchy.vocabulary.status import RunStatus
from gateway.services.admin.admin_facts import RunListing, Topology
from gateway.services.admin.configured import ConfiguredProject
from gateway.services.admin.job_traces import JobTrace, LastJobs, read_last_jobs, traces_of
from gateway.services.admin.visible_parts import VisibleParts
from gateway.services.discovery.base_query import BaseQuery
from gateway.services.environments.environment_service import EnvironmentService
from gateway.services.environments.revisioned import Revisioned
from gateway.services.models.model_service import ModelService
from gateway.services.runs.job_service import JobService
from gateway.services.runs.model_histories import HistoryKey
from gateway.services.runs.run_history import RunModels
from gateway.services.runs.run_query import RunQuery
from gateway.services.runs.run_rows import RunKey
from gateway.telemetry.usage import current_usage

# A few models show a job's runs: each of its runs touches at least one of them, other jobs crowd them seldom.
_WITNESSES = 5

# Other jobs' runs stand between a job's own in a history, so more is read than is wanted.
_CROWDING = 4
_LONGEST_HISTORY = 100

_TRACED_RUNS = 20


class InferredAdmin:
    """AdminFacts from Discovery and the configured projects. Caches the list of jobs for `topology_seconds`."""

    inferred = True

    def __init__(
        self,
        account_id: int,
        projects: Callable[[], Sequence[ConfiguredProject]],
        discovery: Discovery,
        topology_seconds: float,
        tiers: Tiers,
    ) -> None:
        self.account_id = account_id
        self._projects = projects
        self._discovery = discovery
        self._topology_seconds = topology_seconds
        self._clock = tiers.clock
        self._parts = VisibleParts("jobs")
        self._jobs: FactsCache[str, Mapping[int, Job]] = FactsCache(
            tiers, Kind("inferred jobs", lambda jobs: 1_000 + 2_000 * len(jobs), codec=Codec(dict[int, Job]))
        )

    async def account_name(self) -> str | None:
        """Unknown."""
        return None

    async def topology(self) -> Topology:
        """The configured projects with their environments."""
        return Topology(
            project_names={project.number: project.name for project in self._projects()},
            environments=tuple(environment for project in self._projects() for environment in project.environments),
        )

    async def jobs(self, seen: frozenset[int] | None = None) -> Mapping[int, Job]:
        """The jobs whose traces the models of the configured environments bear (see AdminFacts)."""
        known = self.known_environments()
        looked_at = known if seen is None else known & seen
        now = self._clock()
        usage = current_usage()
        usage.environments.add(ACCOUNT)
        usage.environments.update(looked_at)

        async def read() -> Mapping[int, Job]:
            return {job.id: job for job in await self._discovery.jobs(sorted(looked_at))}

        return await self._jobs.get(
            self._parts.key(seen), read, lambda fact: for_seconds(fact.read_at, self._topology_seconds, now)
        )

    def known_environments(self) -> frozenset[int]:
        """The configured ones."""
        return frozenset(environment.id for project in self._projects() for environment in project.environments)

    async def runs(self, run_ids: Sequence[int]) -> Mapping[int, Run | GatewayError]:
        """Each run by its id, tried with every job; NotFound when no job had it or it has no metadata."""
        jobs = (await self.jobs()).values()
        runs_by_id = {run.id: run for run in await self._discovery.read_runs(jobs, {job.id: run_ids for job in jobs})}
        return {
            run_id: runs_by_id.get(run_id) or NotFound(f"dbt has no metadata of a run {run_id}.") for run_id in run_ids
        }

    async def run_details(self, run_ids: Sequence[int]) -> Mapping[int, RunDetails | GatewayError]:
        """Unknown."""
        return dict.fromkeys(run_ids, RunDetails(None, ()))

    async def recent_runs(self, job_ids: Sequence[int], count: int) -> Mapping[int, tuple[Run, ...] | GatewayError]:
        """The newest runs of each job that touched a model."""
        jobs = await self.jobs()
        known_jobs = [jobs[job_id] for job_id in job_ids if job_id in jobs]
        return await self._discovery.recent_runs(known_jobs, self._environments_beside(known_jobs), count)

    def _environments_beside(self, jobs: Sequence[Job]) -> list[int]:
        """All environments of the projects of these jobs: a job runs in any of them."""
        own = {job.environment_id for job in jobs}
        by_project = [{environment.id for environment in project.environments} for project in self._projects()]
        return sorted(
            {environment_id for environments in by_project if environments & own for environment_id in environments}
        )

    async def newest_runs(self, count: int) -> tuple[Run, ...]:
        """The newest runs of all jobs that touched a model."""
        recent = await self.recent_runs(list(await self.jobs()), count)
        for runs in recent.values():
            if isinstance(runs, GatewayError):
                raise runs
        everything = [run for runs in recent.values() if isinstance(runs, tuple) for run in runs]
        return newest_first(everything)[:count]

    async def matching_runs(self, query: RunQuery, count: int) -> RunListing:
        """The newest runs of all jobs: there is no other source to filter."""
        runs = await self.newest_runs(count)
        return RunListing(runs, complete=len(runs) < count)

    async def environment_runs(self, environment_id: int, count: int = 100) -> RunListing:
        """Unknown."""
        return RunListing((), complete=False)

    async def ended_runs(self, environment_id: int) -> RunListing:
        """Unknown."""
        return RunListing((), complete=False)

    async def run_counts(self, job_ids: Sequence[int]) -> Mapping[int, int | GatewayError | None]:
        """Unknown."""
        return dict.fromkeys(job_ids)

    def invalidate_run(self, environment_id: int, job_id: int, run_id: int) -> None:
        """The jobs with their newest runs are read again when they are asked for."""
        for key in self._parts.touched_by(environment_id):
            self._jobs.invalidate(key)


class Discovery:
    """What Discovery can report about jobs and runs."""

    def __init__(
        self, query: BaseQuery, environments: EnvironmentService, models: ModelService, jobs: JobService, tiers: Tiers
    ) -> None:
        self.tiers = tiers
        self._models = models
        self._jobs = jobs

        async def read(environment_ids: list[int]) -> Mapping[int, LastJobs | GatewayError]:
            return await read_last_jobs(query, environment_ids)

        self._last_jobs = Revisioned(
            environments,
            read,
            tiers,
            Kind("last jobs", lambda last: 200 + 300 * len(last.by_model), codec=Codec(LastJobs)),
        )

    async def jobs(self, environment_ids: Sequence[int]) -> list[Job]:
        """The jobs that environments bear traces of, each with its newest run. Unreadable environments bear none."""
        traces = await self._known_traces(environment_ids)
        runs = await self._recent(traces, 1)
        by_job = {trace.job_id: trace for trace in traces}
        return [_job(trace, runs[job_id]) for job_id, trace in by_job.items()]

    async def recent_runs(
        self, jobs: Sequence[Job], environment_ids: Sequence[int], count: int
    ) -> dict[int, tuple[Run, ...] | GatewayError]:
        """The newest runs of each job, newest first, in whichever of `environment_ids` they ran."""
        asked_ids = {job.id for job in jobs}
        traces = await self._known_traces(environment_ids)
        runs = await self._recent([trace for trace in traces if trace.job_id in asked_ids], count)
        return {job.id: runs.get(job.id, ()) for job in jobs}

    async def read_runs(self, jobs: Iterable[Job], run_ids: Mapping[int, Sequence[int]]) -> list[Run]:
        """Those runs of these jobs that Discovery has metadata of."""
        keys = [RunKey(job.id, run_id) for job in jobs for run_id in run_ids[job.id]]
        models_of_runs = await self._jobs.run_models(keys, frozenset(keys))
        runs = [_run(key, models) for key, models in models_of_runs.items() if isinstance(models, RunModels)]
        return [run for run in runs if run is not None]

    async def _known_traces(self, environment_ids: Sequence[int]) -> list[JobTrace]:
        last_jobs = await self._last_jobs.get(environment_ids)
        known = {environment_id: last for environment_id, last in last_jobs.items() if isinstance(last, LastJobs)}
        samples = {
            environment_id: [HistoryKey(environment_id, unique_id) for unique_id in last.sample]
            for environment_id, last in known.items()
        }
        histories = await self._models.histories([key for keys in samples.values() for key in keys], _TRACED_RUNS)
        traces: list[JobTrace] = []
        for environment_id, last in known.items():
            answers = [histories[key] for key in samples[environment_id]]
            traces += traces_of(environment_id, last, [runs for runs in answers if isinstance(runs, tuple)])
        return traces

    async def _recent(self, traces: Sequence[JobTrace], count: int) -> dict[int, tuple[Run, ...] | GatewayError]:
        witnesses: dict[int, list[HistoryKey]] = {}
        for trace in traces:
            witnesses.setdefault(trace.job_id, []).extend(_witnesses(trace))
        keys = list({key for some in witnesses.values() for key in some})
        histories = await self._models.histories(keys, min(_LONGEST_HISTORY, max(_TRACED_RUNS, count * _CROWDING)))
        runs_of_jobs: dict[int, tuple[Run, ...] | GatewayError] = {}
        run_keys: list[RunKey] = []
        for job_id, some in witnesses.items():
            answers = [histories[key] for key in some]
            failure = next((answer for answer in answers if isinstance(answer, GatewayError)), None)
            if failure is not None:
                runs_of_jobs[job_id] = failure
                continue
            rows = [run for answer in answers if isinstance(answer, tuple) for run in answer if run.job_id == job_id]
            run_keys += [RunKey(job_id, run_id) for run_id in _newest_ids(rows, count)]
        return {**runs_of_jobs, **await self._read(run_keys, witnesses.keys() - runs_of_jobs.keys())}

    async def _read(self, keys: Sequence[RunKey], job_ids: set[int]) -> dict[int, tuple[Run, ...] | GatewayError]:
        answers = await self._jobs.run_models(keys, frozenset(keys)) if keys else {}
        runs_of_jobs: dict[int, tuple[Run, ...] | GatewayError] = {}
        for job_id in job_ids:
            of_job = {key: answer for key, answer in answers.items() if key.job_id == job_id}
            failure = next((answer for answer in of_job.values() if isinstance(answer, GatewayError)), None)
            runs = [_run(key, models) for key, models in of_job.items() if isinstance(models, RunModels)]
            runs_of_jobs[job_id] = failure or newest_first(run for run in runs if run is not None)
        return runs_of_jobs


def _newest_ids(runs: Iterable[ModelRun], count: int) -> list[int]:
    """The ids of the newest `count` runs among those that models took part in: by when their last invocation ended."""
    newest: dict[int, tuple[float, int]] = {}
    for run in runs:
        newest[run.run_id] = max(run.recency, newest.get(run.run_id, run.recency))
    return sorted(newest, key=newest.__getitem__, reverse=True)[:count]


def _witnesses(trace: JobTrace) -> list[HistoryKey]:
    return [HistoryKey(trace.environment_id, unique_id) for unique_id in trace.unique_ids[:_WITNESSES]]


def _job(trace: JobTrace, runs: tuple[Run, ...] | GatewayError) -> Job:
    newest = runs[0] if isinstance(runs, tuple) and runs else None
    return Job(
        id=trace.job_id,
        name=None,
        description=None,
        environment_id=newest.environment_id if newest else trace.environment_id,
        kind=None,
        schedule=None,
        steps=(),
        last_run=newest,
        last_finished_run=newest,
        inferred=True,
    )


def _run(key: RunKey, run_models: RunModels[ModelRun]) -> Run | None:
    """A run as its models report it, from its first command that ran one to its last; None without any."""
    if not run_models.models:
        return None
    failed = any(model.status is RunStatus.FAILURE for model in run_models.models)
    return Run(
        id=key.run_id,
        job_id=key.job_id,
        environment_id=run_models.models[0].environment_id,
        status=RunStatus.FAILURE if failed else RunStatus.SUCCESS,
        status_text="inferred",
        queued_at=None,
        start_time=run_models.commands.start,
        end_time=run_models.commands.end,
        error=None,
        git_sha=None,
        git_branch=None,
        dbt_version=None,
        url=None,
        inferred=True,
    )
