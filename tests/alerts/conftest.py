"""An account whose runs a test writes, and alerts about it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, select

from gateway.alerts.delivery import DeliveryReport, DeliveryRetries
from gateway.alerts.monitor import Look
from gateway.archive.archive import Archive
from gateway.archive.tables.alert_tables import alert_messages, alerts
from gateway.ingest.folders import ingest_folder
from gateway.settings import Settings
from gateway.settings.alerting import AlertsSetting
from gateway.wiring.alerting import Alerting, open_alerting
from tests.alerts.stand_ins import HttpStandIn, http_stand_in
from tests.archive.written_runs import DAILY, Command, write_account, write_run

NOW = datetime.now(UTC).replace(microsecond=0)
AT_ONCE = DeliveryRetries(first=0.0, longest=0.0)
ORDERS = "model.shop.orders"


@dataclass
class Pass:
    """What one look and one delivery came to."""

    opened: int
    look: Look
    report: DeliveryReport


@dataclass
class Account:
    """A folder of runs, and the archive that they are read into."""

    folder: Path
    archive: Archive
    next_run: int = 1
    statements: list[str] = field(default_factory=list)

    @property
    def store(self) -> str:
        return self.archive.url.render_as_string(hide_password=False)

    def run(self, hours_ago: float, status: str = "success", **facts: Any) -> int:
        """Writes a run of the daily job that ended so long ago and in which the model ended so; its id."""
        number, self.next_run = self.next_run, self.next_run + 1
        results = facts.pop("results", None) or {ORDERS: (status, 5.0)}
        failed = any(word in ("error", "fail") for word, _ in results.values())
        command = Command(NOW - timedelta(hours=hours_ago), results, checks=facts.pop("checks", {}))
        write_run(self.folder, number, DAILY, [command], {"status": 20 if failed else 10, **facts})
        assert not ingest_folder(self.archive, self.folder).problems
        return number

    def settings(self, rules: list[Mapping[str, Any]], destinations: list[Mapping[str, Any]], **more: Any) -> Settings:
        table = AlertsSetting.model_validate({"rules": rules, "destinations": destinations, **more})
        return Settings(store_url=self.store, alerts=table)

    def rows(self, table: Any) -> list[Any]:
        with self.archive.reading() as connection:
            return list(connection.execute(select(table)))

    @property
    def alerts(self) -> list[Any]:
        return self.rows(alerts)

    @property
    def messages(self) -> list[Any]:
        return self.rows(alert_messages)


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    folder = tmp_path / "account"
    write_account(folder, {DAILY: "scheduled"})
    archive = Archive.open(f"sqlite:///{tmp_path / 'runs.db'}")
    yield Account(folder, archive)
    archive.close()


@pytest.fixture
def service() -> Iterator[HttpStandIn]:
    with http_stand_in() as stand_in:
        yield stand_in


@asynccontextmanager
async def alerting(settings: Settings, retries: DeliveryRetries = AT_ONCE) -> AsyncIterator[Alerting]:
    async with open_alerting(settings, str(settings.store_url), retries) as opened:
        yield opened


async def one_pass(settings: Settings, retries: DeliveryRetries = AT_ONCE) -> Pass:
    """What `gateway alerts --once` does."""
    async with alerting(settings, retries) as opened, opened.lease.held(lambda: None):
        return await again(opened)


async def again(opened: Alerting) -> Pass:
    look = await opened.monitor.look()
    opened_now = await asyncio.to_thread(opened.monitor.keep, look, opened.lease.show)
    return Pass(opened_now, look, await opened.delivery.deliver(opened.lease.show))


def webhook(service: HttpStandIn, **more: Any) -> dict[str, Any]:
    return {"name": "hook", "kind": "webhook", "url": f"{service.url}/alerts", "seconds": 1, **more}


FAILED_JOBS = {"name": "failed jobs", "when": "job_failed", "to": ["hook"]}


def config(folder: Path, text: str) -> Path:
    file = folder / "gateway.toml"
    file.write_text(text)
    file.chmod(0o600)
    return file


def shown(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def counting(archive: Archive, seen: list[str]) -> None:
    event.listen(archive._engine, "after_cursor_execute", lambda c, r, statement, *_: seen.append(statement))
