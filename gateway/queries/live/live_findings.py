"""What is found in an account from now on: it is looked at again when something has changed."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Sequence
from typing import TypeVar

from gateway.errors import GatewayError
from gateway.hierarchy.objects.project import DeploymentEnvironment, Project
from gateway.loading.field_context import FieldContext
from gateway.queries.live.live_queries import Live
from gateway.queries.projects import find_account

T = TypeVar("T")

Look = Callable[[FieldContext, Sequence[Project]], Awaitable[list[T] | None]]
"""What a subscriber does not know yet of these projects; None where it cannot be read."""

log = logging.getLogger(__name__)


async def findings(
    live: Live, deployment: DeploymentEnvironment, project_ids: Collection[str] | None, look: Look[T]
) -> AsyncGenerator[T, None]:
    """What `look` finds after its first look, in some projects or all that the caller may see.

    What cannot be read is read again after an interval; nothing is sent of an account that is read in part.
    """

    async def news() -> list[T] | None:
        try:
            async with live.fresh() as context:
                account = await find_account(context, deployment)
                return await look(
                    context, [project for project in account.projects if _is_wanted(project, project_ids)]
                )
        except GatewayError as unreadable:
            log.info("findings that are subscribed to cannot be read: %s", unreadable.code)
            return None

    with live.poller.listening() as listener:
        findings = await news()
        while True:
            await listener.next(live.poller.interval if findings is None else None)
            listener.skip()
            findings = await news()
            for finding in findings or ():
                yield finding


def _is_wanted(project: Project, project_ids: Collection[str] | None) -> bool:
    return project_ids is None or not set(project.spellings).isdisjoint(project_ids)
