"""A gateway that knows no callers answers its own machine only, unless it was told to be open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette

from gateway.app import create_app
from gateway.http.authentication import (
    Credentials,
    EverybodyAuthenticator,
    ThisMachineAuthenticator,
    credentials_of,
)
from gateway.identity.caller import ANYBODY
from gateway.identity.errors import Unauthenticated
from gateway.settings import Settings

QUESTION = {"query": "{ account { id } }"}


async def ask(app: Starlette, peer: str | None, headers: Mapping[str, str] | None = None) -> httpx2.Response:
    """What a peer with this address is answered."""
    client = (peer, 4711) if peer else None
    transport = httpx2.ASGITransport(app=app, client=client)  # type: ignore[arg-type]  # None: a Unix socket
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://gateway.test") as caller,
    ):
        return await caller.post("/graphql", json=QUESTION, headers=dict(headers or {}))


@pytest.mark.slow
@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
async def test_its_own_machine_is_answered(settings: Settings, peer: str) -> None:
    assert (await ask(create_app(settings), peer)).status_code == 200


@pytest.mark.parametrize(
    "peer", ["10.0.0.7", "192.168.1.5", "8.8.8.8", "fe80::1", "::ffff:8.8.8.8", "testclient", None]
)
async def test_others_are_refused_before_anything_is_read(settings: Settings, peer: str | None) -> None:
    reply = await ask(create_app(settings), peer)
    assert reply.status_code == 401
    assert reply.headers["WWW-Authenticate"].startswith("Bearer")
    [error] = reply.json()["errors"]
    assert error["extensions"]["code"] == "UNAUTHENTICATED"
    assert "GATEWAY_OPEN" in error["message"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "header",
    ["X-Forwarded-For", "Forwarded", "X-Real-IP", "X-Forwarded-Host", "x-forwarded-proto", "Via", "CF-Connecting-IP"],
)
async def test_a_proxy_on_this_machine_is_not_this_machine(settings: Settings, header: str) -> None:
    assert (await ask(create_app(settings), "127.0.0.1", {header: "8.8.8.8"})).status_code == 401


def test_a_proxy_that_was_told_nothing_is_not_this_machine() -> None:
    assert not credentials_of({**scope(), "http_version": "1.0"}).is_local
    assert credentials_of({**scope(), "http_version": "1.1"}).is_local


async def test_an_open_gateway_answers_everybody(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"open": True}))
    assert (await ask(app, "8.8.8.8", {"X-Forwarded-For": "9.9.9.9"})).status_code == 200


def scope(*headers: tuple[bytes, bytes], client: Any = ("127.0.0.1", 1)) -> Mapping[str, Any]:
    return {"type": "http", "headers": headers, "client": client}


def test_credentials_are_read_from_headers_only() -> None:
    found = credentials_of(scope((b"authorization", b"Bearer a"), (b"x-api-key", b"b"), (b"x-dbt-token", b"c")))
    assert found == Credentials(b"Bearer a", b"b", b"c", peer="127.0.0.1")
    assert found.is_local


def test_doubled_credentials_are_none() -> None:
    assert credentials_of(scope((b"x-api-key", b"a"), (b"x-api-key", b"b"))).api_key is None
    assert credentials_of(scope((b"x-api-key", b"a"), (b"x-api-key", b"b"), (b"x-api-key", b"c"))).api_key is None


@pytest.mark.parametrize("peer", ["127.0.0.1", "8.8.8.8", "nobody's", None])
async def test_who_need_not_be_asked_for_is_known_at_once(peer: str | None) -> None:
    given, is_here = Credentials(peer=peer), peer == "127.0.0.1"
    everybody, this_machine = EverybodyAuthenticator(), ThisMachineAuthenticator()
    assert everybody.known_caller(given) is await everybody.caller(given) is ANYBODY
    assert this_machine.known_caller(given) is (ANYBODY if is_here else None)
    if is_here:
        assert await this_machine.caller(given) is ANYBODY
    else:
        with pytest.raises(Unauthenticated):
            await this_machine.caller(given)
