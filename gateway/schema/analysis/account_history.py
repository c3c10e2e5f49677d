"""What happened over an account: what got slower or faster for good, what is flaky, what was broken."""

from __future__ import annotations

import strawberry

from gateway.hierarchy.history.runtime_series import Certainty
from gateway.hierarchy.objects import project as project_facts
from gateway.hierarchy.runs import attempts as attempt_facts
from gateway.queries.changes import unsteady_resources
from gateway.queries.changes.regressions import ChangesAsked
from gateway.schema.analysis.regressions import (
    ChangedSince,
    ChangePointConnection,
    ChangesPage,
    changes_page,
    since_wanted,
)
from gateway.schema.analysis.runtime_series import LeastCertainty
from gateway.schema.analysis.unsteady_resources import (
    MOST_FLAKY,
    OPEN_FIRST,
    BrokenSince,
    FirstFlaky,
    Flaky,
    FlakySince,
    IncidentConnection,
    IncidentsPage,
    OpenOnly,
)
from gateway.schema.context import Info, field_context
from gateway.schema.inputs.arguments import ModelsFilter
from gateway.schema.inputs.filters import model_filter
from gateway.schema.lists.connections import CHANGES_PAGE, After, Before, FirstChanged, Last, page_arguments
from gateway.schema.lists.paging import cut, ensure_count
from gateway.schema.vocabulary.costs import dear, paged, sliced_by
from gateway.schema.vocabulary.nullability import NON_NULL

Parent = strawberry.Parent[project_facts.Account]


@strawberry.type
class AccountHistory:
    """The fields of Account that show what happened. Never a type of its own."""

    @strawberry.field(
        description="Models and jobs with a lasting increase of their runtime, those that cost the most seconds a day "
        "first. An archive stores the changes; without one they are computed from the histories of each project's "
        "slowest 100 models and of 25 jobs; `basis` says which. A filter on models leaves jobs out.",
        graphql_type=ChangePointConnection | None,
        directives=[NON_NULL, *dear(20), *paged(CHANGES_PAGE)],
    )
    async def regressions(
        self,
        parent: Parent,
        info: Info,
        since: ChangedSince = strawberry.UNSET,
        filter: ModelsFilter = strawberry.UNSET,
        certainty: LeastCertainty = Certainty.CONFIRMED,
        first: FirstChanged = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
    ) -> ChangesPage:
        page = page_arguments(first, after, last, before, default=CHANGES_PAGE)
        asked = ChangesAsked(True, since_wanted(since), certainty, model_filter(filter))
        return await changes_page(field_context(info), parent.projects, asked, page)

    @strawberry.field(
        description="Models and jobs with a lasting decrease of their runtime, those that save the most seconds a day "
        "first. Otherwise like `regressions`.",
        graphql_type=ChangePointConnection | None,
        directives=[NON_NULL, *dear(20), *paged(CHANGES_PAGE)],
    )
    async def improvements(
        self,
        parent: Parent,
        info: Info,
        since: ChangedSince = strawberry.UNSET,
        filter: ModelsFilter = strawberry.UNSET,
        certainty: LeastCertainty = Certainty.CONFIRMED,
        first: FirstChanged = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
    ) -> ChangesPage:
        page = page_arguments(first, after, last, before, default=CHANGES_PAGE)
        asked = ChangesAsked(False, since_wanted(since), certainty, model_filter(filter))
        return await changes_page(field_context(info), parent.projects, asked, page)

    @strawberry.field(
        description="Resources that fail and pass without a change of code, highest rate first: two flips or more.",
        graphql_type=list[Flaky] | None,
        directives=[NON_NULL, *dear(20), *sliced_by("first", 10)],
    )
    async def flaky(
        self, parent: Parent, info: Info, since: FlakySince = strawberry.UNSET, first: FirstFlaky = 10
    ) -> list[attempt_facts.Flaky]:
        ensure_count("first", first, MOST_FLAKY)
        return await unsteady_resources.flaky_of_account(
            field_context(info), parent.projects, since_wanted(since), first
        )

    @strawberry.field(
        description="What is or was broken: open incidents first, then the newest first.",
        graphql_type=IncidentConnection | None,
        directives=[NON_NULL, *dear(20), *paged(CHANGES_PAGE)],
    )
    async def incidents(
        self,
        parent: Parent,
        info: Info,
        since: BrokenSince = strawberry.UNSET,
        open_only: OpenOnly = False,
        first: FirstChanged = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
    ) -> IncidentsPage:
        page = page_arguments(first, after, last, before, default=CHANGES_PAGE)
        incidents = await unsteady_resources.incidents_of_account(
            field_context(info), parent.projects, since_wanted(since), open_only=open_only
        )
        return IncidentsPage(cut(incidents.incidents, OPEN_FIRST, page, place=info.path.as_list), incidents)
