"""The services as one: what the rooms above are given, and the one place that opens and closes them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from gateway.services.admin_api import AdminApi
from gateway.services.admin_service import AdminService
from gateway.services.base_query import BaseQuery
from gateway.services.environment_service import EnvironmentService
from gateway.services.job_service import JobService
from gateway.services.model_service import ModelService
from gateway.services.transport import GuardedTransport
from gateway.services.wire import Wire


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where dbt is: the wire, Discovery's full address, the Admin API's host, the account."""

    wire: Wire
    discovery_url: str
    admin_url: str
    account_id: int


@dataclass(frozen=True, slots=True)
class Freshness:
    """How long facts are believed, in seconds, and how many rows of them are kept in memory."""

    revision_interval: float = 30.0
    topology_seconds: float = 60.0
    cached_rows: int = 2_000_000


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that can be asked of dbt."""

    environments: EnvironmentService
    models: ModelService
    jobs: JobService
    admin: AdminService


@asynccontextmanager
async def open_services(upstream: Upstream, freshness: Freshness) -> AsyncIterator[Services]:
    """The services over one upstream; leaving the block closes its connections."""
    try:
        async with BaseQuery(GuardedTransport(upstream.wire, upstream.discovery_url)) as query:
            environments = EnvironmentService(query, freshness.revision_interval)
            api = AdminApi(upstream.wire, upstream.admin_url, upstream.account_id)
            yield Services(
                environments=environments,
                models=ModelService(query, environments, freshness.cached_rows),
                jobs=JobService(query, freshness.revision_interval, freshness.cached_rows),
                admin=AdminService(api, freshness.topology_seconds, freshness.revision_interval),
            )
    finally:
        await upstream.wire.close()
