"""Regressions as they are found: each once when it becomes certain, and once more when newer runs no longer show it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Sequence

from gateway.hierarchy.history.runtime_series import Certainty, ChangePoint
from gateway.hierarchy.objects.project import DeploymentEnvironment, Project
from gateway.loading.field_context import FieldContext
from gateway.queries.changes.regressions import changes_of_projects, place_of, shown_changes
from gateway.queries.live.live_findings import findings
from gateway.queries.live.live_queries import Live


class _Sent:
    """Which regressions a subscriber knows of, and which of these were withdrawn. None is sent before all that there
    were at the beginning are known."""

    def __init__(self) -> None:
        self._known: dict[str, bool] = {}
        self.has_begun = False

    def news(self, changes: Sequence[ChangePoint]) -> list[ChangePoint]:
        """What is new in these, which are known from now on."""
        news = []
        for change in changes:
            place, withdrawn = place_of(change), change.withdrawn_at is not None
            before = self._known.get(place)
            if self.has_begun and (before is False if withdrawn else before is None):
                news.append(change)
            self._known[place] = withdrawn or bool(before)
        self.has_begun = True
        return news


def found_regressions(
    live: Live, deployment: DeploymentEnvironment, project_ids: Collection[str] | None
) -> AsyncGenerator[ChangePoint, None]:
    """Confirmed regressions of some projects, or all the caller may see, that are found from now on; and those that are
    withdrawn, which only an archive has. One that comes back is not sent again."""
    sent = _Sent()

    async def look(context: FieldContext, projects: Sequence[Project]) -> list[ChangePoint] | None:
        read = await changes_of_projects(context, projects)
        if context.failures:
            return None
        slower = [change for of_project in read for change in of_project.changes if _is_told(change)]
        return await shown_changes(context, projects, sent.news(slower))

    return findings(live, deployment, project_ids, look)


def _is_told(change: ChangePoint) -> bool:
    return change.seconds_per_day > 0 and change.certainty is Certainty.CONFIRMED
