"""A server on a free port of this machine, in the test's own event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn

from gateway.http.server.server import bind


@asynccontextmanager
async def listening(config: uvicorn.Config, port: int = 0) -> AsyncIterator[int]:
    """uvicorn serves as `config` says until the block is left; the port, which is a free one where none is given."""
    with bind("127.0.0.1", port) as bound:
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve([bound]))
        try:
            yield bound.getsockname()[1]
        finally:
            server.should_exit = True
            await serving
