"""Rankings over packed rows, and percentiles of histograms, against figures made by hand."""

from __future__ import annotations

import random
import struct
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, select, update

from gateway.archive.archive import Archive
from gateway.archive.months import begin_of, month_of
from gateway.archive.reading.last_runtimes import last_runtimes
from gateway.archive.reading.monthly_figures import resource_months_of
from gateway.archive.reading.rankings import RankedResource, recent_runtimes, slowest_resources
from gateway.archive.rollups.day_buckets import (
    Bucket,
    last_day,
    merged,
    pack_day,
    pack_plain_day,
    plain_last_day,
    unpack_days,
)
from gateway.archive.rollups.outcomes import Ending, HistoryScope, ending_of, outcome_of
from gateway.archive.rollups.packed_results import added, packed
from gateway.archive.rollups.result_events import ResultEvent
from gateway.archive.tables.run_tables import recent_results, resource_months, resources
from gateway.archive.times import to_micros
from gateway.cli import run
from gateway.cli.options import build_parser
from gateway.errors import ConfigurationError
from gateway.hierarchy.vocabulary.status import status_of_word
from gateway.ingest.folders import ingest_folder
from tests.archive.rollup_checks import packed_rows
from tests.archive.written_runs import (
    BEGIN,
    CHANGES,
    DAILY,
    ENVIRONMENT,
    INCREMENTAL,
    MODELS,
    Command,
    write_account,
    write_run,
)

ORDERS, EVENTS, CUSTOMERS = MODELS
MERGE = 104
FULL = {"which": "build", "full_refresh": True}


def fill(archive: Archive, folder: Path, *days: tuple[int, Command]) -> None:
    """Reads one run a day, of these jobs."""
    write_account(folder, {DAILY: "scheduled", CHANGES: "ci"})
    for day, (job, command) in enumerate(days):
        command.ended = BEGIN + timedelta(days=day)
        write_run(folder, 100 + day, job, [command])
    assert not ingest_folder(archive, folder).problems


def command(args: dict[str, object] | None = None, **results: tuple[str, float]) -> Command:
    """One build of models by their names."""
    return Command(BEGIN, {f"model.shop.{name}": told for name, told in results.items()}, args or {"which": "build"})


@pytest.mark.slow
def test_the_slowest_by_the_mean_of_the_last_runs_that_count(empty_archive: Archive, tmp_path: Path) -> None:
    fill(
        empty_archive,
        tmp_path / "runs",
        (DAILY, command(orders=("success", 10.0), events=("success", 30.0), customers=("error", 99.0))),
        (DAILY, command(FULL, orders=("success", 40.0), events=("success", 500.0))),
        (CHANGES, command(orders=("success", 1.0), events=("success", 2.0))),
        (DAILY, command(orders=("skipped", 0.0), events=("success", 33.0))),
    )
    assert INCREMENTAL == EVENTS
    with empty_archive.reading() as connection:
        ranking = slowest_resources(connection, [ENVIRONMENT], 5, 2)
        everything = slowest_resources(connection, [ENVIRONMENT], 1, 3, scope=HistoryScope(True, True, True))
        nobody = slowest_resources(connection, [ENVIRONMENT + 1], 5, 2)
    assert ranking.entries == (
        RankedResource(ENVIRONMENT, EVENTS, 31.5, (33.0, 30.0)),
        RankedResource(ENVIRONMENT, ORDERS, 25.0, (40.0, 10.0)),
    )
    assert (ranking.considered, ranking.without_runtime) == (3, 1)
    assert ranking.left_out == {"ci": 2, "fullRefresh": 1, "notExecuted": 1, "failed": 1}
    (first,) = everything.entries
    assert (first.unique_id, first.runtimes) == (EVENTS, (33.0, 2.0, 500.0))
    assert (nobody.entries, nobody.considered) == ((), 0)


@pytest.mark.slow
def test_ties_go_by_unique_id_and_none_at_the_edge_is_lost(empty_archive: Archive, tmp_path: Path) -> None:
    same = ("success", 7.0)
    fill(empty_archive, tmp_path / "runs", (DAILY, command(orders=same, events=same, customers=same)))
    with empty_archive.reading() as connection:
        for first in (1, 2, 3):
            found = slowest_resources(connection, [ENVIRONMENT], first, 1).entries
            assert [one.unique_id for one in found] == sorted(MODELS)[:first]


def test_a_row_goes_back_until_enough_results_count() -> None:
    """Two results of CI after each ordinary one: 60 ordinary ones are among the newest 178."""
    in_ci = outcome_of(Ending.SUCCEEDED, None, "table", by_ci=True)
    events = [
        ResultEvent(day * 86_400_000_000, day, day, 1, in_ci if day % 3 else 0, float(day)) for day in range(1, 400)
    ]
    row = None
    for event in events:
        row, _ = added(row, event)
    at_once = packed(events[::-1], b"")
    assert row is not None
    assert (row.outcomes, row.seconds) == (at_once.outcomes, at_once.seconds)
    assert (len(row.outcomes), row.outcomes.count(0)) == (178, 60)
    assert struct.unpack("<178d", row.seconds) == tuple(float(day) for day in range(399, 221, -1))


def test_every_word_of_dbt_has_the_ending_that_its_status_has() -> None:
    words = {
        *("success", "pass", "warn", "error", "fail", "runtime error", "partial success", "skipped", "no-op"),
        *("reused", "cancelled", "queued", "starting", "running", "brand new", " Success "),
    }
    named = {
        "success": "SUCCEEDED",
        "warn": "SUCCEEDED",
        "failure": "FAILED",
        "cancelled": "CANCELLED",
        "reused": "REUSED",
        "unknown": "UNKNOWN",
        **dict.fromkeys(("skipped", "queued", "running"), "NOT_EXECUTED"),
    }
    assert {word: ending_of(word, 1.0).name for word in words} == {
        word: named[status_of_word(word).value] for word in words
    }


@pytest.mark.parametrize("sigma", [0.1, 1.0, 3.0])
def test_percentiles_of_a_histogram_are_at_most_one_percent_off(sigma: float) -> None:
    chance = random.Random(7)  # noqa: S311 - values that can be had again
    values = [chance.lognormvariate(2, sigma) for _ in range(1_001)]
    parts = [Bucket() for _ in range(9)]
    for place, value in enumerate(values):
        parts[place % 9].add(value)
    packed = b"".join(pack_day(day, part) for day, part in enumerate(parts, start=1))
    total = merged(unpack_days(packed).values())
    ordered = sorted(values)
    for fraction in (0.0, 0.05, 0.5, 0.95, 0.99, 1.0):
        right = ordered[round(fraction * 1_000)]  # a whole rank
        assert total.percentile(fraction) == pytest.approx(right, rel=0.01)
    assert (total.count, total.minimum, total.maximum) == (1_001, ordered[0], ordered[-1])
    assert total.mean == pytest.approx(sum(values) / 1_001, rel=1e-9)
    assert not total.exact


def test_few_runtimes_are_kept_as_they_are() -> None:
    bucket = Bucket(failures=2, reused=1)
    for value in (0.3, 0.1, 0.2):
        bucket.add(value)
    (told,) = unpack_days(pack_day(31, bucket)).values()
    assert told == bucket
    assert (told.exact, told.mean, told.percentile(0.5), told.total) == (True, 0.6 / 3, 0.2, 0.6)


def test_days_as_earlier_versions_wrote_them_are_read_beside_newer_ones() -> None:
    """Archives of earlier versions keep theirs; a later result of the same day is added to one of them."""
    earlier = struct.pack("<BBddH", 3 | 0x80, 2, 0.5, 0.75, 18)
    failed = pack_day(4, Bucket(failures=1))
    days = earlier + failed + pack_plain_day(5, [1.5])
    assert {day: (one.runtimes, one.failures) for day, one in unpack_days(days).items()} == {
        3: ((0.5, 0.75), 0),
        4: ((), 1),
        5: ((1.5,), 0),
    }
    assert plain_last_day(days, 5) == (earlier + failed, [1.5])
    assert plain_last_day(days, 6) == (days, [])
    assert plain_last_day(earlier, 3) is None
    assert last_day(earlier + failed)[::2] == (4, earlier)
    day, bucket, rest = last_day(earlier)
    assert (day, bucket.runtimes, rest) == (3, (0.5, 0.75), b"")
    assert len(pack_plain_day(31, [0.1] * 5)) == 42


def test_months_are_those_of_utc() -> None:
    january = 2026 * 12
    assert begin_of(january) == 1_767_225_600_000_000
    assert [month_of(begin_of(january) - 1), month_of(begin_of(january))] == [january - 1, january]
    assert begin_of(10_000 * 12) == to_micros(BEGIN.replace(year=9999, month=12, day=31, hour=0)) + 86_400_000_000


def rebuild(address: str) -> int:
    """The exit code of the command."""
    return run(build_parser().parse_args(["archive", "rebuild-rollups", "--store", address]))


def read_all(connection: Connection) -> None:
    """Every packed row."""
    list(recent_runtimes(connection, [ENVIRONMENT], 60))
    list(resource_months_of(connection, [ENVIRONMENT], range(2020 * 12, 2030 * 12)))


@pytest.mark.slow
@pytest.mark.parametrize("table", ["recent_results", "resource_months"])
def test_damaged_roll_ups_are_named_and_made_anew(
    tmp_path: Path, table: str, capsys: pytest.CaptureFixture[str]
) -> None:
    address = f"sqlite:///{tmp_path / 'runs.db'}"
    archive = Archive.open(address)
    days = [(DAILY, command(orders=("success", float(day)), events=("error", 1.0))) for day in range(4)]
    fill(archive, tmp_path / "runs", *days)
    with archive.writing() as connection:
        before = packed_rows(connection)
        broken = {"seconds": b"12345"} if table == "recent_results" else {"days": b"12345"}
        connection.execute(update(recent_results if table == "recent_results" else resource_months).values(broken))
    with archive.reading() as connection, pytest.raises(ConfigurationError, match=table) as raised:
        read_all(connection)
    assert "gateway archive rebuild-rollups" in raised.value.message
    archive.close()
    assert rebuild(address) == 0
    said = capsys.readouterr()
    assert "The roll-ups of 2 resources were recomputed" in said.out
    assert "Making roll-ups anew, resources: 2 of 2" in said.err
    opened = Archive.open(address)
    with opened.reading() as connection:
        assert packed_rows(connection) == before
        assert connection.scalars(select(resources.c.kind)).all() == ["model", "model"]
    opened.close()


def test_an_archive_that_does_not_exist_is_not_rebuilt(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert rebuild(f"sqlite:///{tmp_path / 'none.db'}") == 2
    assert "does not exist" in capsys.readouterr().err


@pytest.mark.slow
def test_the_last_success_may_be_of_a_merge_job_and_not_of_ci(empty_archive: Archive, tmp_path: Path) -> None:
    """Merge jobs count for no average, as CI, but they deploy."""
    folder = tmp_path / "runs"
    write_account(folder, {DAILY: "scheduled", CHANGES: "ci", MERGE: "merge"})
    runs = (
        (DAILY, command(orders=("success", 1.0), events=("success", 2.0), customers=("error", 3.0))),
        (MERGE, command(orders=("success", 4.0))),
        (CHANGES, command(orders=("success", 5.0), events=("success", 6.0))),
        (DAILY, command(events=("skipped", 0.0))),
    )
    for day, (job, done) in enumerate(runs):
        done.ended = BEGIN + timedelta(days=day)
        write_run(folder, 100 + day, job, [done])
    assert not ingest_folder(empty_archive, folder).problems
    with empty_archive.reading() as connection:
        told = {runtime.unique_id: runtime.seconds for runtime in last_runtimes(connection, [ENVIRONMENT])}
    assert told == {ORDERS: 4.0, EVENTS: 2.0, CUSTOMERS: None}
