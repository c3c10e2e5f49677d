"""The tools over standard input and output: for agents that start the gateway themselves."""

from __future__ import annotations

from typing import Any

from mcp.server.context import ServerRequestContext
from mcp.server.stdio import stdio_server

from gateway.identity.caller import ANYBODY, Caller
from gateway.mcp.server import AgentTools


async def caller_on_this_machine(_context: ServerRequestContext[Any, Any]) -> Caller:
    """Whoever starts the process may see everything that it reads."""
    return ANYBODY


async def serve_stdio(tools: AgentTools) -> None:
    """Answers until standard input ends."""
    server = tools.server()
    async with stdio_server() as (requests, responses):
        await server.run(requests, responses, server.create_initialization_options())
