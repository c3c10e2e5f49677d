"""Regressions as events: over an archive that gets runs while somebody listens."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.archive.archive import Archive
from gateway.ingest.folders import ingest_folder
from gateway.settings import Settings
from tests.archive.written_runs import BEGIN, DAILY, Command, write_account, write_run
from tests.conftest import stored
from tests.identity.callers import Holder, known_to
from tests.streaming.conftest import hear, live, subscribe, until

FOUND = """subscription($projects: [ID!]) { regressionFound(projectIds: $projects) {
  id certainty withdrawnAt secondsPerDay model { id } job { id } firstRun { id } } }"""


def write(folder: Path, number: int, seconds: float) -> None:
    results: dict[str, tuple[str | None, float | None]] = {"model.shop.orders": ("success", seconds + number % 3)}
    write_run(folder, number, DAILY, [Command(BEGIN + timedelta(days=number), results)])


@pytest.mark.slow
async def test_a_regression_is_sent_once_and_once_more_when_it_is_withdrawn(tmp_path: Path) -> None:
    """To those who may see its project, and to nobody else."""
    folder = tmp_path / "account"
    write_account(folder, {DAILY: "scheduled"})
    for number in range(1, 21):
        write(folder, number, 60)
    archive = Archive.open(stored(folder, tmp_path))

    async def read() -> None:
        await asyncio.to_thread(ingest_folder, archive, folder)

    settings = Settings(store_url=f"sqlite:///{tmp_path}/runs.db", history_source="archive", revision_interval=0.2)
    shop, other = Holder("shop", ("shop",)), Holder("other", ("other",))
    async with (
        live(known_to(settings, shop, other)) as gateway,
        gateway.talk(additional_headers={"X-API-Key": shop.key}) as connection,
        gateway.talk(additional_headers={"X-API-Key": other.key}) as stranger,
    ):
        await subscribe(stranger, "1", FOUND)
        await subscribe(connection, "1", FOUND, projects=["shop"])
        await until(lambda: gateway.services.poller.listeners == 2)
        # What there is is read before anything new is looked for: that takes a look of its own.
        await asyncio.sleep(0.5)
        for number in range(21, 34):
            write(folder, number, 90)
        await read()
        found = await event(connection)
        assert found == {
            "id": f"shop.orders/{DAILY}/21",
            "certainty": "CONFIRMED",
            "withdrawnAt": None,
            "secondsPerDay": found["secondsPerDay"],
            "model": {"id": "shop.orders"},
            "job": {"id": str(DAILY)},
            "firstRun": {"id": "21"},
        }
        assert 29 < found["secondsPerDay"] < 32
        write(folder, 34, 90)
        await read()
        for number in range(21, 35):
            write(folder, number, 60)
        await read()
        withdrawn = await event(connection)
        assert withdrawn["id"] == found["id"], "nothing in between"
        assert withdrawn["withdrawnAt"] is not None
        for number in range(21, 36):
            write(folder, number, 90)
        await read()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(connection.recv(), 1.5)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(stranger.recv(), 0.1)
    archive.close()


@pytest.mark.slow
async def test_unknown_projects_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "account"
    write_account(folder, {DAILY: "scheduled"})
    write(folder, 1, 60)
    async with live(Settings(store_url=stored(folder, tmp_path))) as gateway, gateway.talk() as connection:
        await subscribe(connection, "1", FOUND, projects=["nothing"])
        answer = await hear(connection)
        assert answer["type"] == "error"
        assert answer["payload"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def event(connection: Any) -> Any:
    answer = await hear(connection)
    assert answer["type"] == "next", answer
    assert "errors" not in answer["payload"], answer
    return answer["payload"]["data"]["regressionFound"]
