"""Run: one run of a job."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Unpack

from gateway.discovery_api.api.arguments import (
    MOST_RANKED,
    ensure_count,
    models_filter,
    result_filter,
    two_filters,
)
from gateway.discovery_api.api.resources.run_analysis import RunAnalysis
from gateway.discovery_api.client import Client, DataSource
from gateway.discovery_api.display.html_table import html_table
from gateway.discovery_api.display.pictures import timeline_svg
from gateway.discovery_api.display.rows import row_of
from gateway.discovery_api.display.shown import shown_or_failure
from gateway.discovery_api.models import (
    Average,
    Criteria,
    ModelFilter,
    RankedList,
    RunStatus,
    SearchFilter,
)
from gateway.discovery_api.models import resources as records
from gateway.hierarchy.objects import job as facts
from gateway.hierarchy.objects.model import Model as ModelFacts
from gateway.hierarchy.objects.model import ModelRun
from gateway.hierarchy.objects.node_result import NodeResult
from gateway.hierarchy.vocabulary.status import RunStatus as FactStatus
from gateway.loading.field_context import FieldContext
from gateway.queries.jobs import jobs, run_models
from gateway.queries.jobs.run_models import RankedInRun
from gateway.queries.rankings import averages
from gateway.queries.runs import run_failures, run_recovery, run_results

if TYPE_CHECKING:
    from gateway.discovery_api.api.resources.job import Job
    from gateway.discovery_api.api.resources.model import Model


class Run(RunAnalysis):
    """One run of a job, as it stood when it was read; `refresh()` reads it again.

    `model_run` is set on runs that a model listed: what that model did in the run.
    """

    def __init__(self, run_id: str | int, *, client: Client | None = None) -> None:
        self._client = client or Client.of(DataSource())
        self._known: facts.Run | None = None
        self.run_id = str(run_id)
        self.model_run: records.ModelRun | None = None

    @classmethod
    def of(cls, known: facts.Run, client: Client, model_run: ModelRun | None = None) -> Run:
        """A run whose facts are at hand."""
        run = cls(known.id, client=client)
        run._known = known
        run.model_run = records.ModelRun.of(model_run) if model_run else None
        return run

    @property
    def _facts(self) -> facts.Run:
        if self._known is None:
            self._known = self._client.ask(self._find, lambda answer: answer)
        return self._known

    async def _find(self, field_context: FieldContext) -> facts.Run:
        return await jobs.find_run(field_context, jobs.number_of(self.run_id, "run"))

    def load(self) -> Run:
        """This run, read if it was not yet. Raises RunNotFoundError."""
        self._known = self._facts
        return self

    def refresh(self) -> Run:
        """This run, read again."""
        self._known = self._client.ask(self._find, lambda answer: answer, refresh=True)
        return self

    @property
    def status(self) -> RunStatus:
        """How the run ended, or where it stands."""
        return RunStatus(self._facts.status.value)

    @property
    def status_text(self) -> str:
        """dbt's own word for its status."""
        return self._facts.status_text

    @property
    def runtime(self) -> float | None:
        """Wall clock in seconds, end − start, time in the queue excluded; None until it has ended."""
        return self._facts.runtime

    @property
    def start_time(self) -> datetime | None:
        """When it was started (UTC)."""
        return self._facts.start_time

    @property
    def end_time(self) -> datetime | None:
        """When it ended (UTC)."""
        return self._facts.end_time

    @property
    def run_completed_at(self) -> datetime | None:
        """The same as `end_time`."""
        return self._facts.end_time

    @property
    def queue_seconds(self) -> float | None:
        """Seconds from its creation to its start."""
        return self._facts.queue_seconds

    @property
    def error(self) -> str | None:
        """dbt's message about its outcome; where it gives none of a run that failed, what failed first in a sentence or
        two, read when it is asked for. None for a run that is fine, and where dbt does not say."""
        run = self._facts
        if run.error or run.status is not FactStatus.FAILURE:
            return run.error
        return self._client.ask(
            lambda field_context: run_failures.error_of_run(field_context, run), lambda answer: answer
        )

    @property
    def title(self) -> str:
        """A short name for people: the name of its job, and when it started."""
        run = self._facts
        return self._client.ask(lambda field_context: run_failures.title(field_context, run), lambda answer: answer)

    @property
    def git_sha(self) -> str | None:
        """The commit that was run."""
        return self._facts.git_sha

    @property
    def git_branch(self) -> str | None:
        """The branch that was run."""
        return self._facts.git_branch

    @property
    def url(self) -> str | None:
        """Its page in dbt, where it has one."""
        return self._facts.url

    @property
    def inferred(self) -> bool:
        """Whether its status and times are known from its models alone, because the Admin API is not at hand."""
        return self._facts.inferred

    @property
    def job_id(self) -> str:
        """The id of its job."""
        return str(self._facts.job_id)

    @property
    def job(self) -> Job:
        """Its job. Raises JobNotFoundError when that has been deleted since."""
        from gateway.discovery_api.api.resources.job import Job  # jobs have runs, and runs have a job

        return Job(self.job_id, client=self._client).load()

    @property
    def model_count(self) -> int:
        """How many models had a result in this run, skipped ones among them."""
        return self._client.ask(lambda field_context: jobs.executed_models(field_context, self._facts, None), len)

    def get_models(
        self, filter: SearchFilter | None = None, *, refresh: bool = False, **filters: Unpack[Criteria]
    ) -> list[Model]:
        """The models with a result in this run, ordered by unique id; `model_run` of each says what it did in it.

        The filter looks at each model as it was in this run. Models that have been removed since are listed too.
        """
        model_filter = models_filter(filter, filters)
        run = self._facts

        async def question(field_context: FieldContext) -> list[tuple[ModelRun, ModelFacts | None]]:
            touched = await run_models.models_in_run(field_context, run, models=model_filter)
            applied = await run_models.applied_models(field_context, touched)
            return [(attempt, applied[attempt.unique_id]) for attempt in touched]

        return self._client.ask(question, self._show_models, refresh=refresh)

    def get_model_runs(self, filter: SearchFilter | None = None, *, refresh: bool = False) -> list[records.ModelRun]:
        """What each model did in this run, ordered by unique id."""
        model_filter, run = models_filter(filter, {}), self._facts
        return self._client.ask(
            lambda field_context: run_models.models_in_run(field_context, run, models=model_filter),
            lambda touched: [records.ModelRun.of(attempt) for attempt in touched],
            refresh=refresh,
        )

    def get_node_results(
        self,
        resource_types: Iterable[str] | None = None,
        statuses: Iterable[RunStatus | str] | None = None,
        *,
        refresh: bool = False,
    ) -> list[records.NodeResult]:
        """What happened to each resource in this run, of every type, ordered by unique id.

        `resource_types` are dbt's words (model, test, unit_test, seed, snapshot, source, operation …), `statuses` the
        outcomes to keep; None keeps all. Types that are not asked for are not read. Without an archive hooks, unit
        tests, functions and exports are missing: dbt's API does not list them.
        """
        node_filter, run = result_filter(resource_types, statuses), self._facts
        return self._client.ask(
            lambda field_context: run_results.node_results(field_context, run, node_filter),
            _show_results,
            refresh=refresh,
        )

    def get_failures(self, *, refresh: bool = False) -> list[records.RunFailure]:
        """Why this run is not fine, with what it skipped because of each and since when each fails: models, seeds,
        snapshots, sources and hooks that failed before tests, then by unique id.

        Empty for a run that succeeded, never for one that failed or was cancelled. Without an archive hooks, unit
        tests, functions and exports are missing, as in `get_node_results`.
        """
        run = self._facts
        return self._client.ask(
            lambda field_context: run_recovery.known_failures(field_context, run),
            lambda answer: [records.RunFailure.of(failure) for failure in answer],
            refresh=refresh,
        )

    def get_newly_broken(self, *, refresh: bool = False) -> list[records.NodeResult]:
        """The results that failed in this run and were fine at their last attempt, in the order of `get_failures`. An
        attempt is one of the twenty runs of the same job before that executed the resource."""
        run = self._facts
        return self._client.ask(
            lambda field_context: run_recovery.newly_broken(field_context, run), _show_results, refresh=refresh
        )

    def get_recovered(self, *, refresh: bool = False) -> list[records.NodeResult]:
        """The results that were fine in this run and failed at their last attempt, ordered by unique id."""
        run = self._facts
        return self._client.ask(
            lambda field_context: run_recovery.recovered(field_context, run), _show_results, refresh=refresh
        )

    def get_slowest_models(
        self,
        slowest_n: int = 5,
        filter: SearchFilter | None = None,
        *,
        refresh: bool = False,
        **filters: Unpack[Criteria],
    ) -> RankedList[Model]:
        """The models of this run that took longest in it, slowest first, by their own execution time in seconds.

        `ranked` of each holds its place and figure. Left out and counted are models that did not execute, failed or
        were cancelled. Ties go by unique id.
        """
        ensure_count("slowest_n", slowest_n, MOST_RANKED)
        model_filter, run = models_filter(filter, filters), self._facts

        async def question(field_context: FieldContext) -> RankedInRun:
            ranking = await run_models.slowest_models_of_run(field_context, run, slowest_n, model_filter)
            return await run_models.with_applied_models(field_context, ranking)

        return self._client.ask(question, self._show_ranking, refresh=refresh)

    def average_model_runtime(
        self,
        slowest_n: int | None = 5,
        filter: SearchFilter | None = None,
        model_filter: ModelFilter | None = None,
        *,
        refresh: bool = False,
    ) -> Average | None:
        """The mean execution time, in seconds, of the `slowest_n` slowest models of this run (None: of all).

        Formula: fsum(the greatest `slowest_n` execution times) / their number, over the models that meet both filters
        and succeeded in this run. None when there is none. The result says how much was left out.
        """
        if slowest_n is not None:
            ensure_count("slowest_n", slowest_n, MOST_RANKED)
        search_filter, models = two_filters(filter, model_filter)
        run = self._facts
        return self._client.ask(
            lambda field_context: averages.average_model_runtime(
                field_context, run, slowest_n, search_filter=search_filter, models=models
            ),
            Average.of_models,
            refresh=refresh,
        )

    def get_trigger(self) -> records.RunTrigger | None:
        """Why it was started; None where dbt does not say."""
        trigger = self._details().trigger
        return records.RunTrigger(category=trigger.category, cause=trigger.cause) if trigger else None

    def get_steps(self) -> list[records.RunStep]:
        """Its commands in the order they ran; none without the Admin API."""
        return [records.RunStep.of(step) for step in self._details().steps]

    def _details(self) -> facts.RunDetails:
        number = self._facts.id
        return self._client.ask(lambda field_context: field_context.loaders.run_details(number), lambda answer: answer)

    def to_record(self) -> records.Run:
        """A plain record of this run."""
        return records.Run.of(self._facts)

    def _show_models(self, models: list[tuple[ModelRun, ModelFacts | None]]) -> list[Model]:
        from gateway.discovery_api.api.resources.model import Model  # models have runs, and runs have models

        return [Model.in_run(touched, applied, self._client) for touched, applied in models]

    def _show_ranking(self, ranked: RankedInRun) -> RankedList[Model]:
        from gateway.discovery_api.api.resources.model import Model  # models have runs, and runs have models

        return Model.ranked_in_run(ranked.ranking, ranked.applied, self._client)

    def __repr__(self) -> str:
        return f"Run({self.run_id!r})"

    def _repr_html_(self) -> str:
        return shown_or_failure(self, self._shown)

    def _shown(self) -> str:
        timeline = self.get_timeline()
        if timeline is None:
            return html_table([row_of(self)], "Run")
        return timeline_svg(timeline, f"Run {self.run_id}: {timeline.wall_seconds:,.1f} s, {self.status.value}")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Run) and other.run_id == self.run_id

    def __hash__(self) -> int:
        return hash(self.run_id)


def _show_results(results: Iterable[NodeResult]) -> list[records.NodeResult]:
    return [records.NodeResult.of(result) for result in results]
