"""The tables of the mirror of dbt Cloud: how far it has come, what it read of each run, which runs have ended since."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text

from gateway.archive.tables.run_tables import metadata


class MirrorOutcome(StrEnum):
    """What was read of a run.

    `WHOLE`: the artifacts of every command that leaves any. `EMPTY`: dbt keeps nothing of it beyond its row.
    `PARTIAL`: artifacts, some of which are missing or cannot be used. `UNREAD`: it could not be read yet, and is tried
    again.
    """

    WHOLE = "whole"
    EMPTY = "empty"
    PARTIAL = "partial"
    UNREAD = "unread"


COUNTS_AS_HELD = (MirrorOutcome.WHOLE, MirrorOutcome.EMPTY)
"""Outcomes of runs of which dbt can report no more than the archive."""


# One row an account. `holder`: the process that mirrors now, null for none; `beat` counts up while it does, so that
# others see whether it lives without comparing clocks. Every run that was created from `since` until before `until`
# (microseconds since 1970) is dealt with. `listed`: how many runs dbt listed when it was asked last.
mirrors = Table(
    "mirrors",
    metadata,
    Column("account_id", BigInteger, primary_key=True, autoincrement=False),
    Column("holder", Text),
    Column("beat", BigInteger, nullable=False),
    Column("since", BigInteger),
    Column("until", BigInteger),
    Column("listed", BigInteger),
)

# What was read of each run. `outcome`: see MirrorOutcome. `reason`: what could not be read, and why.
# `tries`: how often reading it failed; `tried_at`: when it was last tried.
mirrored_runs = Table(
    "mirrored_runs",
    metadata,
    Column("run_id", BigInteger, primary_key=True, autoincrement=False),
    Column("account_id", BigInteger, nullable=False),
    Column("created_at", BigInteger),
    Column("outcome", String(16), nullable=False),
    Column("reason", Text),
    Column("tries", Integer, nullable=False),
    Column("tried_at", BigInteger, nullable=False),
    Index("mirrored_runs_by_outcome", "account_id", "outcome"),
)

# Runs that dbt's webhooks have reported as ended, until the mirror has looked.
ended_runs = Table(
    "ended_runs",
    metadata,
    Column("run_id", BigInteger, primary_key=True, autoincrement=False),
    Column("account_id", BigInteger, nullable=False),
)
