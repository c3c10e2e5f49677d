"""What each command does. Every one takes the parsed options and returns the exit code; it may raise GatewayError."""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import timedelta
from functools import partial
from ipaddress import ip_network
from pathlib import Path

from graphql import BreakingChange, build_schema, find_breaking_changes
from starlette.types import ASGIApp

import gateway
from gateway.app import create_app, trouble_with_dbt
from gateway.archive.archive import Archive
from gateway.archive.retention import Retention, forget_old_runs
from gateway.archive.rollups import rebuild
from gateway.cli.data_source import following, opened, prepared, read_folder, tell_problems
from gateway.cli.diagnosis import diagnose
from gateway.cli.keys import make_key
from gateway.cli.scheduled import given_facts
from gateway.cli.shared_metrics import metrics_shared
from gateway.cli.terminal import complain, counted, describe, say, shown_host
from gateway.cli.wrapped_command import run_and_ingest
from gateway.errors import ConfigurationError, UnreadableArtifact
from gateway.http.request.hosts import LOOPBACK_NAMES, HostGuard
from gateway.http.server.server import ServingPolicy, bind, serve
from gateway.ingest.folders import IngestReport
from gateway.ingest.layout import Problem
from gateway.ingest.watching import watch_folder
from gateway.local_platform.app import create_platform
from gateway.local_platform.faults.switches import Faults, parse_faults
from gateway.local_platform.process import platform_process
from gateway.schema import build
from gateway.schema.authenticated import with_authentication
from gateway.settings import Settings, load_settings
from gateway.settings.problems import warning_of_secrets
from gateway.telemetry.logs import logging_configuration


def _serve(options: argparse.Namespace) -> int:
    settings = load_settings({"artifacts": options.artifacts, "store_url": options.store})
    on_this_machine = _is_loopback(options.host)
    if not (on_this_machine or settings.open or settings.knows_callers):
        raise ConfigurationError(
            f"--host {options.host} lets other machines ask, and this gateway knows no callers: set up API keys "
            "(gateway key new NAME) or signed tokens, or set GATEWAY_OPEN=true to answer everybody."
        )
    with bind(options.host, options.port) as listening, prepared(settings, create=options.create) as source:
        address = f"http://{shown_host(options.host)}:{listening.getsockname()[1]}"
        say(f"dbt gateway {gateway.__version__}")
        _tell_exposed_secrets(settings)
        say(f"  GraphQL   {address}/graphql")
        if source.settings.explorer:
            say(f"  GraphiQL  {address}/")
        say(f"  Data      {source.told}")
        for line in source.advice:
            say(f"            {line}")
        _tell_trouble(settings)
        served = source.settings
        if on_this_machine and not served.allowed_hosts:
            served = served.model_copy(update={"allowed_hosts": LOOPBACK_NAMES})
        new_runs = following(settings.artifacts, source, keep_raw=False)
        with metrics_shared(options.workers) as metrics_directory, _platform_beside(served) as platform, new_runs:
            policy = replace(_serving_policy(served, options.workers), metrics=metrics_directory)
            application = partial(create_app, served.for_one_of(options.workers), platform=platform)
            return serve(application, listening, policy)


def _platform_beside(settings: Settings) -> AbstractContextManager[Path | None]:
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


def _platform(options: argparse.Namespace) -> int:
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
        say(f"  Data       {source.told}")
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
        proxies=tuple(ip_network(one) for one in settings.trusted_proxies),
        drain_seconds=settings.drain_seconds,
        logging=logging,
    )


def _ingest(options: argparse.Namespace) -> int:
    with opened(options.store) as archive:
        if options.watch is not None:
            _watch(archive, options)
            return 0
        report = _ingest_once(archive, options)
    if report.problems and not (report.runs or report.unchanged):
        raise UnreadableArtifact(f"{options.folder} holds no run that could be read; see the lines above.")
    return 0


def _ingest_once(archive: Archive, options: argparse.Namespace) -> IngestReport:
    report = read_folder(archive, options.folder, keep_raw=options.keep_raw, given=given_facts(options))
    say(f"{options.folder}: {counted(report.runs, 'run')} stored, {report.unchanged:,} known already.")
    _forget(archive, options)
    say(f"The archive holds {describe(archive.describe())}.")
    return report


def _forget(archive: Archive, options: argparse.Namespace) -> None:
    if options.keep_days is None and options.keep_runs is None:
        return
    age = None if options.keep_days is None else timedelta(days=options.keep_days)
    forgotten = forget_old_runs(archive, Retention(age, options.keep_runs))
    if forgotten.runs:
        say(f"{counted(forgotten.runs, 'run')} forgotten with {counted(forgotten.results, 'result')}.")


def _watch(archive: Archive, options: argparse.Namespace) -> None:
    told: tuple[Problem, ...] = ()
    try:
        told = _ingest_once(archive, options).problems
    except (UnreadableArtifact, ConfigurationError) as failed:
        complain(f"not yet: {failed.message}")
    say(f"Watching {options.folder} every {options.watch} s; Ctrl-C ends it.")
    stop = threading.Event()

    def tell(report: IngestReport) -> None:
        tell_problems(report)
        if report.runs:
            say(f"{options.folder}: {counted(report.runs, 'run')} stored.")
            try:
                _forget(archive, options)
            except ConfigurationError as busy:
                complain(f"not forgotten yet: {busy.message}")

    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, lambda *_: stop.set())
    given = given_facts(options)
    watch_folder(archive, options.folder, stop, tell, options.watch, keep_raw=options.keep_raw, told=told, given=given)


def _archive(options: argparse.Namespace) -> int:
    with opened(options.store, create=False) as archive:
        with archive.writing() as connection:
            resources = rebuild(connection)
        say(f"The roll-ups of {counted(resources, 'resource')} are made anew from {describe(archive.describe())}.")
    return 0


def _schema(options: argparse.Namespace) -> int:
    sdl = build.print_sdl(build.build_schema())
    if options.authenticated:
        sdl = with_authentication(sdl)
    if options.check is None:
        sys.stdout.write(sdl)
        return 0
    recorded = _read(options.check)
    if recorded == sdl:
        say(f"{options.check} is the schema of this version.")
        return 0
    breaking = _breaking_changes(recorded, sdl)
    complain(f"{options.check} is not the schema of this version: write it anew with gateway schema > {options.check}")
    for change in breaking:
        complain(f"  breaks clients: {change.description}")
    return 1


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except OSError as unreadable:
        raise ConfigurationError(f"{file} cannot be read: {unreadable.strerror}.") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{file} is not a text in UTF-8.") from None


def _breaking_changes(old: str, new: str) -> list[BreakingChange]:
    try:
        return find_breaking_changes(*(build_schema(sdl, assume_valid_sdl=True) for sdl in (old, new)))
    except Exception as unreadable:  # graphql-core raises many kinds for a text that is not a schema
        reason = str(unreadable).splitlines()[0]
        raise ConfigurationError(f"The file to check is not a GraphQL schema: {reason}") from None


COMMANDS: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "serve": _serve,
    "ingest": _ingest,
    "exec": run_and_ingest,
    "platform": _platform,
    "archive": _archive,
    "doctor": diagnose,
    "schema": _schema,
    "key": make_key,
}
