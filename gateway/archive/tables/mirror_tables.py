"""The tables of the mirror of dbt Cloud: how far it has come, what it read of each run, which runs have ended since."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text

from gateway.archive.tables.run_tables import metadata


class MirrorOutcome(StrEnum):
    """What was read of a run.

    `WHOLE`: the artifacts of every command that leaves any. `EMPTY`: dbt keeps nothing of it beyond its row.
    `PARTIAL`: artifacts, some of which are missing or cannot be used. `DISCOVERED`: no artifacts, and what Discovery's
    lists tell in their place. `UNREAD`: it could not be read yet, and is tried
    again.
    """

    WHOLE = "whole"
    EMPTY = "empty"
    PARTIAL = "partial"
    DISCOVERED = "discovered"
    UNREAD = "unread"


class MirrorCause(StrEnum):
    """Why a run is not read, or in part only.

    `RUNNING`: it has not ended. `UNSAVED`: dbt has no artifacts of it yet. `MISSING`: files are not there that must
    have been. `FORBIDDEN`: dbt does not let this token read artifacts. `UNUSABLE`: what dbt returns cannot be read or
    stored. `OTHER_RUN`: dbt returns ids or artifacts of another run. `FAILED`: dbt failed to answer.
    """

    RUNNING = "running"
    UNSAVED = "unsaved"
    MISSING = "missing"
    FORBIDDEN = "forbidden"
    UNUSABLE = "unusable"
    OTHER_RUN = "other_run"
    FAILED = "failed"


COUNTS_AS_HELD = (MirrorOutcome.WHOLE, MirrorOutcome.EMPTY)
"""Outcomes of runs of which dbt can report no more than the archive."""


# One row an account. `holder`: the process that mirrors now, null for none; `beat` counts up while it does, so that
# others see whether it lives without comparing clocks. Every run that was created from `since` until before `until`
# (microseconds since 1970) is dealt with. `listed`: how many runs dbt listed when it was asked last; `remaining`: how
# many of these are not dealt with yet. `swept_at`: when a pass last came to its end. `requests`: to dbt, of all passes.
mirrors = Table(
    "mirrors",
    metadata,
    Column("account_id", BigInteger, primary_key=True, autoincrement=False),
    Column("holder", Text),
    Column("beat", BigInteger, nullable=False),
    Column("since", BigInteger),
    Column("until", BigInteger),
    Column("listed", BigInteger),
    Column("remaining", BigInteger),
    Column("swept_at", BigInteger),
    Column("requests", BigInteger, nullable=False, server_default="0"),
)

# What was read of each run. `outcome`: see MirrorOutcome. `reason`: what could not be read, and why; `cause`: the same
# as a MirrorCause, null where nothing is wrong.
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
    Column("cause", String(16)),
    Index("mirrored_runs_by_outcome", "account_id", "outcome"),
)

# Runs that dbt's webhooks have reported as ended, until the mirror has looked.
ended_runs = Table(
    "ended_runs",
    metadata,
    Column("run_id", BigInteger, primary_key=True, autoincrement=False),
    Column("account_id", BigInteger, nullable=False),
)
