"""The demo account, unpacked, reckoned and stored once, and gateways over it."""

from __future__ import annotations

import gc
import os
import sqlite3
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from gateway.archive.archive import Archive
from gateway.ingest.demo import unpack_demo
from gateway.ingest.folders import ingest_folder
from gateway.local_platform.app import create_platform
from gateway.settings import Settings
from tests.archive.postgres import Server, missing, running_server
from tests.demo_archive import copy_archive
from tests.local_platform.reckoning import Reckoning
from tests.oracle.account import Oracle
from tests.served_platform import CopyStore, NewStore, Platform
from tests.serving import Gateway, serving

# Else every program that a test starts compiles the package and its libraries anew: 2 s of a processor each.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# What collecting imports and makes stays: until it is frozen, looking for garbage among it is in vain.
gc.disable()

# Fixtures that start a program other than Python.
SERVERS = frozenset({"postgres", "redis", "packages"})


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """On PostgreSQL the marked tests repeat what they do on SQLite: by night. What takes a server is `external`."""
    for item in items:
        if not SERVERS.isdisjoint(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.external)
        if item.get_closest_marker("sqlite_by_day") and "postgresql" in item.name:
            item.add_marker(pytest.mark.nightly)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop() -> None:
    """Thousands of collected tests stay until the end: the garbage collector need not look at them again and again."""
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session", autouse=True)
def no_settings_from_outside() -> Iterator[None]:
    """The developer's own settings must not reach the tests."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("GATEWAY_") or name == "DBT_SERVICE_TOKEN"]:
            patch.delenv(name)
        yield


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's archive folder; tests must not change it."""
    return unpack_demo(tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="session")
def oracle(demo_folder: Path) -> Oracle:
    """The right answers, computed from the files."""
    return Oracle(demo_folder)


@pytest.fixture(scope="session")
def demo_store(demo_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a SQL archive that holds the demo."""
    place = tmp_path_factory.mktemp("store") / "runs.db"
    copy_archive("demo", place, partial(store_folder, demo_folder))
    return f"sqlite:///{place}"


def stored(folder: Path, directory: Path) -> str:
    """Reads a folder of artifacts into a SQL archive below `directory`; its address."""
    store_folder(folder, directory / "runs.db")
    return f"sqlite:///{directory / 'runs.db'}"


def store_folder(folder: Path, place: Path) -> None:
    """Reads a folder of artifacts into a new SQLite archive at `place`."""
    archive = Archive.open(f"sqlite:///{place}")
    try:
        assert not ingest_folder(archive, folder).problems
    finally:
        archive.close()


def copied(store: str, directory: Path) -> str:
    """The address of a copy of a SQLite archive below `directory`, for a test that changes what is in it."""
    place = directory / "runs.db"
    with closing(sqlite3.connect(store.removeprefix("sqlite:///"))) as source, closing(sqlite3.connect(place)) as copy:
        source.backup(copy)
    return f"sqlite:///{place}"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL server, or a skip that says what is missing."""
    reason = missing()
    if reason:
        pytest.skip(reason)
    with running_server() as server:
        yield server


@pytest.fixture(scope="session")
def demo_on_postgres(demo_folder: Path, postgres: Server) -> str:
    """The address of a PostgreSQL archive that holds the demo, to be copied."""
    store = postgres.new_database()
    archive = Archive.open(store)
    assert not ingest_folder(archive, demo_folder).problems
    archive.close()
    return store


@pytest.fixture(scope="session")
def settings(demo_store: str) -> Settings:
    """Settings over the demo."""
    return Settings(store_url=demo_store)


@pytest.fixture
async def gateway(settings: Settings) -> AsyncIterator[Gateway]:
    """A gateway over the demo with cold caches."""
    async with serving(settings) as opened:
        yield opened


@pytest.fixture(scope="session", params=["archive", "discovery"])
async def answers(settings: Settings, request: pytest.FixtureRequest) -> AsyncIterator[Gateway]:
    """One gateway over the demo for all tests that ask for values only: for each place where finished runs are read."""
    async with serving(settings.model_copy(update={"history_source": request.param})) as opened:
        yield opened


@pytest.fixture(scope="session")
async def warm_gateway(settings: Settings) -> AsyncIterator[Gateway]:
    """One gateway over the demo for all tests to which it is all the same where finished runs are read."""
    async with serving(settings.model_copy(update={"history_source": "archive"})) as opened:
        yield opened


@pytest.fixture(scope="session")
def reckoning(demo_folder: Path) -> Reckoning:
    """The right answers."""
    return Reckoning(demo_folder)


@pytest.fixture(scope="session", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.external)])
def new_store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> NewStore:
    """Makes addresses of new archives on each engine in turn."""
    if request.param == "sqlite":
        return lambda: f"sqlite:///{tmp_path_factory.mktemp('store') / 'runs.db'}"
    server: Server = request.getfixturevalue("postgres")
    return server.new_database


@pytest.fixture(scope="session")
def copy_store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> CopyStore:
    """Makes addresses of copies of an archive that is closed, on its own engine."""

    def copy(store: str) -> str:
        if store.startswith("sqlite"):
            return copied(store, tmp_path_factory.mktemp("copy"))
        server: Server = request.getfixturevalue("postgres")
        return server.copy(store)

    return copy


@pytest.fixture(scope="session")
def platform(
    request: pytest.FixtureRequest, demo_store: str, new_store: NewStore, copy_store: CopyStore
) -> Iterator[Platform]:
    """The platform over the demo."""
    is_sqlite = new_store().startswith("sqlite")
    archive = Archive.open(copy_store(demo_store if is_sqlite else request.getfixturevalue("demo_on_postgres")))
    yield Platform(TestClient(create_platform(archive)), archive)
    archive.close()


@pytest.fixture(scope="session")
def empty_store(new_store: NewStore) -> str:
    """The address of an archive in which nothing is yet, to be copied: its tables are made once."""
    store = new_store()
    Archive.open(store).close()
    return store


@pytest.fixture
def empty_archive(empty_store: str, copy_store: CopyStore) -> Iterator[Archive]:
    """A new archive."""
    archive = Archive.open(copy_store(empty_store))
    yield archive
    archive.close()
