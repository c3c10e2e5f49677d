"""The audit suite of the GraphQL-over-HTTP specification (npm `graphql-http`), run by Node against a real server."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import tarfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import hatch_build
from gateway.app import create_app
from gateway.settings import Settings
from tests.node import node
from tests.sockets import listening

pytestmark = pytest.mark.external

ROOT = Path(__file__).parents[2]
AUDITS = {"MUST": 13, "SHOULD": 23, "MAY": 25}


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the audit suite, taken from its npm package once and kept under node_modules."""
    locked = hatch_build.locked_packages(ROOT, ["graphql-http"])["graphql-http"]
    kept = ROOT / "node_modules" / f"graphql-http-{locked['version']}"
    if not kept.is_dir():
        scratch = tmp_path_factory.mktemp("graphql-http")
        try:
            archive = hatch_build.fetch_package("graphql-http", locked, scratch)
        except hatch_build.BuildUnavailable as problem:
            if os.environ.get("CI"):
                raise
            pytest.skip(f"the audit suite could not be fetched: {problem}")
        with tarfile.open(archive) as package:
            package.extractall(scratch, filter="data")
        kept.parent.mkdir(exist_ok=True)
        shutil.copytree(scratch / "package", kept, dirs_exist_ok=True)
    return kept / "lib" / "audits"


@asynccontextmanager
async def served(app: ASGIApp) -> AsyncIterator[str]:
    """The application behind uvicorn; its address."""
    async with listening(uvicorn.Config(app, log_level="warning", lifespan="off")) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[Starlette]:
    """The real application."""
    created = create_app(settings)
    async with created.router.lifespan_context(created):
        yield created


@pytest.mark.slow
@pytest.mark.skipif(node() is None, reason="Node is not installed")
async def test_every_audit_passes(app: Starlette, suite: Path) -> None:
    results = await audit(app, suite)
    assert counted(results) == AUDITS
    assert [result for result in results if result["status"] != "ok"] == []


@pytest.mark.skipif(node() is None, reason="Node is not installed")
async def test_an_audit_that_does_not_pass_is_noticed(app: Starlette, suite: Path) -> None:
    async def spoiled(scope: Scope, receive: Receive, send: Send) -> None:
        async def spoil(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 400:
                message = {**message, "status": 422}
            await send(message)

        await app(scope, receive, spoil)

    results = await audit(spoiled, suite)
    failed = counted([result for result in results if result["status"] != "ok"])
    assert set(failed) == {"SHOULD", "MAY"}


def counted(results: list[dict[str, Any]]) -> Counter[str]:
    """How many audits there are of what must, should and may be."""
    return Counter(result["name"].split()[0] for result in results)


async def audit(app: ASGIApp, suite: Path) -> list[dict[str, Any]]:
    async with served(app) as address:
        process = await asyncio.create_subprocess_exec(
            str(node()),
            str(Path(__file__).parent / "audits.mjs"),
            str(suite),
            f"{address}/graphql",
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await process.communicate()
    results: list[dict[str, Any]] = json.loads(output)
    return results
