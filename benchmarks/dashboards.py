"""A working day of dashboards through a cache in front: how much of it the gateway is still asked for.

    python -m benchmarks.dashboards [VIEWERS] [RUNS]

Time is simulated, the gateway is the real one over the demo account. The cache keeps what `Cache-Control` lets a shared
cache keep, revalidates by `ETag` afterwards, and drops tags when it is told. An answer is stale when the gateway would
have answered with other data at that moment.
"""

from __future__ import annotations

import asyncio
import random
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from gateway.archive.archive import Archive
from gateway.execution.executor import tags_within
from gateway.hierarchy.runs.run_event import RunEvent
from gateway.ingest.demo import unpack_demo
from gateway.ingest.folders import ingest_folder
from gateway.services.environments.event_bus import Listener
from gateway.settings import Settings
from tests.clock import Clock
from tests.freshness.conftest import ChangingDbt
from tests.serving import Gateway, serving

DAY_SECONDS = 10 * 3600
REFRESH_SECONDS = 60
SESSION_SECONDS = 20 * 60
SESSIONS = 4
# Every so many hits are compared with what the gateway would answer.
LOOKED_AT = 10
PROJECTS = {"finance": 201001, "marketing": 202001, "logistics": 203001, "storefront": 204001}
ACCOUNT = (
    "{ account { slowestModels(first: 10) { runtime model { id } } } }",
    "{ account { models(first: 50) { nodes { id runtime } } } }",
    "{ account { longestRunningJobs(first: 5) { job { id name } } } }",
)
OF_A_PROJECT = (
    '{ project(id: "%s") { models(first: 50) { nodes { id runtime } } } }',
    '{ project(id: "%s") { slowestModels(first: 5) { runtime model { id } } } }',
    '{ project(id: "%s") { jobs { nodes { id name lastRun { status } } } } }',
)


@dataclass
class Entry:
    """A kept answer. `until` is when it is no longer fresh."""

    data: bytes
    etag: str
    tags: frozenset[str]
    until: float


@dataclass
class SharedCache:
    """A shared cache that obeys RFC 9111, with purging by tag where `is_purged`."""

    is_purged: bool
    clock: Clock
    entries: dict[str, Entry] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    async def get(self, gateway: Gateway, target: str) -> bytes:
        entry = self.entries.get(target)
        if entry is not None and self.clock.now < entry.until:
            self.counts["hit"] += 1
            return entry.data
        reply = await gateway.client.get(target, headers={"If-None-Match": entry.etag} if entry else {})
        self.counts["unmodified" if reply.status_code == 304 else "full"] += 1
        data = entry.data if reply.status_code == 304 and entry else data_of(reply.text)
        age = re.search(r"^public, max-age=(\d+)", reply.headers["cache-control"])
        if "etag" in reply.headers:
            tags = (
                entry.tags if reply.status_code == 304 and entry else frozenset(reply.headers["cache-tag"].split(","))
            )
            self.entries[target] = Entry(
                data, reply.headers["etag"], tags, self.clock.now + int(age[1]) if age else 0.0
            )
        return data

    def purge(self, tags: set[str]) -> None:
        if self.is_purged:
            self.entries = {target: entry for target, entry in self.entries.items() if not entry.tags & tags}


def data_of(text: str) -> bytes:
    return text.rpartition(',"extensions":')[0].encode()


def requests(viewers: int, rng: random.Random) -> Iterator[tuple[float, str]]:
    """When a viewer's page asks what: three questions about the account, or about a project, every minute."""
    for _ in range(viewers):
        for _ in range(SESSIONS):
            start, name = rng.uniform(0, DAY_SECONDS - SESSION_SECONDS), rng.choice(["", *PROJECTS])
            queries = [query % name for query in OF_A_PROJECT] if name else ACCOUNT
            for refresh in range(SESSION_SECONDS // REFRESH_SECONDS):
                yield from ((start + refresh * REFRESH_SECONDS, query) for query in queries)


async def purge(cache: SharedCache, gateway: Gateway, listener: Listener) -> None:
    """Drops what the gateway has noticed to be outdated: runs that ended, and new revisions."""
    tags = tags_within(gateway.services)
    while (change := await listener.next(0)) is not None:
        cache.purge(set(tags.of_event(change.environment_id, change.job_id, change.run_id)))


async def day(settings: Settings, viewers: int, runs: int, *, is_purged: bool) -> dict[str, Any]:
    """One day. Runs end at random; each has changed its project's models by then."""
    rng = random.Random(7)
    asked = sorted(requests(viewers, rng))
    ends = sorted((rng.uniform(0, DAY_SECONDS), rng.choice(list(PROJECTS)), number) for number in range(runs))
    clock, dbt, stale = Clock(), ChangingDbt(), Counter[str]()
    cache, begun = SharedCache(is_purged, clock), clock.now
    async with serving(settings, clock) as gateway, AsyncExitStack() as stack:
        listener = stack.enter_context(gateway.services.invalidation.listening())
        gateway.upstream.rewrite = dbt
        for moment, query in asked:
            while ends and ends[0][0] <= moment:
                at, project, number = ends.pop(0)
                clock.now = begun + at
                dbt.change(PROJECTS[project])
                event = RunEvent(gateway.services.admin.account_id, PROJECTS[project], 1, number + 1, finished=True)
                await gateway.services.invalidation.tell(event)
                await purge(cache, gateway, listener)
            clock.now = begun + moment
            target = f"/graphql?query={quote(query)}"
            data = await cache.get(gateway, target)
            await purge(cache, gateway, listener)
            if cache.counts["hit"] % LOOKED_AT == 0:
                right = data_of((await gateway.client.get(target)).text)
                stale["looked at"] += 1
                stale["stale"] += data != right
        return {"requests": len(asked), **cache.counts, **stale}


async def main(viewers: int, runs: int) -> None:
    with tempfile.TemporaryDirectory() as place:
        store = f"sqlite:///{place}/runs.db"
        archive = Archive.open(store)
        ingest_folder(archive, unpack_demo(Path(place) / "demo"))
        archive.close()
        settings = Settings(store_url=store, open=True, cache_tags=True)
        for is_purged in (False, True):
            row = await day(settings, viewers, runs, is_purged=is_purged)
            print("purged by tag" if is_purged else "max-age alone", row, flush=True)


if __name__ == "__main__":
    arguments = [int(text) for text in sys.argv[1:]]
    asyncio.run(main(*(arguments or [40]), *([50] if len(arguments) < 2 else [])))
