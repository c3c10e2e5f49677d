"""The services as one: what the rooms above are given, and the one place that opens and closes them."""

from __future__ import annotations

import math
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

from gateway.caching.belief import Tolerance, wanting
from gateway.caching.generations import Generations
from gateway.caching.memory import Memory
from gateway.caching.tiers import Tiers
from gateway.services.admin_api import AdminApi
from gateway.services.admin_facts import AdminFacts
from gateway.services.admin_service import AdminService
from gateway.services.base_query import BaseQuery
from gateway.services.changes import Changes
from gateway.services.configured import ConfiguredProject
from gateway.services.environment_service import EnvironmentService
from gateway.services.group_service import GroupService
from gateway.services.inferred_admin import Discovery, InferredAdmin
from gateway.services.job_service import JobService
from gateway.services.lineage_service import LineageService
from gateway.services.model_service import ModelService
from gateway.services.source_service import SourceService
from gateway.services.transport import GuardedTransport
from gateway.services.wire import Wire


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where dbt is: the wire, Discovery's full address, the Admin API's host, the account.

    Without an Admin API (`admin_url` None) the account is what `projects` say, and jobs and runs are inferred.
    """

    wire: Wire
    discovery_url: str
    admin_url: str | None
    account_id: int
    projects: tuple[ConfiguredProject, ...] = ()


@dataclass(frozen=True, slots=True)
class Freshness:
    """How long facts are believed, in seconds, and how many bytes of them are kept in memory.

    Outdated ones are told as `tolerance` says; unless one is given, never.
    """

    revision_interval: float = 30.0
    topology_seconds: float = 60.0
    cache_bytes: int = 1024 * 1024 * 1024
    tolerance: Tolerance = field(default_factory=Tolerance)


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that can be asked of dbt."""

    environments: EnvironmentService
    models: ModelService
    jobs: JobService
    lineage: LineageService
    groups: GroupService
    sources: SourceService
    admin: AdminFacts
    changes: Changes
    tiers: Tiers

    @property
    def generations(self) -> Generations:
        """How often the facts of each environment changed."""
        return self.tiers.generations

    @contextmanager
    def wanting(self, max_age: float | None) -> Iterator[None]:
        """Within the block only facts count that were known to be true `max_age` seconds before its beginning; None:
        those that the settings let count."""
        with wanting(-math.inf if max_age is None else self.tiers.clock() - max_age):
            yield


@asynccontextmanager
async def open_services(upstream: Upstream, freshness: Freshness) -> AsyncIterator[Services]:
    """The services over one upstream; leaving the block closes its connections."""
    async with open_query(upstream) as query:
        yield build_services(query, upstream, freshness)


@asynccontextmanager
async def open_query(upstream: Upstream) -> AsyncIterator[BaseQuery]:
    """A session with the upstream's Discovery API; leaving the block closes the upstream's connections."""
    try:
        async with BaseQuery(GuardedTransport(upstream.wire, upstream.discovery_url)) as query:
            yield query
    finally:
        await upstream.wire.close()


def build_services(
    query: BaseQuery, upstream: Upstream, freshness: Freshness, clock: Callable[[], float] = time.monotonic
) -> Services:
    """Services that know nothing yet, over an open session; `clock` tells the seconds by which facts grow old."""
    interval = freshness.revision_interval
    tiers = Tiers(Memory(freshness.cache_bytes), clock, tolerance=freshness.tolerance)
    changes = Changes()
    environments = EnvironmentService(query, interval, tiers, changes)
    models = ModelService(query, environments, tiers)
    jobs = JobService(query, interval, tiers)
    return Services(
        environments=environments,
        models=models,
        jobs=jobs,
        lineage=LineageService(query, environments, tiers),
        groups=GroupService(query, environments, tiers),
        sources=SourceService(query, environments, tiers),
        admin=_admin(upstream, freshness, Discovery(query, environments, models, jobs, tiers), tiers),
        changes=changes,
        tiers=tiers,
    )


def _admin(
    upstream: Upstream, freshness: Freshness, discovery: Discovery, tiers: Tiers
) -> AdminService | InferredAdmin:
    seconds = freshness.topology_seconds
    if upstream.admin_url is None:
        return InferredAdmin(upstream.account_id, upstream.projects, discovery, seconds, tiers)
    api = AdminApi(upstream.wire, upstream.admin_url, upstream.account_id)
    return AdminService(api, seconds, freshness.revision_interval, tiers)
