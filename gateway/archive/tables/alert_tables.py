"""The tables of alerts: which incidents are open, the messages about them, and which process sends them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text, UniqueConstraint

from gateway.archive.tables.run_tables import KEY, metadata

# One row for each incident of a rule. `dedup_key` names it in every message. `subject`: what it is about; a rule has
# one open incident of a subject at a time. `episode`: which incident of the subject it is, where the rule can say.
# `body`: the alert as JSON. Times are microseconds since 1970; `resolved_at` is null while it is open.
alerts = Table(
    "alerts",
    metadata,
    Column("dedup_key", Text, primary_key=True),
    Column("account_id", BigInteger, nullable=False),
    Column("rule", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("episode", Text),
    Column("opened_at", BigInteger, nullable=False),
    Column("resolved_at", BigInteger),
    Column("body", Text, nullable=False),
    Index("alerts_by_end", "account_id", "resolved_at"),
)

# The outbox. `action`: trigger or resolve. `due_at`: before it the message is not sent. `ended_at`: when it was
# accepted or dropped, null while it waits; `problem`: why the last try failed, or why it was dropped.
alert_messages = Table(
    "alert_messages",
    metadata,
    Column("id", KEY, primary_key=True),
    Column("account_id", BigInteger, nullable=False),
    Column("dedup_key", Text, nullable=False),
    Column("destination", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("queued_at", BigInteger, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("ended_at", BigInteger),
    Column("problem", Text),
    UniqueConstraint("dedup_key", "destination", "action", name="alert_messages_once"),
    Index("alert_messages_by_due", "account_id", "ended_at", "due_at"),
)

# Who sends the alerts of an account: see `mirrors`.
alert_senders = Table(
    "alert_senders",
    metadata,
    Column("account_id", BigInteger, primary_key=True, autoincrement=False),
    Column("holder", Text),
    Column("beat", BigInteger, nullable=False),
)
