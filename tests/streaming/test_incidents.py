"""Incidents as events: over an archive that gets runs while somebody listens."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.archive.archive import Archive
from gateway.ingest.folders import ingest_folder
from gateway.settings import Settings
from tests.archive.written_runs import DAILY, Command, write_account, write_run
from tests.conftest import stored
from tests.streaming.conftest import hear, live, subscribe, until

CHANGED = """subscription($projects: [ID!]) { incidentChanged(projectIds: $projects) {
  id uniqueId brokenAt repairedAt brokenSeconds } }"""

BEGIN = datetime.now(UTC).replace(microsecond=0) - timedelta(days=10)


def write(folder: Path, number: int, **endings: str) -> None:
    results: dict[str, tuple[str | None, float | None]] = {
        f"model.shop.{name}": (status, 5.0) for name, status in endings.items()
    }
    write_run(folder, number, DAILY, [Command(BEGIN + timedelta(days=number), results)])


@pytest.mark.slow
async def test_incidents_are_sent_as_they_open_and_as_they_close(tmp_path: Path) -> None:
    folder = tmp_path / "account"
    write_account(folder, {DAILY: "scheduled"})
    write(folder, 1, orders="success", events="error", customers="success")
    archive = Archive.open(stored(folder, tmp_path))

    async def read() -> None:
        await asyncio.to_thread(ingest_folder, archive, folder)

    settings = Settings(store_url=f"sqlite:///{tmp_path}/runs.db", history_source="archive", revision_interval=0.2)
    async with live(settings) as gateway, gateway.talk() as connection:
        await subscribe(connection, "1", CHANGED, projects=["shop"])
        await until(lambda: gateway.services.poller.listeners == 1)
        await asyncio.sleep(0.5)
        write(folder, 2, orders="error", events="error", customers="success")
        await read()
        opened = await event(connection)
        assert opened == {
            "id": "2/model.shop.orders",
            "uniqueId": "model.shop.orders",
            "brokenAt": (BEGIN + timedelta(days=2)).isoformat(),
            "repairedAt": None,
            "brokenSeconds": None,
        }, "what was broken before is no news"
        write(folder, 3, orders="success", events="error", customers="error")
        write(folder, 4, orders="success", events="success", customers="success")
        await read()
        closed = [await event(connection) for _ in range(3)]
        assert [one["id"] for one in closed] == ["1/model.shop.events", opened["id"], "3/model.shop.customers"]
        assert [one["brokenSeconds"] for one in closed] == [3 * 86_400, 86_400, 86_400]
    archive.close()


async def event(connection: Any) -> Any:
    answer = await hear(connection)
    assert answer["type"] == "next", answer
    assert "errors" not in answer["payload"], answer
    return answer["payload"]["data"]["incidentChanged"]
