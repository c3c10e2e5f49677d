"""Model: a dbt model in one deployment environment."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Unpack

from gateway.discovery_api.api.arguments import (
    LEAST_POINTS,
    MOST_LAST_RUNS,
    MOST_POINTS,
    certainty_wanted,
    direction_wanted,
    ensure_count,
    models_filter,
    types_wanted,
)
from gateway.discovery_api.api.resources.model_state import ModelState
from gateway.discovery_api.api.resources.run import Run
from gateway.discovery_api.client import Client
from gateway.discovery_api.display.pictures import series_svg
from gateway.discovery_api.display.shown import shown_or_failure
from gateway.discovery_api.exceptions import InvalidArgumentError, ModelNotFoundError
from gateway.discovery_api.models import (
    ChangePoint,
    Column,
    Criteria,
    Rank,
    RankedList,
    RunStatus,
    RuntimeSeries,
    SearchFilter,
    SourceFreshnessReport,
)
from gateway.discovery_api.models import resources as records
from gateway.errors import NotFound
from gateway.hierarchy.objects.job import Run as RunFacts
from gateway.hierarchy.objects.model import CodeInRun, ModelDetails, ModelRun
from gateway.hierarchy.objects.model import Model as Facts
from gateway.hierarchy.rankings.ranking import Ranked, Ranking
from gateway.hierarchy.resources.resource import ALWAYS_SHOWN, MOST_LEVELS, MOST_RESOURCES, Walk
from gateway.loading.field_context import FieldContext
from gateway.loading.projection import Projection
from gateway.queries.changes import runtime_series
from gateway.queries.changes.change_causes import explained_changes, explained_series
from gateway.queries.jobs import jobs, run_models
from gateway.queries.models import models, removed_models
from gateway.queries.resources import freshness, lineage, resources
from gateway.services.models.model_details import DETAIL_FIELDS

if TYPE_CHECKING:
    from gateway.discovery_api.api.resources.job import Job

_DETAILED = Projection(details=frozenset(DETAIL_FIELDS))


class Model(ModelState):
    """A model as its environment knew it when it was read; `refresh()` reads it again.

    `runtime`, `start_time` and `end_time` belong to its last *successful* run, `last_run_…` to its last attempt,
    whatever its outcome. `ranked` is set on models that a ranking listed: place, mean runtime and runs behind it;
    `model_run` on models that a run listed: what the model did in it.
    """

    def __init__(
        self, model_name: str, project_name: str, environment: str = "production", *, client: Client | None = None
    ) -> None:
        super().__init__(model_name, project_name, environment, client=client)
        self.ranked: Rank | None = None
        self.model_run: records.ModelRun | None = None

    @classmethod
    def of(cls, known: Facts, client: Client, ranked: Ranked[Facts] | None = None) -> Model:
        """A model whose facts are at hand."""
        model = cls(known.name, known.project_id, client=client)
        model.model_id = known.id
        model._known = known
        model.ranked = Rank.of(ranked) if ranked else None
        return model

    @classmethod
    def in_run(
        cls, touched: ModelRun, applied: Facts | None, client: Client, ranked: Ranked[ModelRun] | None = None
    ) -> Model:
        """A model of a run; without `applied` facts it has been removed since and knows only its `model_run`."""
        model = cls.of(applied, client) if applied else _Removed(touched, client)
        model.model_run = records.ModelRun.of(touched)
        model.ranked = Rank.of(ranked) if ranked else None
        return model

    @classmethod
    def ranked_list(cls, ranking: Ranking[Facts], client: Client) -> RankedList[Model]:
        """A ranking of models."""
        shown = (cls.of(entry.item, client, entry) for entry in ranking.entries)
        return RankedList(shown, ranking)

    @classmethod
    def ranked_in_run(
        cls, ranking: Ranking[ModelRun], applied: Mapping[str, Facts | None], client: Client
    ) -> RankedList[Model]:
        """A ranking of what models took in a run."""
        shown = (cls.in_run(entry.item, applied[entry.item.unique_id], client, entry) for entry in ranking.entries)
        return RankedList(shown, ranking)

    def load(self) -> Model:
        """This model, read if it was not yet. Raises ModelNotFoundError or AmbiguousModelError."""
        self._known = self._facts
        self.model_id = self._known.id
        return self

    def refresh(self) -> Model:
        """This model, read again."""
        self._known = self._client.ask(self._find, lambda answer: answer, refresh=True)
        self._described, self._last = None, None
        return self

    def get_last_run(self) -> Run | None:
        """The run of its last attempt, whose `model_run` says what the model did in it; None when it never ran."""
        known = self._facts

        async def question(field_context: FieldContext) -> list[tuple[ModelRun, RunFacts | None]]:
            last = await models.last_model_run(field_context, known)
            return [(last, await _run_or_none(field_context, last))] if last else []

        return next(iter(self._client.ask(question, self._show_runs)), None)

    def get_last_seen_run(self) -> Run | None:
        """The run of its last attempt: of a removed model the last that had it. None when it never ran, or dbt no
        longer lists the run."""
        known = self._facts
        return self._client.ask(
            lambda field_context: removed_models.last_seen_run(field_context, known),
            lambda answer: Run.of(answer, self._client) if answer else None,
        )

    def get_runs(
        self,
        last_n: int = 5,
        filter: SearchFilter | None = None,
        *,
        refresh: bool = False,
        **filters: Unpack[Criteria],
    ) -> list[Run]:
        """The runs of its last `last_n` attempts (1 to 100), newest first, by any job of its environment.

        `model_run` of each says what the model did in it. With a filter: the newest attempts in which this model met
        it, by its tags, materialization and runtime in that run; its last 100 attempts are looked at.
        """
        ensure_count("last_n", last_n, MOST_LAST_RUNS)
        model_filter, known = models_filter(filter, filters), self._facts
        if model_filter is not None and model_filter.of_state is not None:
            raise InvalidArgumentError(
                "The runs of one model have no ids, folders, groups, owners, access or last run."
            )

        async def question(field_context: FieldContext) -> list[tuple[ModelRun, RunFacts | None]]:
            attempts = await run_models.runs_of_model(field_context, known, last_n, model_filter)
            return list(
                zip(
                    attempts,
                    await asyncio.gather(*(_run_or_none(field_context, attempt) for attempt in attempts)),
                    strict=True,
                )
            )

        return self._client.ask(question, self._show_runs, refresh=refresh)

    def get_sql(self, *, compiled: bool = False, run_id: str | None = None) -> str | None:
        """Its code as written, or as last compiled (None when no run compiled it); with `run_id` that which it had in
        that run. Read anew each time."""
        code = self._details() if run_id is None else self._code_in_run(run_id)
        return code.compiled_code if compiled else code.raw_code

    def _code_in_run(self, run_id: str) -> CodeInRun:
        known, number = self._facts, jobs.number_of(run_id, "run", "run_id")
        return self._client.ask(
            lambda field_context: run_models.code_in_run(field_context, known, number), lambda answer: answer
        )

    def get_tests(self) -> list[records.ModelTest]:
        """Its tests and how each last ended, ordered by unique id."""
        return [records.ModelTest.of(test) for test in self._details().tests]

    def get_columns(self) -> list[Column]:
        """Its columns in the table's order, from the newest catalog; empty where no catalog lists it."""
        known = self._facts
        return self._client.ask(
            lambda field_context: resources.columns_of(field_context, known),
            lambda answer: [Column.of(column) for column in answer],
        )

    def _details(self) -> ModelDetails:
        known = self._facts
        return self._client.ask(
            lambda field_context: field_context.loaders.details(known), lambda answer: answer, projection=_DETAILED
        )

    def get_lineage(
        self,
        direction: str = "both",
        depth: int = 1,
        resource_types: Iterable[str] | None = None,
        *,
        first: int = 500,
        refresh: bool = False,
    ) -> list[records.LineageResource]:
        """What stands around it, nearest first, itself included: `direction` is upstream, downstream or both, `depth`
        how many levels are walked (1 to 50), `first` how many resources are returned at most (1 to 5000).

        `resource_types` are dbt's words for what to list; the walk passes through the others. None lists models,
        sources, seeds, snapshots and exposures.
        """
        types, known = types_wanted(resource_types), self._facts
        ensure_count("depth", depth, MOST_LEVELS)
        ensure_count("first", first, MOST_RESOURCES)
        walk = Walk(direction_wanted(direction), depth, frozenset(ALWAYS_SHOWN if types is None else types), first)
        return self._client.ask(
            lambda field_context: resources.lineage_of_model(field_context, known, walk),
            lambda answer: [records.LineageResource.of(resource) for resource in answer.resources],
            refresh=refresh,
        )

    def freshness(self, *, refresh: bool = False) -> RunStatus:
        """How fresh the data behind it are: the worst of the sources it stands on, directly or through other nodes.

        failure before warn before success; unknown when no freshness check covers any of them. See source_freshness.
        """
        known = self._facts
        worst = self._client.ask(
            lambda field_context: freshness.model_freshness(field_context, known),
            lambda answer: answer,
            refresh=refresh,
        )
        return RunStatus(worst.status.value)

    def source_freshness(self, *, refresh: bool = False) -> list[SourceFreshnessReport]:
        """The sources it stands on, directly or through other nodes, with their last freshness check."""
        known = self._facts
        return self._client.ask(
            lambda field_context: freshness.model_freshness(field_context, known),
            lambda answer: [SourceFreshnessReport.of(source.freshness) for source in answer.sources],
            refresh=refresh,
        )

    def get_jobs(self, *, refresh: bool = False) -> list[Job]:
        """The jobs of its environment that build it, ordered by id.

        A job builds what has a result in its newest run that completed and executed a model, of its last five.
        """
        from gateway.discovery_api.api.resources.job import Job  # jobs have models, and models have jobs

        known = self._facts
        return self._client.ask(
            lambda field_context: jobs.jobs_of_model(field_context, known),
            lambda answer: [Job.of(job, self._client) for job in answer],
            refresh=refresh,
        )

    def get_runtime_series(
        self, job_id: str | int | None = None, last_n: int = 100, *, refresh: bool = False
    ) -> RuntimeSeries:
        """Its runtimes in the newest `last_n` runs (10 to 1000) of one job, with lasting changes and trend.

        Without `job_id` it is the job that builds the model most often, CI apart. Its newest 100 runs are looked at.
        """
        ensure_count("last_n", last_n, MOST_POINTS, LEAST_POINTS)
        known = self._facts
        number = None if job_id is None else jobs.number_of(str(job_id), "job", "job_id")
        return self._client.ask(
            lambda field_context: explained_series(
                field_context, runtime_series.series_of_model(field_context, known, number, last_n)
            ),
            RuntimeSeries.of,
            refresh=refresh,
        )

    def get_change_points(
        self,
        job_id: str | int | None = None,
        certainty: str = "suspected",
        first_n: int = 10,
        *,
        refresh: bool = False,
    ) -> list[ChangePoint]:
        """When its runtime changed for good, newest first: `first_n` (1 to 100) of the changes that its series marks,
        those that are at least as certain (suspected or confirmed)."""
        ensure_count("first_n", first_n, MOST_LAST_RUNS)
        known, least = self._facts, certainty_wanted(certainty)
        number = None if job_id is None else jobs.number_of(str(job_id), "job", "job_id")
        return self._client.ask(
            lambda field_context: explained_changes(
                field_context, runtime_series.changes_of_model(field_context, known, number, least, first_n)
            ),
            lambda answer: [ChangePoint.of(change) for change in answer],
            refresh=refresh,
        )

    def get_upstream_models(self) -> list[Model]:
        """The models it is built from directly, ordered by unique id."""
        known = self._facts
        return self._client.ask(lambda field_context: lineage.upstream_models(field_context, known), self._show)

    def get_downstream_models(self) -> list[Model]:
        """The models that are built from it directly, ordered by unique id."""
        known = self._facts
        return self._client.ask(lambda field_context: lineage.downstream_models(field_context, known), self._show)

    def _show(self, models: list[Facts]) -> list[Model]:
        return [Model.of(model, self._client) for model in models]

    def _show_runs(self, attempts: list[tuple[ModelRun, RunFacts | None]]) -> list[Run]:
        runs = []
        for touched, known in attempts:
            run = Run.of(known, self._client, touched) if known else Run(touched.run_id, client=self._client)
            run.model_run = records.ModelRun.of(touched)
            runs.append(run)
        return runs

    def __repr__(self) -> str:
        return f"Model({self.model_id!r})"

    def _repr_html_(self) -> str:
        return shown_or_failure(self, self._shown)

    def _shown(self) -> str:
        series = self.get_runtime_series()
        return series_svg(series, f"{self.model_id}: runtimes in the newest {len(series.points)} runs of its job")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Model) and other.model_id == self.model_id

    def __hash__(self) -> int:
        return hash(self.model_id)


class _Removed(Model):
    """A model that a run touched and its environment does not hold any more."""

    def __init__(self, touched: ModelRun, client: Client) -> None:
        super().__init__(touched.name, touched.package_name or "", client=client)
        self.model_id = touched.unique_id

    async def _find(self, field_context: FieldContext) -> Facts:
        raise ModelNotFoundError(
            f"{self.model_id} has been removed from its environment; `model_run` says what it did in that run.",
            code="NOT_FOUND",
        )


async def _run_or_none(field_context: FieldContext, touched: ModelRun) -> RunFacts | None:
    try:
        return await field_context.loaders.run(touched.run_id)
    except NotFound:
        return None
