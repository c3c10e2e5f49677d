"""What the pages' documents cost the gateway over the demo: milliseconds of its CPU, first and again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx2

from benchmarks.first_picture import GATEWAY, until_ready
from benchmarks.processes import Running, running
from gateway.http.pages.documents import read_documents
from tests.http.test_pages import SCREENS

AGAIN = 10
"""The kernel counts CPU in steps of 10 ms."""


async def screen_costs() -> list[tuple[str, float, float]]:
    """Each screen's name, its first answer and one of those after it, in the order of their names: what one screen has
    read of dbt the next one need not read."""
    costs = []
    with running(GATEWAY) as gateway:
        await until_ready(gateway)
        for document in read_documents():
            if document.name in SCREENS:
                asked = {"documentId": f"sha256:{document.id}", "variables": SCREENS[document.name][0]}
                first = await _milliseconds(gateway, asked, 1)
                costs.append((document.name, first, await _milliseconds(gateway, asked, AGAIN)))
    return costs


async def _milliseconds(gateway: Running, asked: Mapping[str, Any], times: int) -> float:
    before = gateway.cpu_seconds()
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{gateway.port}", timeout=60) as client:
        for _ in range(times):
            reply = await client.post("/graphql", json=asked)
            reply.raise_for_status()
    return 1000 * (gateway.cpu_seconds() - before) / times
