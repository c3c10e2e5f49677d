"""A small account of dbt Cloud, and an archive for its mirror."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.archive.archive import Archive
from tests.archive.written_runs import BEGIN, CHANGES, DAILY, MODELS, SOURCE, Command, write_account, write_run
from tests.conftest import copied, stored
from tests.mirror.cloud import Cloud, Mirroring

SHA = {"git_sha": "abc", "dbt_version": "1.11.16"}


@pytest.fixture(scope="session")
def account_store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Six days of a job of two commands, of one commit, and two runs of a pull request's job; one of them failed before
    dbt wrote anything."""
    place = tmp_path_factory.mktemp("cloud")
    write_account(place / "account", {DAILY: "scheduled", CHANGES: "ci"})
    for day in range(6):
        ended = BEGIN + timedelta(days=day)
        checks = Command(ended, checks={SOURCE: "pass"})
        builds = Command(ended + timedelta(minutes=5), dict.fromkeys(MODELS, ("success", 10.0 + day)))
        write_run(place / "account", 100 + day, DAILY, [checks, builds], SHA)
    proposed = {"git_sha": "def", "trigger": {"cause_category": "pull_request"}}
    write_run(
        place / "account", 200, CHANGES, [Command(BEGIN, {MODELS[0]: ("error", 1.0)})], {**proposed, "status": 20}
    )
    folder = write_run(place / "account", 201, CHANGES, [Command(BEGIN)], {**proposed, "status": 20})
    for file in folder.glob("step_1/*"):
        file.unlink()
    return stored(place / "account", place)


@pytest.fixture
def cloud(account_store: str, tmp_path: Path) -> Iterator[Cloud]:
    """dbt Cloud with that account; a test may write to its archive."""
    archive = Archive.open(copied(account_store, tmp_path))
    yield Cloud(archive)
    archive.close()


@pytest.fixture
def mirroring(cloud: Cloud, empty_archive: Archive) -> Mirroring:
    """A mirror of it into an empty archive, on each engine."""
    return Mirroring(cloud, empty_archive)


@pytest.fixture(scope="module")
def small_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """dbt Cloud with three runs: of one command, of two that build the same models, and of a check of a source."""
    place = tmp_path_factory.mktemp("small")
    write_account(place / "account", {DAILY: "scheduled"})
    for day, commands in enumerate(
        (
            [Command(BEGIN, dict.fromkeys(MODELS, ("success", 10.0)))],
            [
                Command(BEGIN + timedelta(days=1), {MODELS[0]: ("error", 1.0)}),
                Command(BEGIN + timedelta(days=1, minutes=5), dict.fromkeys(MODELS, ("success", 12.0))),
            ],
            [Command(BEGIN + timedelta(days=2), checks={SOURCE: "pass"})],
        )
    ):
        write_run(place / "account", 100 + day, DAILY, commands, SHA)
    archive = Archive.open(stored(place / "account", place))
    yield Cloud(archive)
    archive.close()
