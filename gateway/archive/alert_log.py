"""Incidents that alerts were raised for, and the outbox of messages about them. Times are microseconds since 1970."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, delete, exists, func, insert, not_, select, update

from gateway.archive.tables.alert_tables import alert_messages, alerts
from gateway.archive.tables.many_keys import chunks

TRIGGER, RESOLVE = "trigger", "resolve"


@dataclass(frozen=True, slots=True)
class OpenAlert:
    """An incident that is not over: see the table `alerts`."""

    dedup_key: str
    rule: str
    subject: str
    episode: str | None
    body: str


@dataclass(frozen=True, slots=True)
class QueuedMessage:
    """A message that waits to be sent: see the table `alert_messages`."""

    id: int
    dedup_key: str
    destination: str
    action: str
    body: str
    queued_at: int
    due_at: int
    tries: int


def open_alerts(connection: Connection, account_id: int) -> list[OpenAlert]:
    """The incidents that are not over, by key. One statement."""
    query = select(alerts).where(alerts.c.account_id == account_id, alerts.c.resolved_at.is_(None))
    rows = connection.execute(query.order_by(alerts.c.dedup_key))
    return [OpenAlert(row.dedup_key, row.rule, row.subject, row.episode, row.body) for row in rows]


def known_keys(connection: Connection, account_id: int) -> frozenset[str]:
    """The keys of all incidents, those that are over among them."""
    return frozenset(connection.scalars(select(alerts.c.dedup_key).where(alerts.c.account_id == account_id)))


def open_alert(connection: Connection, account_id: int, alert: OpenAlert, opened_at: int) -> bool:
    """Notes an incident. False, and nothing is noted, where this incident was noted before."""
    known = select(alerts.c.dedup_key).where(alerts.c.dedup_key == alert.dedup_key)
    if connection.scalar(known) is not None:
        return False
    values = {
        "account_id": account_id,
        "dedup_key": alert.dedup_key,
        "rule": alert.rule,
        "subject": alert.subject,
        "episode": alert.episode,
        "opened_at": opened_at,
        "body": alert.body,
    }
    connection.execute(insert(alerts).values(values))
    return True


def close_alert(connection: Connection, dedup_key: str, body: str, resolved_at: int) -> bool:
    """Notes that an incident is over. False where it was over before."""
    here = alerts.c.dedup_key == dedup_key, alerts.c.resolved_at.is_(None)
    changed = connection.execute(update(alerts).where(*here).values(resolved_at=resolved_at, body=body))
    return changed.rowcount > 0


def queue_messages(connection: Connection, account_id: int, messages: Sequence[QueuedMessage]) -> None:
    """Puts messages into the outbox; their ids and tries are not looked at."""
    rows = [
        {
            "account_id": account_id,
            "dedup_key": message.dedup_key,
            "destination": message.destination,
            "action": message.action,
            "body": message.body,
            "queued_at": message.queued_at,
            "due_at": message.due_at,
            "tries": 0,
        }
        for message in messages
    ]
    if rows:
        connection.execute(insert(alert_messages), rows)


def triggered(connection: Connection, dedup_key: str) -> list[tuple[str, bool]]:
    """The destinations that an incident was queued for, and whether its message may have reached them."""
    columns = alert_messages.c
    query = select(columns.destination, columns.ended_at, columns.tries, columns.problem)
    rows = connection.execute(query.where(columns.dedup_key == dedup_key, columns.action == TRIGGER))
    return [(row.destination, row.tries > 0 or (row.ended_at is not None and row.problem is None)) for row in rows]


def drop_unsent(connection: Connection, dedup_key: str, destination: str, problem: str, now: int) -> None:
    """Gives up a message that nobody has tried to send."""
    columns = alert_messages.c
    here = and_(columns.dedup_key == dedup_key, columns.destination == destination, columns.ended_at.is_(None))
    connection.execute(update(alert_messages).where(here).values(ended_at=now, problem=problem))


def due_messages(
    connection: Connection, account_id: int, destinations: Collection[str], now: int, most: int
) -> list[QueuedMessage]:
    """The messages to these destinations that are due, the oldest first. What resolves an incident waits until the
    message that it is over for was sent."""
    columns = alert_messages.c
    before = alert_messages.alias()
    waits = exists().where(
        before.c.dedup_key == columns.dedup_key,
        before.c.destination == columns.destination,
        before.c.action == TRIGGER,
        before.c.ended_at.is_(None),
    )
    query = select(alert_messages).where(
        columns.account_id == account_id,
        columns.ended_at.is_(None),
        columns.due_at <= now,
        columns.destination.in_(sorted(destinations)),
        not_(and_(columns.action == RESOLVE, waits)),
    )
    return [_message(row) for row in connection.execute(query.order_by(columns.due_at, columns.id).limit(most))]


def next_due(connection: Connection, account_id: int) -> int | None:
    """When the next message is due; None where none waits."""
    columns = alert_messages.c
    query = select(func.min(columns.due_at)).where(columns.account_id == account_id, columns.ended_at.is_(None))
    due: int | None = connection.scalar(query)
    return due


def waiting_messages(connection: Connection, account_id: int) -> list[tuple[str, int]]:
    """How many messages wait for each destination, those of destinations that are configured no more among them."""
    columns = alert_messages.c
    query = select(columns.destination, func.count()).where(
        columns.account_id == account_id, columns.ended_at.is_(None)
    )
    rows = connection.execute(query.group_by(columns.destination).order_by(columns.destination))
    return [(destination, count) for destination, count in rows]


def note_sent(connection: Connection, message_id: int, now: int) -> None:
    """The destination has accepted a message."""
    _set(connection, message_id, ended_at=now, tries=alert_messages.c.tries + 1, problem=None)


def note_failed(connection: Connection, message_id: int, problem: str, due_at: int) -> None:
    """A message was not accepted, and is tried again."""
    _set(connection, message_id, tries=alert_messages.c.tries + 1, problem=problem, due_at=due_at)


def postpone(connection: Connection, message_id: int, due_at: int) -> None:
    """A message is sent later, and was not tried."""
    _set(connection, message_id, due_at=due_at)


def give_up(connection: Connection, message_id: int, problem: str, now: int) -> None:
    """A message was tried for long enough."""
    _set(connection, message_id, ended_at=now, tries=alert_messages.c.tries + 1, problem=problem)


def forget_alerts(connection: Connection, account_id: int, before: int) -> None:
    """Deletes incidents that were over before a time, and their messages."""
    over = select(alerts.c.dedup_key).where(alerts.c.account_id == account_id, alerts.c.resolved_at < before)
    for part in chunks(connection.scalars(over).all()):
        connection.execute(delete(alert_messages).where(alert_messages.c.dedup_key.in_(part)))
        connection.execute(delete(alerts).where(alerts.c.dedup_key.in_(part)))


def _set(connection: Connection, message_id: int, **values: Any) -> None:
    connection.execute(update(alert_messages).where(alert_messages.c.id == message_id).values(values))


def _message(row: Any) -> QueuedMessage:
    return QueuedMessage(
        row.id, row.dedup_key, row.destination, row.action, row.body, row.queued_at, row.due_at, row.tries
    )
