"""Job: dbt commands that run on a schedule, on an event or on demand."""

from __future__ import annotations

from datetime import datetime
from typing import Unpack

from gateway.discovery_api.api.arguments import (
    LEAST_POINTS,
    MOST_LAST_RUNS,
    MOST_POINTS,
    MOST_RANKED,
    MOST_RUNS,
    WhatIfChange,
    certainty_wanted,
    change_wanted,
    ensure_count,
    models_filter,
    two_filters,
    variants_left_out,
)
from gateway.discovery_api.api.resources.model import Model
from gateway.discovery_api.api.resources.run import Run
from gateway.discovery_api.client import Client, DataSource
from gateway.discovery_api.display.pictures import series_svg
from gateway.discovery_api.display.shown import shown_or_failure
from gateway.discovery_api.models import (
    Average,
    ChangePoint,
    Criteria,
    DeadlineReport,
    ModelFilter,
    Rank,
    RankedList,
    RunStatus,
    RuntimeReport,
    RuntimeSeries,
    SearchFilter,
)
from gateway.discovery_api.models import resources as records
from gateway.discovery_api.models.run_analysis import WhatIf
from gateway.discovery_api.models.run_matrix import OftenCritical, RunMatrix
from gateway.hierarchy.objects.job import Job as Facts
from gateway.hierarchy.objects.job import Run as RunFacts
from gateway.hierarchy.rankings.ranking import Ranked, Ranking
from gateway.loading.field_context import FieldContext
from gateway.queries.analysis import concurrency, run_matrix, run_what_if
from gateway.queries.analysis.times_of_day import time_of_day
from gateway.queries.analysis.times_of_day import time_zone as time_zone_named
from gateway.queries.changes import runtime_series
from gateway.queries.changes.change_causes import explained_changes, explained_series
from gateway.queries.jobs import job_names, jobs, run_models
from gateway.queries.jobs.run_models import RankedInRun
from gateway.queries.rankings import averages, runtimes

_MOST_ROWS = 500


class Job:
    """A job as it stood when it was read; `refresh()` reads it again.

    `last_run_…` are those of its newest run, whatever its status; None when it has none. `ranked` is set on jobs that a
    ranking listed: place, mean runtime and runs behind it.
    """

    def __init__(self, job_id: str | int, *, client: Client | None = None) -> None:
        self._client = client or Client.of(DataSource())
        self._known: Facts | None = None
        self.job_id = str(job_id)
        self.ranked: Rank | None = None

    @classmethod
    def of(cls, known: Facts, client: Client, ranked: Ranked[Facts] | None = None) -> Job:
        """A job whose facts are at hand."""
        job = cls(known.id, client=client)
        job._known = known
        job.ranked = Rank.of(ranked) if ranked else None
        return job

    @classmethod
    def ranked_list(cls, ranking: Ranking[Facts], client: Client) -> RankedList[Job]:
        """A ranking of jobs."""
        shown = (cls.of(entry.item, client, entry) for entry in ranking.entries)
        return RankedList(shown, ranking)

    @property
    def _facts(self) -> Facts:
        if self._known is None:
            self._known = self._client.ask(self._find, lambda answer: answer)
        return self._known

    async def _find(self, field_context: FieldContext) -> Facts:
        return await job_names.find_job(field_context, jobs.number_of(self.job_id, "job"))

    def load(self) -> Job:
        """This job, read if it was not yet. Raises JobNotFoundError."""
        self._known = self._facts
        return self

    def refresh(self) -> Job:
        """This job, read again."""
        self._known = self._client.ask(self._find, lambda answer: answer, refresh=True)
        return self

    @property
    def name(self) -> str | None:
        """Its name."""
        return self._facts.name

    @property
    def description(self) -> str | None:
        """Its description."""
        return self._facts.description

    @property
    def kind(self) -> str | None:
        """dbt's job type: scheduled, ci, merge, other and so on."""
        return self._facts.kind

    @property
    def schedule(self) -> str | None:
        """The cron expression of a scheduled job."""
        return self._facts.schedule

    @property
    def steps(self) -> list[str]:
        """The dbt commands it runs, in order."""
        return list(self._facts.steps)

    @property
    def inferred(self) -> bool:
        """Whether it is known by its traces in Discovery alone, because the Admin API is not at hand."""
        return self._facts.inferred

    @property
    def last_run_status(self) -> RunStatus | None:
        """How its newest run ended, or where it stands."""
        last = self._facts.last_run
        return RunStatus(last.status.value) if last else None

    @property
    def last_run_runtime(self) -> float | None:
        """Wall clock of its newest run in seconds, time in the queue excluded; None until it has ended."""
        last = self._facts.last_run
        return last.runtime if last else None

    @property
    def last_run_start_time(self) -> datetime | None:
        """When its newest run was started (UTC)."""
        last = self._facts.last_run
        return last.start_time if last else None

    @property
    def last_run_end_time(self) -> datetime | None:
        """When its newest run ended (UTC)."""
        last = self._facts.last_run
        return last.end_time if last else None

    def get_models(
        self, filter: SearchFilter | None = None, *, refresh: bool = False, **filters: Unpack[Criteria]
    ) -> list[Model]:
        """The models it builds, as they are now, ordered by id; the filter looks at what they were in that run.

        It builds what has a result in its newest run that completed and executed a model, of its last five.
        """
        model_filter, job = models_filter(filter, filters), self._facts
        return self._client.ask(
            lambda field_context: jobs.models_of_job(field_context, job, model_filter),
            lambda answer: [Model.of(model, self._client) for model in answer],
            refresh=refresh,
        )

    def get_last_run(self) -> Run | None:
        """Its newest run, whatever its status; None when it has none."""
        last = self._facts.last_run
        return Run.of(last, self._client) if last else None

    def get_runs(self, last_n: int = 5, *, refresh: bool = False) -> list[Run]:
        """Its newest `last_n` runs (1 to 500), newest first, whatever their status."""
        ensure_count("last_n", last_n, MOST_RUNS)
        number = self._facts.id

        async def question(field_context: FieldContext) -> tuple[RunFacts, ...]:
            return await field_context.loaders.recent_runs(number, last_n)

        return self._client.ask(question, lambda answer: [Run.of(run, self._client) for run in answer], refresh=refresh)

    def get_slowest_models(
        self,
        slowest_n: int = 5,
        filter: SearchFilter | None = None,
        *,
        refresh: bool = False,
        **filters: Unpack[Criteria],
    ) -> RankedList[Model]:
        """The slowest models of its newest run that completed and executed a model (of its last five).

        Ranked by their own execution time in that run, in seconds; see Run.get_slowest_models. Nothing when no run
        qualifies.
        """
        ensure_count("slowest_n", slowest_n, MOST_RANKED)
        model_filter, job = models_filter(filter, filters), self._facts

        async def question(field_context: FieldContext) -> RankedInRun:
            ranking = await run_models.slowest_models_of_job(field_context, job, slowest_n, model_filter)
            return await run_models.with_applied_models(field_context, ranking)

        return self._client.ask(
            question, lambda answer: Model.ranked_in_run(answer.ranking, answer.applied, self._client), refresh=refresh
        )

    def get_runtimes(self, last_n: int = 5, by_model: bool = False, *, refresh: bool = False) -> list[RuntimeReport]:
        """The runtimes of its newest `last_n` runs (1 to 100) that completed, newest first.

        By job: the wall clock of each of those runs. By model: what each model took in each of them, its own execution
        time, by model id within a run; models that were not executed, failed or were cancelled in a run are left out.
        """
        ensure_count("last_n", last_n, MOST_LAST_RUNS)
        job = self._facts
        question = runtimes.model_runtimes if by_model else runtimes.job_runtimes
        return self._client.ask(
            lambda field_context: question(field_context, job, last_n),
            lambda answer: [RuntimeReport.of(runtime) for runtime in answer],
            refresh=refresh,
        )

    def get_runtime_series(self, last_n: int = 100, *, refresh: bool = False) -> RuntimeSeries:
        """The wall clocks of its newest `last_n` runs (10 to 1000; the newest 500 are looked at), with lasting changes
        and trend. Completed runs count, successful or failed."""
        ensure_count("last_n", last_n, MOST_POINTS, LEAST_POINTS)
        job = self._facts
        return self._client.ask(
            lambda field_context: explained_series(
                field_context, runtime_series.series_of_job(field_context, job, last_n)
            ),
            RuntimeSeries.of,
            refresh=refresh,
        )

    def get_change_points(
        self, certainty: str = "suspected", first_n: int = 10, *, refresh: bool = False
    ) -> list[ChangePoint]:
        """When its runtime changed for good, newest first: `first_n` (1 to 100) of the changes that its series marks,
        those that are at least as certain (suspected or confirmed)."""
        ensure_count("first_n", first_n, MOST_LAST_RUNS)
        job, least = self._facts, certainty_wanted(certainty)
        return self._client.ask(
            lambda field_context: explained_changes(
                field_context, runtime_series.changes_of_job(field_context, job, least, first_n)
            ),
            lambda answer: [ChangePoint.of(change) for change in answer],
            refresh=refresh,
        )

    def get_run_matrix(self, last_n: int = 50, first_n: int = 200, *, refresh: bool = False) -> RunMatrix:
        """Its models by its newest `last_n` completed runs (1 to 100): the `first_n` slowest (1 to 500) by the median
        seconds of their successes."""
        ensure_count("last_n", last_n, MOST_LAST_RUNS)
        ensure_count("first_n", first_n, _MOST_ROWS)
        job = self._facts
        return self._client.ask(
            lambda field_context: run_matrix.matrix_of_job(field_context, job, last_n, first_n),
            RunMatrix.of,
            refresh=refresh,
        )

    def get_often_critical(self, last_n: int = 20, first_n: int = 10, *, refresh: bool = False) -> list[OftenCritical]:
        """The models that most often lie on the critical path of its newest `last_n` completed runs (1 to 100): the
        greatest share first, `first_n` of them (1 to 100). Empty where no run has a manifest and times."""
        ensure_count("last_n", last_n, MOST_LAST_RUNS)
        ensure_count("first_n", first_n, MOST_LAST_RUNS)
        job = self._facts
        return self._client.ask(
            lambda field_context: run_matrix.often_critical(field_context, job, last_n, first_n),
            lambda answer: [OftenCritical.of(model) for model in answer],
            refresh=refresh,
        )

    def what_if(self, last_n: int = 5, *, refresh: bool = False, **change: Unpack[WhatIfChange]) -> WhatIf | None:
        """How long it would take if something were different, by the median over its newest successful runs (1 to 20)
        among the last 20: see WhatIfChange. None where none of them has times."""
        ensure_count("last_n", last_n, run_what_if.LAST_RUNS)
        job, run_change = self._facts, change_wanted(change)
        return self._client.ask(
            lambda field_context: run_what_if.what_if_of_job(field_context, job, run_change, last_n),
            lambda answer: WhatIf.of(answer) if answer else None,
            refresh=refresh,
        )

    def get_deadline(
        self, finished_by: str, time_zone: str, last_days: int = 30, *, refresh: bool = False
    ) -> DeadlineReport:
        """How often it ends by a time of day (HH:MM) in an IANA time zone, over the last days (1 to 365) that have a
        run and whose deadline has passed. Raises InvalidArgumentError for times and zones that are none."""
        ensure_count("last_days", last_days, concurrency.MOST_DAYS)
        job = self._facts

        async def question(field_context: FieldContext) -> DeadlineReport:
            by, zone = time_of_day(finished_by, "finished_by"), time_zone_named(time_zone, "time_zone")
            report = await concurrency.deadline_of(field_context, job, by, zone, last_days)
            return DeadlineReport.of(report, await concurrency.data_age_of(field_context, report))

        return self._client.ask(question, lambda report: report, refresh=refresh)

    def get_average_job_runtime(
        self,
        last_n: int = 5,
        filter: SearchFilter | None = None,
        model_filter: ModelFilter | None = None,
        *,
        include_full_refresh: bool = False,
        refresh: bool = False,
    ) -> Average | None:
        """Its mean wall clock, in seconds, over its newest `last_n` runs (1 to 100) that completed.

        Formula: fsum(end − start of each run) / number of runs. Failed runs count, cancelled ones do not, and neither
        does time in the queue. Full refreshes, `--empty` and `--sample` are left out where it has ordinary runs too;
        `include_full_refresh` takes full refreshes in. The filters ask whether the job builds a model that meets each
        of them; if it does not, the answer is None. The result says over how many runs it goes and what was left out.
        """
        ensure_count("last_n", last_n, MOST_LAST_RUNS)
        search_filter, models = two_filters(filter, model_filter)
        job = self._facts
        return self._client.ask(
            lambda field_context: averages.average_job_runtime(
                field_context,
                job,
                last_n,
                search_filter=search_filter,
                models=models,
                leave_out=variants_left_out(include_full_refresh),
            ),
            Average.of_job,
            refresh=refresh,
        )

    def average_historical_model_runtime(
        self,
        slowest_n: int | None = 5,
        last_n_runs: int = 5,
        filter: SearchFilter | None = None,
        model_filter: ModelFilter | None = None,
        *,
        include_full_refresh: bool = False,
        refresh: bool = False,
    ) -> Average | None:
        """The mean, in seconds, over its `slowest_n` slowest models (None: all) of each one's mean over its last runs.

        Formula: a(model) = fsum(the model's execution times in the job's newest `last_n_runs` runs that ended by
        themselves, where it succeeded) / their number; the answer is fsum(a) / n over the n ≤ `slowest_n` models with
        the greatest a. Taken are the models the job builds that meet both filters, as they
        were in the run that shows what it builds. None when none of
        them has a runtime. The result says what was left out.
        """
        if slowest_n is not None:
            ensure_count("slowest_n", slowest_n, MOST_RANKED)
        ensure_count("last_n_runs", last_n_runs, MOST_LAST_RUNS)
        search_filter, models = two_filters(filter, model_filter)
        job = self._facts
        return self._client.ask(
            lambda field_context: averages.average_historical_model_runtime(
                field_context,
                job,
                slowest_n,
                last_n_runs,
                search_filter=search_filter,
                models=models,
                leave_out=variants_left_out(include_full_refresh),
            ),
            Average.of_models,
            refresh=refresh,
        )

    def to_record(self) -> records.Job:
        """A plain record of this job."""
        return records.Job.of(self._facts)

    def __repr__(self) -> str:
        return f"Job({self.job_id!r})"

    def _repr_html_(self) -> str:
        return shown_or_failure(self, self._shown)

    def _shown(self) -> str:
        series = self.get_runtime_series()
        return series_svg(series, f"{self.name or self.job_id}: wall clock of the newest {len(series.points)} runs")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Job) and other.job_id == self.job_id

    def __hash__(self) -> int:
        return hash(self.job_id)
