"""The commands that serve until they are told to end: the gateway, and the platform over local runs."""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from ipaddress import ip_network
from pathlib import Path

from starlette.types import ASGIApp

import gateway
from gateway.app import create_app, trouble_with_dbt
from gateway.archive.archive import Archive
from gateway.cli.alerts_process import alerts_process
from gateway.cli.data_source import following, opened, prepared
from gateway.cli.mirror_process import mirror_process
from gateway.cli.shared_metrics import metrics_shared
from gateway.cli.terminal import complain, say, shown_host
from gateway.errors import ConfigurationError
from gateway.http.request.hosts import LOOPBACK_NAMES, HostGuard
from gateway.http.server.server import ServingPolicy, bind, serve
from gateway.local_platform.app import create_platform
from gateway.local_platform.faults.switches import Faults, parse_faults
from gateway.local_platform.process import platform_process
from gateway.settings import Settings, load_settings
from gateway.settings.problems import warning_of_secrets
from gateway.telemetry.logs import logging_configuration


def serve_gateway(options: argparse.Namespace) -> int:
    """`gateway serve`."""
    settings = load_settings({"artifacts": options.artifacts, "store_url": options.store})
    on_this_machine = _is_loopback(options.host)
    if not (on_this_machine or settings.open or settings.knows_callers):
        raise ConfigurationError(
            f"--host {options.host} makes the gateway reachable from other machines, but no callers are configured: "
            "set up API keys (gateway key new NAME) or signed tokens, or set GATEWAY_OPEN=true to answer everybody."
        )
    with bind(options.host, options.port) as listening, prepared(settings, create=options.create) as source:
        address = f"http://{shown_host(options.host)}:{listening.getsockname()[1]}"
        say(f"dbt gateway {gateway.__version__}")
        _tell_exposed_secrets(settings)
        say(f"  GraphQL   {address}/graphql")
        _tell_pages(source.settings, address)
        say(f"  Data      {source.description}")
        for line in source.advice:
            say(f"            {line}")
        _tell_trouble(settings)
        served = source.settings
        if on_this_machine and not served.allowed_hosts:
            served = served.model_copy(update={"allowed_hosts": LOOPBACK_NAMES})
        new_runs = following(settings.artifacts, source, keep_raw=False)
        mirroring = mirror_process(served, is_wanted=options.mirror)
        alerting = alerts_process(served, has_archive=bool(settings.store_url or settings.archive_url))
        with (
            metrics_shared(options.workers) as metrics_directory,
            platform_beside(served) as platform,
            new_runs,
            mirroring as served,
            alerting,
        ):
            policy = replace(_serving_policy(served, options.workers), metrics=metrics_directory)
            application = partial(create_app, served.for_one_of(options.workers), platform=platform)
            return serve(application, listening, policy)


def _tell_pages(settings: Settings, address: str) -> None:
    if settings.pages:
        say(f"  Pages     {address}/")
    if settings.explorer:
        say(f"  GraphiQL  {address}/graphiql")


def platform_beside(settings: Settings) -> AbstractContextManager[Path | None]:
    """Where the store is served for the block; nowhere where dbt Cloud is asked."""
    return platform_process(settings.store_url) if settings.store_url else nullcontext()


def _tell_exposed_secrets(settings: Settings) -> None:
    warning = warning_of_secrets(settings.config, Settings.model_fields)
    if warning is not None:
        complain(warning)


def _tell_trouble(settings: Settings) -> None:
    """A wrong token, account or host shows at once, and not only in the first answers; dbt may be back by then."""
    for trouble in asyncio.run(trouble_with_dbt(settings)):
        complain(f"dbt Cloud account {settings.account_id}: {trouble}")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def serve_platform(options: argparse.Namespace) -> int:
    """`gateway platform`."""
    settings = load_settings({"artifacts": options.artifacts, "store_url": options.store})
    if settings.uses_dbt_cloud:
        raise ConfigurationError("gateway platform serves local runs; unset GATEWAY_DISCOVERY_URL for it.")
    faults = _faults(options.faults)
    token = options.token or (settings.platform_token.get_secret_value() if settings.platform_token else None)
    on_this_machine = _is_loopback(options.host)
    if not (on_this_machine or settings.open or token):
        raise ConfigurationError(
            f"--host {options.host} lets other machines ask, and this platform asks for no token: set "
            "GATEWAY_PLATFORM_TOKEN, or set GATEWAY_OPEN=true to answer everybody."
        )
    hosts = settings.allowed_hosts or (LOOPBACK_NAMES if on_this_machine else ())
    kept = prepared(settings, keep_raw=True, create=options.create)
    with bind(options.host, options.port) as listening, kept as source:
        address = f"http://{shown_host(options.host)}:{listening.getsockname()[1]}"
        say("dbt platform over local runs")
        _tell_exposed_secrets(settings)
        say(f"  Discovery  {address}/graphql")
        say(f"  Admin      {address}/api/v2 and {address}/api/v3")
        say(f"  Data       {source.description}")
        new_runs = following(settings.artifacts, source, keep_raw=True)
        with opened(str(source.settings.store_url)) as archive, new_runs:
            platform = partial(_guarded_platform, archive, token, faults, hosts)
            return serve(platform, listening, ServingPolicy(connections=settings.connections))


def _guarded_platform(archive: Archive, token: str | None, faults: Faults | None, hosts: tuple[str, ...]) -> ASGIApp:
    """The platform behind the edge's rule of hosts; the server's rules of heads and connections hold too."""
    platform = create_platform(archive, token=token, faults=faults)
    return HostGuard(platform, hosts) if hosts and "*" not in hosts else platform


def _faults(switches: str | None) -> Faults | None:
    try:
        return None if switches is None else parse_faults(switches)
    except ValueError as unknown:
        raise ConfigurationError(f"--faults: {unknown}") from None


def _serving_policy(settings: Settings, workers: int) -> ServingPolicy:
    logging = logging_configuration(settings.operation_log)
    return ServingPolicy(
        workers=workers,
        connections=settings.connections,
        address_connections=settings.connections_per_address,
        proxies=tuple(ip_network(network) for network in settings.trusted_proxies),
        drain_seconds=settings.drain_seconds,
        logging=logging,
    )
