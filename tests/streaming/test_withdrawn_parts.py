"""A key that is withdrawn or reduced while parts of an answer are still to come: none of them comes."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import httpx2
import pytest

from gateway.settings import load_settings
from tests.identity.callers import Holder
from tests.streaming.conftest import live
from tests.streaming.test_defer import OLDER, PAGE, SlowProject

BOTH, FINANCE_ONLY = Holder("page"), Holder("page", ("finance",))


def write(file: Path, *holders: Holder) -> None:
    entries = []
    for holder in holders:
        key = holder.setting
        projects = ", ".join(f'"{one}"' for one in key.projects)
        entries.append(f'[[api_keys]]\nname = "{key.name}"\nsha256 = "{key.sha256}"\nprojects = [{projects}]\n')
    file.write_text("".join(entries) or "open_metrics = true\n", "utf-8")
    later = file.stat().st_mtime + 10
    os.utime(file, (later, later))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("accept", "after"),
    [
        pytest.param(accept, after, id=f"{accept}-{name}", marks=() if is_daily else pytest.mark.nightly)
        for accept in (OLDER, "multipart/mixed", "text/event-stream")
        for name, after in (("withdrawn", ()), ("reduced", (FINANCE_ONLY,)), ("unchanged", (BOTH,)))
        # By day every way of asking, and every change of the key.
        for is_daily in (name == "withdrawn" or accept == "multipart/mixed",)
    ],
)
async def test_no_part_comes_for_a_key_that_grants_something_else(
    demo_store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: tuple[Holder, ...], accept: str
) -> None:
    file = tmp_path / "gateway.toml"
    write(file, BOTH)
    monkeypatch.setenv("GATEWAY_CONFIG", str(file))
    other = Holder("other")
    async with live(load_settings({"store_url": demo_store})) as gateway, httpx2.AsyncClient(timeout=60) as http:
        slow = SlowProject(gateway, 202001)
        headers = {"Accept": accept, "X-API-Key": BOTH.key}
        async with http.stream("POST", gateway.url, json={"query": PAGE}, headers=headers) as response:
            chunks = response.aiter_text()
            text = ""
            while '"fast"' not in text:
                text += await anext(chunks)
            write(file, other, *after)
            await asyncio.sleep(2.2)  # the file is looked at every two seconds
            slow.released.set()
            async for chunk in chunks:
                text += chunk
    unchanged = after == (BOTH,)
    assert ("rpt_" in text or "marketing" in text) is unchanged
    assert ("UNAUTHENTICATED" in text) is not unchanged
    assert '"hasNext":false' in text
