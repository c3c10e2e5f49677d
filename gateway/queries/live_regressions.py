"""Regressions as they are found: each once when it becomes certain, and once more when newer runs no longer show it."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Collection, Sequence

from gateway.errors import GatewayError
from gateway.hierarchy.project import DeploymentEnvironment, Project
from gateway.hierarchy.runtime_series import Certainty, ChangePoint
from gateway.loading.field_context import FieldContext
from gateway.queries.live import Live
from gateway.queries.projects import find_account
from gateway.queries.regressions import changes_of_projects, place_of, shown_changes

log = logging.getLogger(__name__)


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


async def found_regressions(
    live: Live, deployment: DeploymentEnvironment, project_ids: Collection[str] | None
) -> AsyncGenerator[ChangePoint, None]:
    """Confirmed regressions of some projects, or all the caller may see, that are found from now on; and those that are
    withdrawn, which only an archive tells. One that comes back is not sent again.

    What cannot be read is read again after an interval; nothing is sent of an account that is read in part.
    """
    sent = _Sent()
    with live.poller.listening() as listener:
        news = await _news(live, deployment, project_ids, sent)
        while True:
            await listener.next(live.poller.interval if news is None else None)
            listener.skip()
            news = await _news(live, deployment, project_ids, sent)
            for change in news or ():
                yield change


async def _news(
    live: Live, deployment: DeploymentEnvironment, project_ids: Collection[str] | None, sent: _Sent
) -> list[ChangePoint] | None:
    """What a subscriber does not know yet; None where it cannot be read."""
    try:
        async with live.fresh() as context:
            projects = await _projects(context, deployment, project_ids)
            read = await changes_of_projects(context, projects)
            if context.failures:
                return None
            slower = [change for one in read for change in one.changes if _is_told(change)]
            return await shown_changes(context, projects, sent.news(slower))
    except GatewayError as unreadable:
        log.info("regressions that are subscribed to cannot be read: %s", unreadable.code)
        return None


async def _projects(
    context: FieldContext, deployment: DeploymentEnvironment, project_ids: Collection[str] | None
) -> Sequence[Project]:
    projects = (await find_account(context, deployment)).projects
    return [one for one in projects if project_ids is None or not set(one.spellings).isdisjoint(project_ids)]


def _is_told(change: ChangePoint) -> bool:
    return change.seconds_per_day > 0 and change.certainty is Certainty.CONFIRMED
