"""The services as one: what the rooms above are given, and the one place that opens and closes them."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from gateway.services.admin_api import AdminApi
from gateway.services.admin_facts import AdminFacts
from gateway.services.admin_service import AdminService
from gateway.services.base_query import BaseQuery
from gateway.services.configured import ConfiguredProject
from gateway.services.discipline.status import UpstreamStatus, untroubled
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
    `facts_of` says whose token reads the facts, by a hash; "" the gateway's. Facts of different ones never meet.
    """

    wire: Wire
    discovery_url: str
    admin_url: str | None
    account_id: int
    projects: tuple[ConfiguredProject, ...] = ()
    status: Callable[[], UpstreamStatus] = untroubled
    facts_of: str = ""


@dataclass(frozen=True, slots=True)
class Freshness:
    """How long facts are believed, in seconds, and how many rows of them are kept in memory."""

    revision_interval: float = 30.0
    topology_seconds: float = 60.0
    cached_rows: int = 2_000_000

    def part(self, parts: int) -> Freshness:
        """The same for one of so many who share the memory."""
        return replace(self, cached_rows=max(1, self.cached_rows // parts))


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
    upstream_status: Callable[[], UpstreamStatus] = untroubled


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
    interval, rows = freshness.revision_interval, freshness.cached_rows
    environments = EnvironmentService(query, interval, clock)
    models = ModelService(query, environments, rows)
    jobs = JobService(query, interval, rows, clock)
    return Services(
        environments=environments,
        models=models,
        jobs=jobs,
        lineage=LineageService(query, environments, rows),
        groups=GroupService(query, environments, rows),
        sources=SourceService(query, environments, rows),
        admin=_admin(upstream, freshness, Discovery(query, environments, models, jobs), clock),
        upstream_status=upstream.status,
    )


def _admin(
    upstream: Upstream, freshness: Freshness, discovery: Discovery, clock: Callable[[], float]
) -> AdminService | InferredAdmin:
    seconds = freshness.topology_seconds
    if upstream.admin_url is None:
        return InferredAdmin(upstream.account_id, upstream.projects, discovery, seconds, clock)
    api = AdminApi(upstream.wire, upstream.admin_url, upstream.account_id)
    return AdminService(api, seconds, freshness.revision_interval, clock)
