"""Who may ask over `/mcp`: the same callers, with the same sight, as over `/graphql`."""

from __future__ import annotations

import hashlib

import httpx2
import pytest

from gateway.settings import Settings
from gateway.settings.entries import ApiKeySetting
from tests.mcp.conftest import connected, told
from tests.serving import serving

KEY = "dbtgw_" + "f" * 43
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "tools/call",
    "params": {"name": "account_overview", "arguments": {}},
}
HEADERS = {"accept": "application/json, text/event-stream", "content-type": "application/json"}


@pytest.fixture
def keyed(demo_settings: Settings) -> Settings:
    key = ApiKeySetting(name="agent", sha256=hashlib.sha256(KEY.encode()).hexdigest(), projects=["finance"])
    return demo_settings.model_copy(update={"api_keys": (key,)})


@pytest.mark.slow
async def test_a_caller_sees_what_their_key_allows(keyed: Settings) -> None:
    async with serving(keyed) as gateway, connected(gateway, **{"x-api-key": KEY}) as client:
        answer = told(await client.call_tool("account_overview", {}))
        hidden = await client.call_tool("model_history", {"id": "marketing.rpt_ltv"})
    assert [project["name"] for project in answer["account"]["projects"]] == ["finance"]
    assert told(hidden)["errors"][0]["code"] == "NOT_FOUND"
    assert "marketing" not in str(answer)


async def test_nobody_is_answered_without_credentials(keyed: Settings) -> None:
    async with serving(keyed) as gateway:
        response = await gateway.client.post("/mcp", json=INITIALIZE, headers=HEADERS)
    assert response.status_code == 401
    assert response.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [("POST", {"origin": "https://elsewhere.example"}, 403), ("GET", {}, 405), ("DELETE", {}, 405)],
)
async def test_other_sites_and_other_methods_are_refused(
    demo_settings: Settings, method: str, headers: dict[str, str], status: int
) -> None:
    async with serving(demo_settings) as gateway:
        response: httpx2.Response = await gateway.client.request(method, "/mcp", headers={**HEADERS, **headers})
    assert response.status_code == status


async def test_long_bodies_are_refused(demo_settings: Settings) -> None:
    async with serving(demo_settings) as gateway:
        response = await gateway.client.post("/mcp", content=b" " * 300_000, headers=HEADERS)
    assert response.status_code == 413


async def test_there_is_no_such_path_unless_the_setting_says_so(demo_settings: Settings) -> None:
    async with serving(demo_settings.model_copy(update={"mcp": False})) as gateway:
        response = await gateway.client.post("/mcp", json=INITIALIZE, headers=HEADERS)
    assert response.status_code == 404
