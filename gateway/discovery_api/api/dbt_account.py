"""dbtAccount: where every question begins."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Literal, TypeVar, Unpack

from gateway.discovery_api.api.account_analysis import AccountAnalysis
from gateway.discovery_api.api.arguments import (
    MOST_LAST_RUNS,
    MOST_RANKED,
    MOST_RUNS,
    ensure_count,
    history_wanted,
    jobs_where,
    models_filter,
    projects_filter,
    runs_where,
    statuses_wanted,
    two_filters,
    variants_left_out,
)
from gateway.discovery_api.api.history_questions import HistoryQuestions
from gateway.discovery_api.api.resources import Job, Model, Project, Run
from gateway.discovery_api.client import DEFAULT_TIMEOUT, DEFAULT_TTL, Client, DataSource
from gateway.discovery_api.display.html_table import html_table
from gateway.discovery_api.display.rows import ColumnKind, kinds_of_record, rows_of
from gateway.discovery_api.display.shown import shown_or_failure
from gateway.discovery_api.exceptions import InvalidArgumentError
from gateway.discovery_api.frames import Frame
from gateway.discovery_api.models import (
    Column,
    Criteria,
    HistoryScope,
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
from gateway.discovery_api.models import resources as records
from gateway.discovery_api.models.filters import ensure_filter
from gateway.discovery_api.services import BaseQuery
from gateway.hierarchy.filters.list_filters import SourceFilter
from gateway.hierarchy.objects.column import Column as ColumnFacts
from gateway.hierarchy.objects.model import Model as ModelFacts
from gateway.hierarchy.objects.model import ModelRun as ModelRunFacts
from gateway.hierarchy.objects.project import DeploymentEnvironment
from gateway.hierarchy.objects.project import Project as ProjectFacts
from gateway.loading.field_context import FieldContext
from gateway.queries.jobs import account_runs, job_names, jobs
from gateway.queries.models import models
from gateway.queries.projects import find_account, select_projects
from gateway.queries.rankings import rankings
from gateway.queries.resources import resource_names, resources, sources

T = TypeVar("T")
R = TypeVar("R")


class dbtAccount(AccountAnalysis, HistoryQuestions):  # noqa: N801 - the name is given by the design this library follows
    """All projects of one dbt account, seen through one deployment environment of each.

        account = dbtAccount()                                 # what the environment names, else the embedded demo
        account = dbtAccount(artifacts="path/to/target")       # runs of one's own
        account = dbtAccount(token="…", discovery_url="…", admin_url="…", account_id=1)

    Nothing is opened or asked before the first question. Facts are believed for `ttl` seconds (`refresh=True` on a
    question and `invalidate()` forget them earlier); a question may take `timeout` seconds. `filter` limits everything
    the account answers to some of its projects. Works in a script and inside a running event loop, which it blocks
    while it waits. Close it, or use it in a `with` block. Thread-safe.

    Raises ConfigurationError for options that cannot work. Questions raise the exceptions of
    `gateway.discovery_api.exceptions`; an answer that would be incomplete is raised as IncompleteAnswerError.
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
        if environment not in [known.value for known in DeploymentEnvironment]:
            raise InvalidArgumentError(f"environment is 'production' or 'staging'; it is {environment!r}.")
        self._deployment = DeploymentEnvironment(environment)
        self.filter = ensure_filter("filter", filter, ProjectFilter)
        self.client = client or Client.of(source, ttl=ttl, timeout=timeout)

    @property
    def environment(self) -> str:
        """The deployment environment looked at: production or staging."""
        return self._deployment.value

    @property
    def projects(self) -> list[Project]:
        """Its projects, ordered by id."""
        return self.get_projects()

    def project(self, project_id: str) -> Project:
        """The project with this id (the dbt project name). Raises ProjectNotFoundError with ids that are close."""
        return Project(project_id, self.environment, client=self.client).load()

    def model(self, model_id: str) -> Model:
        """The model with this id: `project.model` or dbt's unique id.

        Raises ModelNotFoundError with ids that are close, or AmbiguousModelError with the candidates.
        """

        async def question(field_context: FieldContext) -> ModelFacts:
            return await models.find_model(field_context, model_id, self._deployment)

        return self.client.ask(question, lambda answer: Model.of(answer, self.client))

    def resource(self, resource_id: str) -> records.Resource:
        """One resource of any type: by `project.model`, `project/unique_id`, or dbt's unique id where one project in
        production has it.

        Raises ResourceNotFoundError with ids that are close, or AmbiguousResourceError with the candidates.
        """
        return self.client.ask(
            lambda field_context: resource_names.find_resource(field_context, resource_id), records.Resource.of
        )

    def get_columns(self, resource_id: str) -> list[Column]:
        """The columns of a model, source, seed or snapshot, from the newest catalog; none of other resources."""

        async def question(field_context: FieldContext) -> tuple[ColumnFacts, ...]:
            resource = await resource_names.find_resource(field_context, resource_id)
            return await resources.columns_of(field_context, resource)

        return self.client.ask(question, lambda answer: [Column.of(column) for column in answer])

    def job(
        self, job_id: int | str | None = None, *, name: str | None = None, project: str | Project | None = None
    ) -> Job:
        """The job with this id, or with this name: as it is written, else compared without case.

        `project` is that of the job with the name. Raises JobNotFoundError with names that are close, AmbiguousJobError
        with the ids of the jobs that share the name, and ProjectNotFoundError.
        """
        if (job_id is None) is (name is None) or (project is not None and name is None):
            raise InvalidArgumentError("Give job_id, or name, with which may go a project.")
        if name is None:
            return Job(job_id or 0, client=self.client).load()
        place = project.project_id if isinstance(project, Project) else project
        return self.client.ask(
            lambda field_context: job_names.find_job_named(field_context, name, place),
            lambda answer: Job.of(answer, self.client),
        )

    def run(self, run_id: int | str) -> Run:
        """The run with this id. Raises RunNotFoundError."""
        return Run(run_id, client=self.client).load()

    def get_projects(
        self, filter: ProjectFilter | None = None, *, refresh: bool = False, **filters: Unpack[ProjectCriteria]
    ) -> list[Project]:
        """Its projects, ordered by id.

        With a filter: those it names, or all but those, that contain a model meeting its criteria.
        """
        project_filter = projects_filter(filter, filters)

        async def question(field_context: FieldContext, projects: tuple[ProjectFacts, ...]) -> tuple[ProjectFacts, ...]:
            return await select_projects(field_context, projects, project_filter)

        return self._ask(question, self._show_projects, refresh=refresh)

    def get_jobs(
        self,
        filter: SearchFilter | None = None,
        *,
        where: JobFilter | None = None,
        refresh: bool = False,
        **filters: Unpack[Criteria],
    ) -> list[Job]:
        """The jobs of all its projects that build a model meeting the filter, ordered by id. `where` says what they are
        themselves: name, kind, how they last ended and how long it took."""
        model_filter, own = models_filter(filter, filters), jobs_where(where)
        return self._ask(
            lambda field_context, projects: jobs.select_jobs(field_context, projects, models=model_filter, where=own),
            lambda answer: [Job.of(job, self.client) for job in answer],
            refresh=refresh,
            within=filter,
        )

    def get_models(
        self, filter: SearchFilter | None = None, *, refresh: bool = False, **filters: Unpack[Criteria]
    ) -> list[Model]:
        """The models of all its projects that meet the filter, ordered by id."""
        model_filter = models_filter(filter, filters)
        return self._ask(
            lambda field_context, projects: models.select_models(field_context, projects, model_filter),
            lambda answer: [Model.of(model, self.client) for model in answer],
            refresh=refresh,
            within=filter,
        )

    def history_frame(
        self,
        filter: SearchFilter | None = None,
        *,
        last_n_runs: int = 20,
        refresh: bool = False,
        **filters: Unpack[Criteria],
    ) -> Frame:
        """The newest runs of many models at once, as a frame: a row for each run of each model.

        Models are those that meet the filter, ordered by id; their newest `last_n_runs` (1 to 100) runs, by any job,
        newest first. `runtime` is in seconds, None where the model was not executed. All histories are read together.
        """
        ensure_count("last_n_runs", last_n_runs, MOST_LAST_RUNS)
        model_filter = models_filter(filter, filters)

        async def question(
            field_context: FieldContext, projects: Sequence[ProjectFacts]
        ) -> list[tuple[ModelFacts, tuple[ModelRunFacts, ...]]]:
            chosen = await models.select_models(field_context, projects, model_filter)
            return await models.histories_of_models(field_context, chosen, last_n_runs)

        return self._ask(question, _history_frame, refresh=refresh, within=filter)

    def get_runs(
        self,
        limit: int = 10,
        filter: SearchFilter | None = None,
        *,
        where: RunFilter | None = None,
        refresh: bool = False,
        **filters: Unpack[Criteria],
    ) -> list[Run]:
        """The newest `limit` runs (1 to 500) of all its projects, newest first, whatever their status.

        With a filter: those in which a model met it, as it was in that run. `where` says what the runs are themselves:
        status, job, trigger, branch, start, duration. The account's newest 500 runs are looked at, or the newest 500 of
        the statuses, jobs and times in `where`; an IncompleteAnswerWarning says so when they do not hold enough.
        """
        ensure_count("limit", limit, MOST_RUNS)
        run_filter = runs_where(where, models_filter(filter, filters))
        return self._ask(
            lambda field_context, projects: account_runs.newest_runs(field_context, projects, limit, run_filter),
            lambda answer: [Run.of(run, self.client) for run in answer],
            refresh=refresh,
            within=filter,
        )

    def get_sources(
        self,
        statuses: Sequence[RunStatus | str] | None = None,
        *,
        name_contains: str | None = None,
        refresh: bool = False,
    ) -> list[SourceReport]:
        """The sources of all its projects with their last freshness check, ordered by project and unique id.

        `statuses` keeps those whose check ended like this: success is fresh, warn and failure are stale, unknown was
        never checked; None is no constraint. `name_contains` is compared with `source.table`, without case.
        """
        source_filter = SourceFilter(statuses_wanted(statuses), name_contains)
        return self._ask(
            lambda field_context, projects: sources.select_sources(field_context, projects, source_filter),
            lambda answer: [SourceReport.of_project(source) for source in answer],
            refresh=refresh,
        )

    def slowest_models(
        self,
        slowest_n: int = 5,
        last_n_runs: int = 1,
        filter: SearchFilter | None = None,
        *,
        history: HistoryScope | None = None,
        refresh: bool = False,
        **filters: Unpack[Criteria],
    ) -> RankedList[Model]:
        """The slowest models over all its projects, slowest first.

        Ranked by the runtime of the last successful run, in seconds; with `last_n_runs` (up to 100) above 1 by
        fsum(runtimes) / n over the last n ≤ `last_n_runs` successful runs by ordinary jobs: runs of CI jobs, and full
        refreshes of incremental models, do not count unless `history` takes them in. `ranked` of each model holds
        place, figure and runs behind it. Models without a runtime are counted in `.without_runtime`, runs that do not
        count in `.left_out`. Ties go by id. The filter looks at each model's latest state.
        """
        ensure_count("slowest_n", slowest_n, MOST_RANKED)
        ensure_count("last_n_runs", last_n_runs, MOST_LAST_RUNS)
        model_filter = models_filter(filter, filters)
        taken = history_wanted(history)
        return self._ask(
            lambda field_context, projects: rankings.slowest_models(
                field_context, projects, rankings.RankingArguments(slowest_n, last_n_runs, taken), model_filter
            ),
            lambda ranking: Model.ranked_list(ranking, self.client),
            refresh=refresh,
            within=filter,
        )

    def longest_running_jobs(
        self,
        longest_n: int = 5,
        last_n_runs: int = 1,
        filter: SearchFilter | None = None,
        model_filter: ModelFilter | None = None,
        *,
        include_full_refresh: bool = False,
        refresh: bool = False,
    ) -> RankedList[Job]:
        """The longest jobs over all its projects, longest first.

        Ranked by Job.get_average_job_runtime over the last `last_n_runs` runs (up to 100) that completed, in
        seconds. Only jobs that build a model meeting `filter`, and one meeting `model_filter`. `ranked` of each job
        holds place, figure and runs behind it; jobs without a runtime are counted in `.without_runtime`.
        """
        ensure_count("longest_n", longest_n, MOST_RANKED)
        ensure_count("last_n_runs", last_n_runs, MOST_LAST_RUNS)
        search_filter, named = two_filters(filter, model_filter)
        return self._ask(
            lambda field_context, projects: rankings.longest_running_jobs(
                field_context,
                projects,
                longest_n,
                last_n_runs,
                search_filter=search_filter,
                models=named,
                leave_out=variants_left_out(include_full_refresh),
            ),
            lambda ranking: Job.ranked_list(ranking, self.client),
            refresh=refresh,
            within=filter,
        )

    def base_query(self) -> BaseQuery:
        """The services' way to ask dbt, over this account's connection: `JobService(account.base_query())`."""
        return BaseQuery(client=self.client)

    def invalidate(self) -> None:
        """Forgets every fact that was read; the next question asks dbt for what it needs."""
        self.client.invalidate()

    def close(self) -> None:
        """Ends the connection. Questions after it, to its resources as well, raise ClosedError."""
        self.client.close()

    def _ask(
        self,
        question: Callable[[FieldContext, tuple[ProjectFacts, ...]], Awaitable[T]],
        present: Callable[[T], R],
        *,
        refresh: bool,
        within: SearchFilter | None = None,
    ) -> R:
        """Asks about the account's projects, as far as its own filter and the projects that `within` names admit."""

        async def asking_projects(field_context: FieldContext) -> T:
            account = await find_account(field_context, self._deployment)
            mine = self.filter.to_project_filter() if self.filter else None
            projects = await select_projects(field_context, account.projects, mine)
            if isinstance(within, ProjectFilter):
                projects = await select_projects(field_context, projects, within.to_project_filter(ids_only=True))
            return await question(field_context, projects)

        return self.client.ask(asking_projects, present, refresh=refresh)

    def _show_projects(self, projects: tuple[ProjectFacts, ...]) -> list[Project]:
        return [Project.of(project, self.client) for project in projects]

    def __enter__(self) -> dbtAccount:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"dbtAccount({self.environment!r})"

    def _repr_html_(self) -> str:
        return shown_or_failure(self, lambda: html_table(rows_of(self.projects), f"Projects in {self.environment}"))


def _history_frame(histories: list[tuple[ModelFacts, tuple[ModelRunFacts, ...]]]) -> Frame:
    rows = [
        {"project_id": model.project_id, "model_id": model.id, **records.ModelRun.of(run).model_dump()}
        for model, runs in histories
        for run in runs
    ]
    kinds = dict.fromkeys(("project_id", "model_id"), ColumnKind.TEXT) | kinds_of_record(records.ModelRun)
    return Frame(rows, "runs of models", kinds)
