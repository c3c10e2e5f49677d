"""Compares the roll-ups of an archive with what its rows alone say."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pytest
from sqlalchemy import Connection, select

from gateway.archive.archive import Archive
from gateway.archive.reading.last_runtimes import last_runtimes
from gateway.archive.reading.monthly_figures import resource_months_of
from gateway.archive.reading.rankings import recent_runtimes
from gateway.archive.rollups.outcomes import HistoryScope
from gateway.archive.rollups.upkeep import rebuild
from gateway.archive.tables.run_tables import recent_results, resource_months
from tests.archive import expected_rollups as expected
from tests.archive.written_runs import ENVIRONMENT

KINDS = ("model", "test", "seed", "source", "operation", "function")
SCOPES = (
    {},
    {"full_refresh": True},
    {"ci": True},
    {"failed": True},
    {"full_refresh": True, "ci": True, "failed": True},
)


def check_rollups(archive: Archive) -> None:
    """Every roll-up equals what the rows say, and what `rebuild` makes of them."""
    with archive.supposing() as connection:
        histories = expected.histories(connection)
        check_recent(connection, histories)
        check_months(connection, histories)
        check_last_runtimes(connection)
        before = packed_rows(connection)
        rebuild(connection)
        assert packed_rows(connection) == before


def check_last_runtimes(connection: Connection) -> None:
    """What rankings by the last success read of the roll-ups."""
    told = {(place, name): seconds for place, name, seconds in last_runtimes(connection, [ENVIRONMENT])}
    right = {key: seconds for key, seconds in expected.last_successes(connection).items() if key in told}
    assert told == {**dict.fromkeys(told), **right}


def packed_rows(connection: Connection) -> Sequence[object]:
    return [sorted(map(tuple, connection.execute(select(table)))) for table in (recent_results, resource_months)]


def check_recent(connection: Connection, histories: dict[int, list[expected.Entry]]) -> None:
    newest = max((history[0].at for history in histories.values()), default=0)
    # Each time with other ones, so that a life meets them all.
    scope, count = SCOPES[newest // 3_600_000_000 % len(SCOPES)], (1, 3, 60)[newest // 3_600_000_000 % 3]
    told = {}
    for kind in KINDS:
        named = HistoryScope(**{f"include_{name}": value for name, value in scope.items()})
        rows = recent_runtimes(connection, [ENVIRONMENT], count, scope=named, kind=kind)
        told |= {row.resource_id: (list(row.runtimes), dict(row.left_out)) for row in rows}
    right = {key: expected.last_runtimes(history, count, **scope) for key, history in histories.items()}
    assert told == right, (scope, count)


def check_months(connection: Connection, histories: dict[int, list[expected.Entry]]) -> None:
    right = {
        (key, day): figures for key, history in histories.items() for day, figures in expected.days(history).items()
    }
    told = {}
    for kind in KINDS:
        for row in resource_months_of(connection, [ENVIRONMENT], range(2020 * 12, 2030 * 12), kind=kind):
            for day, bucket in row.days.items():
                told[row.resource_id, datetime(row.month // 12, row.month % 12 + 1, day).date()] = bucket  # noqa: DTZ001
    assert told.keys() == right.keys()
    for place, day in right.items():
        bucket = told[place]
        assert (bucket.count, bucket.failures, bucket.reused) == (len(day.runtimes), day.failures, day.reused)
        assert bucket.total == pytest.approx(day.total, rel=1e-9)
        if day.runtimes:
            assert (bucket.minimum, bucket.maximum) == (day.runtimes[0], day.runtimes[-1])
        assert bucket.runtimes == (day.runtimes if len(day.runtimes) <= 5 else ())
