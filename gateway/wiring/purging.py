"""Purges caches in front when runs begin or end, or an environment changes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from gateway.concurrency.background_tasks import BackgroundTasks
from gateway.execution.executor import tags_within
from gateway.hierarchy.runs.run_event import RunEvent
from gateway.purging.cache_purger import CachePurger, open_purger
from gateway.purging.purge_request import PurgeTarget
from gateway.services.bundle import Services
from gateway.services.environments.event_bus import Listener
from gateway.settings import Settings


@asynccontextmanager
async def purging(settings: Settings, services: Services) -> AsyncIterator[Sequence[CachePurger]]:
    """Purges while the block runs; nothing does without `purge` in the settings."""
    if not settings.purge:
        yield ()
        return
    tasks = BackgroundTasks()
    async with open_purger(targets_of(settings)) as purger:
        services.invalidation.subscribe(lambda event: _take(event, services, purger))
        with services.invalidation.listening() as listener:
            tasks.start(_follow(listener, services, purger))
            try:
                yield (purger,)
            finally:
                await tasks.cancel()


def targets_of(settings: Settings) -> Sequence[PurgeTarget]:
    """The caches that the settings name."""
    return [
        PurgeTarget(entry.url, entry.protocol, entry.subgraph, entry.key, entry.key_header, settings.cache_tag_header)
        for entry in settings.purge
    ]


def _take(event: RunEvent, services: Services, purger: CachePurger) -> None:
    # The event bus publishes finished runs, however they were noticed.
    if not event.finished:
        purger.purge(tags_within(services).of_event(event.environment_id, event.job_id, event.run_id))


async def _follow(listener: Listener, services: Services, purger: CachePurger) -> None:
    """Webhooks, replicas' events, changes of an environment and runs that polling saw end: all of them are published
    once the gateway itself has let go of what they outdate."""
    while True:
        change = await listener.next()
        if change is not None:
            purger.purge(tags_within(services).of_event(change.environment_id, change.job_id, change.run_id))
