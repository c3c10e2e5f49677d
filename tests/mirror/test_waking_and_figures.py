"""A webhook has the mirror look at once, and `/metrics` shows how it stands."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from collections import Counter
from typing import Any

import pytest
from pydantic import SecretStr

from gateway.archive.archive import Archive
from gateway.archive.mirrored_runs import MirrorFigures, mirror_figures, told_as_ended
from gateway.archive.tables.mirror_tables import MirrorOutcome
from gateway.settings import Settings
from tests.archive.written_runs import ACCOUNT, DAILY, ENVIRONMENT
from tests.mirror.cloud import Asked, Cloud, Mirroring, content, refusal
from tests.serving import Gateway, serving

pytestmark = [pytest.mark.slow, pytest.mark.sqlite_by_day]
SECRET = "a webhook's secret"


def beside(cloud: Cloud, archive: Archive) -> Settings:
    """A gateway over that dbt, with the mirror's archive beside it."""
    address = SecretStr(archive.url.render_as_string(hide_password=False))
    return Settings(
        store_url=cloud.archive.url.render_as_string(hide_password=False),
        history_source="discovery",
        archive_url=address,
        webhook_secret=SecretStr(SECRET),
        open_metrics=True,
    )


async def deliver(gateway: Gateway, run_id: int) -> None:
    """dbt's webhook about a run that has ended."""
    body = json.dumps(
        {
            "accountId": ACCOUNT,
            "eventId": f"event-{run_id}",
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "eventType": "job.run.completed",
            "data": {
                "jobId": str(DAILY),
                "runId": str(run_id),
                "environmentId": str(ENVIRONMENT),
                "runStatus": "Success",
                "runStatusCode": 10,
            },
        }
    ).encode()
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    headers = {"Authorization": signature, "Content-Type": "application/json"}
    reply = await gateway.client.post("/webhooks/dbt", content=body, headers=headers)
    assert reply.status_code in (200, 202), reply.text


async def noted(archive: Archive) -> list[int]:
    """The runs that the mirror is to look at, once there are any; none after two seconds."""
    for _ in range(40):
        with archive.reading() as connection:
            if runs := told_as_ended(connection, ACCOUNT):
                return list(runs)
        await asyncio.sleep(0.05)
    return []


async def test_a_webhook_ends_the_wait_and_its_run_is_read_though_its_time_has_not_come(
    cloud: Cloud, mirroring: Mirroring
) -> None:
    def running(asked: Asked, body: bytes) -> bytes:
        told = json.loads(body)
        rows: list[Any] = told["data"] if asked.path == "runs/" else [told["data"]] if asked.path == "runs/105/" else []
        for row in (row for row in rows if row["id"] == 105):
            row.update(status=3, finished_at=None)
        return json.dumps(told).encode() if rows else body

    cloud.rewrite = running
    mirror = mirroring.mirror()
    async with mirror.lease.held(lambda: None), serving(beside(cloud, mirroring.archive)) as gateway:
        assert (await mirror.sweep()).outcomes[MirrorOutcome.UNREAD] == 1
        cloud.rewrite = lambda _, body: body
        assert (await mirror.sweep()).outcomes == Counter(), "its time has not come"
        await deliver(gateway, 105)
        assert await noted(mirroring.archive) == [105]
        mirroring.paused.clear()
        await mirror.wait(600.0)
        assert mirroring.paused == [1.0]
        assert (await mirror.sweep()).outcomes == Counter({MirrorOutcome.WHOLE: 1})
        with mirroring.archive.reading() as connection:
            assert told_as_ended(connection, ACCOUNT) == []
        mirroring.paused.clear()
        await mirror.wait(30.0)
        assert mirroring.paused == [1.0] * 30, "nothing else wakes it"
    assert content(mirroring.archive) == content(cloud.archive)


@pytest.mark.nightly
async def test_where_nobody_mirrors_a_webhook_leaves_no_note(cloud: Cloud, mirroring: Mirroring) -> None:
    async with serving(beside(cloud, mirroring.archive)) as gateway:
        await deliver(gateway, 105)
        assert await noted(mirroring.archive) == []


async def test_metrics_show_what_was_read_what_was_not_and_why(cloud: Cloud, mirroring: Mirroring) -> None:
    def spoiled(asked: Asked, body: bytes) -> Any:
        if asked.path == "runs/103/artifacts/run_results.json":
            return refusal(404)
        return refusal(500) if asked.path == "runs/102/" else body

    cloud.rewrite = spoiled
    await mirroring.sweep()
    with mirroring.archive.reading() as connection:
        figures = mirror_figures(connection, ACCOUNT)
    counts = {("whole", ""): 5, ("empty", ""): 1, ("partial", "missing"): 1, ("unread", "failed"): 1}
    assert figures == MirrorFigures(counts, 0, round(mirroring.now * 1_000_000), len(cloud.asked))
    async with serving(beside(cloud, mirroring.archive)) as gateway:
        text = ""
        for _ in range(40):
            text = (await gateway.client.get("/metrics")).text
            if "gateway_mirror_runs{" in text:
                break
            await asyncio.sleep(0.05)
    assert mirroring.now == 1.7723376e9
    lines = {line for line in text.splitlines() if line.startswith("gateway_mirror")}
    assert lines == {
        'gateway_mirror_runs{cause="",outcome="whole"} 5.0',
        'gateway_mirror_runs{cause="",outcome="empty"} 1.0',
        'gateway_mirror_runs{cause="missing",outcome="partial"} 1.0',
        'gateway_mirror_runs{cause="failed",outcome="unread"} 1.0',
        "gateway_mirror_runs_remaining 0.0",
        f"gateway_mirror_requests {len(cloud.asked):.1f}",
        "gateway_mirror_last_pass_timestamp_seconds 1.7723376e+09",
    }
