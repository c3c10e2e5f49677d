"""Opens what alerts need: the archive that remembers them, the questions, and the channels."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import time, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import aiohttp

from gateway.alerts.channels import payloads
from gateway.alerts.channels.email_channel import EmailChannel, SmtpServer
from gateway.alerts.channels.http_channel import HttpChannel
from gateway.alerts.delivery import Delivery, DeliveryRetries
from gateway.alerts.destination import Channel, Destination
from gateway.alerts.monitor import Monitor
from gateway.alerts.routing import Router
from gateway.alerts.rule import AlertRule, Condition, QuietHours, Route
from gateway.archive.archive import Archive
from gateway.archive.leases import Lease
from gateway.archive.tables.alert_tables import alert_senders
from gateway.caching.validity import max_age_of
from gateway.concurrency.deadline import deadline_in
from gateway.errors import ConfigurationError
from gateway.hierarchy.ids.project_ids import IdScope
from gateway.loading.field_context import FieldContext
from gateway.loading.loaders import Loaders
from gateway.services.bundle import CachePolicy, Services, open_services
from gateway.services.transport.connection_pool import ConnectionPool
from gateway.settings import Settings
from gateway.settings.alerting import AlertRuleSetting, AlertsSetting, DestinationSetting, QuietHoursSetting
from gateway.telemetry.usage import Usage, measuring
from gateway.wiring.archive_beside import require_account
from gateway.wiring.upstream import open_upstream

_LOOK_SECONDS = 300.0
_LEASE_SECONDS = 60.0
_CONNECTION_SECONDS = 60.0
_PAGERDUTY = "https://events.pagerduty.com/v2/enqueue"
_PORTS = {"starttls": 587, "tls": 465, "none": 25}
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class Alerting:
    """What looks for incidents, what sends messages, the right to do both, and the destinations."""

    monitor: Monitor
    delivery: Delivery
    lease: Lease
    router: Router


@asynccontextmanager
async def open_alerting(
    settings: Settings, store: str, retries: DeliveryRetries, lease_seconds: float = _LEASE_SECONDS
) -> AsyncIterator[Alerting]:
    """Alerts about the account of the settings, kept in the archive at `store`.

    Raises ConfigurationError for settings without rules, and for an archive of another account.
    """
    if not settings.alerts.rules:
        raise ConfigurationError(
            "There is no rule to alert by: write [[alerts.rules]] and [[alerts.destinations]] into the file that "
            "GATEWAY_CONFIG names (docs/alerts.md has an example)."
        )
    async with AsyncExitStack() as stack:
        pool = ConnectionPool(lambda: aiohttp.TCPConnector(limit=20), _CONNECTION_SECONDS)
        stack.push_async_callback(pool.close)
        router = router_of(settings.alerts, pool)
        upstream = await stack.enter_async_context(open_upstream(settings))
        policy = CachePolicy(revision_interval=settings.revision_interval, topology_seconds=settings.topology_seconds)
        services = await stack.enter_async_context(open_services(upstream, policy))
        archive = await asyncio.to_thread(Archive.open, store)
        stack.callback(archive.close)
        account_id = upstream.account_id
        require_account(archive, account_id)
        rules = [_rule(setting) for setting in settings.alerts.rules]
        monitor = Monitor(archive, account_id, partial(_fresh, services), rules, router)
        delivery = Delivery(archive, account_id, router, retries)
        yield Alerting(monitor, delivery, Lease(archive, alert_senders, account_id, lease_seconds), router)


@asynccontextmanager
async def _fresh(services: Services) -> AsyncIterator[FieldContext]:
    """Questions without memory of earlier answers: what has changed since is read again."""
    with max_age_of(services.tiers.clock()), measuring(Usage()), deadline_in(_LOOK_SECONDS):
        yield FieldContext(Loaders(services, ids=IdScope.ENVIRONMENT))


def router_of(alerts: AlertsSetting, pool: ConnectionPool) -> Router:
    """The destinations and routes of a configuration."""
    destinations = {
        setting.name: Destination(
            setting.name,
            setting.kind,
            _channel(setting, alerts.gateway_url, pool),
            _quiet(setting.quiet_hours),
            setting.resolved,
        )
        for setting in alerts.destinations
    }
    routes = [Route(route.to, route.projects, route.tags, route.owners, route.groups) for route in alerts.routes]
    return Router(destinations, routes)


def _channel(setting: DestinationSetting, base: str | None, pool: ConnectionPool) -> Channel:
    if setting.kind == "email":
        return _email(setting, base)
    token, url = setting.secret("token"), setting.secret("url") or _PAGERDUTY
    make = partial(HttpChannel, pool, url, seconds=setting.seconds)
    if setting.kind == "pagerduty":
        key = token or ""
        return make(lambda alert: payloads.pagerduty(alert, base, key), headers={}, hidden=(key,))
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    write = {"slack": payloads.slack, "teams": payloads.teams, "webhook": payloads.webhook}[setting.kind]
    return make(lambda alert: write(alert, base), headers=headers)


def _email(setting: DestinationSetting, base: str | None) -> EmailChannel:
    server = SmtpServer(
        setting.host or "",
        setting.port or _PORTS[setting.security],
        setting.security,
        setting.user,
        setting.secret("password"),
        setting.seconds,
    )
    return EmailChannel(server, setting.sender or "", setting.to, base)


def _quiet(setting: QuietHoursSetting | None) -> QuietHours | None:
    if setting is None:
        return None
    days = frozenset(_WEEKDAYS.index(day) for day in setting.days)
    return QuietHours(_time(setting.begin), _time(setting.end), ZoneInfo(setting.time_zone), days)


def _rule(setting: AlertRuleSetting) -> AlertRule:
    return AlertRule(
        name=setting.name,
        condition=Condition(setting.when),
        severity=setting.severity,
        to=setting.to,
        projects=setting.projects,
        jobs=_texts(setting.jobs),
        models=setting.models,
        tags=setting.tags,
        owners=setting.owners,
        groups=setting.groups,
        finished_by=_time(setting.finished_by) if setting.finished_by else None,
        zone=ZoneInfo(setting.time_zone),
        cron=setting.cron,
        grace=timedelta(minutes=setting.grace_minutes),
        hours=setting.hours or 24.0,
        within_days=setting.within_days,
        warnings=setting.warnings,
    )


def _texts(names: Sequence[str | int]) -> tuple[str, ...]:
    return tuple(str(name) for name in names)


def _time(text: str) -> time:
    return time.fromisoformat(text)
