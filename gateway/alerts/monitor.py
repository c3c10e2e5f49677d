"""One look at all rules: which incidents are new or over, and what has to be said about them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec
from sqlalchemy import Connection

from gateway.alerts.alert import Alert, Finding, decode, dedup_key, encode
from gateway.alerts.destination import Destination
from gateway.alerts.evaluation import Candidate, Evaluation, Resolution
from gateway.alerts.job_conditions import failed_jobs, jobs_not_started, late_jobs, nothing_arrived
from gateway.alerts.resource_conditions import broken_tests, regressed_models, stale_sources
from gateway.alerts.routing import Router
from gateway.alerts.rule import AlertRule, Condition
from gateway.alerts.scope import RuleScope, ensure_sensible, scope_of
from gateway.archive.alert_log import (
    RESOLVE,
    TRIGGER,
    OpenAlert,
    QueuedMessage,
    close_alert,
    drop_unsent,
    known_keys,
    open_alert,
    open_alerts,
    queue_messages,
    triggered,
)
from gateway.archive.archive import Archive
from gateway.archive.times import to_micros
from gateway.errors import GatewayError
from gateway.loading.field_context import FieldContext
from gateway.telemetry.usage import current_usage

Fresh = Callable[[], AbstractAsyncContextManager[FieldContext]]
"""Opens a context that reads what is true now."""

_EVALUATE: Mapping[Condition, Callable[[FieldContext, AlertRule, RuleScope], Awaitable[Evaluation]]] = {
    Condition.JOB_FAILED: failed_jobs,
    Condition.JOB_LATE: late_jobs,
    Condition.JOB_NOT_STARTED: jobs_not_started,
    Condition.NOTHING_ARRIVED: nothing_arrived,
    Condition.MODEL_REGRESSED: regressed_models,
    Condition.SOURCE_STALE: stale_sources,
    Condition.TEST_BROKEN: broken_tests,
}
_NEVER_DUE = "it was over before quiet hours ended"

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Look:
    """What one look found: new alerts and those that are over, with the destinations of each; the rules that could not
    be looked at, with the reasons; and how many requests to dbt it took."""

    known_keys: frozenset[str] = frozenset()
    opened: list[tuple[OpenAlert, Alert, tuple[str, ...]]] = field(default_factory=list)
    resolved: list[Alert] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    upstream_requests: int = 0

    @property
    def messages(self) -> Iterable[tuple[Alert, tuple[str, ...]]]:
        """New alerts with the names of their destinations."""
        return [(alert, to) for _, alert, to in self.opened]


class Monitor:
    """Looks at the rules of an account, and keeps what it found in the archive."""

    def __init__(
        self, archive: Archive, account_id: int, fresh: Fresh, rules: Sequence[AlertRule], router: Router
    ) -> None:
        self.archive = archive
        self._account_id = account_id
        self._fresh = fresh
        self._rules = rules
        self._router = router

    async def check(self) -> None:
        """Raises ConfigurationError for a rule that names what is not there."""
        async with self._fresh() as context:
            for rule in self._rules:
                await ensure_sensible(context, rule)

    async def look(self) -> Look:
        """What is new since the incidents that the archive holds. Nothing is written."""
        known, keys = await asyncio.to_thread(self._known)
        look = Look(known_keys=keys)
        names = {rule.name for rule in self._rules}
        async with self._fresh() as context:
            for rule in self._rules:
                before = [alert for alert in known if alert.rule == rule.name]
                try:
                    await self._look_at(FieldContext(context.loaders), rule, before, look)
                except GatewayError as unreadable:
                    look.problems.append(f"rule {rule.name!r} cannot be looked at: {unreadable.message}")
            look.upstream_requests = current_usage().discovery_requests + current_usage().admin_requests
        gone = [alert for alert in known if alert.rule not in names]
        look.resolved += [_ended(alert, Resolution("The rule was taken out of the configuration.")) for alert in gone]
        return look

    async def _look_at(self, context: FieldContext, rule: AlertRule, before: Sequence[OpenAlert], look: Look) -> None:
        evaluation = await _EVALUATE[rule.condition](context, rule, await scope_of(context, rule))
        current = {alert.subject: alert for alert in before}
        firing = {candidate.subject: candidate for candidate in evaluation.candidates}
        for candidate in firing.values():
            open_now = current.get(candidate.subject)
            if open_now is not None and candidate.continues(open_now.episode) and candidate.ending is None:
                continue
            if open_now is not None:
                look.resolved.append(_ended(open_now, candidate.ending or _ending(evaluation, candidate.subject)))
                if candidate.continues(open_now.episode):
                    continue
            await self._open(rule, candidate, look)
        for subject, alert in current.items():
            if subject not in firing and subject not in evaluation.unknown and not context.failures:
                look.resolved.append(_ended(alert, _ending(evaluation, subject)))
        look.problems += [
            f"rule {rule.name!r}: {part.subject} cannot be read: {part.error.message}" for part in context.failures
        ]

    async def _open(self, rule: AlertRule, candidate: Candidate, look: Look) -> None:
        now = datetime.now(UTC)
        key = dedup_key(rule.name, candidate.subject, candidate.episode or now.isoformat())
        if key in look.known_keys:
            return
        finding = await candidate.describe()
        if not _is_asked(rule, finding):
            return
        alert = Alert(key, rule.name, rule.condition.value, rule.severity, finding)
        noted = OpenAlert(key, rule.name, candidate.subject, candidate.episode, encode(alert))
        look.opened.append((noted, alert, self._router.route(rule, finding)))
        if candidate.ending is not None:
            look.resolved.append(_ended(noted, candidate.ending))

    def _known(self) -> tuple[list[OpenAlert], frozenset[str]]:
        """The incidents that are open, and the keys of all."""
        with self.archive.reading() as connection:
            return open_alerts(connection, self._account_id), known_keys(connection, self._account_id)

    def keep(self, look: Look, show: Callable[[Connection], None]) -> int:
        """Writes what a look found, and the messages about it, in one transaction; how many incidents are new. `show`
        is called in it. Raises what it raises."""
        now = to_micros(datetime.now(UTC))
        new = {noted.dedup_key for noted, _, _ in look.opened}
        opened = 0
        with self.archive.writing() as connection:
            show(connection)
            for alert in look.resolved:
                if alert.dedup_key not in new:
                    self._close(connection, alert, now)
            for noted, alert, names in look.opened:
                if open_alert(connection, self._account_id, noted, now):
                    opened += 1
                    destinations = [self._router.destinations[name] for name in names]
                    queue_messages(connection, self._account_id, self._queued(alert, destinations, TRIGGER))
            for alert in look.resolved:
                if alert.dedup_key in new:
                    self._close(connection, alert, now)
        return opened

    def _close(self, connection: Connection, alert: Alert, now: int) -> None:
        if not close_alert(connection, alert.dedup_key, encode(alert), now):
            return
        reached: list[Destination] = []
        for name, may_have_arrived in triggered(connection, alert.dedup_key):
            destination = self._router.destinations.get(name)
            is_held = destination is not None and destination.quiet_hours is not None and not may_have_arrived
            if is_held and destination is not None and self._router.due_at(destination) > datetime.now(UTC):
                drop_unsent(connection, alert.dedup_key, name, _NEVER_DUE, now)
            elif destination is not None and destination.resolved:
                reached.append(destination)
        queue_messages(connection, self._account_id, self._queued(alert, reached, RESOLVE))

    def _queued(self, alert: Alert, destinations: Iterable[Destination], action: str) -> list[QueuedMessage]:
        now = to_micros(datetime.now(UTC))
        return [
            QueuedMessage(
                0,
                alert.dedup_key,
                destination.name,
                action,
                encode(alert),
                now,
                to_micros(self._router.due_at(destination)),
                0,
            )
            for destination in destinations
        ]


def _is_asked(rule: AlertRule, finding: Finding) -> bool:
    """Whether a finding is of an owner, a group, a model and a tag that the rule names, if it does."""
    owners = {text.casefold() for text in (finding.owner_name, finding.owner_email) if text}
    if rule.owners and owners.isdisjoint(name.casefold() for name in rule.owners):
        return False
    if rule.groups and finding.group not in rule.groups:
        return False
    is_resource = rule.condition in (Condition.TEST_BROKEN, Condition.SOURCE_STALE)
    if is_resource and rule.tags and set(rule.tags).isdisjoint(finding.tags):
        return False
    return not (rule.condition is Condition.TEST_BROKEN and rule.models) or finding.model in rule.models


def _ending(evaluation: Evaluation, subject: str) -> Resolution:
    return evaluation.endings.get(subject) or Resolution("It is over.")


def _ended(alert: OpenAlert, ending: Resolution) -> Alert:
    moment = ending.at or datetime.now(UTC)
    return msgspec.structs.replace(decode(alert.body), resolved_at=moment, resolution=ending.text)
