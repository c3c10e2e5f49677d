"""Which runs of an environment have ended, asked of the Admin API at this moment: nothing of it is cached."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from gateway.errors import GatewayError, UpstreamRefused
from gateway.hierarchy.objects.job import Run
from gateway.services.admin.admin_api import AdminApi
from gateway.services.admin.list_reading import ListReading
from gateway.services.rows.admin_types import AdminRun
from gateway.services.rows.mapping import to_run
from gateway.services.runs.run_query import RunQuery

_ENDED = (10, 20, 30)
_PAUSE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class NewestEnded:
    """The hundred runs that ended last, the last first. `total`: how many have ended, of those that dbt still lists (it
    keeps 365 days); None where it does not say. `complete` when there are no others."""

    runs: tuple[Run, ...]
    total: int | None
    complete: bool


class EndedRuns:
    """One request a question. Without an Admin API nothing is known, and a token that may not list runs is not asked
    for a minute."""

    def __init__(self, api: AdminApi | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._api = api
        self._clock = clock
        self._refused_at = -math.inf

    async def newest(self, environment_id: int) -> NewestEnded | None:
        """Those of an environment; None where they cannot be listed whole."""
        query = {"environment_id": str(environment_id), "status__in": "[10,20,30]", "order_by": "-finished_at"}
        listed = await self._list(query, rows=100)
        if listed is None or listed.left_out:
            return None
        return NewestEnded(tuple(map(to_run, listed.rows.values())), listed.total, listed.complete)

    async def count_since(self, environment_id: int, created_since: datetime) -> int | None:
        """How many runs that were created since have ended; None where dbt does not say."""
        query = RunQuery(environment_id, codes=_ENDED, created_since=created_since)
        listed = await self._list(query.parameters, rows=1)
        if listed is None:
            return None
        return len(listed.rows) if listed.complete else listed.total

    async def _list(self, query: dict[str, str], rows: int) -> ListReading[AdminRun] | None:
        if self._api is None or self._clock() - self._refused_at < _PAUSE_SECONDS:
            return None
        try:
            return await self._api.list_first("v2", "/runs/", AdminRun, query, pages=1, rows_wanted=rows)
        except UpstreamRefused:
            self._refused_at = self._clock()
            return None
        except GatewayError:
            return None
