"""The account whose model gets slower, and a gateway over each source of it. A module about others has its own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gateway.settings import Settings
from tests.conftest import stored
from tests.history.changing_runs import DailyRun, write_changing_runs
from tests.serving import Gateway, serving


@pytest.fixture(scope="session")
def changing_account(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[DailyRun]]:
    """The address of the archive, and the daily runs in it. Nobody writes to it."""
    folder = tmp_path_factory.mktemp("changing")
    runs = write_changing_runs(folder / "account")
    return stored(folder / "account", folder), runs


@pytest.fixture(scope="module")
def account(changing_account: tuple[str, list[DailyRun]]) -> tuple[str, list[DailyRun]]:
    return changing_account


@pytest.fixture(scope="module", params=["archive", "discovery"])
async def gateway(
    account: tuple[str, list[DailyRun]], request: pytest.FixtureRequest
) -> AsyncIterator[tuple[Gateway, str]]:
    """The gateway, and the source it is to name."""
    async with serving(Settings(store_url=account[0], history_source=request.param)) as opened:
        yield opened, request.param.upper()
