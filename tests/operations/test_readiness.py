"""/readyz: ready once dbt has answered, ready still when it is down later, and quick when it hangs."""

from __future__ import annotations

import asyncio
import time

import httpx2
import pytest
from starlette.responses import Response

from gateway.settings import Settings
from gateway.wiring import readiness
from tests.serving import Call, Gateway, serving


async def ready(gateway: Gateway) -> tuple[int, str]:
    reply: httpx2.Response = await gateway.client.get("/readyz")
    return reply.status_code, reply.json()["checks"]["dbt"]


async def down(_: Call) -> Response:
    return Response(status_code=500)


async def test_a_gateway_that_never_read_anything_is_not_ready(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "_CHECK_SECONDS", 0.0)
    async with serving(settings) as gateway:
        gateway.upstream.fault = down
        status, dbt = await ready(gateway)
        assert status == 503
        assert dbt.startswith("UPSTREAM_")
        gateway.upstream.fault = None
        assert await ready(gateway) == (200, "ok")


async def test_dbt_that_goes_down_later_is_reported_and_not_judged(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "_CHECK_SECONDS", 0.0)
    monkeypatch.setattr(readiness, "_BELIEVED_SECONDS", 0.0)
    impatient = settings.model_copy(update={"topology_seconds": 1e-9, "least_max_age": 0.0})
    async with serving(impatient) as gateway:
        assert await ready(gateway) == (200, "ok")
        gateway.upstream.fault = down
        status, dbt = await ready(gateway)
    assert status == 200
    assert dbt.startswith("UPSTREAM_")


async def test_dbt_that_hangs_holds_up_no_probe_and_is_asked_once(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "_PATIENCE_SECONDS", 0.05)
    released = asyncio.Event()

    async def hang(_: Call) -> Response | None:
        await released.wait()
        return None

    async with serving(settings) as gateway:
        gateway.upstream.fault = hang
        assert [await ready(gateway) for _ in range(5)] == [(503, "no answer yet")] * 5
        asked = len(gateway.upstream.calls)
        assert asked <= 2, "one look at the projects and environments"
        released.set()
        deadline = time.monotonic() + 20
        while (await ready(gateway))[0] != 200 and time.monotonic() < deadline:
            await asyncio.sleep(0.01)
        assert await ready(gateway) == (200, "ok")
        assert len(gateway.upstream.calls) == 2
