"""Sends what waits in the outbox, and tries again what was not accepted.

Delivery is at least once: a process that ends between sending a message and noting that leaves it to be sent again,
under the same key.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from sqlalchemy import Connection

from gateway.alerts.alert import decode
from gateway.alerts.destination import NotDelivered
from gateway.alerts.routing import Router
from gateway.archive.alert_log import (
    QueuedMessage,
    due_messages,
    forget_alerts,
    give_up,
    next_due,
    note_failed,
    note_sent,
    postpone,
)
from gateway.archive.archive import Archive
from gateway.archive.times import from_micros, to_micros
from gateway.concurrency.gathering import gather

_AT_ONCE = 20
_KEPT = timedelta(days=400)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DeliveryRetries:
    """Seconds until the first retry, which double up to the longest; seconds after which a message is given up."""

    first: float = 15.0
    longest: float = 3_600.0
    give_up: float = 3 * 86_400.0

    def wait(self, tries: int) -> float:
        """Seconds until the next try after so many."""
        return float(min(self.longest, self.first * 2 ** min(tries, 20)))


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """How many messages were sent, and in a line each why others were not."""

    sent: int
    problems: tuple[str, ...]
    gave_up: int = 0


class Delivery:
    """Sends the messages of an account. `show` is called in each transaction that notes what was sent."""

    def __init__(self, archive: Archive, account_id: int, router: Router, retries: DeliveryRetries) -> None:
        self._archive = archive
        self._account_id = account_id
        self._router = router
        self._retries = retries

    async def deliver(self, show: Callable[[Connection], None]) -> DeliveryReport:
        """Sends everything that is due, each message to each destination in the order in which they were queued."""
        sent, gave_up = 0, 0
        problems: list[str] = []
        while True:
            due = await asyncio.to_thread(self._due)
            if not due:
                return DeliveryReport(sent, tuple(problems), gave_up)
            by_destination: dict[str, list[QueuedMessage]] = {}
            for message in due:
                by_destination.setdefault(message.destination, []).append(message)
            for outcome in await gather(self._send_all(messages, show) for messages in by_destination.values()):
                sent += outcome.sent
                gave_up += outcome.gave_up
                problems += outcome.problems

    async def seconds_until_due(self) -> float | None:
        """Until the next message is due; None where none waits."""

        def read() -> int | None:
            with self._archive.reading() as connection:
                return next_due(connection, self._account_id)

        due = await asyncio.to_thread(read)
        return None if due is None else max(0.0, (from_micros(due) - datetime.now(UTC)).total_seconds())

    async def _send_all(self, messages: Sequence[QueuedMessage], show: Callable[[Connection], None]) -> DeliveryReport:
        """After a failure the others to the same destination wait, too: they would fail as well."""
        sent, gave_up = 0, 0
        for place, message in enumerate(messages):
            destination = self._router.destinations[message.destination]
            if (until := self._router.due_at(destination)) > datetime.now(UTC):
                await self._note(show, partial(_postpone, messages=messages[place:], until=until))
                return DeliveryReport(sent, (), gave_up)
            try:
                await destination.channel.send(decode(message.body))
            except NotDelivered as failure:
                is_last = await self._note_failure(message, messages[place + 1 :], failure, show)
                return DeliveryReport(sent, (f"{message.destination}: {failure.reason}",), gave_up + is_last)
            await self._note(show, partial(note_sent, message_id=message.id, now=_now()))
            sent += 1
        return DeliveryReport(sent, (), gave_up)

    async def _note_failure(
        self,
        message: QueuedMessage,
        others: Sequence[QueuedMessage],
        failure: NotDelivered,
        show: Callable[[Connection], None],
    ) -> bool:
        """True where the message is given up."""
        wait = max(failure.retry_after or 0.0, self._retries.wait(message.tries))
        due = datetime.now(UTC) + timedelta(seconds=wait)
        age = datetime.now(UTC) - from_micros(message.queued_at)
        is_last = age > timedelta(seconds=self._retries.give_up)

        def write(connection: Connection) -> None:
            if is_last:
                give_up(connection, message.id, failure.reason, _now())
            else:
                note_failed(connection, message.id, failure.reason, to_micros(due))
            _postpone(connection, others, due)

        await self._note(show, write)
        return is_last

    async def _note(self, show: Callable[[Connection], None], write: Callable[[Connection], None]) -> None:
        def work() -> None:
            with self._archive.writing() as connection:
                show(connection)
                write(connection)

        await asyncio.to_thread(work)

    def _due(self) -> list[QueuedMessage]:
        with self._archive.reading() as connection:
            return due_messages(connection, self._account_id, self._router.destinations, _now(), _AT_ONCE)

    async def forget_old(self) -> None:
        """Deletes incidents that were over long ago."""

        def work() -> None:
            with self._archive.writing() as connection:
                forget_alerts(connection, self._account_id, to_micros(datetime.now(UTC) - _KEPT))

        await asyncio.to_thread(work)


def _now() -> int:
    return to_micros(datetime.now(UTC))


def _postpone(connection: Connection, messages: Sequence[QueuedMessage], until: datetime) -> None:
    for message in messages:
        postpone(connection, message.id, to_micros(until))
