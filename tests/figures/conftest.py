"""One small archive, asked in each of the ways there are: over both APIs, without the Admin API, and from Python."""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn
from pydantic import SecretStr

from gateway.archive.archive import Archive
from gateway.discovery_api.api import dbtAccount
from gateway.discovery_api.client import Client
from gateway.discovery_api.connection import ConnectionOptions
from gateway.ingest.folders import ingest_folder
from gateway.local_platform.app import create_platform
from gateway.settings import Settings
from gateway.settings.entries import ProjectSetting
from tests.figures.small_archive import PRODUCTION, STAGING, SmallArchive
from tests.serving import Gateway, serving


@pytest.fixture
def small(tmp_path: Path) -> SmallArchive:
    return SmallArchive(tmp_path / "runs")


@contextmanager
def platform_over(url: str) -> Iterator[str]:
    """The address of the local platform over an archive, on a socket."""
    archive = Archive.open(url)
    config = uvicorn.Config(create_platform(archive), port=0, log_level="error", lifespan="off", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        archive.close()


@dataclass(frozen=True)
class OperationArguments:
    """A small archive that has been read, ready to be asked."""

    store: str
    account_id: int

    def gateway(self) -> AbstractAsyncContextManager[Gateway]:
        """Over both of dbt's APIs, as the local platform speaks them."""
        return serving(Settings(store_url=self.store))

    @asynccontextmanager
    async def without_admin(self) -> AsyncIterator[Gateway]:
        """With a token for metadata alone."""
        with platform_over(self.store) as url:
            settings = Settings(
                discovery_url=f"{url}/graphql",
                account_id=self.account_id,
                service_token=SecretStr("metadata only"),
                projects=(
                    ProjectSetting(name="Shop", production_environment_id=PRODUCTION, staging_environment_id=STAGING),
                ),
            )
            async with serving(settings) as gateway:
                yield gateway

    def account(self) -> dbtAccount:
        """From Python."""
        return dbtAccount(client=Client(ConnectionOptions(Settings(store_url=self.store), 300.0)))


Ask = Callable[[SmallArchive | Path], OperationArguments]


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    """Reads an archive's folder into a store."""

    def read(place: SmallArchive | Path) -> OperationArguments:
        folder = place.folder if isinstance(place, SmallArchive) else place
        store = f"sqlite:///{tmp_path / 'runs.db'}"
        archive = Archive.open(store)
        try:
            report = ingest_folder(archive, folder)
            assert not report.problems
            return OperationArguments(store, archive.describe().account_id or 0)
        finally:
            archive.close()

    return read
