"""Polls dbt for changes on an interval, while there are listeners."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from gateway.caching.tiers import Tiers
from gateway.caching.validity import max_age_of
from gateway.errors import GatewayError
from gateway.hierarchy.objects.job import Run
from gateway.services.admin.admin_facts import AdminFacts
from gateway.services.changes.invalidation import Invalidation
from gateway.services.environments.environment_service import EnvironmentService
from gateway.services.environments.event_bus import Listener
from gateway.telemetry.usage import Usage, measuring

log = logging.getLogger(__name__)

# As many of the account's newest runs are looked at for those that have finished since.
_NEWEST = 100

# After a burst (an archive into which many runs were read at once) as far back as any list of runs goes.
_MOST = 500


class ChangePoller:
    """Lets others listen to changes. While there is a listener, environments and newest runs are read every interval
    (seconds): two requests, shared with everybody who reads the same facts. A difference is published once."""

    def __init__(
        self,
        environments: EnvironmentService,
        admin: AdminFacts,
        invalidation: Invalidation,
        tiers: Tiers,
        interval: float,
    ) -> None:
        self._environments = environments
        self._admin = admin
        self._invalidation = invalidation
        self._tiers = tiers
        self.interval = interval
        self._listeners = 0
        self._task: asyncio.Task[None] | None = None
        self._runs: Sequence[Run] | None = None

    @property
    def listeners(self) -> int:
        """How many listen now."""
        return self._listeners

    @contextmanager
    def invalidation(self) -> Iterator[None]:
        """Within the block facts count that were known to be true half an interval ago: what a change has outdated is
        read again, and what was read because of it is not."""
        with max_age_of(self._tiers.clock() - self.interval / 2):
            yield

    @contextmanager
    def listening(self) -> Iterator[Listener]:
        """A listener for the block, to be entered inside a running loop."""
        with self._invalidation.listening() as listener:
            self._listeners += 1
            if self._task is None:
                self._task = asyncio.get_running_loop().create_task(self._look_again_and_again())
            try:
                yield listener
            finally:
                self._listeners -= 1
                if self._listeners == 0:
                    self._stop()

    def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
        # Whoever listens next starts from what is then, not from what was long ago.
        self._task, self._runs = None, None

    async def _look_again_and_again(self) -> None:
        while True:
            try:
                # Each look is for itself, not for the operation that began the watching.
                with measuring(Usage()):
                    await self._look()
            except GatewayError as unreadable:
                log.info("dbt could not be looked at for changes: %s", unreadable.message)
            except Exception:
                # Whoever listens must not go deaf for good.
                log.exception("looking at dbt for changes failed")
            await asyncio.sleep(self.interval)

    async def _look(self) -> None:
        topology = await self._admin.topology()
        with self.invalidation():
            # Whoever reads a header announces a new revision.
            await self._environments.headers([environment.id for environment in topology.environments])
            runs = await self._read_runs()
        self._tell_finished(runs)

    async def _read_runs(self) -> Sequence[Run]:
        """The newest runs; more of them when so many are new that none seen before is among them."""
        runs = await self._admin.newest_runs(_NEWEST)
        seen = {run.id for run in self._runs or ()}
        if len(runs) < _NEWEST or not seen or any(run.id in seen for run in runs):
            return runs
        return await self._admin.newest_runs(_MOST)

    def _tell_finished(self, runs: Sequence[Run]) -> None:
        before, self._runs = self._runs, runs
        if before is None:
            return
        known = {run.id: run.status.is_final for run in before}
        # A list that was not full held every run there was. Behind a full one come runs that are old, not new.
        oldest = min(run.recency for run in before) if len(before) >= _NEWEST else None
        for run in reversed(runs):
            is_old = oldest is not None and run.recency < oldest
            if run.status.is_final and not known.get(run.id, is_old):
                self._invalidation.finished(run.environment_id, run.job_id, run.id)
