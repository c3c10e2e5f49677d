"""Gateways over stand-ins: one schema and one edge for all, services of their own for each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from starlette.types import ASGIApp

from gateway.execution.executor import GatewayExecutor
from gateway.execution.incremental_delivery import StreamRunner
from gateway.execution.operation_runner import OperationRunner
from gateway.hierarchy.objects.project import DeploymentEnvironment, Environment
from gateway.http.edge import EdgePolicy, create_edge
from gateway.http.health import Readiness
from gateway.schema.build import build_schema
from gateway.services.admin.configured import ConfiguredProject
from gateway.services.bundle import CachePolicy, Services, Upstream, open_services
from gateway.services.resilience.policy import ResiliencePolicy
from gateway.services.resilience.resilient_transport import ResilientTransport, TransportDependencies
from gateway.services.transport.http_transport import AsgiTransport, TransportLimits
from gateway.settings import Settings
from tests.clock import Clock
from tests.dbt_cloud.account import ACCOUNT, FINANCE, GROWTH, GROWTH_PRODUCTION, PRODUCTION, STAGING
from tests.dbt_cloud.stand_in import StandIn
from tests.serving import Reply

CONFIGURED = (
    ConfiguredProject(
        FINANCE,
        "Finance",
        (
            Environment(PRODUCTION, None, FINANCE, DeploymentEnvironment.PRODUCTION),
            Environment(STAGING, None, FINANCE, DeploymentEnvironment.STAGING),
        ),
    ),
    ConfiguredProject(
        GROWTH, "Growth", (Environment(GROWTH_PRODUCTION, None, GROWTH, DeploymentEnvironment.PRODUCTION),)
    ),
)
"""What `[[projects]]` of the configuration may say of the account."""


class CloudGateway:
    """Asks one edge; what stands behind it is changed by `over`."""

    def __init__(self) -> None:
        settings, schema = Settings(), build_schema()
        runner = OperationRunner(schema, settings.fast_path)
        self._executor = GatewayExecutor(runner, StreamRunner(schema, runner), 30.0)
        transport = httpx2.ASGITransport(app=self._edge(), client=("127.0.0.1", 1))
        self.client = httpx2.AsyncClient(transport=transport, base_url="http://localhost")

    def _edge(self) -> ASGIApp:
        async def ready() -> Readiness:
            return Readiness(True)

        return create_edge(self._executor, EdgePolicy(explorer=False), ready)

    @asynccontextmanager
    async def over(
        self, dbt: StandIn, projects: Sequence[ConfiguredProject] = (), admin: bool = True
    ) -> AsyncIterator[Services]:
        """Cold services over a stand-in."""
        async with open_services(upstream_of(dbt, projects, admin), CachePolicy()) as services:
            self._executor.start(services)
            yield services

    async def ask(self, query: str, **variables: Any) -> Reply:
        """Any answer, errors and all."""
        response = await self.client.post("/graphql", json={"query": query, "variables": variables})
        body = response.json()
        extensions: Mapping[str, Any] = body.get("extensions", {}).get("gateway", {})
        return Reply(response.status_code, response.text, body.get("data"), body.get("errors", []), extensions)


def upstream_of(dbt: StandIn, projects: Sequence[ConfiguredProject] = (), admin: bool = True) -> Upstream:
    """The stand-in behind everything that a real dbt is asked through."""
    clock = Clock()
    transport = ResilientTransport(
        AsgiTransport(dbt, None, TransportLimits()),
        ResiliencePolicy(),
        TransportLimits(),
        TransportDependencies(clock, clock.sleep),
    )
    return Upstream(
        transport,
        "http://dbt/graphql",
        "http://dbt" if admin else None,
        ACCOUNT,
        tuple(projects),
        transport.status,
    )
