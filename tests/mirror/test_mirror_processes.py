"""Mirrors that are killed, late, or several at once: nothing is lost, and nothing comes twice."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from gateway.archive.archive import Archive
from gateway.archive.leases import LeaseLost, lease_of
from gateway.archive.tables.mirror_tables import MirrorOutcome, mirrors
from gateway.ingest.folders import ingest_folder
from gateway.mirror.mirror import MirrorPolicy
from tests.archive.rollup_checks import check_rollups
from tests.archive.written_runs import ACCOUNT, BEGIN, DAILY, MODELS, Command, write_run
from tests.mirror.cloud import Cloud, Mirroring, content

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
async def test_a_mirror_that_is_days_behind_catches_up(cloud: Cloud, mirroring: Mirroring, tmp_path: Path) -> None:
    await mirroring.sweep()
    cloud.counts  # noqa: B018  # begins anew
    for day in range(6, 10):
        command = Command(BEGIN + timedelta(days=day), dict.fromkeys(MODELS, ("success", 20.0)))
        write_run(tmp_path / "later", 100 + day, DAILY, [command], {"git_sha": "abc"})
    assert not ingest_folder(cloud.archive, tmp_path / "later").problems
    assert (await mirroring.sweep()).outcomes == Counter({MirrorOutcome.WHOLE: 4})
    assert content(mirroring.archive) == content(cloud.archive)
    check_rollups(mirroring.archive)
    assert cloud.counts["runs/#/"] == 4


@pytest.mark.slow
async def test_two_mirrors_take_turns(cloud: Cloud, mirroring: Mirroring) -> None:
    other = Mirroring(cloud, mirroring.archive)
    first, second = await asyncio.gather(mirroring.sweep(), other.sweep())
    assert first.outcomes + second.outcomes == Counter({MirrorOutcome.WHOLE: 7, MirrorOutcome.EMPTY: 1})
    assert cloud.counts["runs/#/"] == 8
    assert content(mirroring.archive) == content(cloud.archive)
    check_rollups(mirroring.archive)


async def test_a_mirror_that_was_taken_over_from_stores_nothing_more(cloud: Cloud, mirroring: Mirroring) -> None:
    mirror = mirroring.mirror()
    async with mirror.lease.held(lambda: None):
        with mirroring.archive.writing() as connection:
            connection.exec_driver_sql("UPDATE mirrors SET holder = 'another'")
        with pytest.raises(LeaseLost):
            await mirror.sweep()
    assert content(mirroring.archive)["runs"] == []
    with mirroring.archive.reading() as connection:
        seen = lease_of(connection, mirrors, ACCOUNT)
    assert seen is not None
    assert seen.holder == "another", "its end is not the other's"


async def test_a_mirror_that_shows_no_sign_of_life_is_succeeded(cloud: Cloud, mirroring: Mirroring) -> None:
    waited: list[bool] = []
    mirroring.policy = type(mirroring.policy)(lease_seconds=0.2)
    with mirroring.archive.writing() as connection:
        connection.exec_driver_sql("INSERT INTO mirrors (account_id, holder, beat) VALUES (33, 'dead', 7)")
    mirror = mirroring.mirror()
    async with mirror.lease.held(lambda: waited.append(True)):
        pass
    assert waited == [True]


def work(dbt: str, store: str, at: int | None = None) -> int:
    """Mirrors in this process; returns how many statements that took. `at`: dies before that one."""
    count = 0

    def note(*_: Any) -> None:
        nonlocal count
        count += 1
        if count == at:
            os.kill(os.getpid(), signal.SIGKILL)

    source, archive = Archive.open(dbt), Archive.open(store)
    event.listen(archive._engine, "before_cursor_execute", note)
    policy = Mirroring(Cloud(source), archive).policy
    mirroring = Mirroring(Cloud(source), archive, policy=type(policy)(lease_seconds=1000.0, at_once=1))
    if at is None:
        with archive.writing() as connection:
            connection.exec_driver_sql("UPDATE mirrors SET holder = NULL")  # its seconds have passed
    asyncio.run(mirroring.sweep())
    source.close()
    archive.close()
    return count


@pytest.mark.slow
def test_a_mirror_that_is_killed_between_any_two_statements_goes_on_where_it_was(
    account_store: str, tmp_path: Path
) -> None:
    """Processes that kill -9 ends. Many more points: see `killed_before`."""
    whole = f"sqlite:///{tmp_path / 'whole.db'}"
    statements = work(account_store, whole)
    source = Archive.open(account_store)
    expected = content(source)
    source.close()
    chance = random.Random(11)  # noqa: S311  # kills that can be had again
    for at in sorted(chance.sample(range(2, statements), 4)):
        store = f"sqlite:///{tmp_path / f'{at}.db'}"
        program = f"from tests.mirror.test_mirror_processes import work; work({account_store!r}, {store!r}, {at})"
        done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False, capture_output=True, text=True)
        assert done.returncode == -signal.SIGKILL, done.stderr
        archive = Archive.open(store)
        check_rollups(archive)
        left = content(archive)
        assert all(row in expected["runs"] for row in left["runs"]), at
        archive.close()
        work(account_store, store)
        archive = Archive.open(store)
        assert content(archive) == expected, at
        check_rollups(archive)
        archive.close()


class Killed(BaseException):
    """Nothing is done any more, as after kill -9."""


def killed_before(at: int, cloud: Cloud, store: str) -> int:
    """Mirrors until that many statements and commits, of which the last is not carried out, nor anything after it; the
    database undoes what was begun, as it does when a process is gone. Returns how many there were."""
    count = 0

    def note(*_: Any) -> None:
        nonlocal count
        count += 1
        if count >= at:
            raise Killed

    archive = Archive.open(store)
    for moment in ("before_cursor_execute", "commit"):
        event.listen(archive._engine, moment, note)
    policy = MirrorPolicy(lease_seconds=1000.0, at_once=1)
    with suppress(Killed):
        asyncio.run(Mirroring(cloud, archive, policy=policy).sweep())
    archive.close()
    return count


@pytest.mark.slow
@pytest.mark.nightly
@pytest.mark.parametrize("part", range(4))
def test_a_hundred_and_twenty_kills_lose_nothing_and_count_nothing_twice(
    small_cloud: Cloud, tmp_path: Path, part: int
) -> None:
    """In this process: to begin one takes longer than to mirror."""
    empty = tmp_path / "empty.db"
    Archive.open(f"sqlite:///{empty}").close()
    shutil.copy(empty, tmp_path / "whole.db")
    points = killed_before(10**9, small_cloud, f"sqlite:///{tmp_path / 'whole.db'}")
    expected = content(small_cloud.archive)
    chance = random.Random(part)  # noqa: S311  # kills that can be had again
    kills = sorted(chance.sample(range(1, points), 30))
    for at in kills:
        place = tmp_path / f"{at}.db"
        shutil.copy(empty, place)
        assert killed_before(at, small_cloud, f"sqlite:///{place}") >= at
        archive = Archive.open(f"sqlite:///{place}")
        left = content(archive)
        assert all(row in expected["runs"] for row in left["runs"]), at
        assert all(result in expected["results"] for result in left["results"]), at
        check_rollups(archive)
        with archive.writing() as connection:
            connection.exec_driver_sql("UPDATE mirrors SET holder = NULL")  # its seconds have passed
        asyncio.run(Mirroring(small_cloud, archive).sweep())
        assert content(archive) == expected, at
        check_rollups(archive)
        archive.close()
        place.unlink()


@pytest.mark.slow
def test_several_threads_read_their_first_artifacts_at_once() -> None:
    """In a process of its own, which ended by a signal before: see `gateway.concurrency.struct_decoders`."""
    program = """
import threading
from pathlib import Path
from benchmarks.mirror import SyntheticAccount
from gateway.archive.artifacts.invocation import artifact_of

manifest = SyntheticAccount(1, 300).manifest
threads = [threading.Thread(target=artifact_of, args=(Path("manifest.json"), manifest)) for _ in range(6)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
