"""Project: one dbt project in one deployment environment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Unpack

from gateway.discovery_api.api.arguments import (
    MOST_LAST_RUNS,
    MOST_RANKED,
    ensure_count,
    history_wanted,
    models_filter,
    statuses_wanted,
    two_filters,
    types_wanted,
    variants_left_out,
)
from gateway.discovery_api.api.resources.job import Job
from gateway.discovery_api.api.resources.model import Model
from gateway.discovery_api.client import Client, DataSource
from gateway.discovery_api.display.html_table import html_table
from gateway.discovery_api.display.rows import rows_of
from gateway.discovery_api.display.shown import shown_or_failure
from gateway.discovery_api.models import (
    AttemptedResource,
    Criteria,
    Exposure,
    HistoryScope,
    ModelFilter,
    RankedList,
    RunStatus,
    SearchFilter,
    SourceReport,
)
from gateway.discovery_api.models import resources as records
from gateway.hierarchy.filters.list_filters import SourceFilter
from gateway.hierarchy.objects.project import DeploymentEnvironment
from gateway.hierarchy.objects.project import Project as Facts
from gateway.hierarchy.resources.resource import ResourceFilter
from gateway.hierarchy.vocabulary.resource_type import ResourceType
from gateway.loading.field_context import FieldContext
from gateway.queries.jobs import jobs
from gateway.queries.models import models, removed_models
from gateway.queries.projects import find_project
from gateway.queries.rankings import rankings
from gateway.queries.resources import resources, sources


class Project:
    """One dbt project in one deployment environment. Its id is the dbt project name."""

    def __init__(self, project_id: str, environment: str = "production", *, client: Client | None = None) -> None:
        self._client = client or Client.of(DataSource())
        self._environment = DeploymentEnvironment(environment)
        self._known: Facts | None = None
        self.project_id = project_id

    @classmethod
    def of(cls, known: Facts, client: Client) -> Project:
        """A project whose facts are at hand."""
        deployment = known.environment.deployment or DeploymentEnvironment.PRODUCTION
        project = cls(known.id, deployment.value, client=client)
        project._known = known
        return project

    @property
    def _facts(self) -> Facts:
        if self._known is None:
            self._known = self._client.ask(self._find, lambda answer: answer)
        return self._known

    async def _find(self, field_context: FieldContext) -> Facts:
        return await find_project(field_context, self.project_id, self._environment)

    def load(self) -> Project:
        """This project, read if it was not yet. Raises ProjectNotFoundError."""
        self._known = self._facts
        return self

    @property
    def name(self) -> str:
        """Its display name in dbt."""
        return self._facts.name

    @property
    def adapter_type(self) -> str | None:
        """The warehouse adapter: snowflake, bigquery, duckdb and so on."""
        return self._facts.adapter_type

    @property
    def environment(self) -> str:
        """The deployment environment looked at: production or staging."""
        return self._environment.value

    @property
    def models(self) -> list[Model]:
        """All its models, ordered by id."""
        return self.get_models()

    @property
    def jobs(self) -> list[Job]:
        """All its jobs, ordered by id."""
        return self.get_jobs()

    @property
    def model_count(self) -> int:
        """How many models it has."""
        project = self._facts
        return self._client.ask(
            lambda field_context: field_context.loaders.models(project), lambda answer: len(answer.models)
        )

    @property
    def job_count(self) -> int:
        """How many jobs run in its environment."""
        project = self._facts
        return self._client.ask(lambda field_context: jobs.jobs_of_project(field_context, project), len)

    def get_models(
        self, filter: SearchFilter | None = None, *, refresh: bool = False, **filters: Unpack[Criteria]
    ) -> list[Model]:
        """Its models that meet the filter, ordered by id."""
        model_filter, project = models_filter(filter, filters), self._facts
        return self._client.ask(
            lambda field_context: models.select_models(field_context, [project], model_filter),
            lambda answer: [Model.of(model, self._client) for model in answer],
            refresh=refresh,
        )

    def get_removed_models(self, *, refresh: bool = False) -> list[Model]:
        """The models that it once had, last seen first: `last_run_…` of each is the last run that had it.

        An archive reaches back to its first run, dbt's API to the environment's newest 20 completed runs. What only CI
        built is left out.
        """
        project = self._facts
        return self._client.ask(
            lambda field_context: removed_models.removed_models(field_context, project),
            lambda answer: [Model.of(model, self._client) for model in answer],
            refresh=refresh,
        )

    def get_jobs(
        self, filter: SearchFilter | None = None, *, refresh: bool = False, **filters: Unpack[Criteria]
    ) -> list[Job]:
        """Its jobs that build a model meeting the filter, ordered by id."""
        model_filter, project = models_filter(filter, filters), self._facts
        return self._client.ask(
            lambda field_context: jobs.select_jobs(field_context, [project], models=model_filter),
            lambda answer: [Job.of(job, self._client) for job in answer],
            refresh=refresh,
        )

    def get_sources(
        self,
        statuses: Sequence[RunStatus | str] | None = None,
        *,
        name_contains: str | None = None,
        refresh: bool = False,
    ) -> list[SourceReport]:
        """Its sources with their last freshness check, ordered by unique id.

        `statuses` keeps those whose check ended like this: success is fresh, warn and failure are stale, unknown was
        never checked; None is no constraint. `name_contains` is compared with `source.table`, without case.
        """
        source_filter = SourceFilter(statuses_wanted(statuses), name_contains)
        project = self._facts
        return self._client.ask(
            lambda field_context: sources.select_sources(field_context, [project], source_filter),
            lambda answer: [SourceReport.of_project(source) for source in answer],
            refresh=refresh,
        )

    def get_resources(
        self,
        resource_types: Iterable[str] | None = None,
        *,
        name_contains: str | None = None,
        tags: Iterable[str] | None = None,
        refresh: bool = False,
    ) -> list[records.Resource]:
        """Everything it defines, ordered by unique id: models, seeds, snapshots, sources, exposures, metrics, semantic
        models, saved queries, tests and macros.

        `resource_types` are dbt's words (model, test, seed, macro …), `name_contains` is compared without case, one of
        the `tags` is enough; None is no constraint. Types that are not asked for are not read.
        """
        tags = None if tags is None else tuple(tags)
        resource_filter, project = ResourceFilter(types_wanted(resource_types), name_contains, tags), self._facts
        return self._client.ask(
            lambda field_context: resources.select_resources(field_context, project, resource_filter),
            lambda answer: [records.Resource.of(resource) for resource in answer],
            refresh=refresh,
        )

    def get_exposures(self, *, refresh: bool = False) -> list[Exposure]:
        """Its exposures with type, URL, owner and the models that they use, ordered by unique id."""
        project = self._facts
        return self._client.ask(
            lambda field_context: resources.exposures_of(field_context, project),
            lambda answer: [Exposure.described(exposure) for exposure in answer],
            refresh=refresh,
        )

    def get_seeds(self, *, refresh: bool = False) -> list[AttemptedResource]:
        """Its seeds and how the last attempt of each ended, ordered by unique id."""
        return self._attempted(ResourceType.SEED, refresh)

    def get_snapshots(self, *, refresh: bool = False) -> list[AttemptedResource]:
        """Its snapshots and how the last attempt of each ended, ordered by unique id."""
        return self._attempted(ResourceType.SNAPSHOT, refresh)

    def _attempted(self, resource_type: ResourceType, refresh: bool) -> list[AttemptedResource]:
        project = self._facts
        return self._client.ask(
            lambda field_context: resources.attempted_resources(field_context, project, resource_type),
            lambda answer: [AttemptedResource.attempted(resource, last) for resource, last in answer],
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
        """Its slowest models, as dbtAccount.slowest_models ranks them."""
        model_filter, project = models_filter(filter, filters), self._facts
        taken = history_wanted(history)
        ensure_count("slowest_n", slowest_n, MOST_RANKED)
        ensure_count("last_n_runs", last_n_runs, MOST_LAST_RUNS)
        return self._client.ask(
            lambda field_context: rankings.slowest_models(
                field_context, [project], rankings.RankingArguments(slowest_n, last_n_runs, taken), model_filter
            ),
            lambda ranking: Model.ranked_list(ranking, self._client),
            refresh=refresh,
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
        """Its longest jobs, as dbtAccount.longest_running_jobs ranks them."""
        search_filter, named = two_filters(filter, model_filter)
        project = self._facts
        ensure_count("longest_n", longest_n, MOST_RANKED)
        ensure_count("last_n_runs", last_n_runs, MOST_LAST_RUNS)
        return self._client.ask(
            lambda field_context: rankings.longest_running_jobs(
                field_context,
                [project],
                longest_n,
                last_n_runs,
                search_filter=search_filter,
                models=named,
                leave_out=variants_left_out(include_full_refresh),
            ),
            lambda ranking: Job.ranked_list(ranking, self._client),
            refresh=refresh,
        )

    def to_record(self) -> records.Project:
        """A plain record of this project."""
        return records.Project.of(self._facts)

    def _repr_html_(self) -> str:
        return shown_or_failure(self, lambda: html_table(rows_of(self.models), f"Models of {self.project_id}"))

    def __repr__(self) -> str:
        return f"Project({self.project_id!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Project) and (other.project_id, other.environment) == (
            self.project_id,
            self.environment,
        )

    def __hash__(self) -> int:
        return hash((self.project_id, self.environment))
