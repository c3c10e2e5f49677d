"""Queues, overlaps and deadlines through the application, over an account whose every run is known."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.discovery_api.api import dbtAccount
from gateway.discovery_api.client import Client
from gateway.discovery_api.connection import ConnectionOptions
from gateway.discovery_api.exceptions import InvalidArgumentError
from gateway.settings import Settings
from tests.conftest import stored
from tests.figures.small_archive import DAY, STAGING, Command, Did, SmallArchive, iso
from tests.history.statements import noted_statements
from tests.serving import Gateway, serving

CONCURRENCY = """query($since: DateTime!, $until: DateTime, $minutes: Int! = 60) {
  account { concurrency(since: $since, until: $until, bucketMinutes: $minutes) {
    peakRuns peakTime buckets { startTime peakRuns queueSeconds } basis { source runCount since missing }
    jobs { jobId job { name } queue { count mean maximum } preparation { count mean } overlapSeconds
      overScheduledShare isOverScheduled } } } }"""
SHARED = """query($since: DateTime!, $until: DateTime, $first: Int! = 10) { account {
  concurrency(since: $since, until: $until) { sharedModels(first: $first) {
    uniqueId runPairs jobIds jobs { name } model { id } } } } }"""
AGE = """query($days: Int! = 30) { job(id: "5") { deadline(finishedBy: "12:00", timeZone: "UTC", lastDays: $days) {
  dataAge { count minimum p50 maximum } } } }"""
DEADLINE = """query($by: LocalTime!, $zone: TimeZone!, $days: Int! = 30) { job(id: "5") {
  deadline(finishedBy: $by, timeZone: $zone, lastDays: $days) {
    metShare dayCount slack { count minimum maximum } basis { runCount missing } } } }"""
WINDOW = {"since": "2026-03-01T00:00:00Z", "until": "2026-03-01T04:00:00Z"}
SOURCE, OTHER_SOURCE = "source.shop.raw.orders", "source.shop.raw.others"
BUSY, QUIET, PROPOSED, NIGHTLY = 1, 2, 3, 5
MINUTE = timedelta(minutes=1)


def write_queues(folder: Path) -> None:
    """Every twenty minutes a run of job 1 is created, waits for two minutes, one of them prepared, and takes half an
    hour; job 2 runs from 1:00 to 1:10; CI runs overlap too, at ten one and job 2, and staging is not looked at."""
    archive = SmallArchive(folder)
    archive.account({BUSY: {}, QUIET: {}, PROPOSED: {"job_type": "ci"}, 4: {"environment_id": STAGING}, NIGHTLY: {}})

    def run(run_id: int, job: int, created: datetime, wait: timedelta, runtime: timedelta, **more: Any) -> None:
        started = created + wait
        times = {"created_at": iso(created), "dequeued_at": iso(started - MINUTE), "started_at": iso(started)}
        beside = [Did("countries", kind="seed"), Did("late", status="skipped", seconds=0)]
        command = Command([Did("orders"), *beside], ends=runtime)
        archive.run(run_id, job, started, command, **{**times, **more})

    for place in range(6):
        run(10 + place, BUSY, DAY + 20 * place * MINUTE, 2 * MINUTE, 30 * MINUTE)
    run(20, QUIET, DAY + 60 * MINUTE, 0 * MINUTE, 10 * MINUTE, dequeued_at=None)
    run(31, PROPOSED, DAY + 180 * MINUTE, 0 * MINUTE, 20 * MINUTE, dequeued_at=None)
    run(32, PROPOSED, DAY + 185 * MINUTE, 0 * MINUTE, 20 * MINUTE, dequeued_at=None)
    run(21, QUIET, DAY + 600 * MINUTE, 0 * MINUTE, 20 * MINUTE, dequeued_at=None)
    run(33, PROPOSED, DAY + 605 * MINUTE, 0 * MINUTE, 20 * MINUTE, dequeued_at=None)
    run(40, 4, DAY, 0 * MINUTE, 200 * MINUTE, environment_id=STAGING)


def write_nights(folder: Path) -> datetime:
    """Three nights whose deadline, noon UTC, has passed: in time by an hour, late by two, and failed; the day after the
    failure nothing ran. Their first midnight. A minute before the runs their source is checked: its newest rows are of
    an hour before the first midnight, of three hours before the second, and of two before the third. Another source,
    of which nothing is built, is days behind."""
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=10)
    archive = SmallArchive(folder).account({NIGHTLY: {}})
    orders = Did("orders", node={"depends_on": {"nodes": [SOURCE]}})
    for place, (ends, status) in enumerate(((11, 10), (14, 10), (8, 20))):
        started = midnight + timedelta(days=place, hours=2)
        archive.run(50 + place, NIGHTLY, started, Command([orders], ends=timedelta(hours=ends - 2)), status=status)
        loaded = midnight + timedelta(hours=(-1, 21, 46)[place])
        archive.check(NIGHTLY, 50 + place, SOURCE, loaded, started - MINUTE)
        archive.check(NIGHTLY, 60 + place, OTHER_SOURCE, midnight - timedelta(days=9), started - MINUTE)
    return midnight


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The archives of the queues and of the nights."""
    found = []
    for write in (write_queues, write_nights):
        folder = tmp_path_factory.mktemp("queues")
        write(folder / "account")
        found.append(stored(folder / "account", folder))
    return found[0], found[1]


@pytest.fixture(scope="module", params=["archive", "discovery"])
async def gateways(
    stores: tuple[str, str], request: pytest.FixtureRequest
) -> AsyncIterator[tuple[Gateway, Gateway, str]]:
    queues, nights = (Settings(store_url=one, history_source=request.param) for one in stores)
    async with serving(queues) as first, serving(nights) as second:
        yield first, second, request.param.upper()


async def test_queues_and_overlaps_are_those_of_the_runs(gateways: tuple[Gateway, Gateway, str]) -> None:
    found = (await gateways[0].data(CONCURRENCY, **WINDOW))["account"]["concurrency"]
    # At 1:02 the runs of 0:40 and 1:00 run beside job 2, and that of 0:20 has ended.
    assert (found["peakRuns"], found["peakTime"]) == (3, "2026-03-01T01:02:00+00:00")
    assert [(one["startTime"], one["peakRuns"], one["queueSeconds"]) for one in found["buckets"]] == [
        ("2026-03-01T00:00:00+00:00", 2, 360.0),
        ("2026-03-01T01:00:00+00:00", 3, 360.0),
        ("2026-03-01T02:00:00+00:00", 1, 0.0),
        ("2026-03-01T03:00:00+00:00", 2, 0.0),
    ]
    in_archive = gateways[2] == "ARCHIVE"
    busy, *others = found["jobs"]
    assert busy == {
        "jobId": "1",
        "job": {"name": "job 1"},
        "queue": {"count": 6, "mean": 120.0, "maximum": 120.0},
        "preparation": {"count": 6, "mean": 60.0} if in_archive else None,
        "overlapSeconds": 600.0,
        "overScheduledShare": 1.0,
        "isOverScheduled": True,
    }
    assert [(one["jobId"], one["overlapSeconds"], one["isOverScheduled"]) for one in others] == [
        ("2", 600.0, False),
        ("3", 0.0, False),
    ]
    assert found["basis"]["source"] == gateways[2]
    assert (found["basis"]["runCount"], found["basis"]["since"]) == (9, "2026-03-01T00:00:00+00:00")
    assert len(found["basis"]["missing"]) == (0 if in_archive else 1)


async def test_a_window_cuts_what_reaches_into_it(gateways: tuple[Gateway, Gateway, str]) -> None:
    window = {"since": "2026-03-01T01:05:00Z", "until": "2026-03-01T01:21:00Z", "minutes": 10}
    found = (await gateways[0].data(CONCURRENCY, **window))["account"]["concurrency"]
    assert [(one["peakRuns"], one["queueSeconds"]) for one in found["buckets"]] == [(3, 0.0), (1, 60.0)]
    assert {one["jobId"]: one["overlapSeconds"] for one in found["jobs"]} == {"1": 300.0}, "created in the window"


@pytest.mark.slow
async def test_models_that_jobs_build_at_once_are_listed(gateways: tuple[Gateway, Gateway, str]) -> None:
    """From 1:00 to 1:10 job 2 builds what the runs of 0:40 and 1:00 of job 1 build; runs of CI, of one job beside each
    other, and of staging do not count, nor seeds and what was skipped."""
    found = (await gateways[0].data(SHARED, **WINDOW))["account"]["concurrency"]["sharedModels"]
    assert found == [
        {
            "uniqueId": "model.shop.orders",
            "runPairs": 2,
            "jobIds": ["1", "2"],
            "jobs": [{"name": "job 1"}, {"name": "job 2"}],
            "model": {"id": "shop.orders"},
        }
    ]
    before = {"since": "2026-03-01T00:00:00Z", "until": "2026-03-01T01:00:00Z"}
    proposed = {"since": "2026-03-01T10:00:00Z", "until": "2026-03-01T11:00:00Z"}
    for window in (before, proposed):
        assert (await gateways[0].data(SHARED, **window))["account"]["concurrency"]["sharedModels"] == []
    reply = await gateways[0].ask(SHARED, **WINDOW, first=0)
    assert reply.codes == {"account.concurrency.sharedModels": "BAD_USER_INPUT"}


async def test_data_ages_until_the_next_success(gateways: tuple[Gateway, Gateway, str]) -> None:
    """At the first noon 13 hours; at the second the first night's run is still the last success to have ended: 37
    hours; at the third, whose run failed, that of the second: 39 hours."""
    found = (await gateways[1].data(AGE))["job"]["deadline"]["dataAge"]
    if gateways[2] == "DISCOVERY":
        assert found is None
        return
    hours = {name: seconds / 3600 for name, seconds in found.items() if name != "count"}
    assert (found["count"], hours) == (3, {"minimum": 13, "p50": 37, "maximum": 39})
    assert (await gateways[1].data(AGE, days=3))["job"]["deadline"]["dataAge"] is None, "no day counts"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"since": "2020-01-01T00:00:00Z", "minutes": 1}, "at most 5,000 are possible"),
        ({**WINDOW, "minutes": 0}, "bucketMinutes must be from 1 to 1440"),
        ({"since": "2999-01-01T00:00:00Z"}, "in the future"),
    ],
)
async def test_windows_and_stretches_that_cannot_be_are_refused(
    gateways: tuple[Gateway, Gateway, str], arguments: dict[str, Any], words: str
) -> None:
    reply = await gateways[0].ask(CONCURRENCY, **arguments)
    assert reply.codes == {"account.concurrency": "BAD_USER_INPUT"}
    assert words in reply.errors[0]["message"]


@pytest.mark.slow
async def test_runs_of_all_projects_are_one_statement(stores: tuple[str, str]) -> None:
    async with serving(Settings(store_url=stores[0], history_source="archive")) as gateway:
        with noted_statements() as noted:
            await gateway.data(CONCURRENCY, **WINDOW)
        assert len(noted) == 1, noted
        with noted_statements() as noted:
            await gateway.data(CONCURRENCY, **WINDOW)
        assert noted == []
    async with serving(Settings(store_url=stores[0], history_source="discovery")) as gateway:
        assert (await gateway.count(CONCURRENCY, **WINDOW))["runs"] == 1


async def test_a_deadline_counts_days_with_runs_in_time_late_and_failed(
    gateways: tuple[Gateway, Gateway, str],
) -> None:
    found = (await gateways[1].data(DEADLINE, by="12:00", zone="UTC"))["job"]["deadline"]
    assert found == {
        "metShare": pytest.approx(1 / 3),
        "dayCount": 3,
        "slack": {"count": 2, "minimum": -7200.0, "maximum": 3600.0},
        "basis": {"runCount": 3, "missing": []},
    }
    # In Kolkata noon is at half past six in UTC: all are late.
    found = (await gateways[1].data(DEADLINE, by="12:00", zone="Asia/Kolkata"))["job"]["deadline"]
    assert (found["metShare"], found["slack"]["maximum"]) == (0, -4.5 * 3600)
    found = (await gateways[1].data(DEADLINE, by="12:00", zone="UTC", days=3))["job"]["deadline"]
    assert found == {"metShare": None, "dayCount": 0, "slack": None, "basis": {"runCount": 0, "missing": []}}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"by": "24:00", "zone": "UTC"}, "a time of day as HH:MM"),
        ({"by": "7:30", "zone": "UTC"}, "a time of day as HH:MM"),
        ({"by": "07:30", "zone": "Mars/Olympus"}, "an IANA time zone"),
        ({"by": "07:30", "zone": "../../etc/passwd"}, "an IANA time zone"),
        ({"by": "07:30", "zone": "UTC", "days": 366}, "lastDays must be from 1 to 365"),
    ],
)
async def test_times_and_zones_that_are_none_are_refused(
    gateways: tuple[Gateway, Gateway, str], arguments: dict[str, Any], words: str
) -> None:
    reply = await gateways[1].ask(DEADLINE, **arguments)
    assert reply.codes == {"job.deadline": "BAD_USER_INPUT"}
    assert words in reply.errors[0]["message"]


@pytest.mark.slow
def test_the_library_reports_the_same(stores: tuple[str, str]) -> None:
    with dbtAccount(client=Client(ConnectionOptions(Settings(store_url=stores[0]), 300.0))) as opened:
        found = opened.get_concurrency(DAY, DAY + timedelta(hours=4))
        assert (found.peak_runs, found.peak_time) == (3, DAY + timedelta(minutes=62))
        assert [one.queue_seconds for one in found.buckets] == [360, 360, 0, 0]
        assert found.jobs[0].queue is not None
        assert (found.jobs[0].job_id, found.jobs[0].queue.mean) == ("1", 120)
        assert [(one.unique_id, one.run_pairs) for one in found.shared_models] == [("model.shop.orders", 2)]
        with pytest.raises(InvalidArgumentError, match="at most 5,000"):
            opened.get_concurrency(DAY - timedelta(days=2000), bucket_minutes=1)
    with dbtAccount(client=Client(ConnectionOptions(Settings(store_url=stores[1]), 300.0))) as opened:
        report = opened.job(NIGHTLY).get_deadline("12:00", "UTC")
        assert (report.day_count, report.met_share) == (3, pytest.approx(1 / 3))
        assert report.data_age is not None
        assert report.data_age.maximum == 39 * 3600
        with pytest.raises(InvalidArgumentError, match="time_zone"):
            opened.job(NIGHTLY).get_deadline("12:00", "Nowhere")
