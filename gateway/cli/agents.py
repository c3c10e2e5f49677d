"""The command that answers agents over standard input and output."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from gateway.app import create_app
from gateway.cli.data_source import prepared
from gateway.cli.servers import platform_beside
from gateway.errors import ConfigurationError
from gateway.schema.build import build_schema
from gateway.settings import Settings, load_settings


def serve_agents(options: argparse.Namespace) -> int:
    """`gateway mcp`."""
    settings = load_settings({"artifacts": options.artifacts, "store_url": options.store})
    with prepared(settings) as source, platform_beside(source.settings) as platform:
        served = source.settings.model_copy(update={"mcp": True, "pages": False, "explorer": False})
        asyncio.run(_serve(served, platform))
    return 0


async def _serve(settings: Settings, platform: Path | None) -> None:
    try:
        from gateway.mcp.stdio import caller_on_this_machine, serve_stdio
        from gateway.wiring.agents import agent_tools
    except ImportError as missing:
        raise ConfigurationError(f"mcp needs the extra: pip install 'dbt-gateway[agents]' ({missing}).") from None
    app = create_app(settings, platform=platform)
    async with app.router.lifespan_context(app):
        tools = agent_tools(app.state.endpoint, build_schema(settings.authenticated_schema), caller_on_this_machine)
        await serve_stdio(tools)
