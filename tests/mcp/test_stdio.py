"""`gateway mcp` as an agent starts it."""

from __future__ import annotations

import sys

import pytest

from tests.mcp.conftest import told


@pytest.mark.slow
async def test_an_agent_starts_the_command_and_asks(demo_store: str) -> None:
    from mcp.client import Client
    from mcp.client.stdio import StdioServerParameters

    command = StdioServerParameters(command=sys.executable, args=["-m", "gateway", "mcp", "--store", demo_store])
    async with Client(command) as client:
        answer = told(await client.call_tool("slowest_models", {"first": 1}))
        assert client.instructions is not None
        assert "account_overview" in client.instructions
    assert answer["account"]["slowestModels"][0]["model"]["id"] == "storefront.fct_basket_pairs"
