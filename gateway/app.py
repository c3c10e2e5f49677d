"""The composition root: wires the rooms together, opens and closes everything in one lifespan."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette

from gateway.errors import ConfigurationError, GatewayError
from gateway.execution import GatewayExecutor
from gateway.http.edge import EdgePolicy, create_edge
from gateway.http.health import Readiness
from gateway.local_platform.app import create_platform
from gateway.local_platform.archive import Archive
from gateway.local_platform.demo import unpack_demo
from gateway.local_platform.ingest import IngestReport, Progress, ingest_folder
from gateway.schema.build import build_schema
from gateway.schema.execution import OperationRunner
from gateway.services.bundle import Freshness, Upstream, open_services
from gateway.services.wire import AsgiWire, HttpWire, WireLimits
from gateway.settings import Settings

# The in-process platform is addressed like any other upstream; nothing is sent to this host.
_LOCAL = "http://local-platform"


def create_app(settings: Settings, wrap_platform: Callable[[Starlette], Starlette] | None = None) -> Starlette:
    """The gateway as an ASGI application.

    Nothing is opened before its lifespan starts. `wrap_platform` is called with the embedded platform, when there is
    one, and may put something between it and the gateway; tests count and disturb its requests there.
    """
    executor = GatewayExecutor(OperationRunner(build_schema()), settings.request_seconds)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            upstream = await _open_upstream(settings, stack, wrap_platform)
            freshness = Freshness(settings.revision_interval, settings.topology_seconds, settings.cached_rows)
            executor.start(await stack.enter_async_context(open_services(upstream, freshness)))
            stack.callback(executor.stop)
            yield

    async def readiness() -> Readiness:
        try:
            await executor.services.admin.topology()
        except GatewayError as failure:
            return Readiness(False, {"dbt": failure.code})
        return Readiness(True, {"dbt": "ok"})

    policy = EdgePolicy(
        allowed_hosts=settings.allowed_hosts, allowed_origins=settings.cors_origins, explorer=settings.explorer
    )
    return create_edge(executor, policy, readiness, lifespan)


async def _open_upstream(
    settings: Settings, stack: AsyncExitStack, wrap_platform: Callable[[Starlette], Starlette] | None
) -> Upstream:
    limits = WireLimits(settings.upstream_seconds, settings.upstream_connections, settings.upstream_response_bytes)
    if settings.discovery_url and settings.admin_url and settings.account_id and settings.service_token:
        wire = HttpWire(settings.service_token, limits)
        return Upstream(wire, settings.discovery_url, settings.admin_url, settings.account_id)
    directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gateway-")))
    archive, _ = await asyncio.to_thread(open_archive, settings, directory)
    stack.callback(archive.close)
    account_id = archive.describe().account_id
    if account_id is None:
        raise ConfigurationError("The archive is empty: fill it with `gateway ingest DIR --store URL` first.")
    platform = create_platform(archive)
    app = wrap_platform(platform) if wrap_platform else platform
    return Upstream(AsgiWire(app, None, limits), f"{_LOCAL}/graphql", _LOCAL, account_id)


def open_archive(
    settings: Settings, directory: Path, progress: Progress | None = None
) -> tuple[Archive, IngestReport | None]:
    """The archive that the settings name, and what reading artifacts into it came to.

    A store is opened as it is. A folder of artifacts, or else the embedded demo, is read into an archive below
    `directory`, which must outlive it. Raises ConfigurationError or UnreadableArtifact.
    """
    if settings.store_url:
        return Archive.open(settings.store_url), None
    archive = Archive.open(f"sqlite:///{directory / 'runs.db'}")
    try:
        folder = settings.artifacts or unpack_demo(directory / "demo")
        return archive, ingest_folder(archive, folder, progress=progress)
    except BaseException:
        archive.close()
        raise
