"""An agent's client over the real application."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from gateway.settings import Settings
from tests.serving import Gateway, serving

if TYPE_CHECKING:
    from mcp.client import Client

if find_spec("mcp") is None:
    pytest.skip("the extra agents is not installed", allow_module_level=True)


@asynccontextmanager
async def agent(settings: Settings) -> AsyncIterator[Client]:
    """The SDK's client at `/mcp` of a gateway with cold caches."""
    # No fixture: what the SDK opens has to be closed by the task that opened it.
    async with serving(settings) as gateway, connected(gateway) as client:
        yield client


@asynccontextmanager
async def connected(gateway: Gateway, **headers: str) -> AsyncIterator[Client]:
    """The SDK's client at `/mcp` of a gateway that runs."""
    # Importing the SDK takes a second: only who asks waits for it.
    from mcp.client import Client
    from mcp.client.streamable_http import streamable_http_client

    transport = httpx2.ASGITransport(app=gateway.app)
    async with (
        httpx2.AsyncClient(transport=transport, base_url="http://localhost", headers=headers) as http,
        Client(streamable_http_client("http://localhost/mcp", http_client=http)) as client,
    ):
        yield client


def told(result: Any) -> dict[str, Any]:
    """What a tool answered."""
    (content,) = result.content
    answer: dict[str, Any] = json.loads(content.text)
    return answer


@pytest.fixture(scope="session")
def demo_settings(demo_store: str) -> Settings:
    return Settings(store_url=demo_store, history_source="archive", mcp=True)
