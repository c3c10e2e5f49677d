"""What one request may load, each kind in batches. Everything here is per request and holds no state beyond it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Coroutine, Hashable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any, Literal, TypeVar

from gateway.concurrency.gathering import gather, gather_pair
from gateway.errors import GatewayError, UpstreamRejected
from gateway.hierarchy.filters.model_filters import ModelFilter
from gateway.hierarchy.history.counted_runs import CommandFacts, Commands, HistoryScope
from gateway.hierarchy.history.mean_runtimes import MeanRuntimes
from gateway.hierarchy.ids.model_ids import names_meant
from gateway.hierarchy.ids.project_ids import IdScope
from gateway.hierarchy.lists.model_index import EnvironmentModels
from gateway.hierarchy.measures.basis import FactSource, only_source
from gateway.hierarchy.objects.job import Job, Run, RunDetails, newest_first
from gateway.hierarchy.objects.model import Model, ModelDetails, ModelRun
from gateway.hierarchy.objects.project import Project
from gateway.hierarchy.objects.visibility import EVERYTHING, Visibility
from gateway.hierarchy.resources.lineage import Lineage
from gateway.loading.batching import Batched, Departures
from gateway.loading.built_models import Built, built_models
from gateway.loading.cut_histories import note_cut_histories
from gateway.loading.histories import Histories, HistoryRequest, read_histories
from gateway.loading.model_lists import ModelListLoader
from gateway.loading.model_reading import ModelReading, ModelsRequest, RankedModels
from gateway.loading.project_map import ProjectMap, environments_of, map_projects, note_unread
from gateway.loading.projection import Projection
from gateway.loading.resource_loaders import ResourceLoaders
from gateway.loading.run_results import RunResultLoaders
from gateway.loading.visible_admin import visible_services
from gateway.services.admin.admin_facts import RunListing, Topology
from gateway.services.bundle import Services
from gateway.services.discovery.history_limit import POSSIBLE
from gateway.services.models.pushdown import fields_looked_at, push_down
from gateway.services.resources.group_service import Owners
from gateway.services.resources.source_service import Sources
from gateway.services.runs.invocation_arguments import Witness
from gateway.services.runs.model_histories import HistoryKey
from gateway.services.runs.run_history import CommandKey, RunModels
from gateway.services.runs.run_query import RunQuery
from gateway.services.runs.run_rows import RunKey

T = TypeVar("T")

_NOTHING_MORE = Projection()
# To find the names closest to an unknown id takes some hundredths of a second among thousands.
_MOST_SUGGESTIONS = 5


class Loaders:
    """The loads of one request, as far as its projection goes and its caller may see."""

    def __init__(
        self,
        services: Services,
        projection: Projection = _NOTHING_MORE,
        visibility: Visibility = EVERYTHING,
        ids: IdScope = IdScope.ACCOUNT,
    ) -> None:
        self._services = visible_services(services, visibility)
        self._projection = projection
        self._visibility = visibility
        self._ids = ids
        self._reading = ModelReading(self._services.models, projection.optional_fields)
        self._suggestions = 0
        self.departures = Departures()

    # Most requests use few of the loaders there are.
    @cached_property
    def _projects(self) -> Batched[Literal["all"], ProjectMap]:
        return Batched(self._load_projects, self.departures)

    @cached_property
    def _jobs(self) -> Batched[Literal["all"], Mapping[int, Job]]:
        return Batched(self._load_jobs, self.departures)

    @cached_property
    def _models(self) -> Batched[ModelsRequest, EnvironmentModels]:
        return Batched(self._reading.models, self.departures)

    @cached_property
    def _runtimes(self) -> Batched[Project, RankedModels]:
        return Batched(self._reading.runtimes)

    @cached_property
    def model_lists(self) -> ModelListLoader:
        """Models as lists order and filter them."""
        return ModelListLoader(self._services, self.departures)

    @cached_property
    def _model_counts(self) -> Batched[Project, int]:
        return Batched(self._load_model_counts, self.departures)

    @cached_property
    def _histories(self) -> Batched[HistoryRequest, Histories]:
        return Batched(self._load_histories, self.departures, remember=False)

    @cached_property
    def _details(self) -> Batched[HistoryKey, ModelDetails]:
        return Batched(self._load_details, self.departures, cached=False)

    @cached_property
    def _lineages(self) -> Batched[int, Lineage]:
        return Batched(self._services.lineage.lineages, self.departures)

    @cached_property
    def _sources(self) -> Batched[int, Sources]:
        return Batched(self._services.sources.sources, self.departures)

    @cached_property
    def _owners(self) -> Batched[int, Owners]:
        return Batched(self._services.groups.owners, self.departures)

    @cached_property
    def _runs(self) -> Batched[int, Run]:
        return Batched(self._services.admin.runs, self.departures)

    @cached_property
    def _run_details(self) -> Batched[int, RunDetails]:
        return Batched(self._services.admin.run_details, self.departures)

    @cached_property
    def _recent_runs(self) -> Batched[tuple[int, int], tuple[Run, ...]]:
        return Batched(self._load_recent_runs, self.departures)

    @cached_property
    def _run_counts(self) -> Batched[int, int | None]:
        return Batched(self._services.admin.run_counts, self.departures)

    @cached_property
    def _run_models(self) -> Batched[Run, RunModels[ModelRun]]:
        return Batched(self._load_run_models, self.departures)

    @cached_property
    def results(self) -> RunResultLoaders:
        """What nodes of every type did in runs."""
        return RunResultLoaders(self._services, self._run_models, self.departures)

    @cached_property
    def resources(self) -> ResourceLoaders:
        """What projects define beside models."""
        return ResourceLoaders(self._services, self.departures)

    @cached_property
    def _commands(self) -> Batched[Witness, CommandFacts | None]:
        return Batched(self._services.arguments.commands, self.departures)

    @cached_property
    def _ended_run_models(self) -> Batched[RunKey, RunModels[ModelRun]]:
        return Batched(self._load_ended_run_models, self.departures)

    @cached_property
    def _built_models(self) -> Batched[Job, Built]:
        return Batched(self._load_built_models, self.departures)

    @property
    def account_number(self) -> int:
        """dbt's id of the account."""
        return self._services.admin.account_id

    async def account_name(self) -> str | None:
        return await self._services.admin.account_name()

    async def jobs(self) -> Mapping[int, Job]:
        """The account's jobs by their ids."""
        return await self._jobs.load("all")

    def may_suggest(self) -> bool:
        """Whether ids may be looked for that are similar to one that names nothing: for the first five of a request."""
        self._suggestions += 1
        return self._suggestions <= _MOST_SUGGESTIONS

    @property
    def infers_jobs(self) -> bool:
        """Whether jobs are known by their traces only."""
        return self._services.admin.inferred

    def projects(self) -> Coroutine[Any, Any, ProjectMap]:
        """Every project of the account, in each deployment environment."""
        return self.derived(("projects", self._visibility), None, lambda: self._projects.load("all"))

    def derived(self, key: Hashable, about: object, make: Callable[[], Awaitable[T]]) -> Coroutine[Any, Any, T]:
        """What `make` makes of these loads and of `key`, where `about` stands by identity (see DerivedCache.tell)."""
        return self._services.derived((key, self._projection), about, make)

    def derived_of(
        self, key: Hashable, objects: object, make: Callable[[], Awaitable[T]], *, items: int | None = None
    ) -> Coroutine[Any, Any, T]:
        """The same in any run, of `objects` alone: they never change, the key names them (DerivedCache.of_objects)."""
        return self._services.derived_of(key, objects, make, items)

    async def models(self, project: Project) -> EnvironmentModels:
        """Every model of a project's environment."""
        return await self._models.load(ModelsRequest(project))

    async def models_named(self, project: Project, model_id: str) -> EnvironmentModels:
        """At least those models of a project that an id may name; all where the operation needs all of them anyway."""
        if self._projection.whole_projects:
            return await self.models(project)
        return await self._models.load(ModelsRequest(project, names=names_meant(model_id, project.id)))

    @property
    def history_source(self) -> FactSource:
        """Where it is read what whole stretches of time hold."""
        return FactSource.ARCHIVE if self._services.figures.count_models else FactSource.DISCOVERY

    def source_of_runs(self, runs: Iterable[Run]) -> FactSource:
        """Where what these runs did was read: in the archive all of it, or through dbt's API."""
        return only_source(self._services.history.source_of_run(run.id) for run in runs)

    def source_of_history(self, environment_id: int) -> FactSource:
        """The same of the histories of an environment."""
        return only_source(self._services.history.reach_of(environment_id).sources)

    @property
    def runtimes_only(self) -> bool:
        """Whether the operation shows no more of models than ids and the runtime of the last success."""
        return self._projection.runtimes_only

    async def runtimes_of_each(self, projects: Sequence[Project]) -> list[RankedModels | GatewayError]:
        """The ids and runtimes of all models of each project. What cannot be read is its error."""
        return await self._runtimes.load_all(projects)

    async def models_of_each(
        self, projects: Sequence[Project], filter: ModelFilter | None, *, whole: bool = False
    ) -> list[EnvironmentModels | GatewayError]:
        """At least the models of each project that meet a filter, but for its ids, and all of them with `whole`. What
        cannot be read is its error. The filter has to be applied to them still; what it looks at is read."""
        pushed = None if whole else push_down(filter)
        fields = fields_looked_at(filter) - self._projection.optional_fields
        return await self._models.load_all([ModelsRequest(project, pushed, fields=fields) for project in projects])

    async def models_with(self, names: Mapping[Project, Collection[str]]) -> list[EnvironmentModels | GatewayError]:
        """At least the models of each project that have one of these names, without their packages."""
        return await self._models.load_all([ModelsRequest(key, names=tuple(sorted(names[key]))) for key in names])

    async def mean_runtimes(
        self, projects: Sequence[Project], last_runs: int, scope: HistoryScope
    ) -> list[MeanRuntimes | GatewayError | None]:
        """Means over the last runs of every model of each project; None where no archive adds them up."""
        environment_ids = [project.environment_id for project in projects]
        means = await self._services.figures.mean_runtimes(environment_ids, last_runs, scope)
        return [means.get(environment_id) for environment_id in environment_ids]

    async def model_count(self, project: Project) -> int:
        """How many models a project's environment has: counted in the archive, or by reading them."""
        return await self._model_counts.load(project)

    async def histories(self, request: HistoryRequest) -> Histories:
        """The histories asked for; a model whose environment cannot be read has its error."""
        return await self._histories.load(request)

    async def is_whole(self, model: Model, runs: tuple[ModelRun, ...], count: int) -> bool:
        """Whether a history of which `count` runs were asked for has ended, and was not cut."""
        key = HistoryKey(model.environment_id, model.unique_id)
        if len(runs) < count and "DISCOVERY" in self._services.history.reach_of(key.environment_id).sources:
            await note_cut_histories(self._services, {key: runs}, count, POSSIBLE)
        return len(runs) < count and not self._services.models.history_limit.cuts(len(runs))

    async def details(self, model: Model) -> ModelDetails:
        """Those details of a model that the projection names."""
        return await self._details.load(HistoryKey(model.environment_id, model.unique_id))

    async def lineage(self, environment_id: int) -> Lineage:
        """Who stands on whom in an environment."""
        return await self._lineages.load(environment_id)

    async def sources(self, environment_id: int) -> Sources:
        """Every source of an environment with its freshness, by unique id."""
        return await self._sources.load(environment_id)

    async def newest_runs(self, count: int) -> tuple[Run, ...]:
        """The newest `count` runs of the account, newest first."""
        return await self._services.admin.newest_runs(count)

    async def matching_runs(self, queries: Sequence[RunQuery], count: int) -> RunListing:
        """At least the newest `count` runs that these queries ask for, newest first; others may be among them."""
        listings = await gather(self._services.admin.matching_runs(query, count) for query in queries)
        runs = newest_first({run.id: run for listing in listings for run in listing.runs}.values())
        return RunListing(runs, complete=all(listing.complete for listing in listings))

    async def owners(self, environment_id: int) -> Owners:
        """Who owns the groups of an environment, by group name."""
        return await self._owners.load(environment_id)

    async def owners_looked_at(self, environment_id: int, filter: ModelFilter | None) -> Owners:
        """The same as far as a filter asks for owners; none where it does not."""
        return {} if filter is None or filter.owners is None else await self.owners(environment_id)

    async def run(self, run_id: int) -> Run:
        return await self._runs.load(run_id)

    async def run_details(self, run_id: int) -> RunDetails:
        """Why a run was started, and its steps."""
        return await self._run_details.load(run_id)

    async def recent_runs(self, job_id: int, count: int) -> tuple[Run, ...]:
        """The newest `count` runs of a job, newest first."""
        return await self._recent_runs.load((job_id, count))

    async def run_count(self, job_id: int) -> int | None:
        """How many runs of a job dbt still lists; None where that cannot be known."""
        return await self._run_counts.load(job_id)

    async def run_models(self, run: Run) -> RunModels[ModelRun]:
        """What each model did in a run."""
        return await self._run_models.load(run)

    async def model_in_run(self, key: RunKey, unique_id: str) -> ModelRun | None:
        """What a model did in a run that has ended; None when it was not in it."""
        touched = await self._ended_run_models.load(key)
        return next((model for model in touched.models if model.unique_id == unique_id), None)

    async def commands(self, executed: Sequence[ModelRun]) -> Commands:
        """The commands that executed these models, by run and invocation, without those whose arguments are unknown
        or cannot be read."""
        by_command = {CommandKey(run.job_id, run.run_id, run.invocation_id): run.unique_id for run in executed}
        facts = await self._commands.load_all([Witness(key, unique_id) for key, unique_id in by_command.items()])
        pairs = zip(by_command, facts, strict=True)
        return {(key.run_id, key.invocation_id): fact for key, fact in pairs if isinstance(fact, CommandFacts)}

    async def built_models(self, job: Job) -> Built:
        """What a job builds: see built_models."""
        return await self._built_models.load(job)

    async def _load_projects(self, keys: list[Literal["all"]]) -> Mapping[Literal["all"], ProjectMap | GatewayError]:
        projects, _ = await gather_pair(self._map_projects(), self._begin_jobs())
        return dict.fromkeys(keys, projects)

    async def _load_jobs(self, keys: list[Literal["all"]]) -> Mapping[Literal["all"], Mapping[int, Job]]:
        return dict.fromkeys(keys, await self._services.admin.jobs())

    async def _begin_jobs(self) -> None:
        """Read beside the projects where they will be needed; whoever needs them hears what went wrong."""
        if self._projection.jobs or (self._projection.job_kinds and not self.infers_jobs):
            with suppress(GatewayError):
                await self.jobs()

    async def _map_projects(self) -> ProjectMap:
        topology = await self._services.admin.topology()
        environment_ids = [environment.id for environment in topology.environments]
        headers = await self._services.environments.headers(environment_ids, lambda: self._begin_models(topology))
        note_unread(topology, headers)
        return map_projects(self._services.admin.account_id, topology, headers, self._ids)

    def _begin_models(self, topology: Topology) -> None:
        projection = self._projection
        figures, deployment = self._services.figures, projection.all_models_of
        if deployment and projection.reads_all_models(means=figures.may_tell_means, states=figures.count_models):
            soon = environments_of(topology, deployment)
            self._services.models.begin(soon, projection.optional_fields, runtimes_only=projection.runtimes_only)

    async def _load_model_counts(self, projects: list[Project]) -> Mapping[Project, int | GatewayError]:
        if self._services.figures.count_models:
            known = await self._services.figures.model_counts([project.environment_id for project in projects])
            return {project: known[project.environment_id] for project in projects}
        read = await self._models.load_all([ModelsRequest(project, None) for project in projects])
        counts = [answer if isinstance(answer, GatewayError) else len(answer.models) for answer in read]
        return dict(zip(projects, counts, strict=True))

    async def _load_details(self, keys: list[HistoryKey]) -> Mapping[HistoryKey, ModelDetails | GatewayError]:
        return await self._services.models.details(keys, self._projection.details)

    async def _load_histories(self, requests: list[HistoryRequest]) -> Mapping[HistoryRequest, Histories]:
        by_count: dict[int, dict[HistoryKey, None]] = {}
        for request in requests:
            by_count.setdefault(request.count, {}).update(dict.fromkeys(request.keys))
        counts = list(by_count)
        answers = await gather(read_histories(self._services, list(by_count[count]), count) for count in counts)
        histories = dict(zip(counts, answers, strict=True))
        return {request: {key: histories[request.count][key] for key in request.keys} for request in requests}

    async def _load_recent_runs(
        self, keys: list[tuple[int, int]]
    ) -> Mapping[tuple[int, int], tuple[Run, ...] | GatewayError]:
        most = max(count for _, count in keys)
        runs_of_jobs = await self._services.admin.recent_runs(list({job_id for job_id, _ in keys}), most)
        answers: dict[tuple[int, int], tuple[Run, ...] | GatewayError] = {}
        for job_id, count in keys:
            runs = runs_of_jobs[job_id]
            answers[job_id, count] = runs if isinstance(runs, GatewayError) else runs[:count]
        return answers

    async def _load_run_models(self, runs: list[Run]) -> Mapping[Run, RunModels[ModelRun] | GatewayError]:
        keys = {run: RunKey(run.job_id, run.id) for run in runs}
        finished = frozenset(key for run, key in keys.items() if run.status.is_final)
        run_models = await self._services.jobs.run_models(list(keys.values()), finished)
        return {
            run: run_models.get(key) or UpstreamRejected(f"Run {run.id} was not read.") for run, key in keys.items()
        }

    async def _load_ended_run_models(self, keys: list[RunKey]) -> Mapping[RunKey, RunModels[ModelRun] | GatewayError]:
        return await self._services.jobs.run_models(keys, frozenset(keys))

    async def _load_built_models(self, jobs: list[Job]) -> Mapping[Job, Built | GatewayError]:
        return await built_models(self._services, jobs)
