"""News: what dbt tells of runs by itself, and what of our facts that makes outdated."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager

import msgspec

from gateway.caching.generations import ACCOUNT
from gateway.caching.tiers import Tiers
from gateway.caching.validity import max_age_of
from gateway.concurrency.background_tasks import BackgroundTasks
from gateway.errors import GatewayError
from gateway.hierarchy.run_event import RunEvent
from gateway.services.admin.admin_facts import AdminFacts, Topology
from gateway.services.environment_service import EnvironmentService
from gateway.services.event_bus import Change, ChangeKind, EventBus, Listener
from gateway.services.job_service import JobService
from gateway.services.run_rows import RunKey

# A list of environments that is older than this is read again before an environment is called unknown.
_KNOWN_SECONDS = 5.0

log = logging.getLogger(__name__)


class Invalidation:
    """Takes in events of runs. The same event may come any number of times."""

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
        """A listener to what changes here, for the block."""
        return self._events.listening()

    def subscribe(self, take: Callable[[RunEvent], None]) -> None:
        """Has `take` called with every event that is taken in here, those that other replicas were told among them."""
        self._followers.append(take)

    async def tell(self, event: RunEvent) -> bool:
        """Acts on an event of our account; False when its environment is none that we serve.

        Raises UpstreamError while it cannot be told which environments there are.
        """
        if not await self._serves(event.environment_id):
            return False
        await self.spread(event)
        if event.finished:
            self._check_soon(event.environment_id)
        return True

    async def spread(self, event: RunEvent) -> None:
        """Takes an event in, here and at the other replicas, whether or not we serve its environment. Reads nothing."""
        if self._tiers.shared is not None:
            await self._tiers.shared.tell(msgspec.msgpack.encode(event))
        self.take(event)

    def take(self, event: RunEvent) -> None:
        """Outdates what the run touched, here, and tells those who listen. Reads nothing."""
        if event.finished:
            self._environments.expect_change(event.environment_id)
            self.finished(event.environment_id, event.job_id, event.run_id)
        else:
            self._outdate(event.environment_id, event.job_id, event.run_id)
        for take in self._followers:
            take(event)

    def finished(self, environment_id: int, job_id: int, run_id: int) -> None:
        """A run has finished: what it touched, and was read when it had not yet, is outdated before anybody is told."""
        self._jobs.invalidate(RunKey(job_id, run_id))
        self._outdate(environment_id, job_id, run_id)
        self._events.publish(Change(ChangeKind.RUN_FINISHED, environment_id, job_id, run_id))

    def _outdate(self, environment_id: int, job_id: int, run_id: int) -> None:
        self._admin.invalidate_run(environment_id, job_id, run_id)
        self._tiers.generations.advance((ACCOUNT, environment_id))

    def listen(self) -> None:
        """Takes in from now on what other replicas are told too, if there are any."""
        if self._tiers.shared is not None:
            self._tasks.start(self._tiers.shared.listen(self._hear))

    def _hear(self, message: bytes) -> None:
        try:
            self.take(msgspec.msgpack.decode(message, type=RunEvent))
        except msgspec.MsgspecError:
            log.warning("another replica told something unreadable")

    async def close(self) -> None:
        """Stops checking and listening."""
        await self._tasks.cancel()

    async def _serves(self, environment_id: int) -> bool:
        # One that is known needs no asking: dbt may be slow, and wants its answer now.
        if environment_id in self._admin.known_environments():
            return True
        with max_age_of(self._tiers.clock() - _KNOWN_SECONDS):
            return environment_id in _ids(await self._admin.topology())

    def _check_soon(self, environment_id: int) -> None:
        """So that those who ask next find the new revision known, and those who listen hear of it."""
        self._tasks.start(self._check(environment_id))

    async def _check(self, environment_id: int) -> None:
        try:
            await self._environments.headers([environment_id])
        except GatewayError as failure:
            log.warning("environment %d could not be checked after a run: %s", environment_id, failure.code)


def _ids(topology: Topology) -> Iterable[int]:
    return {environment.id for environment in topology.environments}
