"""The ceiling: a bare Starlette app that answers every POST with the same bytes.

python -m benchmarks.servers.bare PORT FILE
"""

from __future__ import annotations

import sys
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


def application(answer: bytes) -> Starlette:
    async def respond(_request: Request) -> Response:
        return Response(answer, media_type="application/json")

    return Starlette(routes=[Route("/graphql", respond, methods=["POST"])])


if __name__ == "__main__":
    uvicorn.run(
        application(Path(sys.argv[2]).read_bytes()), port=int(sys.argv[1]), access_log=False, log_level="warning"
    )
