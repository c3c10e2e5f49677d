"""Where the data comes from: opens dbt Cloud's two APIs, or the local platform over an archive, a folder, the demo."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.archive.archive import Archive
from gateway.archive.reader import ArchiveReader
from gateway.errors import ConfigurationError
from gateway.hierarchy.measures.cost import CostRate
from gateway.hierarchy.objects.project import DeploymentEnvironment, Environment
from gateway.history.archive_history import ArchiveHistory
from gateway.services.admin.configured import ConfiguredProject
from gateway.services.bundle import Upstream
from gateway.services.resilience.policy import BudgetPolicy, ResiliencePolicy, RetryPolicy
from gateway.services.resilience.resilient_transport import ResilientTransport, TransportDependencies
from gateway.services.resilience.shared_token_bucket import SharedBuckets
from gateway.services.transport.http_transport import AsgiTransport, HttpTransport, TransportLimits
from gateway.settings import Settings
from gateway.settings.entries import ProjectSetting
from gateway.wiring.archive_beside import open_archive_beside

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from gateway.caching.redis_client import RedisClient
    from gateway.ingest.folders import IngestReport, ProgressCallback

WrapPlatform = Callable[["Starlette"], "Starlette"]

# The in-process platform is addressed like any other upstream; nothing is sent to this host.
_LOCAL = "http://local-platform"
_MOST_REASONS = 5


@asynccontextmanager
async def open_upstream(
    settings: Settings, wrap_platform: WrapPlatform | None = None, platform: Path | None = None
) -> AsyncIterator[Upstream]:
    """The upstream that the settings name, opened for the block; without any, the embedded demo.

    `wrap_platform` is called with the embedded platform, when there is one, and may put something between it and the
    caller; tests count and disturb its requests there. `platform` is the Unix socket of a process that serves the
    store of the settings (see local_platform.process); without it the platform runs in this process.
    Raises ConfigurationError or UnreadableArtifact.
    """
    limits = TransportLimits(settings.upstream_seconds, settings.upstream_connections, settings.upstream_response_bytes)
    async with AsyncExitStack() as stack:
        link = await stack.enter_async_context(open_redis(settings))
        if settings.discovery_url and settings.account_id and (settings.service_token or settings.pass_through_tokens):
            upstream = _dbt_cloud(settings, settings.discovery_url, settings.account_id, limits, link)
            yield await _with_archive(stack, settings, upstream)
            return
        archive, account_id = await _archive_to_serve(stack, settings)
        local = _served(platform, limits) if platform else _embedded(archive, wrap_platform, limits)
        upstream = _local(settings, local, account_id, limits, link)
        if settings.history_source == "discovery":
            yield await _with_archive(stack, settings, upstream)
            return
        reader = ArchiveReader(archive)
        stack.callback(reader.close)
        history = ArchiveHistory(reader)
        yield replace(upstream, make_history=lambda *_: history)


async def _archive_to_serve(stack: AsyncExitStack, settings: Settings) -> tuple[Archive, int]:
    """The archive that the settings name, closed with the stack, and its account. Raises ConfigurationError."""
    directory = stack.enter_context(_temporary_directory())
    archive, report = await asyncio.to_thread(open_archive, settings, directory)
    stack.callback(archive.close)
    account_id = archive.describe().account_id
    if account_id is None:
        raise ConfigurationError(_nothing_to_serve(settings, report))
    return archive, account_id


async def _with_archive(stack: AsyncExitStack, settings: Settings, upstream: Upstream) -> Upstream:
    """The same with the archive that stands beside it, which is closed with the stack."""
    opening = open_archive_beside(settings, upstream.account_id, upstream.account_key)
    beside = await stack.enter_async_context(opening)
    return replace(
        upstream,
        make_history=beside.make_history,
        kept=beside.kept,
        notes=beside.notes,
        take_event=beside.take_event,
        archive_state=beside.state,
        samples=beside.samples,
    )


@contextmanager
def _temporary_directory() -> Iterator[Path]:
    """A folder for the block. A process that was forked meanwhile leaves it to the one that made it."""
    owner = os.getpid()
    # Named before it is made: a signal may end the process at the moment after.
    place = Path(tempfile.gettempdir()) / f"gateway-{secrets.token_hex(8)}"
    try:
        place.mkdir(mode=0o700)
        yield place
    finally:
        if os.getpid() == owner:
            shutil.rmtree(place, ignore_errors=True)


def _local(
    settings: Settings, platform: HttpTransport, account_id: int, limits: TransportLimits, link: RedisClient | None
) -> Upstream:
    account_key = account_key_of(settings, account_id)
    policy = resilience_of(settings, _most_calls(settings))
    transport = ResilientTransport(platform, policy, limits, _transport_dependencies(link, account_key))
    return Upstream(
        transport,
        f"{_LOCAL}/graphql",
        _LOCAL,
        account_id,
        status=transport.status,
        account_key=account_key,
        link=link,
        calls_per_operation=policy.calls_per_operation,
        cost_rate=_cost_rate(settings),
    )


def _dbt_cloud(
    settings: Settings, discovery_url: str, account_id: int, limits: TransportLimits, link: RedisClient | None
) -> Upstream:
    account_key = account_key_of(settings, account_id)
    # aiohttp takes a fifth of a second to import, and only what is reached over sockets needs it.
    from gateway.services.transport.aiohttp_transport import AiohttpTransport

    policy = resilience_of(settings, _most_calls(settings))
    transport = ResilientTransport(
        AiohttpTransport(settings.service_token, limits), policy, limits, _transport_dependencies(link, account_key)
    )
    return Upstream(
        transport,
        discovery_url,
        settings.admin_url,
        account_id,
        configured_projects(settings.projects),
        transport.status,
        account_key=account_key,
        link=link,
        calls_per_operation=policy.calls_per_operation,
        cost_rate=_cost_rate(settings),
    )


def _cost_rate(settings: Settings) -> CostRate | None:
    if settings.cost_per_hour is None and settings.cost_per_tebibyte is None:
        return None
    return CostRate(settings.cost_currency, settings.cost_per_hour, settings.cost_per_tebibyte)


def _served(socket: Path, limits: TransportLimits) -> HttpTransport:
    from gateway.services.transport.aiohttp_transport import AiohttpTransport

    return AiohttpTransport(None, limits, socket)


def _embedded(archive: Archive, wrap_platform: WrapPlatform | None, limits: TransportLimits) -> HttpTransport:
    from gateway.local_platform.app import create_platform

    app = create_platform(archive)
    return AsgiTransport(wrap_platform(app) if wrap_platform else app, None, limits)


@asynccontextmanager
async def open_redis(settings: Settings) -> AsyncIterator[RedisClient | None]:
    """The one way of this process to the Redis that the replicas share. Raises ConfigurationError for a wrong URL."""
    if settings.cache_url is None:
        yield None
        return
    from gateway.caching.redis_client import RedisClient

    try:
        link = RedisClient(settings.cache_url.get_secret_value(), settings.cache_seconds)
    except (ValueError, TypeError) as problem:
        raise ConfigurationError(f"cache_url {problem}. See docs/deploy.md#redis.") from None
    try:
        yield link
    finally:
        await link.close()


def _transport_dependencies(link: RedisClient | None, account_key: str) -> TransportDependencies:
    """With a Redis the budgets are those of all replicas together."""
    return (
        TransportDependencies()
        if link is None
        else TransportDependencies(tokens=SharedBuckets(link, account_key).tokens)
    )


def account_key_of(settings: Settings, account_id: int) -> str:
    """See Upstream. A folder is named whole: two gateways may each stand in another one."""
    local = settings.store_url or str(settings.artifacts.resolve() if settings.artifacts else "demo")
    return f"{settings.discovery_url or local}|{settings.admin_url}|{account_id}"


def resilience_of(settings: Settings, most_calls: int | None) -> ResiliencePolicy:
    """How dbt is asked, with at most so many calls for one operation."""
    discovery, admin = settings.rates
    return ResiliencePolicy(
        discovery=BudgetPolicy(discovery, settings.cooldown_seconds),
        admin=BudgetPolicy(admin, settings.cooldown_seconds),
        retries=RetryPolicy(most=settings.upstream_retries),
        calls_per_operation=most_calls,
    )


def _most_calls(settings: Settings) -> int | None:
    calls = settings.calls_per_operation
    return ((250 if settings.uses_dbt_cloud else 0) if calls is None else calls) or None


def _nothing_to_serve(settings: Settings, report: IngestReport | None) -> str:
    """With the reasons for which files were not used, as `gateway ingest` prints them; of many the first."""
    if settings.artifacts:
        problems = report.problems if report else ()
        reasons = [f"{problem.path}: {problem.reason.rstrip('.')}" for problem in problems[:_MOST_REASONS]]
        left = len(problems) - len(reasons)
        shown = [*reasons, f"and {left} more"] if left else reasons
        return f"{settings.artifacts} holds no run that could be read" + (f": {'; '.join(shown)}." if shown else ".")
    return "The archive is empty: fill it with `gateway ingest DIR --store URL` first."


def configured_projects(settings: Sequence[ProjectSetting]) -> tuple[ConfiguredProject, ...]:
    """The `[[projects]]` of the configuration; they are numbered from 1, as no API lists their numbers."""
    return tuple(
        ConfiguredProject(number, setting.name, tuple(_environments(number, setting)))
        for number, setting in enumerate(settings, start=1)
    )


def _environments(number: int, setting: ProjectSetting) -> Iterator[Environment]:
    if setting.production_environment_id is not None:
        yield Environment(setting.production_environment_id, None, number, DeploymentEnvironment.PRODUCTION)
    if setting.staging_environment_id is not None:
        yield Environment(setting.staging_environment_id, None, number, DeploymentEnvironment.STAGING)


def open_archive(
    settings: Settings, directory: Path, progress: ProgressCallback | None = None
) -> tuple[Archive, IngestReport | None]:
    """The archive that the settings name, and what reading artifacts into it came to.

    A store is opened as it is. A folder of artifacts, or else the embedded demo, is read into an archive below
    `directory`, which must outlive it. Raises ConfigurationError or UnreadableArtifact.
    """
    if settings.store_url:
        return Archive.open(settings.store_url, create=False), None
    from gateway.ingest.demo import unpack_demo
    from gateway.ingest.folders import ingest_folder

    archive = Archive.open(f"sqlite:///{directory / 'runs.db'}")
    try:
        folder = settings.artifacts or unpack_demo(directory / "demo")
        return archive, ingest_folder(archive, folder, progress=progress, keep_raw=False)
    except BaseException:
        archive.close()
        raise
