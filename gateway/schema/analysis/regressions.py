"""Lists of lasting changes over an account."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import strawberry
from msgspec import structs

from gateway.hierarchy.history import runtime_series as facts
from gateway.hierarchy.measures.basis import Basis as BasisFacts
from gateway.hierarchy.objects.project import Project
from gateway.loading.field_context import FieldContext
from gateway.queries.changes import regressions
from gateway.queries.changes.regressions import COSTLY_FIRST, ChangesAsked, FoundChanges, window_since
from gateway.schema.analysis.runtime_series import ChangePoint
from gateway.schema.lists.connections import Connection
from gateway.schema.lists.paging import PageArguments, PageView, cut
from gateway.schema.measures.basis import Basis

ChangedSince = Annotated[
    datetime | None,
    strawberry.argument(description="Only changes at this time or later. Defaults to 30 days ago."),
]


@dataclass(frozen=True, slots=True)
class ChangesPage(PageView[facts.ChangePoint]):
    """A page of changes, with figures of the whole list."""

    changes: FoundChanges

    @property
    def expected_false_alarms(self) -> float:
        return self.changes.expected_false_alarms

    @property
    def basis(self) -> BasisFacts:
        return self.changes.basis


@strawberry.type(description="A page of change points. Ask for nodes, or for edges when you need every item's cursor.")
class ChangePointConnection(Connection[ChangePoint]):
    expected_false_alarms: float = strawberry.field(
        description="How many entries of the whole list chance alone would show: measured alarms of series without a "
        "change, for the runs in the window."
    )
    basis: Basis = strawberry.field(description="What the list is based on.")


async def changes_page(
    context: FieldContext, projects: Sequence[Project], asked: ChangesAsked, page: PageArguments
) -> ChangesPage:
    """The page of what was asked for: what costs, or saves, most seconds a day comes first."""
    changes = await regressions.changes_of_account(context, projects, asked)
    chosen = cut(changes.changes, COSTLY_FIRST, page, place=lambda: context.path)
    shown = await regressions.shown_changes(context, projects, chosen.nodes)
    return ChangesPage(structs.replace(chosen, nodes=shown), changes)


def since_wanted(since: datetime | None) -> datetime:
    """When a window begins; UNSET is as if nothing was given. Raises BadUserInput."""
    return window_since(None if since is strawberry.UNSET else since)
