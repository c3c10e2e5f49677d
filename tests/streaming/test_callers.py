"""Who may hold a live connection, what is told to whom on it, and for how long."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest

from gateway.http.streaming.live_connections import LivePolicy
from gateway.identity import api_keys
from gateway.settings import ApiKeySetting, Settings, load_settings
from tests.identity.callers import Holder
from tests.identity.test_api_keys import write
from tests.oracle.account import Oracle
from tests.streaming.conftest import SECONDS, closed, hear, live, say, subscribe, until
from tests.streaming.test_socket import FINISHED, finished

KEY = "a-key-of-the-finance-team-0123456789"


def knowing(settings: Settings, seconds: float = 3600) -> Settings:
    """A gateway that knows one key, which sees one project and ends after some seconds."""
    key = ApiKeySetting(
        name="finance",
        sha256=hashlib.sha256(KEY.encode()).hexdigest(),
        projects=("finance",),
        expires=datetime.now(UTC) + timedelta(seconds=seconds),
    )
    return settings.model_copy(update={"api_keys": (key,), "revision_interval": 3600.0})


@pytest.mark.parametrize("payload", [None, {}, {"authorization": "Bearer nobody's"}])
async def test_who_is_not_known_is_sent_away(settings: Settings, payload: dict[str, str] | None) -> None:
    async with live(knowing(settings)) as gateway, gateway.connect() as connection:
        await say(connection, type="connection_init", payload=payload)
        assert await closed(connection) == 4403


@pytest.mark.slow
@pytest.mark.parametrize("bound", ["introductions", "introductions_per_address"])
async def test_strangers_take_no_place_of_those_who_introduce_themselves(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    monkeypatch.setattr("gateway.app.LivePolicy", lambda *_: replace(LivePolicy(1, init_seconds=3600), **{bound: 3}))
    async with live(knowing(settings)) as gateway, AsyncExitStack() as strangers:
        opened = [await strangers.enter_async_context(gateway.connect()) for _ in range(10)]
        # The oldest had to make room, the newest wait still.
        assert [await closed(one) for one in opened[:7]] == [4408] * 7
        async with gateway.connect() as known:
            await say(known, type="connection_init", payload={"authorization": f"Bearer {KEY}"})
            assert (await hear(known))["type"] == "connection_ack"
        assert await closed(opened[7]) == 4408
        await say(opened[9], type="connection_init", payload={"authorization": f"Bearer {KEY}"})
        assert (await hear(opened[9]))["type"] == "connection_ack"


@pytest.mark.slow
async def test_a_credential_in_the_first_message_is_as_good_as_a_header_and_sees_its_own_projects_only(
    settings: Settings, oracle: Oracle
) -> None:
    mine = oracle.project("finance").environment_id
    places = [place for place, job in enumerate(oracle.production_jobs) if job.environment_id != mine]
    own = next(place for place, job in enumerate(oracle.production_jobs) if job.environment_id == mine)
    bearer = {"authorization": f"Bearer {KEY}"}
    async with (
        live(knowing(settings)) as gateway,
        gateway.connect() as by_message,
        gateway.connect(additional_headers=bearer) as by_header,
    ):
        await say(by_message, type="connection_init", payload=bearer)
        await say(by_header, type="connection_init")
        for connection in (by_message, by_header):
            assert (await hear(connection))["type"] == "connection_ack"
            await subscribe(connection, "1", FINISHED)
        await until(lambda: gateway.services.poller.listeners == 2)
        for place in (*places, own):
            gateway.services.events.publish(finished(oracle, place)[0])
        for connection in (by_message, by_header):
            told = (await hear(connection))["payload"]["data"]["runFinished"]
            assert told["id"] == finished(oracle, own)[1]["id"], "the first that is told is the first he may see"


@pytest.mark.slow
async def test_a_connection_ends_with_its_credential(settings: Settings) -> None:
    bearer = {"authorization": f"Bearer {KEY}"}
    async with live(knowing(settings, seconds=4)) as gateway, gateway.connect() as connection:
        await say(connection, type="connection_init", payload=bearer)
        assert (await hear(connection))["type"] == "connection_ack"
        await subscribe(connection, "1", FINISHED)
        async with httpx2.AsyncClient(timeout=SECONDS) as http:
            accept = {"Accept": "text/event-stream", **bearer}
            stream = asyncio.create_task(http.post(gateway.url, json={"query": FINISHED}, headers=accept))
            assert await closed(connection) == 4403
            assert (await stream).text.endswith("event: complete\ndata:\n\n")
        await until(lambda: gateway.services.poller.listeners == 0)


@pytest.mark.slow
async def test_a_silent_connection_ends_when_its_key_is_withdrawn(
    demo_store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is told and nothing asked: the place is given back all the same."""
    monkeypatch.setattr(api_keys, "_CHECK_SECONDS", 0.0)
    monkeypatch.setattr("gateway.app.LivePolicy", lambda *_: LivePolicy(heartbeat_seconds=0.2))
    file = tmp_path / "gateway.toml"
    anna, other = Holder("anna", ("finance",)), Holder("bert", ("marketing",))
    write(file, anna, other)
    monkeypatch.setenv("GATEWAY_CONFIG", str(file))
    settings = load_settings({"store_url": demo_store}).model_copy(update={"revision_interval": 3600.0})
    bearers = [{"Authorization": f"Bearer {holder.key}"} for holder in (anna, other)]
    async with (
        live(settings) as gateway,
        gateway.talk(additional_headers=bearers[0]) as hers,
        gateway.talk(additional_headers=bearers[1]) as his,
        httpx2.AsyncClient(timeout=SECONDS) as http,
    ):
        accept = {"Accept": "text/event-stream", **bearers[0]}
        stream = asyncio.create_task(http.post(gateway.url, json={"query": FINISHED}, headers=accept))
        await until(lambda: gateway.services.poller.listeners == 1)
        await asyncio.sleep(1.0)
        assert not stream.done()
        write(file, other)
        assert await closed(hers) == 4403
        assert (await stream).text.endswith("event: complete\ndata:\n\n")
        await subscribe(his, "1", "{ __typename }")
        assert (await hear(his))["payload"]["data"] == {"__typename": "Query"}


@pytest.mark.slow
@pytest.mark.parametrize("change", ["withdrawn", "another project"])
async def test_a_connection_ends_when_its_key_is_withdrawn_or_grants_something_else(
    demo_store: str, oracle: Oracle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """Found out before anything is told: at the next answer, or when something new is asked on the socket."""
    monkeypatch.setattr(api_keys, "_CHECK_SECONDS", 0.0)
    file = tmp_path / "gateway.toml"
    anna, other = Holder("anna", ("finance",)), Holder("bert", ("marketing",))
    write(file, anna, other)
    monkeypatch.setenv("GATEWAY_CONFIG", str(file))
    bearer = {"Authorization": f"Bearer {anna.key}"}
    settings = load_settings({"store_url": demo_store}).model_copy(update={"revision_interval": 3600.0})
    place = next(
        place
        for place, job in enumerate(oracle.production_jobs)
        if job.environment_id == oracle.project("finance").environment_id
    )
    async with (
        live(settings) as gateway,
        gateway.talk(additional_headers=bearer) as hearing,
        gateway.talk(additional_headers=bearer) as asking,
        httpx2.AsyncClient(timeout=SECONDS) as http,
    ):
        await subscribe(hearing, "1", FINISHED)
        accept = {"Accept": "text/event-stream", **bearer}
        stream = asyncio.create_task(http.post(gateway.url, json={"query": FINISHED}, headers=accept))
        await until(lambda: gateway.services.poller.listeners == 2)
        write(file, *([other] if change == "withdrawn" else [Holder("anna", ("marketing",)), other]))
        gateway.services.events.publish(finished(oracle, place)[0])
        await subscribe(asking, "1", "{ account { id } }")
        assert [await closed(connection) for connection in (hearing, asking)] == [4403, 4403]
        assert "event: next" not in (await stream).text
        await until(lambda: gateway.services.poller.listeners == 0)
