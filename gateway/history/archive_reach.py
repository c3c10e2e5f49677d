"""How far an archive beside dbt Cloud reaches: of which environments it holds all that dbt can report, and since when.

Others fill an archive, run by run, and may leave out any. So the runs that dbt lists as ended are compared with those
in the archive before a history or a mean is made of the archive alone.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gateway.archive.reader import Reader
from gateway.archive.reading.held_runs import count_held, first_held, held_runs
from gateway.archive.times import from_micros, to_micros
from gateway.concurrency.bounded_map import BoundedMap
from gateway.concurrency.gathering import gather
from gateway.services.admin.ended_runs import EndedRuns, NewestEnded

DISCOVERY_KEEPS = timedelta(days=92)
"""What is older dbt's Discovery API does not say: it keeps two months, and a third is for safety."""

_ADMIN_KEEPS = timedelta(days=364)
# One question reads several kinds of facts; they compare once.
_SECONDS = 0.5
_MOST = 10_000


@dataclass(frozen=True, slots=True)
class Reach:
    """`held`: whether the archive holds every run of an environment that dbt can report. `since`: when the first run
    of it that the archive holds was created."""

    held: bool
    since: datetime | None = None


_NOTHING = Reach(False)


class ArchiveReach:
    """Compares the archive with dbt's lists: a request for each environment, and a second one where dbt lists more than
    a hundred runs, of which some are older than the archive."""

    def __init__(
        self, reader: Reader, ended: EndedRuns, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._reader = reader
        self._ended = ended
        self._clock = clock
        self._turn = asyncio.Lock()
        self._known: BoundedMap[int, tuple[float, Reach]] = BoundedMap(_MOST)

    def last(self, environment_id: int) -> Reach:
        """What was known last of an environment. Asks nobody."""
        known = self._known.peek(environment_id)
        return known[1] if known else _NOTHING

    def forget(self) -> None:
        """Has all of it compared anew."""
        self._known.clear()

    async def of(self, environment_ids: Collection[int]) -> Mapping[int, Reach]:
        """How far the archive reaches in each environment. Raises what reading the archive raises."""
        async with self._turn:
            now = time.monotonic()
            known = {environment_id: self._known.peek(environment_id) for environment_id in environment_ids}
            missing = [
                environment_id for environment_id, entry in known.items() if entry is None or now - entry[0] > _SECONDS
            ]
            for environment_id, reach in (await self._compare(missing)).items() if missing else ():
                self._known.put(environment_id, (time.monotonic(), reach))
        return {environment_id: self.last(environment_id) for environment_id in environment_ids}

    async def _compare(self, environment_ids: Collection[int]) -> dict[int, Reach]:
        first = await self._reader.read(lambda connection: first_held(connection, environment_ids))
        if not first:
            return dict.fromkeys(environment_ids, _NOTHING)
        listings = await gather(self._ended.newest(environment_id) for environment_id in first)
        listed = {
            environment_id: listing
            for environment_id, listing in zip(first, listings, strict=True)
            if listing and listing.runs
        }
        run_ids = {run.id for listing in listed.values() for run in listing.runs}
        held = await self._reader.read(lambda connection: held_runs(connection, run_ids))
        candidates = [
            environment_id for environment_id, listing in listed.items() if all(run.id in held for run in listing.runs)
        ]
        begins = {
            candidate: max(from_micros(first[candidate]), self._clock() - _ADMIN_KEEPS) for candidate in candidates
        }
        since = {environment_id: to_micros(begin) for environment_id, begin in begins.items()}
        counts = await self._reader.read(lambda connection: count_held(connection, since))
        whole = await gather(
            self._is_whole(candidate, listed[candidate], begins[candidate], counts[candidate])
            for candidate in candidates
        )
        reaches = {
            candidate: Reach(is_whole, from_micros(first[candidate]))
            for candidate, is_whole in zip(candidates, whole, strict=True)
        }
        return {environment_id: reaches.get(environment_id, _NOTHING) for environment_id in environment_ids}

    async def _is_whole(self, environment_id: int, listing: NewestEnded, begin: datetime, held: int) -> bool:
        """Whether nothing is missing that dbt lists, all of the listed runs being held."""
        if listing.complete or listing.total == held:
            return True
        if begin > self._clock() - DISCOVERY_KEEPS:
            # It begins after what dbt still reports.
            return False
        return await self._ended.count_since(environment_id, begin) == held
