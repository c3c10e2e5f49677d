"""Invalidation: events of runs, from webhooks and polling, and the facts that they outdate."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager

import msgspec

from gateway.caching.generations import ACCOUNT
from gateway.caching.tiers import Tiers
from gateway.caching.validity import max_age_of
from gateway.concurrency.background_tasks import BackgroundTasks
from gateway.concurrency.struct_decoders import msgpack_decoder
from gateway.errors import GatewayError
from gateway.hierarchy.runs.run_event import RunEvent
from gateway.services.admin.admin_facts import AdminFacts, Topology
from gateway.services.environments.environment_service import EnvironmentService
from gateway.services.environments.event_bus import Change, ChangeKind, EventBus, Listener
from gateway.services.runs.job_service import JobService
from gateway.services.runs.run_rows import RunKey

# A list of environments older than this is read again before an environment counts as unknown.
_KNOWN_SECONDS = 5.0

log = logging.getLogger(__name__)


class Invalidation:
    """Handles events of runs. Handling an event again changes nothing."""

    def __init__(
        self, environments: EnvironmentService, jobs: JobService, admin: AdminFacts, events: EventBus, tiers: Tiers
    ) -> None:
        self._environments = environments
        self._jobs = jobs
        self._admin = admin
        self._events = events
        self._tiers = tiers
        self._tasks = BackgroundTasks()
        self._followers: list[Callable[[RunEvent], None]] = []

    def listening(self) -> AbstractContextManager[Listener]:
        """A listener to the changes of this process, for the block."""
        return self._events.listening()

    def subscribe(self, take: Callable[[RunEvent], None]) -> None:
        """Calls `take` with every event that this process handles, also with those of other replicas."""
        self._followers.append(take)

    async def tell(self, event: RunEvent) -> bool:
        """Handles an event of this account; False if its environment is not served.

        Raises UpstreamError while the list of environments cannot be read.
        """
        if not await self._serves(event.environment_id):
            return False
        await self.spread(event)
        if event.finished:
            self._check_soon(event.environment_id)
        return True

    async def spread(self, event: RunEvent) -> None:
        """Handles an event here and at the other replicas, whether or not its environment is served. Reads nothing."""
        if self._tiers.shared is not None:
            await self._tiers.shared.tell(msgspec.msgpack.encode(event))
        self.take(event)

    def take(self, event: RunEvent) -> None:
        """Outdates the facts of the run in this process, and notifies listeners. Reads nothing."""
        if event.finished:
            self._environments.expect_change(event.environment_id)
            self.finished(event.environment_id, event.job_id, event.run_id)
        else:
            self._outdate(event.environment_id, event.job_id, event.run_id)
        for take in self._followers:
            take(event)

    def finished(self, environment_id: int, job_id: int, run_id: int) -> None:
        """Outdates what was read before the run finished, then notifies listeners."""
        self._jobs.invalidate(RunKey(job_id, run_id))
        self._outdate(environment_id, job_id, run_id)
        self._events.publish(Change(ChangeKind.RUN_FINISHED, environment_id, job_id, run_id))

    def _outdate(self, environment_id: int, job_id: int, run_id: int) -> None:
        self._admin.invalidate_run(environment_id, job_id, run_id)
        self._tiers.generations.advance((ACCOUNT, environment_id))

    def listen(self) -> None:
        """Handles the events of other replicas from now on, if there are any."""
        if self._tiers.shared is not None:
            self._tasks.start(self._tiers.shared.listen(self._hear))

    def _hear(self, message: bytes) -> None:
        try:
            self.take(msgpack_decoder(RunEvent).decode(message))
        except msgspec.MsgspecError:
            log.warning("an event of another replica cannot be read")

    async def close(self) -> None:
        """Stops checking and listening."""
        await self._tasks.cancel()

    async def _serves(self, environment_id: int) -> bool:
        # A known environment needs no request: dbt may be slow, and expects the response now.
        if environment_id in self._admin.known_environments():
            return True
        with max_age_of(self._tiers.clock() - _KNOWN_SECONDS):
            return environment_id in _ids(await self._admin.topology())

    def _check_soon(self, environment_id: int) -> None:
        """Reads the new revision in the background, for the next request and for listeners."""
        self._tasks.start(self._check(environment_id))

    async def _check(self, environment_id: int) -> None:
        try:
            await self._environments.headers([environment_id])
        except GatewayError as failure:
            log.warning("environment %d could not be checked after a run: %s", environment_id, failure.code)


def _ids(topology: Topology) -> Iterable[int]:
    return {environment.id for environment in topology.environments}
