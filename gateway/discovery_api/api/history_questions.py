"""What an account is asked of its past: what got slower or faster for good, what is flaky, what was broken."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from gateway.discovery_api.api.arguments import MOST_LAST_RUNS, certainty_wanted, ensure_count, models_filter
from gateway.discovery_api.models import ChangeList, Flaky, IncidentList, ModelFilter, SearchFilter
from gateway.hierarchy.objects.project import Project as ProjectFacts
from gateway.hierarchy.runs.attempts import Flaky as FlakyFacts
from gateway.loading.field_context import FieldContext
from gateway.queries.changes.change_causes import explained
from gateway.queries.changes.regressions import ChangesAsked, FoundChanges, costliest, window_since
from gateway.queries.changes.unsteady_resources import FoundIncidents, flaky_of_account, incidents_of_account

T = TypeVar("T")
R = TypeVar("R")

_MOST_FLAKY = 1000


class HistoryQuestions:
    """Questions that dbtAccount answers; no object of its own."""

    def _ask(
        self,
        question: Callable[[FieldContext, tuple[ProjectFacts, ...]], Awaitable[T]],
        present: Callable[[T], R],
        *,
        refresh: bool,
        within: SearchFilter | None = None,
    ) -> R:
        raise NotImplementedError

    def get_regressions(
        self,
        since: datetime | None = None,
        filter: ModelFilter | SearchFilter | None = None,
        *,
        certainty: str = "confirmed",
        first_n: int = 10,
        refresh: bool = False,
    ) -> ChangeList:
        """Models and jobs that got slower for good at `since` (UTC; 30 days ago) or later, those that cost most seconds
        a day first: `first_n` (1 to 100) of those that are at least as certain (suspected or confirmed). A filter on
        models leaves jobs out."""
        return self._changes(True, since, filter, certainty=certainty, first_n=first_n, refresh=refresh)

    def get_improvements(
        self,
        since: datetime | None = None,
        filter: ModelFilter | SearchFilter | None = None,
        *,
        certainty: str = "confirmed",
        first_n: int = 10,
        refresh: bool = False,
    ) -> ChangeList:
        """The same of what got faster, those that save most seconds a day first."""
        return self._changes(False, since, filter, certainty=certainty, first_n=first_n, refresh=refresh)

    def _changes(
        self,
        slower: bool,
        since: datetime | None,
        filter: ModelFilter | SearchFilter | None,
        *,
        certainty: str,
        first_n: int,
        refresh: bool,
    ) -> ChangeList:
        ensure_count("first_n", first_n, MOST_LAST_RUNS)
        least, model_filter = certainty_wanted(certainty), models_filter(filter, {})

        async def question(field_context: FieldContext, projects: tuple[ProjectFacts, ...]) -> FoundChanges:
            asked = ChangesAsked(slower, window_since(since), least, model_filter)
            listed = await costliest(field_context, projects, asked, first_n)
            return replace(listed, changes=tuple(await explained(field_context, listed.changes)))

        return self._ask(question, ChangeList.of, refresh=refresh, within=filter)

    def get_flaky(self, since: datetime | None = None, first_n: int = 10, *, refresh: bool = False) -> list[Flaky]:
        """Resources that fail and pass without a change of code since then (UTC; 30 days ago), two flips or more: the
        highest rate first, `first_n` of them (1 to 1000)."""
        ensure_count("first_n", first_n, _MOST_FLAKY)

        async def question(field_context: FieldContext, projects: tuple[ProjectFacts, ...]) -> list[FlakyFacts]:
            return await flaky_of_account(field_context, projects, window_since(since), first_n)

        return self._ask(question, lambda answer: [Flaky.of(flaky) for flaky in answer], refresh=refresh)

    def get_incidents(
        self, since: datetime | None = None, *, open_only: bool = False, refresh: bool = False
    ) -> IncidentList:
        """What is open, or broke since then (UTC; 30 days ago): open incidents first, then the newest first."""

        async def question(field_context: FieldContext, projects: tuple[ProjectFacts, ...]) -> FoundIncidents:
            return await incidents_of_account(field_context, projects, window_since(since), open_only=open_only)

        return self._ask(question, IncidentList.of, refresh=refresh)
