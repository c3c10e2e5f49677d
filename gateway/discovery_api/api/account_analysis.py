"""What the runs of an account show together: methods of dbtAccount."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from gateway.discovery_api.api.arguments import MOST_RANKED, ensure_count, word_of
from gateway.discovery_api.models import account_analysis as reports
from gateway.discovery_api.models.run_analysis import WeightedSeconds
from gateway.hierarchy.analysis import account_analysis as facts
from gateway.hierarchy.analysis import run_analysis as run_analysis_facts
from gateway.hierarchy.analysis.account_analysis import TimeWindow
from gateway.hierarchy.analysis.run_analysis import TimeDimension
from gateway.hierarchy.objects.project import Project
from gateway.loading.field_context import FieldContext
from gateway.queries.analysis.account_seconds import weighted_seconds_of_account
from gateway.queries.analysis.concurrency import concurrency_of, shared_models_of
from gateway.queries.analysis.wasted_builds import wasted_builds_of
from gateway.queries.runs.executions import usual_window

T = TypeVar("T")
R = TypeVar("R")

_MOST_MINUTES = 1440
_MOST_SHARED = 1000


class AccountAnalysis:
    """The methods of an account that look at the runs of a window of time. Times without an offset are UTC."""

    def _ask(
        self,
        question: Callable[[FieldContext, tuple[Project, ...]], Awaitable[T]],
        present: Callable[[T], R],
        *,
        refresh: bool,
    ) -> R:
        raise NotImplementedError

    def get_wasted_builds(
        self,
        since: datetime | None = None,
        until: datetime | None = None,
        first_n: int = 10,
        *,
        refresh: bool = False,
    ) -> reports.WastedBuilds:
        """Builds of models that changed nothing, and what reuse saved. The window begins, unless `since` says
        otherwise, at midnight UTC 7 days before `until`, which is now unless it is given.
        Raises InvalidArgumentError for a window that holds no moment, or begins in the future."""
        ensure_count("first_n", first_n, MOST_RANKED)

        async def question(context: FieldContext, projects: Sequence[Project]) -> facts.WastedBuilds:
            return await wasted_builds_of(context, projects, _window(since, until), first_n)

        return self._ask(question, reports.WastedBuilds.of, refresh=refresh)

    def get_concurrency(
        self, since: datetime, until: datetime | None = None, bucket_minutes: int = 60, *, refresh: bool = False
    ) -> reports.Concurrency:
        """Which runs wait for and overlap which others from `since` until `until`, or now, by stretches of
        `bucket_minutes` (1 to 1440). Raises InvalidArgumentError for more than 5,000 stretches."""
        ensure_count("bucket_minutes", bucket_minutes, _MOST_MINUTES)

        async def question(context: FieldContext, projects: Sequence[Project]) -> reports.Concurrency:
            window = _window(since, until)
            report = await concurrency_of(context, projects, window, timedelta(minutes=bucket_minutes))
            return reports.Concurrency.of(report, await shared_models_of(context, report, _MOST_SHARED))

        return self._ask(question, lambda report: report, refresh=refresh)

    def get_weighted_seconds(
        self,
        by: str,
        since: datetime,
        until: datetime | None = None,
        first_n: int = 50,
        *,
        refresh: bool = False,
    ) -> list[WeightedSeconds]:
        """Where the busy time of all runs went that started from `since` until `until`, or now, greatest group first:
        `by` as for a run, or project or job. Idle time has a row of its own."""
        ensure_count("first_n", first_n, MOST_RANKED)
        dimension = word_of(TimeDimension, "by", by)

        async def question(
            context: FieldContext, projects: Sequence[Project]
        ) -> list[run_analysis_facts.WeightedSeconds]:
            window = _window(since, until)
            return await weighted_seconds_of_account(context, projects, window, dimension, first_n)

        return self._ask(question, lambda answer: [WeightedSeconds.of(seconds) for seconds in answer], refresh=refresh)


def _window(since: datetime | None, until: datetime | None) -> TimeWindow:
    return usual_window(_in_utc(since), _in_utc(until))


def _in_utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment
