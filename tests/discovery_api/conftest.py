"""Accounts of the library over the demo, with a tap on what they ask upstream, and a platform on a socket."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
import uvicorn

from gateway.archive.archive import Archive
from gateway.discovery_api.api import dbtAccount
from gateway.discovery_api.client import Client
from gateway.discovery_api.connection import ConnectionOptions
from gateway.local_platform.app import create_platform
from gateway.settings import Settings
from tests.clock import Clock
from tests.serving import UpstreamTap

TOKEN = "dbts_token_of_the_test"
TTL = 300.0


@dataclass
class Tapped:
    """An account with cold caches, what it asked upstream, and the clock by which its facts grow old."""

    account: dbtAccount
    tap: UpstreamTap
    clock: Clock = field(default_factory=Clock)

    def asked(self) -> dict[str, int]:
        """How often each operation was asked since the last call."""
        operations = self.tap.operations
        self.tap.calls.clear()
        return operations


@pytest.fixture(scope="session")
def account(settings: Settings) -> Iterator[dbtAccount]:
    """One account for all tests that ask for values only."""
    with dbtAccount(client=Client(ConnectionOptions(settings, TTL))) as opened:
        yield opened


@pytest.fixture
def tapped(settings: Settings) -> Iterator[Tapped]:
    """What it asks passes the tap, finished runs too, as with dbt Cloud."""
    tap, clock = UpstreamTap(), Clock()
    as_with_dbt = settings.model_copy(update={"history_source": "discovery"})
    client = Client(ConnectionOptions(as_with_dbt, TTL, clock, tap.wrap))
    with dbtAccount(client=client) as opened:
        yield Tapped(opened, tap, clock)


@pytest.fixture(scope="session")
def served(demo_store: str) -> Iterator[str]:
    """The address of the platform on a socket, open to TOKEN only."""
    archive = Archive.open(demo_store)
    config = uvicorn.Config(create_platform(archive, token=TOKEN), port=0, log_level="error", lifespan="off", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()
    archive.close()
