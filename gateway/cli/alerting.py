"""`gateway alerts`: looks at the rules and sends what has to be said, once or again and again."""

from __future__ import annotations

import argparse
import asyncio
import logging
from datetime import UTC, datetime

from gateway.alerts.delivery import DeliveryReport, DeliveryRetries
from gateway.alerts.monitor import Look
from gateway.archive.leases import LeaseLost
from gateway.cli.data_source import prepared
from gateway.cli.lifeline import end_with_starter
from gateway.cli.terminal import complain, counted, say
from gateway.errors import ConfigurationError, GatewayError
from gateway.settings import Settings, load_settings
from gateway.wiring.alerting import Alerting, open_alerting

_RETRIES = DeliveryRetries()


def send_alerts(options: argparse.Namespace) -> int:
    """`gateway alerts`. Raises GatewayError where nothing can be looked at; 1 where a message could not be sent now."""
    settings = _settings(options)
    logging.getLogger("gateway.services").setLevel(logging.ERROR)
    if options.until_stdin_closes:
        end_with_starter()
    if options.dry_run:
        with prepared(settings) as source:
            return asyncio.run(_preview(source.settings))
    store = _store(settings)
    if store is None:
        raise ConfigurationError(
            "Name the archive that remembers what was sent: --store URL, or GATEWAY_ARCHIVE_URL with dbt Cloud. "
            "gateway alerts --dry-run needs none."
        )
    return asyncio.run(_send(settings, store, options.watch))


def _settings(options: argparse.Namespace) -> Settings:
    settings = load_settings({})
    if options.store is None and options.artifacts is None:
        return settings
    if settings.uses_dbt_cloud:
        return load_settings({"archive_url": options.store})
    return load_settings({"store_url": options.store, "artifacts": options.artifacts})


def _store(settings: Settings) -> str | None:
    if settings.uses_dbt_cloud:
        return settings.archive_url.get_secret_value() if settings.archive_url else None
    return settings.store_url


async def _preview(settings: Settings) -> int:
    """Prints what would be sent now, and to whom. Nothing is sent or kept."""
    store = _store(settings)
    if store is None:
        raise ConfigurationError("dbt Cloud is asked, and no archive remembers alerts: set GATEWAY_ARCHIVE_URL.")
    async with open_alerting(settings, store, _RETRIES) as alerting:
        await alerting.monitor.check()
        look = await alerting.monitor.look()
        for _, alert, names in look.opened:
            for name in names:
                destination = alerting.router.destinations[name]
                quiet = destination.quiet_hours
                due = quiet.until(datetime.now(UTC)) if quiet else None
                held = f", not before {due:%Y-%m-%d %H:%M} UTC" if due else ""
                say(f"→ {name} ({destination.kind}){held}: {alert.dedup_key}")
                for line in destination.channel.preview(alert).splitlines():
                    say(f"  {line}")
        for alert in look.resolved:
            say(f"resolved: {alert.finding.title}: {alert.resolution}")
        _tell_problems(look.problems)
        sent = sum(len(names) for _, _, names in look.opened)
        say(f"{counted(sent, 'message')} about {counted(len(look.opened), 'new incident')} would be sent.")
    return 2 if look.problems else 0


async def _send(settings: Settings, store: str, watch: int | None) -> int:
    async with open_alerting(settings, store, _RETRIES) as alerting:
        await alerting.monitor.check()
        if watch is None:
            async with alerting.lease.held(_tell_waiting):
                return await _pass(alerting, is_first=True)
        while True:
            await _watch(alerting, watch or settings.alerts.interval)


async def _watch(alerting: Alerting, seconds: float) -> None:
    """Looks and sends until another process takes over, then waits for its turn again."""
    try:
        async with alerting.lease.held(_tell_waiting):
            await alerting.delivery.forget_old()
            while True:
                await _pass(alerting, is_first=False)
                due = await alerting.delivery.seconds_until_due()
                wait = seconds if due is None else min(seconds, due)
                await asyncio.sleep(max(1.0, wait))
    except LeaseLost:
        complain("another process sends the alerts of this account now.")
    except GatewayError as failure:
        complain(f"no alerts now: {failure.message}")
        await asyncio.sleep(seconds)


async def _pass(alerting: Alerting, *, is_first: bool) -> int:
    look = await alerting.monitor.look()
    opened = await asyncio.to_thread(alerting.monitor.keep, look, alerting.lease.show)
    report = await alerting.delivery.deliver(alerting.lease.show)
    _tell_problems([*look.problems, *(f"not sent now: {problem}" for problem in report.problems)])
    _tell(opened, look, report, is_first=is_first)
    return 1 if look.problems or report.problems else 0


def _tell(opened: int, look: Look, report: DeliveryReport, *, is_first: bool) -> None:
    if report.gave_up:
        complain(f"{counted(report.gave_up, 'message')} could not be sent for three days and will not be tried again.")
    if is_first or opened or look.resolved or report.sent:
        say(
            f"{counted(opened, 'new incident')}, {len(look.resolved):,} resolved, "
            f"{counted(report.sent, 'message')} sent."
        )


def _tell_problems(problems: list[str]) -> None:
    for problem in problems:
        complain(problem)


def _tell_waiting() -> None:
    complain("another process sends the alerts of this account; waiting for its turn to end.")
